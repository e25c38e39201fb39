"""The batched landmark fit, on faces whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel import ARKIT_NAMES, FaceModel
from facemodel.rotation import angle_between
from tests.toy_model import toy_model
from training.data.fit import (
    fit_landmarks,
    landmark_errors,
    learn_gains,
    learn_offsets,
    project_landmarks,
    without_offsets,
)
from training.render.random_faces import FaceDistribution, RandomFaces


@pytest.fixture(scope="module")
def faces():
    """A toy model, 40 random faces in px of a crop, their landmarks and their true expressions as scores."""
    model = toy_model()
    draw = RandomFaces(model, FaceDistribution(yaw=40.0, pitch=20.0, extreme_share=0.0))
    vectors = np.stack([draw(np.random.default_rng(seed)) for seed in range(40)])
    scores = np.zeros((40, 52), np.float32)
    names = [ARKIT_NAMES.index(name) for name in model.expression_names]
    scores[:, names] = vectors[:, model.layout.slices["expression"]]
    return model, vectors, project_landmarks(model, vectors), scores


def test_fit_finds_pose_and_landmarks(faces):
    model, truth, landmarks, scores = faces
    fitted = fit_landmarks(model, landmarks, scores)
    assert fitted.shape == truth.shape and fitted.dtype == np.float32
    assert np.median(landmark_errors(model, fitted, landmarks)) < 0.01
    angles = [
        np.rad2deg(angle_between(model.layout.view(a).rotation, model.layout.view(b).rotation))
        for a, b in zip(fitted, truth, strict=True)
    ]
    assert np.median(angles) < 2.0


def test_fit_follows_the_landmarks_where_scores_are_absent(faces):
    model, truth, landmarks, _ = faces
    fitted = fit_landmarks(model, landmarks)
    assert np.median(landmark_errors(model, fitted, landmarks)) < 0.015
    jaw = model.layout.slices["expression"].start + model.expression_names.index("jawOpen")
    assert np.corrcoef(fitted[:, jaw], truth[:, jaw])[0, 1] > 0.7


def test_fit_keeps_the_vectors_constraints(faces):
    model, _, landmarks, scores = faces
    fitted = fit_landmarks(model, landmarks + np.random.default_rng(0).normal(0, 3, landmarks.shape), scores)
    for vector in fitted:
        np.testing.assert_allclose(model.layout.constrain(vector.copy()), vector, atol=1e-6)


def test_fit_does_not_depend_on_the_pictures_size(faces):
    model, _, landmarks, scores = faces
    small, large = fit_landmarks(model, landmarks, scores), fit_landmarks(model, 4.0 * landmarks + 100.0, scores)
    expression = model.layout.slices["expression"]
    np.testing.assert_allclose(small[:, expression], large[:, expression], atol=0.02)
    scale = model.layout.slices["scale"]
    np.testing.assert_allclose(4.0 * small[:, scale], large[:, scale], rtol=0.01)


def test_a_shut_eye_neither_squints_nor_looks_down_whatever_the_scores_say():
    model = FaceModel.load(None)
    names, eye = list(model.expression_names), ("eyeBlinkLeft", "eyeSquintLeft", "eyeLookDownLeft")
    vector = model.layout.neutral()
    p = model.layout.view(vector)
    p.scale, p.translation[:], p.expression[names.index("eyeBlinkLeft")] = 2.0, 300.0, 1.0
    scores = np.zeros((1, 52), np.float32)
    scores[0, [ARKIT_NAMES.index(name) for name in eye]] = 0.65, 0.6, 0.7  # as MediaPipe scores a shut eye
    fitted = model.layout.view(fit_landmarks(model, project_landmarks(model, vector[None]), scores)[0]).expression
    blink, squint, down = (fitted[names.index(name)] for name in eye)
    assert blink > 0.9 and squint < 0.1 and down < 0.1


def test_fit_of_no_face_is_empty():
    model = toy_model()
    assert fit_landmarks(model, np.zeros((0, 478, 2)), np.zeros((0, 52))).shape == (0, model.layout.size)


def test_gains_are_the_slope_of_weights_on_scores_and_shared_by_both_sides():
    model = toy_model()
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.0, 1.0, (200, 52)).astype(np.float32)
    vectors = np.tile(model.layout.neutral(), (200, 1))
    names = [ARKIT_NAMES.index(name) for name in model.expression_names]
    vectors[:, model.layout.slices["expression"]] = 0.7 * scores[:, names]
    gains = learn_gains(model, vectors, scores)
    assert gains["jawOpen"] == pytest.approx(0.7, abs=1e-3)
    assert gains["eyeBlinkLeft"] == gains["eyeBlinkRight"]


def test_offsets_between_two_landmark_conventions_are_found_and_taken_out(faces):
    """Points that lie 4 mm to one side of the model's, on everybody, are not mistaken for an expression."""
    model, truth, landmarks, scores = faces
    shifted = np.zeros((478, 3), np.float32)
    brow = [70, 63, 105, 66, 107]
    shifted[brow, 1] = 4.0
    other = without_offsets(truth, model, landmarks, -shifted)
    assert np.abs(other - landmarks).max() > 1.0
    offsets = learn_offsets(model, other, scores, facing=0.8)
    still = np.setdiff1d(np.arange(478), brow)
    assert offsets[brow, 1].mean() > 1.5
    assert np.abs(offsets[still]).mean() < 0.3
    np.testing.assert_allclose(without_offsets(truth, model, other, shifted), landmarks, atol=1e-3)
