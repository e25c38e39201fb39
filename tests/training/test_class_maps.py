"""Labelled renders: classes agree with the face model's landmarks and with what the picture shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facemodel import CROP_SIZE, FaceModel, project
from training.data.class_maps import ClassMapRenderer, fitted_classes, triangle_classes
from training.data.face_classes import CLASSES, label_of
from training.data.storage import EXTENT, STORED_SIZE
from training.data.synthetic import SceneConfig, SceneRenderer
from training.render.random_faces import RandomFaces
from training.render.scenery import Backgrounds

_NOT_BARE = ("hair", "shoulders", "beard", "glasses", "hat", "headphones", "occluder")
_BARE = replace(SceneConfig(), **{f"{name}_share": 0.0 for name in _NOT_BARE})

# MediaPipe's points, or two of them, between which lies what they show.
_PLACES = {
    **{(4,): "nose", (5,): "nose", (205,): "skin", (425,): "skin", (151,): "skin", (199,): "skin"},
    **{(468,): "r_eye", (473,): "l_eye", (105, 52): "r_brow", (334, 282): "l_brow"},
}


def renderer(model: FaceModel, **shares: float) -> ClassMapRenderer:
    config = replace(_BARE, **shares)
    backgrounds = Backgrounds(config.render_size, [], np.random.default_rng(0))
    return ClassMapRenderer(model, config, backgrounds, RandomFaces(model, config.faces))


@pytest.fixture(scope="module")
def frontal(model) -> np.ndarray:
    """A neutral face in a lamp's light, (P,)."""
    vector = model.layout.neutral()
    p = model.layout.view(vector)
    p.translation[:], p.scale = CROP_SIZE / 2, 0.8
    p.sh[0] = 2.0
    return vector


def at_landmarks(model: FaceModel, vector: np.ndarray, classes: np.ndarray, places: list[tuple]) -> list[str]:
    """Class names at projected landmarks, or between two, in a square class map of EXTENT crop px."""
    p = model.layout.view(vector)
    landmarks = model.landmarks478(model.shape(p.identity, p.expression))
    points = np.array([landmarks[list(place)].mean(axis=0) for place in places])
    crop = project(points, p.rotation, p.translation, p.scale)
    x, y = ((crop + (EXTENT - CROP_SIZE) / 2) * len(classes) / EXTENT).astype(int).T
    return [CLASSES[c] for c in classes[y, x]]


def test_the_face_model_has_every_class_of_a_bare_head(model):
    assert {CLASSES[c] for c in np.unique(triangle_classes(model))} == {
        *("skin", "nose", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth", "u_lip", "l_lip", "neck")
    }


def test_sides_are_the_subjects_and_equally_large(model):
    classes = triangle_classes(model)
    centre = model.mean[model.triangles].mean(axis=1)
    for name in ("eye", "brow", "ear"):
        left, right = (classes == label_of(f"{side}_{name}") for side in "lr")
        assert (centre[left, 0] > 0).all() and (centre[right, 0] < 0).all()
        assert left.sum() == pytest.approx(right.sum(), rel=0.1)


def test_a_render_has_the_right_class_at_every_landmark(model, frontal):
    classes = renderer(model).draw(frontal, np.random.default_rng(1)).classes
    assert at_landmarks(model, frontal, classes, list(_PLACES)) == list(_PLACES.values())


def test_an_open_mouth_is_upper_lip_mouth_and_lower_lip(model, frontal):
    vector = frontal.copy()
    model.layout.view(vector).expression[model.expression_names.index("jawOpen")] = 0.8
    classes = renderer(model).draw(vector, np.random.default_rng(1)).classes
    assert at_landmarks(model, vector, classes, [(0, 13), (13, 14), (14, 17)]) == ["u_lip", "mouth", "l_lip"]


def test_the_face_is_covered_and_the_background_is_not(model, frontal):
    bare = renderer(model)
    bare.scenes.backgrounds = lambda _: np.zeros((_BARE.render_size, _BARE.render_size, 3), np.float32)
    canvas = bare.draw(frontal, np.random.default_rng(1))
    shown = canvas.image.sum(axis=2) > 1e-4
    assert ((canvas.classes != label_of("background")) == shown).mean() > 0.99


@pytest.mark.parametrize(
    ("share", "name"),
    [
        ("glasses_share", "eye_g"),
        ("hat_share", "hat"),
        ("headphones_share", "background"),
        ("occluder_share", "background"),  # a hand, a microphone, a bar, a thing
    ],
)
def test_what_covers_the_face_is_labelled_as_such(model, share, name):
    """The same scene without and with the thing: it changes the picture where it changes the label."""
    without, with_it = (renderer(model, **{"hair_share": 1.0, "style_share": 0.0, share: s}) for s in (1e-9, 1.0))
    relabelled, found = 0, []
    for seed in range(6):
        vector = without.scenes.faces(np.random.default_rng(seed))
        model.layout.view(vector).rotation = np.eye(3)
        before, after = (r.draw(vector, np.random.default_rng(seed)) for r in (without, with_it))
        new = before.classes != after.classes
        assert (after.classes[new] == label_of(name)).all()
        difference = np.abs(after.image - before.image).mean(axis=2)
        altered = difference > 0.3 * max(float(difference.max()), 0.02)
        found.append(after.classes[altered] == label_of(name))
        relabelled += int(new.sum())
    assert relabelled > 500 and np.concatenate(found).mean() > 0.9


def test_lenses_are_glasses_through_which_the_eyes_are_seen(model, frontal):
    for seed in range(8):
        classes = renderer(model, glasses_share=1.0).draw(frontal, np.random.default_rng(seed)).classes
        assert at_landmarks(model, frontal, classes, [(468,), (473,), (4,), (205,)]) == [
            "eye_g",
            "eye_g",
            "nose",
            "skin",
        ]


def test_a_head_is_hair_where_it_has_some_and_skin_where_it_is_shaved(model, frontal):
    middle = _BARE.render_size // 2
    bald = renderer(model).draw(frontal, np.random.default_rng(3)).classes
    hairy = [renderer(model, hair_share=1.0).draw(frontal, np.random.default_rng(seed)).classes for seed in range(5)]
    crown = np.nonzero(bald[:, middle])[0][0] + 3
    assert bald[crown, middle] == label_of("skin")
    assert sum(classes[crown, middle] == label_of("hair") for classes in hairy) >= 4


def test_pictures_are_those_of_the_unlabelled_renderer(model):
    labelled = renderer(model, hair_share=0.85, glasses_share=0.5, occluder_share=0.5)
    scenes = labelled.scenes
    plain = SceneRenderer(model, scenes.config, scenes.backgrounds, scenes.faces)
    for seed in range(6):
        picture, classes = labelled(np.random.default_rng(seed))
        np.testing.assert_array_equal(picture, plain(np.random.default_rng(seed))[0])
        assert picture.shape == (STORED_SIZE, STORED_SIZE, 3) and classes.shape == (STORED_SIZE, STORED_SIZE)


def test_a_fitted_model_gives_the_classes_that_a_render_of_it_has(model):
    bare = renderer(model, render_size=STORED_SIZE)
    for seed in range(4):
        vector = bare.scenes.faces(np.random.default_rng(seed))
        drawn = bare.draw(vector, np.random.default_rng(seed)).classes
        fitted = fitted_classes(model, triangle_classes(model), vector)
        assert (drawn == fitted).mean() > 0.995 and (fitted > 0).mean() > 0.1
