"""The class order of CelebAMask-HQ, mirrored sides, and sets of classes."""

from __future__ import annotations

import numpy as np
import pytest

from training.data.face_classes import (
    ALLOWED,
    CLASSES,
    FACE_CLASSES,
    IGNORED,
    LABELS,
    MIRRORED,
    face_mask,
    label_of,
    with_subjects_sides,
)


def test_classes_are_in_the_published_order():
    published = "background skin nose eye_g l_eye r_eye l_brow r_brow l_ear r_ear"
    published += " mouth u_lip l_lip hair hat ear_r neck_l neck cloth"
    assert list(CLASSES) == published.split()
    assert [label_of(name) for name in CLASSES] == list(range(19))


def test_the_face_is_what_the_face_model_draws_without_ears_neck_and_mouth():
    classes = np.arange(19, dtype=np.uint8).reshape(1, -1)
    assert set(np.array(CLASSES)[face_mask(classes)[0]]) == set(FACE_CLASSES)
    assert not {"background", "eye_g", "l_ear", "mouth", "hair", "neck", "hat"} & set(FACE_CLASSES)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        *(("l_eye", "r_eye"), ("l_brow", "r_brow"), ("l_ear", "r_ear")),
        *((name, name) for name in ("l_lip", "u_lip", "ear_r", "neck_l", "skin", "skin_elsewhere")),
    ],
)
def test_a_mirrored_picture_has_the_other_side(name, other):
    assert MIRRORED[label_of(name)] == label_of(other) and MIRRORED[label_of(other)] == label_of(name)


def test_mirroring_twice_changes_nothing_and_ignored_stays():
    np.testing.assert_array_equal(MIRRORED[MIRRORED], np.arange(256))
    assert MIRRORED[IGNORED] == IGNORED


def test_a_class_allows_itself_and_a_set_its_members():
    np.testing.assert_array_equal(ALLOWED[:19], np.eye(19, dtype=bool))
    assert ALLOWED.shape == (len(LABELS), 19) and (ALLOWED[19:].sum(axis=1) >= 2).all()
    elsewhere = np.array(CLASSES)[ALLOWED[label_of("skin_elsewhere")]]
    assert {"neck", "l_ear", "r_ear", "background"} <= set(elsewhere) and not set(elsewhere) & set(FACE_CLASSES)
    # A set and its mirror image allow each other's classes.
    np.testing.assert_array_equal(ALLOWED[MIRRORED[: len(LABELS)]][:, MIRRORED[:19]], ALLOWED)


def face(left: int, right: int, part: str = "eye") -> np.ndarray:
    """A map (4, 10) with one pixel of each side at these columns."""
    classes = np.full((4, 10), label_of("skin"), np.uint8)
    classes[1, left], classes[1, right] = label_of(f"l_{part}"), label_of(f"r_{part}")
    return classes


@pytest.mark.parametrize("part", ["eye", "brow", "ear"])
def test_left_becomes_the_subjects_which_is_image_right(part):
    subjects = face(left=8, right=2, part=part)
    np.testing.assert_array_equal(with_subjects_sides(subjects), subjects)
    np.testing.assert_array_equal(with_subjects_sides(face(left=2, right=8, part=part)), subjects)


def test_eyes_decide_before_ears_and_one_eye_alone_decides_nothing():
    classes = face(left=2, right=8)
    classes[3, 8], classes[3, 2] = label_of("l_ear"), label_of("r_ear")
    assert with_subjects_sides(classes)[3, 2] == label_of("l_ear")
    alone = np.full((4, 10), label_of("r_eye"), np.uint8)
    np.testing.assert_array_equal(with_subjects_sides(alone), alone)
