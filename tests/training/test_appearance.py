"""Albedo and light are read off the colours of the points: those are the reference's, and reading them is learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from facemodel import CROP_SIZE, FaceModel, LimelightError
from facemodel.color import encode_srgb
from facemodel.lighting import shade_diffuse, shade_specular
from facemodel.rotation import matrix_from_euler
from tests.toy_model import toy_model
from training.config import LossWeights, TrainConfig
from training.data.storage import Samples
from training.losses.label_objective import StudentObjective
from training.losses.linear_face import LinearFace
from training.networks import Student, StudentConfig
from training.networks.lite0 import normalised
from training.tasks import appearance
from training.tasks.appearance import (
    AppearanceTask,
    PointColors,
    ShadedFaces,
    held_out_examples,
    seen_examples,
    with_reader,
    with_reader_alone,
)
from training.tasks.augmentation import Sample
from training.tasks.label_batches import batch_of
from training.tasks.label_task import LabelTask
from training.train import Trainer

SMALL = StudentConfig(resolution=64, trunk_resolution=32, head_channels=8, hidden=16, face_hidden=32)
LIGHTS = ("sh", "key_position", "key_color", "shininess")


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=3, n_expression=52, n_albedo=2)


def faces(model: FaceModel, count: int, seed: int = 0) -> torch.Tensor:
    """Random faces (count, P) that look about at the camera, under light from anywhere in front."""
    rng = np.random.default_rng(seed)
    vectors = np.tile(model.layout.neutral(), (count, 1))
    for vector in vectors:
        p = model.layout.view(vector)
        p.rotation = matrix_from_euler(*rng.uniform(-0.4, 0.4, 3))
        p.translation[:] = CROP_SIZE / 2
        p.identity[:] = rng.normal(size=p.identity.shape)
        p.expression[:] = rng.uniform(0.0, 0.4, p.expression.shape)
        p.albedo[:] = rng.normal(size=p.albedo.shape)
        p.sh[:] = rng.normal(0.0, 0.1, p.sh.shape)
        p.sh[0] = rng.uniform(1.0, 2.5)
        p.key_position[:] = rng.normal(size=3) * (300.0, 300.0, 100.0) + (0.0, 0.0, 500.0)
        p.key_color[:] = rng.uniform(0.3, 1.2)
        vector[model.layout.slices["shininess"]] = rng.uniform(4.0, 30.0)
        model.layout.constrain(vector)
    return torch.from_numpy(vectors.astype(np.float32))


@pytest.fixture(scope="module")
def crops(toy: FaceModel) -> Samples:
    """Pictures as bright as their albedo is high; renders alone but for one photo in four."""
    labels = faces(toy, 48).numpy()
    index = np.arange(len(labels))
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (len(labels), 40, 40, 3), dtype=np.uint8)
    known = np.ones(len(labels), bool)
    return Samples(
        images,
        labels,
        np.full((len(labels), 478, 2), 112.0, np.float32),
        face=known,
        photo=index % 4 == 3,
        geometry=known,
        light=known,
        held_out=index >= 36,
        extent=256.0,
    )


def config_of(**changes: object) -> TrainConfig:
    return replace(TrainConfig(network=SMALL, batch_size=8, photo_share=0.0, negative_share=0.0, threads=1), **changes)


def student(toy: FaceModel, labels: torch.Tensor, config: StudentConfig = SMALL) -> Student:
    torch.manual_seed(0)
    return Student(config, toy.layout, labels.numpy()).eval()


def test_colors_of_the_points_are_the_reference_shading(model: FaceModel) -> None:
    """As `facemodel.reference` shades a pixel, at points that the camera sees and at those that it does not."""
    labels = faces(model, 4)
    found, normals = (value.numpy() for value in PointColors(model)(labels))
    triangles, barycentric = model.triangles[model.landmarks478_triangles], model.landmarks478_barycentric

    def at_points(values: np.ndarray) -> np.ndarray:
        return np.einsum("nk,nkd->nd", barycentric, values[triangles])

    for i, vector in enumerate(labels.double().numpy()):
        p = model.layout.view(vector)
        vertices = model.shape(p.identity, p.expression)
        normal = at_points(model.normals(vertices)) @ p.rotation.T
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        diffuse, gloss = (at_points(values) for values in model.occluded().albedo(p.albedo))
        points = at_points(vertices) @ p.rotation.T
        highlight = shade_specular(gloss, points, normal, p.key_position, p.key_color, p.shininess)
        expected = encode_srgb(shade_diffuse(diffuse, normal, p.sh) + highlight)
        np.testing.assert_allclose(normals[i], normal, atol=1e-4)
        np.testing.assert_allclose(found[i], expected, atol=2e-3)
        assert expected[normal[:, 2] > 0.3].std() > 0.03


def test_a_mixed_face_has_its_parts_from_three_labels(toy: FaceModel) -> None:
    torch.manual_seed(0)
    labels = faces(toy, 5)
    labels[:] = torch.arange(5.0)[:, None] + 1.0  # every number says which label it is of
    mixed = ShadedFaces(PointColors(toy), labels)._mixed(200)
    spans = toy.layout.slices
    whose = {name: mixed[:, span] for name, span in spans.items()}
    assert all((values == values[:, :1]).all() for values in whose.values())
    first = {name: values[:, 0] for name, values in whose.items()}
    for name in ("expression", "rotation", "translation", "scale"):
        assert torch.equal(first[name], first["identity"])
    for name in LIGHTS[1:]:
        assert torch.equal(first[name], first["sh"])
    for one, other in (("identity", "albedo"), ("identity", "sh"), ("albedo", "sh")):
        assert 0.05 < (first[one] == first[other]).float().mean() < 0.4


def test_shaded_evidence_is_what_the_head_sees_of_such_a_picture(toy: FaceModel) -> None:
    """A pixel of a crop and a shaded point of the same colour are the same numbers."""
    labels = faces(toy, 1)
    drawn = ShadedFaces(PointColors(toy), labels, noise=0.0, dropped=0.0).draw(1)
    colors, normals = PointColors(toy)(labels)
    seen = normals[0, :, 2] > 0.2
    pixels = (255.0 * colors[:, seen]).round().to(torch.uint8)[:, :, None]  # (1, K, 1, 3)
    expected = normalised(pixels)[0, :, :, 0].T
    found = drawn.evidence[0, :-9].unflatten(0, (478, 3))[seen]
    torch.testing.assert_close(found, expected, atol=0.6 / 128, rtol=0)


def test_what_is_learned_from_shaded_points_beats_the_constant_answer(toy: FaceModel, tmp_path: Path) -> None:
    torch.manual_seed(0)
    labels = faces(toy, 400)
    labels[:, toy.layout.slices["albedo"]] *= 2.0
    network = student(toy, labels, replace(SMALL, face_hidden=128))
    objective = StudentObjective(LinearFace(toy, 128), LossWeights(key_direction=2.0))
    shaded = ShadedFaces(PointColors(toy), labels[:300], noise=0.01, dropped=0.02)
    unseen = ShadedFaces(PointColors(toy), labels[300:], noise=0.01, dropped=0.02).draw(100)
    task = AppearanceTask(network, objective, shaded, unseen)
    task.batch_size = 64
    constant = task.validate(task.make_network().eval())
    learned = Trainer(config_of(steps=300, learning_rate=3e-3, average=0.9), task, tmp_path).run()
    assert learned["loss"] < 0.6 * constant["loss"]
    assert learned["key_angle"] < 0.85 * constant["key_angle"]
    for name in ("albedo", "irradiance", "shading"):
        assert learned[f"render.{name}"] < 0.7 * constant[f"render.{name}"], name


def test_the_true_answer_costs_nothing(toy: FaceModel) -> None:
    labels = faces(toy, 20)
    network = student(toy, labels)
    shaded = ShadedFaces(PointColors(toy), labels)
    examples = shaded.draw(20)
    task = AppearanceTask(network, StudentObjective(LinearFace(toy, 128), LossWeights()), shaded, examples)
    standard = (network.decoder.raw(examples.labels) - network.decoder.mean) / network.decoder.std
    spans = toy.layout.slices
    truth = torch.cat([standard[:, spans[name]] for name in ("albedo", *LIGHTS)], dim=1)
    figures = task.figures(truth, examples)
    assert figures["loss"] < 1e-3 and figures["key_angle"] < 0.1


def test_the_reader_alone_says_albedo_and_light_afterwards(toy: FaceModel) -> None:
    labels = faces(toy, 20)
    network = student(toy, labels)
    head = network.face_head
    for layer in (head.regressor, head.appearance[-1]):
        torch.nn.init.normal_(layer.weight, std=0.3)
        torch.nn.init.normal_(layer.bias)
    crop = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    pose = labels[:3, toy.layout.slices["rotation"].start : toy.layout.slices["scale"].stop]
    shaded = ShadedFaces(PointColors(toy), labels)
    objective = StudentObjective(LinearFace(toy, 128), LossWeights())
    reader = AppearanceTask(network, objective, shaded, shaded.draw(2)).make_network().eval()
    torch.nn.init.normal_(reader[-1].weight, std=0.3)
    with torch.inference_mode():
        before = head(crop, pose).values
        read = reader(appearance.look(head, crop, pose).evidence)
        network.load_state_dict(with_reader_alone(network.state_dict(), reader, head.n_identity))
        after = head(crop, pose).values
    torch.testing.assert_close(after[:, head.n_identity :], read)
    torch.testing.assert_close(after[:, : head.n_identity], before[:, : head.n_identity])
    assert not head.regressor.weight[head.n_identity :].any() and not head.regressor.bias[head.n_identity :].any()
    assert head.regressor.weight[: head.n_identity].all()


def test_a_reader_goes_on_with_what_the_network_sees_and_leaves_the_network_alone(
    toy: FaceModel, crops: Samples, tmp_path: Path
) -> None:
    config = config_of(photo_share=0.25, loss=LossWeights(key_direction=2.0), steps=3, precision="bfloat16")
    data = LabelTask(config, toy, crops)
    network = student(toy, torch.from_numpy(crops.parameters))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    objective = StudentObjective(LinearFace(toy, 128), config.loss)
    held_out, now = held_out_examples(network, data)
    seen = seen_examples(network, objective, (data.batch(i) for i in range(2)), 0.05)
    shaded = ShadedFaces(PointColors(toy), appearance.render_labels(data))
    start = AppearanceTask(network, objective, shaded, held_out).make_network()
    torch.nn.init.normal_(start[-1].weight)
    task = AppearanceTask(network, objective, shaded, held_out, seen, start.state_dict())
    task.batch_size = 16
    reader = task.make_network()
    assert torch.equal(reader[-1].weight, start[-1].weight)
    trainer = Trainer(config, task, tmp_path)
    figures = trainer.run()
    assert set(figures) >= {"render.albedo", "render.irradiance", "render.key_direction", "key_angle", "loss"}
    assert task.figures(now, held_out)["loss"] > 0.0
    assert not torch.equal(trainer.averaged_network()[-1].weight, start[-1].weight)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_reader_that_goes_on_adds_to_what_the_head_says_without_it(
    toy: FaceModel, crops: Samples, tmp_path: Path
) -> None:
    config = config_of(steps=40, learning_rate=3e-3, average=0.5)
    data = LabelTask(config, toy, crops)
    network = student(toy, torch.from_numpy(crops.parameters)).eval()
    head = network.face_head
    for layer in (head.regressor, head.appearance[-1]):
        torch.nn.init.normal_(layer.weight, std=0.1)
    objective = StudentObjective(LinearFace(toy, 128), config.loss)
    torch.manual_seed(1)
    held_out, read = held_out_examples(network, data)
    seen = seen_examples(network, objective, (data.batch(i) for i in range(2)), 0.05)
    task = AppearanceTask(network, objective, None, held_out, seen, head.appearance.state_dict())
    task.batch_size = 16
    before = {name: value.clone() for name, value in network.state_dict().items()}
    as_it_is = task.figures(read, held_out)
    assert task.validate(task.make_network().eval()) == pytest.approx(as_it_is, rel=1e-4)
    trainer = Trainer(config, task, tmp_path)
    first = task.cost(task.make_network().eval()(seen.evidence), seen)[0]
    trainer.run()
    reader = trainer.averaged_network()
    with torch.inference_mode():
        assert task.cost(reader(seen.evidence), seen)[0] < 0.9 * first
        network.load_state_dict(with_reader(network.state_dict(), reader))
        torch.manual_seed(1)
        found, added = held_out_examples(network, data)
    torch.testing.assert_close(added, reader(held_out.evidence), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.said, held_out.said, rtol=1e-4, atol=1e-4)
    changed = {n for n, value in network.state_dict().items() if not torch.equal(value, before[n])}
    assert changed and all(name.startswith("face_head.appearance.") for name in changed)


def test_a_photo_says_nothing_of_light_and_a_mirrored_face_has_no_albedo(toy: FaceModel, crops: Samples) -> None:
    network = student(toy, torch.from_numpy(crops.parameters))
    objective = StudentObjective(LinearFace(toy, 128), LossWeights())
    samples = [Sample(np.zeros((64, 64, 3), np.uint8), 224.0, *crops_of(crops, i)) for i in (0, 3, 1)]
    batch = replace(batch_of(crops, np.array([0, 3, 1]), samples), mirrored=torch.tensor([1.0, 0.0, 0.0]))
    examples = seen_examples(network, objective, [batch, batch], 0.05)
    assert examples.worth.tolist() == [1.0, 0.0, 1.0] * 2 and examples.evidence.shape == (6, 3 * 478 + 9)
    wrong = examples.labels.clone()
    wrong[:, toy.layout.slices["albedo"]] += 1.0
    nothing = objective.light_loss(wrong[:2], examples.labels[:2], examples.worth[:2], examples.mirrored[:2])[0]
    something = objective.light_loss(wrong[2:3], examples.labels[2:3], examples.worth[2:3], examples.mirrored[2:3])[0]
    assert float(nothing) == pytest.approx(0.0, abs=1e-5) and float(something) > 0.01


def crops_of(crops: Samples, index: int) -> tuple[np.ndarray, ...]:
    scored = crops.scored[index].astype(np.float32)
    return crops.parameters[index], crops.landmarks[index], crops.landmark_weight[index], scored


def test_a_network_without_a_face_head_is_one_line(toy: FaceModel, crops: Samples) -> None:
    bare = student(toy, torch.from_numpy(crops.parameters), replace(SMALL, face_hidden=0))
    with pytest.raises(LimelightError, match="no face head"):
        held_out_examples(bare, LabelTask(config_of(), toy, crops))


def test_no_renders_are_one_line(toy: FaceModel, crops: Samples) -> None:
    photos = replace(crops, photo=np.ones(len(crops.parameters), bool))
    task = LabelTask(config_of(photo_share=1.0), toy, photos)
    with pytest.raises(LimelightError, match="no held-out renders"):
        held_out_examples(student(toy, torch.from_numpy(crops.parameters)), task)
    with pytest.raises(LimelightError, match="no renders to learn from"):
        appearance.render_labels(task)
