"""Photographs whose eyes are shut afterwards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facemodel import CROP_SIZE, FaceModel
from facemodel.rotation import matrix_from_euler
from training.data.fit import SIDES, project_landmarks
from training.data.shut_eyes import random_closing, shut_eyes
from training.data.storage import EXTENT, STORED_SIZE

_PUPILS = (473, 468)  # of SIDES
_SKIN, _EYE = (200, 120, 90), (20, 20, 240)


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load(None)


@pytest.fixture
def face(model: FaceModel) -> np.ndarray:
    """A face at rest in the middle of a crop."""
    vector = model.layout.neutral()
    p = model.layout.view(vector)
    p.scale, p.translation[:] = 0.9, CROP_SIZE / 2
    return vector


def picture(model: FaceModel, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Skin with blue discs in the eyes, and the landmarks."""
    landmarks = project_landmarks(model, vector[None])[0]
    image = np.full((STORED_SIZE, STORED_SIZE, 3), _SKIN, np.uint8)
    for side in SIDES:
        x, y = stored(landmarks[_PUPILS[SIDES.index(side)]])
        image[y - 1 : y + 2, x - 2 : x + 3] = _EYE
    return image, landmarks


def stored(point: np.ndarray) -> tuple[int, int]:
    """Pixel of a stored picture that shows a point in crop px."""
    x, y = (point + (EXTENT - CROP_SIZE) / 2) * STORED_SIZE / EXTENT
    return int(x), int(y)


def test_a_shut_eye_is_covered_by_skin_and_the_other_stays(model, face):
    image, landmarks = picture(model, face)
    before = image.copy()
    shut = shut_eyes(model, image, face, landmarks, np.array([1.0, 0.0]))
    assert shut is not None
    covered, seen = (stored(landmarks[pupil]) for pupil in _PUPILS)
    assert np.abs(shut.image[covered[1], covered[0]].astype(int) - _SKIN).max() < 12
    assert np.abs(shut.image[seen[1], seen[0]].astype(int) - _EYE).max() < 12
    far = stored(landmarks[152])
    np.testing.assert_array_equal(shut.image[far[1], far[0]], image[far[1], far[0]])
    np.testing.assert_array_equal(image, before)


def test_labels_shut_as_the_picture_does(model, face):
    names = list(model.expression_names)
    p = model.layout.view(face)
    p.expression[names.index("eyeSquintLeft")], p.expression[names.index("eyeLookDownRight")] = 0.4, 0.3
    image, landmarks = picture(model, face)
    shut = shut_eyes(model, image, face, landmarks, np.array([1.0, 0.5]))
    assert shut is not None
    weights = dict(zip(names, model.layout.view(shut.parameters).expression, strict=True))
    assert weights["eyeBlinkLeft"] == pytest.approx(1.0) and weights["eyeSquintLeft"] == pytest.approx(0.0)
    assert weights["eyeBlinkRight"] == pytest.approx(0.5) and weights["eyeLookDownRight"] == pytest.approx(0.15)
    openings = {
        pair: np.linalg.norm(shut.landmarks[pair[0]] - shut.landmarks[pair[1]]) for pair in ((386, 374), (159, 145))
    }
    before = np.linalg.norm(landmarks[159] - landmarks[145])
    assert openings[386, 374] < 0.15 * before < openings[159, 145] < 0.75 * before


def test_faces_in_profile_and_shut_eyes_are_left_out(model, face):
    image, landmarks = picture(model, face)
    aside = face.copy()
    model.layout.view(aside).rotation = matrix_from_euler(0.9, 0.0, 0.0)
    assert shut_eyes(model, image, aside, landmarks, np.ones(2)) is None
    asleep = face.copy()
    for side in SIDES:
        model.layout.view(asleep).expression[list(model.expression_names).index(f"eyeBlink{side}")] = 0.95
    assert shut_eyes(model, image, asleep, landmarks, np.ones(2)) is None


def test_most_often_both_eyes_shut():
    closing = np.array([random_closing(np.random.default_rng(seed)) for seed in range(400)])
    assert ((closing >= 0.0) & (closing <= 1.0)).all()
    both, wink = (closing > 0.75).all(axis=1).mean(), (np.ptp(closing, axis=1) > 0.5).mean()
    assert 0.4 < both < 0.65 and 0.2 < wink < 0.4


def test_a_face_model_without_blinks_shuts_no_eye(model, face):
    image, landmarks = picture(model, face)
    names = tuple(f"unit{i}" for i in range(len(model.expression_names)))
    other = replace(model, expression_names=names)
    assert shut_eyes(other, image, face, landmarks, np.ones(2)) is None
