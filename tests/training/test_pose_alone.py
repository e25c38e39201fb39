"""The pose-alone measure against people's points: `training.evaluation.pose_alone`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facemodel import FaceModel
from training.evaluation.people_points import POINTS68, MarkedFace, places
from training.evaluation.pose_alone import pose_alone


@pytest.fixture
def shape(model: FaceModel) -> np.ndarray:
    return model.landmarks68(model.mean)[list(POINTS68)].astype(float)


def photographs(shape: np.ndarray) -> list[MarkedFace]:
    """The shape in five poses."""
    turns = Rotation.from_euler("yxz", [[0, 0, 0], [25, 5, 0], [-20, -10, 15], [10, 15, -30], [0, 0, 80]], degrees=True)
    return [MarkedFace(Path("x"), [100, 80] + [2, -2] * turn.apply(shape)[:, :2]) for turn in turns]


def test_a_face_fits_its_own_projections(shape: np.ndarray) -> None:
    faces = photographs(shape)
    result = pose_alone(shape, faces)
    assert result["every"] == pytest.approx(0, abs=1e-6)
    assert result["outer_corners"] == pytest.approx(0, abs=1e-6)


def test_corners_too_far_out_or_in_read_so(shape: np.ndarray) -> None:
    width = np.ptp(shape[places(36, 45), 0])
    worse = shape.copy()
    worse[places(42, 39), 0] += (3.0, -3.0)
    worse[places(45, 36), 0] -= (2.0, -2.0)
    result = pose_alone(worse, photographs(shape))
    assert result["inner_corners"] == pytest.approx(100 * 3.0 / width, abs=0.7)
    assert result["outer_corners"] == pytest.approx(-100 * 2.0 / width, abs=0.7)
    assert result["every"] < result["eyes_and_nose"]
    assert result["eyes_and_nose"] > 1
