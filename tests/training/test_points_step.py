"""The step towards points, on faces whose points are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facemodel import FaceModel
from facemodel.rotation import matrix_from_euler
from training.data.fit import project_landmarks
from training.networks import Student
from training.networks.close_up import pose_span
from training.networks.decoder import orthonormal
from training.networks.expression_head import FEATURE_POINTS, REGION_POINTS
from training.networks.points_step import POINTS, PointsStep, agreed_points, step_weights
from training.networks.student import StudentConfig


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load(None)


def face(model: FaceModel, seed: int, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """A random person at a pose, in a crop."""
    rng = np.random.default_rng(seed)
    vector = model.layout.neutral()
    p = model.layout.view(vector)
    p.identity[:] = rng.normal(0.0, 0.7, p.identity.shape)
    p.expression[:] = rng.uniform(0.0, 0.3, p.expression.shape) * (rng.random(p.expression.shape) < 0.2)
    p.rotation = matrix_from_euler(yaw, pitch, roll)
    p.scale, p.translation[:] = 0.9, (115.0, 108.0)
    return model.layout.constrain(vector)


@pytest.fixture(scope="module")
def step(model: FaceModel) -> PointsStep:
    rng = np.random.default_rng(9)
    poses = [face(model, i, rng.normal(0.0, 0.4), rng.normal(0.0, 0.25), rng.normal(0.0, 0.1)) for i in range(60)]
    made = PointsStep(model.layout)
    made.load_state_dict(step_weights(model, np.stack(poses)))
    return made.eval()


def moved(model: FaceModel, step: PointsStep, vector: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The vector after a step towards points (478, 2)."""
    before = torch.from_numpy(vector[None])
    better, pose = step(before[:, : step.count], before[:, pose_span(model.layout)], torch.from_numpy(points[None]))
    after = vector.copy()
    after[: step.count] = better[0].numpy()
    after[pose_span(model.layout)] = torch.cat([orthonormal(pose[:, :6]), pose[:, 6:]], dim=1)[0].numpy()
    return after


def distance(model: FaceModel, vector: np.ndarray, points: np.ndarray) -> float:
    """Mean distance of the vector's points that count from others (478, 2), px."""
    shown = project_landmarks(model, vector[None])[0]
    return float(np.linalg.norm(shown - points, axis=1)[list(POINTS)].mean())


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"), [(0.0, 0.0, 0.0), (0.5, 0.1, 0.0), (-0.3, -0.3, 0.4), (0.1, 0.2, -2.0)]
)
def test_a_face_goes_most_of_the_way_to_its_points(model, step, yaw, pitch, roll):
    truth = face(model, 3, yaw, pitch, roll)
    points = project_landmarks(model, truth[None])[0]
    wrong = truth.copy()
    p, rng = model.layout.view(wrong), np.random.default_rng(1)
    p.identity[:] += rng.normal(0.0, 0.5, p.identity.shape)
    p.rotation = matrix_from_euler(0.05, -0.04, 0.03) @ p.rotation
    p.translation[:] += (2.0, -1.5)
    p.scale = 1.03 * p.scale
    before = distance(model, wrong, points)
    assert before > 2.0
    assert distance(model, moved(model, step, wrong, points), points) < 0.4 * before


def test_a_face_on_its_points_stays(model, step):
    truth = face(model, 5, 0.2, -0.1, 0.1)
    points = project_landmarks(model, truth[None])[0]
    np.testing.assert_allclose(moved(model, step, truth, points), truth, atol=2e-3)


def test_heads_agree_in_the_middle_of_eyes_brows_and_lips_and_elsewhere_by_the_face_head():
    torch.manual_seed(0)
    face_points, region_points = torch.rand(2, 478, 2), torch.rand(2, len(REGION_POINTS), 2)
    agreed = agreed_points(face_points, region_points)
    for column, k in enumerate(REGION_POINTS):
        other = region_points if k in FEATURE_POINTS else face_points[:, list(REGION_POINTS)]
        torch.testing.assert_close(agreed[:, k], 0.5 * (face_points[:, k] + other[:, column]))
    rest = sorted({*range(478)} - {*FEATURE_POINTS})
    torch.testing.assert_close(agreed[:, rest], face_points[:, rest])
    assert {61, 13, 159, 105, 473} <= {*FEATURE_POINTS} and 152 not in FEATURE_POINTS


def test_a_network_with_a_step_answers_with_what_the_format_allows(model):
    config = StudentConfig(
        resolution=64, backbone="plain", frozen_blocks=0, hidden=16, expression_hidden=16, face_hidden=16
    )
    torch.manual_seed(0)
    plain = Student(config, model.layout).eval()
    stepping = Student(StudentConfig(**{**vars(config), "points_step": True}), model.layout).eval()
    weights = {f"points_step.{name}": value for name, value in step_weights(model, face(model, 0)[None]).items()}
    stepping.load_state_dict(plain.state_dict() | weights)
    crops = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        before, after = plain(crops)[0].numpy(), stepping(crops)[0].numpy()
    assert not np.allclose(before, after, atol=1e-3)
    for vector in after:
        np.testing.assert_allclose(model.layout.constrain(vector.copy()), vector, atol=1e-5)
