"""The mean face, its pose alone fitted, against the points that people placed on photographs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facemodel import FaceModel, fit_pose, project
from training.evaluation.sections.people import POINTS68, MarkedFace, places, read_people_points


def pose_alone(shape: np.ndarray, faces: list[MarkedFace]) -> dict[str, float]:
    """Fit the weak-perspective pose of a rigid shape to each face and measure what is left.

    Args:
        shape: (13, 3) mm, the points of `POINTS68` on the face model, +y up.
        faces: as people marked them.

    Returns:
        Means over the faces, % of the distance between the outer eye corners as people placed them. every: distance,
        all 13 points; eyes_and_nose: distance, eye corners and nose alone; inner_corners, outer_corners: offset
        sideways, positive where ours lie too far out.
    """
    projected = [project(shape, *fit_pose(shape, face.points)) for face in faces]
    offsets = 100 * np.stack([face.offsets(points) for face, points in zip(faces, projected, strict=True)])
    distance = np.linalg.norm(offsets, axis=2)  # (N, 13)
    right_outer, right_inner, left_inner, left_outer = offsets[..., 0].mean(axis=0)[places(36, 39, 42, 45)]
    return {
        "every": float(distance.mean()),
        "eyes_and_nose": float(distance[:, places(30, 33, 36, 39, 42, 45)].mean()),
        "inner_corners": float(left_inner - right_inner) / 2,
        "outer_corners": float(left_outer - right_outer) / 2,
    }


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


def test_the_mean_lies_where_people_put_their_points(model: FaceModel) -> None:
    folder = Path(os.environ.get("LIMELIGHT_DATA", "../shared/sources")) / "eval" / "people_points"
    if not folder.is_dir():
        pytest.skip("the points that people placed are not there")
    shape = model.landmarks68(model.mean)[list(POINTS68)].astype(float)
    result = pose_alone(shape, read_people_points(folder))
    assert result["eyes_and_nose"] <= 3.3
    assert max(abs(result["inner_corners"]), abs(result["outer_corners"])) <= 1.0
