"""Measures against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel import MEDIAPIPE_TO_IBUG68, project
from facemodel.rotation import matrix_from_euler
from tests.toy_model import toy_model
from training.evaluation.measures import (
    errors_against_points,
    errors_against_truth,
    landmarks68_px,
    rotation_seen_along_view_ray,
)
from training.evaluation.sections.clips import ClipReport
from training.evaluation.sections.performer import performer_report

MODEL = toy_model()
LAYOUT = MODEL.layout
HEAD = np.eye(4)
HEAD[2, 3] = -40.0


def posed(yaw=0.0, pitch=0.0, roll=0.0, translation=(300.0, 200.0), scale=2.0):
    vector = LAYOUT.neutral()
    p = LAYOUT.view(vector)
    p.rotation = matrix_from_euler(yaw, pitch, roll)
    p.translation[:], p.scale = translation, scale
    return vector


def points_of(vector):
    p = LAYOUT.view(vector)
    return project(MODEL.landmarks478(MODEL.shape(p.identity, p.expression)), p.rotation, p.translation, p.scale)


def test_nme_of_a_shift_is_the_shift_over_the_box():
    vector = posed()
    points = points_of(vector)
    chosen = points[MEDIAPIPE_TO_IBUG68]
    extent = np.ptp(chosen, axis=0)
    nme, _ = errors_against_points(MODEL, vector, points + (3.0, 4.0))
    base, _ = errors_against_points(MODEL, vector, points)
    own = np.linalg.norm(landmarks68_px(MODEL, vector) - chosen, axis=1).mean() / np.sqrt(extent.prod())
    assert base == pytest.approx(own)
    if base < 1e-6:
        assert nme == pytest.approx(5.0 / np.sqrt(extent.prod()), rel=1e-4)


def test_a_head_beside_the_axis_is_turned_back_by_the_view_ray():
    """A head that faces the camera from the side of the picture is frontal to a weak-perspective camera."""
    for offset in (-200.0, 150.0):
        ray = np.arctan2(-offset, 500.0)  # turned toward the camera
        matrix = np.eye(4)
        matrix[:3, :3] = matrix_from_euler(ray, 0.0, 0.0) * 1.3
        matrix[:3, 3] = (offset, 0.0, -500.0)
        np.testing.assert_allclose(rotation_seen_along_view_ray(matrix), np.eye(3), atol=1e-9)


def test_errors_against_truth_are_zero_for_the_truth_and_known_for_known_changes():
    truth = posed(0.2, 0.1)
    LAYOUT.view(truth).expression[:] = 0.05
    LAYOUT.view(truth).expression[3] = 0.8
    same = errors_against_truth(MODEL, truth, truth)
    assert max(same.values()) < 1e-4
    other = truth.copy()
    o = LAYOUT.view(other)
    o.rotation = matrix_from_euler(0.2, 0.1, 0.0) @ matrix_from_euler(0.0, 0.0, np.radians(10.0))
    o.translation[0] += 6.0
    o.expression[3] -= 0.3
    o.expression[4] += 0.9  # not truly active: does not count
    o.shininess = 4.0 * LAYOUT.view(truth).shininess
    o.key_position[:] = matrix_from_euler(np.radians(30.0), 0, 0) @ (0.0, 0.0, 500.0)
    LAYOUT.view(truth).key_position[:] = (0.0, 0.0, 900.0)
    errors = errors_against_truth(MODEL, other, truth)
    assert errors["rotation_deg"] == pytest.approx(10.0, abs=1e-2)
    assert errors["position_mm"] == pytest.approx(3.0, rel=1e-5)
    assert errors["expression_rmse"] == pytest.approx(0.3, rel=1e-4)
    assert errors["shininess_log2"] == pytest.approx(2.0, rel=1e-4)
    assert errors["key_deg"] == pytest.approx(30.0, abs=1e-2)
    assert errors["identity_mm"] < 1e-3


def test_identity_error_ignores_place_turn_and_size_but_not_shape():
    truth = posed()
    other = truth.copy()
    LAYOUT.view(other).identity[0] = 3.0
    assert errors_against_truth(MODEL, other, truth)["identity_mm"] > 0.1


def test_a_frame_far_from_mediapipe_does_not_count_as_tracked():
    report, vector = ClipReport(), posed()
    points = points_of(vector)
    report.add(MODEL, vector, points, HEAD)
    report.add(MODEL, vector, points + 500.0, HEAD)
    report.add(MODEL, vector, None, None)  # MediaPipe saw nothing: the tracker's word counts
    report.add(MODEL, None, points, HEAD)
    assert report.summary()["frames"] == 4
    assert report.summary()["tracked"] == 0.5


def test_performer_report_sets_the_tracker_beside_the_best_constant():
    rng = np.random.default_rng(0)
    pairs = []
    for _ in range(20):
        truth = posed(rng.uniform(-0.5, 0.5), rng.uniform(-0.2, 0.2))
        LAYOUT.view(truth).expression[:] = rng.uniform(0, 1, LAYOUT.n_expression)
        pairs.append((truth.copy(), LAYOUT.constrain(truth)))
    pairs[0] = (None, pairs[0][1])
    report = performer_report(MODEL, pairs)
    assert report["tracked"]["tracked"] == 0.95
    assert report["tracked"]["rotation_deg"] < 0.1
    assert 5.0 < report["mean"]["rotation_deg"] < 40.0
    assert report["mean"]["expression_rmse"] > 0.2
