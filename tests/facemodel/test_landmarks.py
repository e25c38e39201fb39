"""Landmark sets: the table from MediaPipe's points to iBUG's, and the error measure."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel import MEDIAPIPE_TO_IBUG68
from facemodel.landmarks import normalized_mean_error

MIRROR68 = [
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
]


def canonical_points(sources) -> np.ndarray:
    """(468, 3) of MediaPipe's canonical face, cm."""
    lines = (sources / "face_model" / "mediapipe" / "canonical_face_model.obj").read_text().splitlines()
    return np.array([line.split()[1:4] for line in lines if line.startswith("v ")], dtype=float)


def test_the_table_holds_68_different_points():
    assert len(set(MEDIAPIPE_TO_IBUG68.tolist())) == 68
    assert MEDIAPIPE_TO_IBUG68.min() >= 0
    assert MEDIAPIPE_TO_IBUG68.max() < 478


def test_the_table_is_symmetric_on_the_canonical_face(sources):
    points = canonical_points(sources)[MEDIAPIPE_TO_IBUG68]
    np.testing.assert_allclose(points[MIRROR68] * (-1, 1, 1), points, atol=0.05)


def test_the_table_starts_at_the_subjects_right_ear(sources):
    points = canonical_points(sources)[MEDIAPIPE_TO_IBUG68]
    assert points[0, 0] < -6, "0 is image left, the subject's right"
    assert points[8, 1] == points[:, 1].min(), "8 is the chin"
    assert points[30, 2] == points[:, 2].max(), "30 is the tip of the nose"
    assert points[36, 0] < points[39, 0] < points[42, 0] < points[45, 0], "the eyes go from image left to right"
    assert points[51, 1] > points[62, 1] >= points[66, 1] > points[57, 1], "lips from top to bottom"


def test_error_is_in_units_of_the_references_box():
    reference = np.array([[0.0, 0.0], [40.0, 0.0], [40.0, 10.0], [0.0, 10.0]])
    assert normalized_mean_error(reference, reference) == 0.0
    assert normalized_mean_error(reference + (3.0, 4.0), reference) == pytest.approx(5.0 / 20.0)
    assert normalized_mean_error(10 * reference + 10, 10 * reference) == pytest.approx(np.sqrt(200.0) / 200.0)
