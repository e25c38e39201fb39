"""Faces that are held while their picture is still."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from facemodel import FaceModel
from realtime.matte.person_matte import Matte
from realtime.render.geometry import middle_of_face
from realtime.render.held_faces import HeldFaces
from realtime.render.tiles import EVERYWHERE

MODEL = FaceModel.load()
SIZE = (640, 360)
NO_LINES = np.zeros((144, 256, 2), np.float32)


def textured(shift: int = 0, noise: float = 0.0, seed: int = 0) -> Matte:
    """A small picture of smooth blobs, moved to the right by `shift` px."""
    y, x = np.mgrid[:144, :256].astype(float)
    luma = 120.0 + 40.0 * np.sin((x - shift) / 6.0) * np.cos(y / 7.0)
    luma += noise * np.random.default_rng(seed).normal(size=luma.shape)
    picture = np.repeat(np.clip(luma, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    return Matte(NO_LINES, picture, np.ones((144, 256), np.float32), EVERYWHERE)


def found(x: float, scale: float = 1.0) -> NDArray[np.float32]:
    vector = MODEL.layout.neutral()
    p = MODEL.layout.view(vector)
    p.translation[:], p.scale = (x, 180.0), scale
    return vector


def shown(held: HeldFaces, matte: Matte, time: float, x: float) -> float:
    held.begin(matte, time)
    return float(MODEL.layout.view(held.face(1, found(x), SIZE)).translation[0])


def test_an_estimate_that_wanders_on_a_repeated_picture_is_held():
    held = HeldFaces(MODEL.layout)
    assert shown(held, textured(), 0.0, 320.0) == 320.0
    wandering = [shown(held, textured(), k / 30.0, 320.0 + k % 2) for k in range(1, 10)]
    assert max(wandering) - 320.0 < 0.2


def test_a_face_whose_picture_moves_goes_where_it_was_found_in_the_same_frame():
    held = HeldFaces(MODEL.layout)
    shown(held, textured(), 0.0, 320.0)
    assert shown(held, textured(shift=1), 1 / 30.0, 322.5) == pytest.approx(322.5)


def test_a_slow_motion_that_single_frames_do_not_show_is_followed_all_the_same():
    held = HeldFaces(MODEL.layout)
    for k in range(60):  # by a pixel of the small picture every six frames
        last = shown(held, textured(shift=k // 6), k / 30.0, 320.0 + 2.5 * k / 6.0)
    assert abs(last - (320.0 + 2.5 * 59 / 6.0)) < 2.5


def test_noise_counts_as_motion():
    held = HeldFaces(MODEL.layout)
    shown(held, textured(noise=4.0), 0.0, 320.0)
    assert shown(held, textured(noise=4.0, seed=1), 1 / 30.0, 321.0) == pytest.approx(321.0)


def test_a_photograph_settles_where_its_face_is_found():
    held = HeldFaces(MODEL.layout)
    shown(held, textured(), 0.0, 310.0)
    places = [shown(held, textured(), k / 30.0, 320.0) for k in range(1, 151)]
    assert np.all(np.diff(places) > 0.0) and places[-1] == pytest.approx(320.0, abs=0.1)


def test_time_that_goes_back_and_pictures_of_another_size_start_anew():
    held = HeldFaces(MODEL.layout)
    shown(held, textured(), 5.0, 320.0)
    assert shown(held, textured(), 1.0, 100.0) == 100.0
    smaller = textured()._replace(picture=np.ascontiguousarray(textured().picture[::2, ::2]))
    assert shown(held, smaller, 1.1, 500.0) == 500.0


def test_faces_are_held_each_for_itself():
    held = HeldFaces(MODEL.layout)
    held.begin(textured(), 0.0)
    held.face(1, found(200.0), SIZE)
    held.begin(textured(), 0.1)
    assert MODEL.layout.view(held.face(2, found(400.0), SIZE)).translation[0] == 400.0
    assert MODEL.layout.view(held.face(1, found(200.0), SIZE)).translation[0] == 200.0


def test_the_middle_of_a_face_lies_within_the_small_picture():
    p = MODEL.layout.view(found(320.0))
    rows, columns = middle_of_face(p, SIZE, (144, 256), 40.0)
    assert (rows.start, rows.stop, columns.start, columns.stop) == (56, 88, 112, 144)
    outside = MODEL.layout.view(found(-500.0))
    rows, columns = middle_of_face(outside, SIZE, (144, 256), 40.0)
    assert columns.start == columns.stop
    held = HeldFaces(MODEL.layout)
    for k in range(2):  # a face outside the frame is shown where it was found
        assert shown(held, textured(), k / 30.0, -500.0 + k) == -500.0 + k


def test_a_face_that_was_not_shown_is_forgotten():
    held = HeldFaces(MODEL.layout)
    shown(held, textured(), 0.0, 320.0)
    held.begin(textured(), 0.1)
    assert shown(held, textured(), 0.2, 340.0) == 340.0
