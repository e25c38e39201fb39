"""The training loop on tiny data: it learns, resumes exactly, survives bad numbers; labels follow the picture."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from facemodel import CROP_SIZE, FaceModel, LimelightError, project
from facemodel.lighting import sh_basis
from facemodel.rotation import matrix_from_euler
from tests.toy_model import toy_model
from training.config import AugmentConfig, TrainConfig
from training.data.storage import Samples
from training.losses.extra_losses import ExtraWeights
from training.losses.paper_losses import PaperWeights
from training.monitor import PANEL_SIZE
from training.networks import ResNet50Config, StudentConfig, Trunk, load_network
from training.optimization import rate_factor
from training.recipes.paper import PAPER
from training.recipes.stages import train_paper
from training.tasks.augmentation import Augmenter, Mirror, Sample
from training.tasks.label_batches import Batcher, batch_of, stored_sample
from training.tasks.label_task import LabelTask, measure
from training.train import Trainer

STORED, EXTENT = 40, 256.0
STILL = AugmentConfig(**dict.fromkeys(AugmentConfig.__dataclass_fields__, 0))


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=3, n_expression=52, n_albedo=2)


@pytest.fixture(scope="module")
def crops(toy: FaceModel) -> Samples:
    """Dots at the landmarks of random faces: enough to learn position and size from."""
    rng = np.random.default_rng(0)
    count = 24
    vectors = np.tile(toy.layout.neutral(), (count, 1))
    landmarks = np.zeros((count, 478, 2), np.float32)
    images = np.full((count, STORED, STORED, 3), 40, np.uint8)
    for i, vector in enumerate(vectors):
        p = toy.layout.view(vector)
        p.rotation = matrix_from_euler(*rng.uniform(-0.3, 0.3, 3))
        p.translation[:] = CROP_SIZE / 2 + rng.normal(0, 15, 2)
        p.expression[:] = rng.uniform(0, 0.4, p.expression.shape)
        toy.layout.constrain(vector)
        vertices = toy.shape(p.identity, p.expression)
        landmarks[i] = toy.landmarks478(project(vertices, p.rotation, p.translation, p.scale))
        for x, y in (landmarks[i] + (EXTENT - CROP_SIZE) / 2) * STORED / EXTENT:
            cv2.circle(images[i], (int(x), int(y)), 1, (220, 180, 160), -1)
    index = np.arange(count)
    face = index % 12 != 5
    return Samples(
        images,
        vectors,
        landmarks,
        face=face,
        photo=index % 2 == 0,
        geometry=face,
        light=face,
        held_out=index >= 18,
    )


def trainer_of(
    config: TrainConfig, model: FaceModel, crops: Samples, folder: Path, minutes: float | None = None
) -> Trainer:
    return Trainer(config, LabelTask(config, model, crops), folder, minutes)


def tiny_config(**changes: object) -> TrainConfig:
    return replace(
        TrainConfig(
            pretrained=False,
            steps=6,
            batch_size=4,
            threads=1,
            checkpoint_minutes=60.0,
            validation_minutes=60.0,
            network=StudentConfig(resolution=32, head_channels=8, hidden=16, frozen_blocks=0),
        ),
        **changes,
    )


def test_training_lowers_the_loss(toy: FaceModel, crops: Samples, tmp_path: Path) -> None:
    trainer = trainer_of(tiny_config(steps=80, augment=STILL, learning_rate=3e-3), toy, crops, tmp_path)
    batch = trainer.task.batch(0)
    found = [trainer.train_step(batch)[0] for _ in range(50)]
    assert min(found[-3:]) < 0.6 * found[0]


def test_a_resumed_run_ends_with_the_same_weights(toy: FaceModel, crops: Samples, tmp_path: Path) -> None:
    whole = trainer_of(tiny_config(), toy, crops, tmp_path / "a")
    figures = whole.run()
    part = trainer_of(tiny_config(), toy, crops, tmp_path / "b")
    for step in range(3):
        part.train_step(part.task.batch(step))
    path = part.save()
    continued = trainer_of(tiny_config(), toy, crops, tmp_path / "b")
    continued.resume(path)
    assert continued.step == 3
    resumed = continued.run()
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, continued.network.state_dict()[name]), name
    for name, value in whole.average.weights.items():
        assert torch.equal(value, continued.average.weights[name]), name
    assert resumed["photo.nme68"] == figures["photo.nme68"]
    assert load_network(tmp_path / "b" / "last.pt").model_digest == toy.digest


def test_a_run_by_the_clock_ends(toy: FaceModel, crops: Samples, tmp_path: Path) -> None:
    trainer = trainer_of(tiny_config(steps=10**9), toy, crops, tmp_path, minutes=0.005)
    trainer.run()
    assert trainer.progress == 1.0 and (trainer.folder / "last.pt").is_file()


def test_the_clock_stands_still_while_the_process_waits(
    toy: FaceModel, crops: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_of(tiny_config(steps=2), toy, crops, tmp_path)
    step = trainer.train_step
    monkeypatch.setattr(trainer, "train_step", lambda batch: (time.sleep(1.0), step(batch))[1])
    trainer.validate = lambda: ""  # type: ignore[method-assign]
    started = time.process_time()
    trainer.run()
    assert trainer.elapsed <= time.process_time() - started


def test_numbers_that_are_not_finite_change_nothing_and_end_the_run(
    toy: FaceModel, crops: Samples, tmp_path: Path
) -> None:
    trainer = trainer_of(tiny_config(), toy, crops, tmp_path)
    batch = trainer.task.batch(0)
    bad = replace(batch, landmarks=torch.full_like(batch.landmarks, math.nan))
    before = trainer.network.regressor.weight.clone()
    trainer.train_step(bad)
    assert torch.equal(before, trainer.network.regressor.weight)
    with pytest.raises(LimelightError, match="diverged"):  # noqa: PT012
        for _ in range(30):
            trainer.train_step(bad)
    saved = torch.load(trainer.folder / "bad_batch.pt", weights_only=True)
    assert saved["landmarks"].isnan().all() and torch.equal(saved["crop"], bad.crop)


def test_a_run_shows_losses_figures_and_faces(toy: FaceModel, crops: Samples, tmp_path: Path) -> None:
    trainer = trainer_of(tiny_config(steps=21, augment=STILL), toy, crops, tmp_path)
    trainer.run()
    events = EventAccumulator(str(trainer.folder / "events"))
    events.Reload()
    assert {"loss/total", "loss/landmarks", "photo/nme68", "render/angle"} <= set(events.Tags()["scalars"])
    assert [e.step for e in events.Scalars("loss/total")] == [20]
    first = cv2.imdecode(np.frombuffer(events.Images("faces/0")[0].encoded_image_string, np.uint8), cv2.IMREAD_COLOR)
    assert first.shape == (PANEL_SIZE, 4 * PANEL_SIZE, 3)
    picture, overlay = first[:, :PANEL_SIZE].astype(int), first[:, PANEL_SIZE : 2 * PANEL_SIZE].astype(int)
    assert np.abs(picture - overlay).max() > 20  # a face is drawn on it


def test_bfloat16_arithmetic_learns_and_keeps_float32_weights(toy: FaceModel, crops: Samples, tmp_path: Path) -> None:
    trainer = trainer_of(
        tiny_config(steps=80, precision="bfloat16", augment=STILL, learning_rate=3e-3), toy, crops, tmp_path
    )
    batch = trainer.task.batch(0)
    found = [trainer.train_step(batch)[0] for _ in range(30)]
    assert min(found[-3:]) < 0.8 * found[0]
    assert {p.dtype for p in trainer.network.parameters()} == {torch.float32}


def test_a_full_disk_is_one_line(
    toy: FaceModel, crops: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_of(tiny_config(), toy, crops, tmp_path)
    before = trainer.save().read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(LimelightError, match=r"cannot be written .*No space left"):
        trainer.save()
    assert (trainer.folder / "last.pt").read_bytes() == before


def test_resuming_with_another_network_is_refused(toy: FaceModel, crops: Samples, tmp_path: Path) -> None:
    path = trainer_of(tiny_config(), toy, crops, tmp_path).save()
    wider = tiny_config(network=StudentConfig(resolution=32, head_channels=8, hidden=24, frozen_blocks=0))
    with pytest.raises(LimelightError, match="of a run that trained another network"):
        trainer_of(wider, toy, crops, tmp_path).run()
    torch.save({"network": torch.load(path, weights_only=True)["network"]}, path)
    with pytest.raises(LimelightError, match="not a Limelight checkpoint"):
        trainer_of(tiny_config(), toy, crops, tmp_path).run()


def test_a_trunk_of_another_size_is_refused(toy: FaceModel, crops: Samples, tmp_path: Path) -> None:
    trunk = Trunk(StudentConfig(resolution=32, head_channels=8, hidden=24))
    torch.save({"trunk": trunk.state_dict()}, tmp_path / "trunk.pt")
    with pytest.raises(LimelightError, match="of another network"):
        trainer_of(tiny_config(initial=str(tmp_path / "trunk.pt")), toy, crops, tmp_path)


HEADS = StudentConfig(
    resolution=64, trunk_resolution=32, head_channels=8, hidden=16, expression_hidden=8, face_hidden=8
)


def test_heads_are_trained_beside_a_finished_trunk(toy: FaceModel, crops: Samples, tmp_path: Path) -> None:
    """They start from its checkpoint, learn placed by labels and then by the trunk, and leave its weights alone."""
    student = trainer_of(tiny_config(), toy, crops, tmp_path)
    start, parts = str(student.save()), ("expression_head", "face_head")
    config = tiny_config(network=HEADS, initial=start, guided_share=0.5, parts=parts)
    trainer = trainer_of(config, toy, crops, tmp_path / "heads")
    finished = load_network(config.initial).weights
    for name, value in finished.items():
        assert torch.equal(trainer.network.state_dict()[name], value), name
    calls = []
    own = trainer.network.predict_guided
    trainer.network.predict_guided = lambda *args: calls.append(trainer.step) or own(*args)
    trainer.run()
    assert calls == [0, 1, 2] and trainer.step == config.steps == 6
    written = load_network(tmp_path / "heads" / "last.pt").weights
    for name, value in written.items():
        if not name.startswith(parts):
            assert torch.equal(value, finished[name]), name
    continued = trainer_of(config, toy, crops, tmp_path / "again")
    for step in range(2):
        continued.train_step(continued.task.batch(step))
    again = trainer_of(config, toy, crops, tmp_path / "again")
    again.resume(continued.save())
    again.run()
    for name, value in written.items():
        assert torch.equal(again.average.weights[name], value), name


def test_a_student_of_another_size_is_refused(toy: FaceModel, crops: Samples, tmp_path: Path) -> None:
    path = trainer_of(tiny_config(), toy, crops, tmp_path).save()
    wider = replace(HEADS, hidden=24)
    with pytest.raises(LimelightError, match="of another network"):
        trainer_of(tiny_config(network=wider, initial=str(path)), toy, crops, tmp_path)


def test_a_part_that_the_network_lacks_is_refused(toy: FaceModel, crops: Samples, tmp_path: Path) -> None:
    with pytest.raises(LimelightError, match="no part 'face_head'"):
        trainer_of(tiny_config(parts=("face_head", "trunk")), toy, crops, tmp_path)


def test_labels_of_another_face_model_are_refused(crops: Samples, tmp_path: Path) -> None:
    with pytest.raises(LimelightError, match="prepare the data for this face model"):
        trainer_of(tiny_config(), toy_model(4, 52, 2), crops, tmp_path)


def test_batches_repeat_cover_everything_and_leave_the_held_out_alone(toy: FaceModel, crops: Samples) -> None:
    config = tiny_config(batch_size=8, photo_share=0.5, negative_share=0.125)
    augmenter = make_augmenter(toy, STILL)
    batcher = Batcher(crops, augmenter, config)
    first, again = batcher(7), batcher(7)
    assert torch.equal(first.crop, again.crop) and torch.equal(first.parameters, again.parameters)
    assert not torch.equal(first.crop, batcher(8).crop)
    assert first.face.sum() == 7 and (first.face * first.photo).sum() == 4
    seen = {round(v, 2) for step in range(4) for v in batcher(step).landmarks[:, 0, 0].tolist()}
    assert seen == {round(v, 2) for v in crops.landmarks[~crops.held_out, 0, 0].tolist()}


def test_geometry_changes_labels_with_the_picture(toy: FaceModel) -> None:
    """Landmarks projected from the changed parameters lie where the changed landmarks are, and on their dots."""
    augmenter = make_augmenter(toy, replace(STILL, shift=0.1, scale=0.15, angle=25.0))
    sample = face_sample(toy, size=96)
    for seed in range(6):
        changed = augmenter(sample, np.random.default_rng(seed))
        p = toy.layout.view(changed.parameters)
        points = project(toy.shape(p.identity, p.expression), p.rotation, p.translation, p.scale)
        np.testing.assert_allclose(toy.landmarks478(points), changed.landmarks, atol=1e-2)
        bright = np.maximum(changed.image[..., 1].astype(float) - 60.0, 0.0)
        rows, columns = np.indices(bright.shape) + 0.5
        dot = np.array([(bright * columns).sum(), (bright * rows).sum()]) / bright.sum()
        np.testing.assert_allclose(dot * CROP_SIZE / augmenter.resolution, changed.landmarks[4], atol=0.5)


def test_mirror_is_a_mirror(toy: FaceModel) -> None:
    sample = face_sample(toy, size=256)
    mirror = Mirror.of(toy.landmarks478(toy.mean), toy.expression_names)
    once = mirror.apply(toy.layout, sample)
    twice = mirror.apply(toy.layout, once)
    names = toy.expression_names
    before, after = toy.layout.view(sample.parameters), toy.layout.view(once.parameters)
    assert after.expression[names.index("eyeBlinkLeft")] == before.expression[names.index("eyeBlinkRight")]
    assert once.mirrored and not twice.mirrored
    np.testing.assert_allclose(twice.parameters, sample.parameters, atol=1e-4)
    normals = np.random.default_rng(0).normal(size=(9, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    np.testing.assert_allclose(sh_basis(normals * (-1, 1, 1)) @ after.sh, sh_basis(normals) @ before.sh, atol=1e-5)
    np.testing.assert_array_equal(once.image, sample.image[:, ::-1])
    # A point that stood right of the middle now stands as far left of it.
    vertices = toy.shape(np.zeros(3), np.zeros(52))
    points = project(vertices, before.rotation, before.translation, before.scale)
    mirrored = project(vertices * (-1, 1, 1), after.rotation, after.translation, after.scale)
    np.testing.assert_allclose(mirrored[:, 0], CROP_SIZE - points[:, 0], atol=1e-3)
    np.testing.assert_allclose(mirrored[:, 1], points[:, 1], atol=1e-3)


def test_a_mirror_takes_what_labels_are_worth_along(toy: FaceModel, crops: Samples) -> None:
    names = list(toy.expression_names)
    left, right = names.index("eyeBlinkLeft"), names.index("eyeBlinkRight")
    mirror = Mirror.of(toy.landmarks478(toy.mean), names)
    point = next(i for i in range(478) if mirror.landmarks[i] != i)
    count = len(crops.parameters)
    landmark_weight, scored = np.ones((count, 478), np.float32), np.ones((count, len(names)), bool)
    landmark_weight[:, point], scored[:, left] = 0.25, False
    known = replace(crops, landmark_weight=landmark_weight, scored=scored)
    sample = stored_sample(known, 0)
    mirrored = mirror.apply(toy.layout, sample)
    indices = np.zeros(2, np.int64)
    batch = batch_of(known, indices, [sample, mirrored])
    other = int(mirror.landmarks[point])
    assert batch.unit_worth[:, [left, right]].tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert batch.landmark_worth[:, [point, other]].tolist() == [[0.25, 1.0], [1.0, 0.25]]
    alike = batch_of(crops, indices, [stored_sample(crops, 0), mirror.apply(toy.layout, stored_sample(crops, 0))])
    assert (alike.unit_worth == 1.0).all() and (alike.landmark_worth == 1.0).all()


def test_exposure_brightens_picture_and_light_together(toy: FaceModel) -> None:
    augmenter = make_augmenter(toy, replace(STILL, exposure=0.5))
    sample = face_sample(toy, size=64)
    changes = [augmenter(sample, np.random.default_rng(seed)) for seed in range(8)]
    light = [float(toy.layout.view(c.parameters).sh[0, 1]) for c in changes]
    assert np.corrcoef(light, [c.image.mean() for c in changes])[0, 1] > 0.95
    keys = [float(toy.layout.view(c.parameters).key_color[1]) for c in changes]
    np.testing.assert_allclose(np.divide(keys, light), keys[0] / light[0], rtol=1e-4)


def test_full_augmentation_keeps_shape_type_and_finite_labels(toy: FaceModel) -> None:
    always = replace(AugmentConfig(), cutout_share=1.0, jpeg_share=1.0, blur_share=1.0, coarse_share=1.0)
    augmenter = make_augmenter(toy, always)
    for seed in range(10):
        changed = augmenter(face_sample(toy, size=128), np.random.default_rng(seed))
        assert changed.image.shape == (64, 64, 3) and changed.image.dtype == np.uint8
        assert np.isfinite(changed.parameters).all() and changed.parameters.dtype == np.float32


def test_measure_of_the_truth_is_zero_and_of_an_error_its_size(toy: FaceModel, crops: Samples) -> None:
    from training.losses.linear_face import LinearFace

    face = LinearFace(toy)
    kept = np.flatnonzero(crops.face)
    labels, landmarks = crops.parameters[kept], crops.landmarks[kept]
    perfect = measure(face, labels, labels, landmarks, against_mediapipe=False)
    assert perfect["nme68"] < 1e-4 and perfect["angle"] < 0.1 and perfect["expression_rmse"] == 0
    turned = labels.copy()
    for vector in turned:
        p = toy.layout.view(vector)
        p.rotation = p.rotation @ matrix_from_euler(0.0, 0.0, math.radians(5.0))
    assert measure(face, turned, labels, landmarks, against_mediapipe=False)["angle"] == pytest.approx(5.0, abs=0.05)


def test_rates_warm_up_and_come_down() -> None:
    factors = [rate_factor(p, warmup=0.1) for p in (0.0, 0.05, 0.1, 0.5, 1.0)]
    assert factors[0] < factors[1] < factors[2] and factors[2] > factors[3] > factors[4] > 0
    assert [rate_factor(p, 0.1, "constant") for p in (0.05, 0.1, 0.5, 1.0)] == [0.5, 1.0, 1.0, 1.0]


def test_the_papers_configuration_is_the_papers() -> None:
    """Section 4.2 and Eq. 6, number by number, and nothing beyond."""
    stage = next(stage for stage in PAPER.stages if stage.name == "paper")
    config = stage.config
    assert stage.work is train_paper and not stage.hours
    assert (config.optimizer, config.schedule) == ("adam", "constant")
    assert (config.learning_rate, config.backbone_rate, config.weight_decay, config.warmup) == (5e-5, 1.0, 0.0, 0.0)
    assert (config.batch_size, config.steps, config.gradient_norm, config.pretrained) == (32, 200_000, 0.0, True)
    assert config.network == ResNet50Config(resolution=224)
    paper = config.paper
    assert paper.weights == PaperWeights(0.2, 1.92, 1.8e-3, 1.3e-3, 5.0e-4, 5.0)
    assert paper.weights.of_terms(49_999 / 200_000)["inner_mouth"] == 0.0
    assert paper.weights.of_terms(50_000 / 200_000)["inner_mouth"] == 1.3e-3
    assert (paper.render_size, paper.labelled, paper.dense_landmarks) == (224, 0, 0)
    assert paper.extra == ExtraWeights() and paper.company == 1


def test_the_optimizer_and_its_rates_are_the_configurations(toy: FaceModel, crops: Samples, tmp_path: Path) -> None:
    config = tiny_config(optimizer="adam", schedule="constant", warmup=0.0, learning_rate=1e-4, weight_decay=0.0)
    trainer = trainer_of(config, toy, crops, tmp_path)
    assert type(trainer.optimizer) is torch.optim.Adam
    assert type(trainer_of(tiny_config(), toy, crops, tmp_path).optimizer) is torch.optim.AdamW
    for step in range(6):
        trainer.train_step(trainer.task.batch(step))
        assert {group["lr"] for group in trainer.optimizer.param_groups} == {1e-4, 5e-5}


def test_a_run_goes_on_with_the_rate_that_the_configuration_now_says(
    toy: FaceModel, crops: Samples, tmp_path: Path
) -> None:
    first = trainer_of(tiny_config(), toy, crops, tmp_path)
    first.train_step(first.task.batch(0))
    second = trainer_of(tiny_config(learning_rate=1e-5), toy, crops, tmp_path)
    second.resume(first.save())
    assert max(group["peak"] for group in second.optimizer.param_groups) == 1e-5
    assert second.optimizer.state and second.step == 1


def test_a_resnet50_learns_from_labels_and_is_saved_as_one(toy: FaceModel, crops: Samples, tmp_path: Path) -> None:
    config = tiny_config(network=ResNet50Config(resolution=32), steps=4)
    trainer = trainer_of(config, toy, crops, tmp_path)
    trainer.run()
    saved = load_network(trainer.folder / "last.pt")
    assert saved.kind == "resnet50" and saved.config == config.network
    with pytest.raises(LimelightError, match="of another network"):
        trainer_of(tiny_config(initial=str(trainer.last)), toy, crops, tmp_path)
    with pytest.raises(LimelightError, match="has no heads"):
        trainer_of(replace(config, initial_heads=str(trainer.last)), toy, crops, tmp_path)
    guided = trainer_of(replace(config, guided_share=1.0), toy, crops, tmp_path)
    with pytest.raises(LimelightError, match="guided_share is for a student"):
        guided.train_step(guided.task.batch(0))


def make_augmenter(model: FaceModel, config: AugmentConfig) -> Augmenter:
    mirror = Mirror.of(model.landmarks478(model.mean), model.expression_names)
    return Augmenter(config, model.layout, mirror, resolution=64)


def face_sample(model: FaceModel, size: int) -> Sample:
    """A grey picture with one soft bright dot at landmark 4 (the tip of the nose)."""
    vector = model.layout.neutral()
    p = model.layout.view(vector)
    p.rotation = matrix_from_euler(0.2, -0.1, 0.05)
    p.translation[:] = (118.0, 105.0)
    p.expression[:] = np.random.default_rng(2).uniform(0, 0.5, p.expression.shape)
    p.key_position[:] = (80.0, 100.0, 300.0)
    p.sh[1:] += np.random.default_rng(3).normal(0, 0.1, (8, 3))
    model.layout.constrain(vector)
    vertices = model.shape(p.identity, p.expression)
    landmarks = model.landmarks478(project(vertices, p.rotation, p.translation, p.scale)).astype(np.float32)
    x, y = (landmarks[4] + (EXTENT - CROP_SIZE) / 2) * size / EXTENT
    rows, columns = np.indices((size, size)) + 0.5
    dot = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * (size / 48) ** 2))
    image = np.repeat(np.rint(60 + 140 * dot)[..., None], 3, axis=2).astype(np.uint8)
    worth = np.ones(478, np.float32), np.ones(len(model.expression_names), np.float32)
    return Sample(image, EXTENT, vector, landmarks, *worth)
