"""Every loss term in its unit, and the face model in PyTorch against the NumPy reference."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from facemodel import FaceModel, project
from facemodel.lighting import sh_basis, shade_diffuse, shade_specular
from facemodel.rotation import angle_between, matrix_from_euler, matrix_to_6d
from tests.toy_model import toy_model
from training.config import LossWeights
from training.data.labels import UNSCORED
from training.losses import label_losses
from training.losses.label_objective import Batch, StudentObjective
from training.losses.linear_face import LinearFace, irradiance, specular
from training.networks import Prediction


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=5, n_expression=52, n_albedo=4)


def random_vectors(model: FaceModel, count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    vectors = np.tile(model.layout.neutral(), (count, 1))
    for vector in vectors:
        p = model.layout.view(vector)
        p.identity[:] = rng.normal(size=p.identity.shape)
        p.expression[:] = rng.uniform(0, 0.7, p.expression.shape)
        p.albedo[:] = rng.normal(size=p.albedo.shape)
        p.rotation = matrix_from_euler(*rng.uniform(-0.6, 0.6, 3))
        p.translation[:] = 112 + rng.normal(size=2) * 10
        p.sh[:] += rng.normal(0, 0.2, (9, 3))
        p.key_position[:] += rng.normal(0, 100, 3)
        model.layout.constrain(vector)
    return vectors


def batch_of(model: FaceModel, vectors: np.ndarray, **flags: list[float]) -> Batch:
    parameters = torch.from_numpy(vectors)
    count = len(vectors)
    values = {"face": 1.0, "photo": 0.0, "geometry": 1.0, "light": 1.0, "mirrored": 0.0}
    tensors = {name: torch.tensor(flags.get(name, [default] * count)) for name, default in values.items()}
    landmarks = LinearFace(model).landmarks(parameters)[:, :478]
    crop, worth = torch.zeros(count, 8, 8, 3, dtype=torch.uint8), torch.ones(count, 1)
    return Batch(crop, parameters, landmarks, landmark_worth=worth, unit_worth=worth, **tensors)


def test_landmarks_skin_and_albedo_match_the_reference(toy: FaceModel) -> None:
    face = LinearFace(toy, n_skin=50)
    vectors = random_vectors(toy, 3)
    points = face.landmarks(torch.from_numpy(vectors)).numpy()
    skin = face.skin_points(torch.from_numpy(vectors)).numpy()
    diffuse, gloss = (a.numpy() for a in face.skin_albedo(torch.from_numpy(vectors)))
    for i, vector in enumerate(vectors):
        p = toy.layout.view(vector.astype(float))
        vertices = toy.shape(p.identity, p.expression)
        pixels = project(vertices, p.rotation, p.translation, p.scale)
        np.testing.assert_allclose(points[i, :478], toy.landmarks478(pixels), atol=2e-3)
        np.testing.assert_allclose(points[i, 478:], toy.landmarks68(pixels), atol=2e-3)
        np.testing.assert_allclose(skin[i], vertices[face.skin], atol=1e-3)
        np.testing.assert_allclose(diffuse[i], toy.albedo(p.albedo)[0][face.skin], atol=1e-5)
        np.testing.assert_allclose(gloss[i], toy.albedo(p.albedo)[1][face.skin], atol=1e-5)


def test_shading_matches_the_reference() -> None:
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(20, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    points, albedo = rng.normal(0, 50, (20, 3)), rng.uniform(0.1, 0.6, (20, 3))
    sh, position, color = rng.normal(0, 0.5, (9, 3)), np.array([100.0, 150.0, 300.0]), np.array([0.5, 0.7, 0.9])
    t = {k: torch.from_numpy(v[None]) for k, v in {"n": normals, "x": points, "p": position, "c": color}.items()}
    light = irradiance(t["n"], torch.from_numpy(sh.reshape(1, 27)))[0].numpy()
    np.testing.assert_allclose(albedo * light, shade_diffuse(albedo, normals, sh), atol=1e-6)
    shine = specular(t["x"], t["n"], t["p"], t["c"], torch.tensor([[12.0]], dtype=torch.float64))[0].numpy()
    np.testing.assert_allclose(
        albedo * shine, shade_specular(albedo, points, normals, position, color, 12.0), atol=1e-6
    )


def test_rotation_angle_is_the_geodesic_angle() -> None:
    rng = np.random.default_rng(1)
    a, b = (matrix_from_euler(*rng.uniform(-1.2, 1.2, (3, 30))) for _ in range(2))
    found = label_losses.rotation_angle(torch.from_numpy(matrix_to_6d(a)), torch.from_numpy(matrix_to_6d(b)))
    np.testing.assert_allclose(found, angle_between(a, b), atol=1e-4)


def test_rotation_angle_has_a_finite_gradient_at_zero() -> None:
    six = torch.tensor([[1.0, 0, 0, 0, 1, 0]], requires_grad=True)
    label_losses.rotation_angle(six, six.detach()).sum().backward()
    assert torch.isfinite(six.grad).all()


def test_point_distance_in_pixels_and_its_weights() -> None:
    reference = torch.rand(2, 478, 2) * 224
    assert label_losses.point_distance(reference + torch.tensor([3.0, 4.0]), reference) == pytest.approx(5.0, abs=1e-3)
    weights = label_losses.landmark_weights(lips=2.0)
    assert weights.mean() == pytest.approx(1.0, abs=1e-5)
    moved = reference.clone()
    moved[:, 13] += 10.0  # inner upper lip
    elsewhere = reference.clone()
    elsewhere[:, 5] += 10.0  # nose
    lip, nose = (label_losses.point_distance(m, reference, weights)[0] for m in (moved, elsewhere))
    assert lip == pytest.approx(2.0 * float(nose), rel=1e-2)
    eyes = label_losses.landmark_weights(irises=4.0)
    assert eyes.mean() == pytest.approx(1.0, abs=1e-5)
    torch.testing.assert_close(eyes[468:] / eyes[5], torch.full((10,), 4.0))


def test_gaps_see_a_closed_eye_and_an_open_mouth_only() -> None:
    reference = torch.rand(1, 478, 2, generator=torch.Generator().manual_seed(0)) * 224
    shifted = reference + 7.0
    assert label_losses.lid_gap(shifted, reference) == pytest.approx(0.0, abs=1e-3)
    opened = reference.clone()
    opened[:, 14, 1] = reference[:, 13, 1] + 60.0
    assert label_losses.lip_gap(opened, reference) > 1.0
    assert label_losses.lid_gap(opened, reference) == pytest.approx(0.0, abs=1e-3)


def test_ratios_are_symmetric_logarithms() -> None:
    one, e = torch.ones(1, 1), torch.full((1, 1), math.e)
    for ratio in (label_losses.log_ratio(one, e), label_losses.log_ratio(e, one)):
        assert float(ratio) == pytest.approx(1.0)
    position = torch.tensor([[100.0, 0.0, 0.0]])
    assert label_losses.key_distance_ratio(position * math.e, position) == pytest.approx(1.0, abs=1e-4)
    assert label_losses.key_direction_error(torch.tensor([[0.0, 50.0, 0.0]]), position) == pytest.approx(1.0, abs=1e-4)


def test_expression_error_is_squared_and_counts_each_unit_by_its_worth() -> None:
    rest, active, all_alike = torch.zeros(1, 4), torch.tensor([[1.0, 0.0, 0.0, 0.0]]), torch.ones(1, 1)
    assert label_losses.expression_error(0.5 * active, rest, all_alike) == pytest.approx(0.25 / 4.0)
    assert label_losses.expression_error(rest, active, 1.0 - active) == 0


def test_rest_error_sees_only_units_at_rest() -> None:
    label = torch.tensor([[0.8, 0.0, 0.0, 0.01]])
    assert label_losses.rest_error(torch.tensor([[0.3, 0.0, 0.0, 0.0]]), label, torch.ones(1, 1)) == 0
    assert label_losses.rest_error(torch.tensor([[0.8, 0.2, 0.0, 0.2]]), label, torch.ones(1, 1)) == pytest.approx(0.1)


def test_movement_error_is_in_mm_and_no_part_counts_for_more_by_having_more_points(toy: FaceModel) -> None:
    assert sorted(i for part in label_losses.MOVING_PARTS for i in part) == list(range(478))
    for part in label_losses.MOVING_PARTS:
        movement = torch.zeros(1, 478, 3)
        movement[:, list(part)] = torch.tensor([0.0, 3.0, 4.0])
        assert label_losses.movement_error(movement) == pytest.approx(5.0 / len(label_losses.MOVING_PARTS), abs=1e-3)
    weights = torch.rand(2, 52)
    shapes = [toy.shape(np.zeros(5), w) for w in weights.numpy()]
    expected = np.stack([toy.landmarks478(shape) - toy.landmarks478(toy.mean) for shape in shapes])
    np.testing.assert_allclose(LinearFace(toy).movement(weights), expected, atol=1e-4)


def test_uncertainty_is_least_where_the_spread_is_half_the_mean_error_and_leaves_the_points_alone() -> None:
    rng = np.random.default_rng(0)
    distance = rng.gamma(2.0, 3.0, (200, 50))  # of an isotropic Laplacian of b = 3 px
    angle = rng.uniform(0, 2 * math.pi, distance.shape)
    points = torch.from_numpy(np.stack([distance * np.cos(angle), distance * np.sin(angle)], axis=2))
    points.requires_grad_(True)

    def nats(b: float) -> torch.Tensor:
        spread = torch.full(distance.shape, b, dtype=torch.float64, requires_grad=True)
        return label_losses.point_uncertainty(points, spread, torch.zeros_like(points)).mean()

    assert nats(3.0) < nats(2.7) and nats(3.0) < nats(3.3)
    nats(3.0).backward()
    assert points.grad is None


def test_sh_direction_points_to_where_the_light_comes_from() -> None:
    direction = np.array([0.6, 0.48, 0.64])
    basis = sh_basis(direction[None])[0]  # a lamp far away in that direction
    sh = torch.from_numpy(np.outer(basis, [1.0, 0.7, 0.2]).reshape(1, 27))
    found = label_losses.sh_direction(sh)[0].numpy()
    np.testing.assert_allclose(found / np.linalg.norm(found), direction, atol=1e-6)
    key = torch.from_numpy(400.0 * direction[None])
    assert label_losses.key_and_sh_cosine(key, sh) == pytest.approx(1.0, abs=1e-6)
    assert label_losses.key_and_sh_cosine(-key, sh) == pytest.approx(-1.0, abs=1e-6)


def test_irradiance_error_is_zero_only_for_the_same_light() -> None:
    sh = torch.zeros(1, 27)
    sh[0, :3] = 2.6
    other = sh.clone()
    other[0, 9:12] = 0.5  # from the side
    normals = label_losses.sphere_normals()
    assert label_losses.irradiance_error(sh, sh, normals) == 0
    assert label_losses.irradiance_error(other, sh, normals) > 0.01
    expected = np.abs(
        np.sqrt(sh_basis(normals.numpy()) @ other[0].reshape(9, 3).numpy() + 0.01) - np.sqrt(2.6 * 0.2820948 + 0.01)
    )
    assert label_losses.irradiance_error(other, sh, normals).item() == pytest.approx(expected.mean(), abs=1e-4)


def test_weighted_mean_leaves_out_even_what_is_not_finite() -> None:
    values, weights = torch.tensor([1.0, 3.0, math.nan]), torch.tensor([1.0, 3.0, 0.0])
    assert label_losses.weighted_mean(values, weights) == pytest.approx(2.5)
    assert label_losses.weighted_mean(values, torch.zeros(3)) == 0


def test_perfect_prediction_costs_next_to_nothing(toy: FaceModel) -> None:
    vectors = random_vectors(toy, 4)
    objective = StudentObjective(LinearFace(toy), LossWeights(identity_prior=0.0))
    total, terms = objective(Prediction(torch.from_numpy(vectors), torch.full((4, 1), 20.0)), batch_of(toy, vectors))
    assert set(terms) <= set(LossWeights.__dataclass_fields__)
    assert total < 0.02


@pytest.mark.parametrize("group", ["identity", "expression", "albedo", "translation", "scale", "sh", "key_position"])
def test_every_group_feels_its_error(toy: FaceModel, group: str) -> None:
    vectors = random_vectors(toy, 2)
    parameters = torch.from_numpy(vectors.copy())
    parameters[:, toy.layout.slices[group]] *= 1.2
    parameters.requires_grad_(True)
    objective = StudentObjective(LinearFace(toy), LossWeights())
    total, _ = objective(Prediction(parameters, torch.zeros(2, 1)), batch_of(toy, vectors))
    total.backward()
    gradient = parameters.grad[:, toy.layout.slices[group]]
    assert torch.isfinite(gradient).all() and gradient.abs().sum() > 0


def test_no_face_teaches_confidence_alone(toy: FaceModel) -> None:
    vectors = random_vectors(toy, 2)
    parameters = torch.from_numpy(vectors[::-1].copy()).requires_grad_(True)
    logit = torch.zeros(2, 1, requires_grad=True)
    batch = batch_of(toy, vectors, face=[0.0, 0.0])
    StudentObjective(LinearFace(toy), LossWeights())(Prediction(parameters, logit), batch)[0].backward()
    assert parameters.grad.abs().sum() == 0 and (logit.grad > 0).all()


def test_mirror_images_say_nothing_of_the_person(toy: FaceModel) -> None:
    vectors = random_vectors(toy, 2)
    changed = vectors.copy()
    changed[:, toy.layout.slices["albedo"]] += 1.0
    batch = batch_of(toy, vectors, mirrored=[1.0, 1.0])
    _, terms = StudentObjective(LinearFace(toy), LossWeights())(
        Prediction(torch.from_numpy(changed), torch.zeros(2, 1)), batch
    )
    assert terms["albedo"] == 0 and terms["identity"] == 0 and terms["shading"] == 0


def test_without_a_key_light_its_place_is_anybodys(toy: FaceModel) -> None:
    vectors = random_vectors(toy, 2)
    vectors[0, toy.layout.slices["key_color"]] = 0.0
    changed = vectors.copy()
    changed[:, toy.layout.slices["key_position"]] *= -1.0
    for dark, expected in ((vectors, 2.0), (vectors[:1], 0.0)):
        prediction = Prediction(torch.from_numpy(changed[: len(dark)]), torch.zeros(len(dark), 1))
        _, terms = StudentObjective(LinearFace(toy), LossWeights())(prediction, batch_of(toy, dark))
        assert terms["key_direction"] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("group", ["identity", "albedo", "sh", "key_position", "key_color", "shininess"])
def test_photos_teach_neither_the_person_nor_the_light(toy: FaceModel, group: str) -> None:
    gradients = {}
    for photo in (0.0, 1.0):
        vectors = random_vectors(toy, 2)
        parameters = torch.from_numpy(vectors * 1.1).requires_grad_(True)
        batch = batch_of(toy, vectors, photo=[photo, photo])
        objective = StudentObjective(LinearFace(toy), LossWeights(identity_prior=0.0))
        objective(Prediction(parameters, torch.zeros(2, 1)), batch)[0].backward()
        gradients[photo] = parameters.grad
    span = toy.layout.slices[group]
    assert gradients[1.0][:, span].abs().sum() == 0 and gradients[0.0][:, span].abs().sum() > 0
    for taught in ("expression", "rotation", "translation"):
        assert gradients[1.0][:, toy.layout.slices[taught]].abs().sum() > 0


def test_units_that_mediapipe_does_not_score_are_read_from_renders_alone(toy: FaceModel) -> None:
    units = [toy.expression_names.index(name) for name in UNSCORED]
    gradients = {}
    left_out = toy.expression_names.index("mouthPucker")  # by the labels
    worth = torch.ones(2, 52)
    worth[:, left_out] = 0.0
    for photo in (0.0, 1.0):
        vectors = random_vectors(toy, 2)
        parameters = torch.from_numpy(vectors * 0.9).requires_grad_(True)
        batch = replace(batch_of(toy, vectors, photo=[photo, photo]), unit_worth=worth if photo else torch.ones(2, 1))
        StudentObjective(LinearFace(toy), LossWeights())(Prediction(parameters, torch.zeros(2, 1)), batch)[0].backward()
        gradients[photo] = parameters.grad[:, toy.layout.slices["expression"]]
    units.append(left_out)
    assert (gradients[1.0][:, units] == 0).all() and (gradients[0.0][:, units] != 0).all()
    others = [i for i in range(52) if i not in units]
    assert (gradients[1.0][:, others] != 0).any(dim=0).all()


def test_the_tongue_can_be_given_more_weight_on_renders_than_what_the_points_show(toy: FaceModel) -> None:
    vectors = random_vectors(toy, 2)
    plain, weighted = (StudentObjective(LinearFace(toy), LossWeights(unscored=weight)) for weight in (0.0, 7.0))

    def moved(name: str) -> Prediction:
        parameters = torch.from_numpy(vectors.copy())
        parameters[:, toy.layout.slices["expression"].start + toy.expression_names.index(name)] += 0.2
        return Prediction(parameters, torch.zeros(2, 1))

    render, photo = (batch_of(toy, vectors, photo=[flag, flag]) for flag in (0.0, 1.0))
    tongue, smile = moved("tongueOut"), moved("mouthSmileLeft")
    loss, terms = weighted(tongue, render)
    assert terms["unscored"].item() == pytest.approx(0.2**2 / 52)
    assert weighted(tongue, photo)[1]["unscored"] == weighted(smile, render)[1]["unscored"] == 0.0
    assert (loss - plain(tongue, render)[0]).item() == pytest.approx(7.0 * 0.2**2 / 52, rel=1e-3)


def test_a_label_counts_by_its_worth(toy: FaceModel) -> None:
    vectors = random_vectors(toy, 2)
    moved = torch.from_numpy(vectors.copy())
    moved[:, toy.layout.slices["translation"]] += 3.0
    moved[:, toy.layout.slices["expression"].start] += 0.1
    batch = batch_of(toy, vectors, photo=[1.0, 1.0])
    nothing = replace(batch, landmark_worth=torch.zeros(2, 478), unit_worth=torch.zeros(2, 52))
    objective = StudentObjective(LinearFace(toy), LossWeights())
    all_terms, no_terms = (objective(Prediction(moved, torch.zeros(2, 1)), b)[1] for b in (batch, nothing))
    for name in ("landmarks", "expression"):
        assert all_terms[name] > 0 and no_terms[name] == 0


def test_key_light_and_sh_agree_where_the_label_says_so(toy: FaceModel) -> None:
    vectors = random_vectors(toy, 1)
    p = toy.layout.view(vectors[0])
    p.key_position[:], p.key_color[:] = (0.0, 0.0, 400.0), 0.5
    apart = vectors.copy()
    toy.layout.view(apart[0]).key_position[:] = (400.0, 0.0, 0.0)
    for from_front, counts in ((0.6, True), (-0.6, False)):
        for vector in (vectors[0], apart[0]):
            toy.layout.view(vector).sh[1:4] = 0.0
            toy.layout.view(vector).sh[2] = from_front
        objective = StudentObjective(LinearFace(toy), LossWeights())
        prediction = Prediction(torch.from_numpy(apart), torch.zeros(1, 1))
        _, terms = objective(prediction, batch_of(toy, vectors))
        assert terms["light_agreement"] == pytest.approx(1.0 if counts else 0.0, abs=1e-3)
