"""Targets of photographs' landmarks, and lips and lids that are shut."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel import ARKIT_NAMES, FaceModel
from training.data.fit import project_landmarks
from training.data.labels import UNSCORED, label_points, scored_expressions, shut_lids, shut_lips

_CHIN, _CORNER, _UPPER, _LOWER = 152, 33, 13, 14


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load(None)


@pytest.fixture
def fits(model: FaceModel) -> np.ndarray:
    """Two faces at rest, 2 px/mm."""
    vector = model.layout.neutral()
    p = model.layout.view(vector)
    p.scale = 2.0
    p.translation[:] = 300.0
    return np.stack([vector, vector])


def lip_gaps(model: FaceModel, vectors: np.ndarray) -> np.ndarray:
    """The gap between the lips' middles of vectors (N, P), (N,) mm; negative where they overlap."""
    views = [model.layout.view(vector) for vector in vectors]
    points = np.stack([model.landmarks478(model.shape(p.identity, p.expression)) for p in views])
    return points[:, _UPPER, 1] - points[:, _LOWER, 1]


def test_targets_lie_between_both_readers_but_on_mediapipes_outline(model, fits):
    theirs = project_landmarks(model, fits) + np.array((0.0, 4.0), np.float32)  # 2 mm below the fit
    targets, weights = label_points(model, fits, theirs)
    np.testing.assert_allclose(targets[:, _CORNER], theirs[:, _CORNER] - (0.0, 2.0), atol=1e-3)
    np.testing.assert_allclose(targets[:, _CHIN], theirs[:, _CHIN], atol=1e-3)
    # Both lie 2 mm apart; that the outline counts for less is the loss's business, not the label's.
    assert weights[:, _CORNER] == pytest.approx(0.8) and weights[:, _CHIN] == pytest.approx(0.8)


def test_lips_that_are_shut_in_mediapipes_points_are_shut_in_the_label(model, fits):
    for fit in fits:
        model.layout.view(fit).expression[ARKIT_NAMES.index("jawOpen")] = 0.1
    theirs = project_landmarks(model, fits)
    upper, lower = [13, 82, 312, 81, 311], [14, 87, 317, 178, 402]
    theirs[0, lower] = theirs[0, upper]  # shut on the first face alone
    targets, _ = label_points(model, fits, theirs)
    closed = shut_lips(model, fits, theirs)
    assert np.linalg.norm(targets[0, _UPPER] - targets[0, _LOWER]) < 1e-3
    assert abs(lip_gaps(model, closed)[0]) < 0.3 < lip_gaps(model, fits)[0]
    np.testing.assert_array_equal(closed[1], fits[1])
    low, high = model.expression_range
    weights = closed[:, model.layout.slices["expression"]]
    assert (weights >= low).all() and (weights <= high).all()


def test_expressions_that_mediapipe_hardly_scores_are_left_to_renders():
    scored = scored_expressions()
    assert {ARKIT_NAMES[i] for i in np.flatnonzero(~scored)} == set(UNSCORED)


def test_lids_of_eyes_that_mediapipe_scores_as_shut_are_brought_together(model, fits):
    theirs = project_landmarks(model, fits)
    scores = np.zeros((2, len(ARKIT_NAMES)), np.float32)
    scores[0, ARKIT_NAMES.index("eyeBlinkLeft")], scores[0, ARKIT_NAMES.index("eyeBlinkRight")] = 0.7, 0.2
    shut = shut_lids(theirs, scores)
    left, right = [386, 374], [159, 145]  # middles of the upper and the lower lid
    assert np.linalg.norm(theirs[0, left[0]] - theirs[0, left[1]]) > 8.0
    assert np.linalg.norm(shut[0, left[0]] - shut[0, left[1]]) < 1e-3
    assert theirs[0, left[0], 1] < shut[0, left[0], 1] < theirs[0, left[1], 1], "between the two"
    np.testing.assert_array_equal(shut[0, right], theirs[0, right])
    np.testing.assert_array_equal(shut[1], theirs[1])
