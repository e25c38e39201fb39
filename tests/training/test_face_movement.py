"""Movement of lips, lids and brows against the face model's own points."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel import FaceModel
from facemodel.mediapipe_outlines import INNER_LIPS
from training.evaluation.sections.expression import slopes
from training.evaluation.sections.movement import PARTS, correlation, movement_errors, openings, picture_openings

MODEL = FaceModel.load()
NAMES = MODEL.layout.expression_names


def weights(**units):
    found = np.zeros((1, len(NAMES)))
    for name, value in units.items():
        found[0, NAMES.index(name)] = value
    return found


def test_errors_are_distances_of_the_model_s_own_points():
    own, true = weights(jawOpen=0.3, browInnerUp=1.0), weights(jawOpen=0.8)
    rest = np.zeros(MODEL.layout.n_identity)
    ours, theirs = (MODEL.landmarks478(MODEL.shape(rest, w[0])) for w in (own, true))
    for part, points in PARTS.items():
        distance = np.linalg.norm(ours[list(points)] - theirs[list(points)], axis=1).mean()
        assert movement_errors(MODEL, own, true)[part][0] == pytest.approx(distance, abs=1e-4)


def test_a_part_that_does_not_move_has_no_error():
    errors = movement_errors(MODEL, weights(browInnerUp=1.0), weights())
    assert errors["brows"][0] > 1.0 and errors["lips"][0] < 0.1
    errors = movement_errors(MODEL, weights(mouthPucker=1.0), weights())
    assert errors["lips"][0] > 1.0 and errors["brows"][0] < 0.1


def test_mouth_and_eyes_open_and_close():
    person = np.zeros((1, MODEL.layout.n_identity))
    rest, wide, wink = (
        openings(MODEL, w, person) for w in (weights(), weights(jawOpen=1.0), weights(eyeBlinkLeft=1.0))
    )
    assert wide["lip_gap"][0, 0] > rest["lip_gap"][0, 0] + 10.0
    right, left = wink["lid_opening"][0]
    assert right == pytest.approx(rest["lid_opening"][0, 0], abs=0.3) and left < 0.35 * right
    overlapping = openings(MODEL, weights(eyeBlinkLeft=2.0), person)["lid_opening"]
    assert overlapping[0, 1] == 0.0


def test_openings_in_a_picture_are_in_mm_of_the_head():
    person = np.zeros(MODEL.layout.n_identity)
    points = MODEL.landmarks478(MODEL.shape(person, weights(jawOpen=1.0)[0]))[:, :2] * (2.0, -2.0)
    seen = picture_openings(points, 2.0)
    known = openings(MODEL, weights(jawOpen=1.0), person[None])
    np.testing.assert_allclose(seen["lip_gap"], known["lip_gap"][0], rtol=0.05)
    np.testing.assert_allclose(seen["lid_opening"], known["lid_opening"][0], rtol=0.1)
    points[list(INNER_LIPS)] = points[INNER_LIPS[0]]
    assert picture_openings(points, 2.0)["lip_gap"][0] == 0.0


def test_a_slope_tells_the_truth_from_a_shifted_a_weak_a_constant_and_a_shuffled_answer():
    rng = np.random.default_rng(0)
    truth = rng.random((500, 3))
    np.testing.assert_allclose(slopes(truth, truth), 1.0)
    np.testing.assert_allclose(slopes(0.3 * truth + 0.2, truth), 0.3)
    np.testing.assert_allclose(slopes(np.full_like(truth, 0.4), truth), 0.0, atol=1e-12)
    assert np.abs(slopes(rng.permutation(truth), truth)).max() < 0.2
    assert np.isnan(slopes(truth, np.ones_like(truth))).all()


def test_a_correlation_tells_the_truth_from_a_constant_and_a_shuffled_answer():
    rng = np.random.default_rng(0)
    truth = rng.random((500, 2))
    assert correlation(2.0 * truth + 1.0, truth) == pytest.approx(1.0)
    assert abs(correlation(rng.permutation(truth), truth)) < 0.1
    assert np.isnan(correlation(np.ones_like(truth), truth))
