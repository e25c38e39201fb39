"""From frame to crop: where things land, to a fraction of a pixel."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from facemodel import Crop
from realtime.opencv import cv2
from realtime.tracking.crop_warp import CropWarp

WIDTH, HEIGHT = 640, 480


def ramp():
    """A picture whose blue is the column and whose green is the row, in pixel centres, halved."""
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    return np.stack([x / 2.6, y / 2.0, np.zeros_like(x)], axis=-1).round().astype(np.uint8)


@pytest.mark.parametrize("resolution", [64, 112])
@pytest.mark.parametrize(
    "crop",
    [Crop((320.0, 240.0), 112.0), Crop((300.5, 250.25), 90.0, 0.5), Crop((310.0, 235.0), 400.0, -0.3)],
)
def test_every_pixel_shows_the_place_that_the_matrix_says(crop, resolution):
    picture = CropWarp(resolution)(ramp(), crop)
    x, y = np.meshgrid(np.arange(resolution) + 0.5, np.arange(resolution) + 0.5)
    matrix = crop.to_frame(resolution)
    places = np.stack([x, y], axis=-1) @ matrix[:, :2].T + matrix[:, 2]
    inside = ((places > 8) & (places < (WIDTH - 8, HEIGHT - 8))).all(axis=-1)
    assert inside.mean() > 0.6
    np.testing.assert_allclose(
        picture[..., 2][inside], (places[..., 0] / 2.6)[inside], atol=1.5
    )  # every halving rounds
    np.testing.assert_allclose(picture[..., 1][inside], (places[..., 1] / 2.0)[inside], atol=1.5)


def test_the_crop_is_rgb():
    frame = np.zeros((100, 100, 3), np.uint8)
    frame[..., 0] = 250  # blue
    assert CropWarp(32)(frame, Crop((50.0, 50.0), 40.0))[16, 16].tolist() == [0, 0, 250]


def test_outside_the_frame_is_black():
    picture = CropWarp(32)(np.full((60, 60, 3), 255, np.uint8), Crop((0.0, 30.0), 60.0))
    assert picture[16, 4].tolist() == [0, 0, 0]
    assert picture[16, 28].tolist() == [255, 255, 255]


def test_a_large_face_does_not_alias():
    """A one-pixel checkerboard averages to grey instead of turning into patterns."""
    board = (np.indices((900, 900)).sum(axis=0) % 2 * 255).astype(np.uint8)
    picture = CropWarp(112)(np.repeat(board[..., None], 3, axis=2), Crop((450.0, 450.0), 800.0, 0.2))
    middle = picture[20:-20, 20:-20].astype(float)
    assert middle.std() < 8.0
    assert middle.mean() == pytest.approx(127.5, abs=4.0)


def test_memory_is_reused():
    warp = CropWarp(48)
    first = warp(np.zeros((64, 64, 3), np.uint8), Crop((32.0, 32.0), 30.0))
    second = warp(np.full((64, 64, 3), 9, np.uint8), Crop((32.0, 32.0), 30.0))
    assert first is second


@pytest.mark.parametrize(
    "crop", [Crop((320.0, 240.0), 300.0, 0.3), Crop((20.0, 470.0), 270.0), Crop((320, 240), 2000.0)]
)
def test_shrinking_first_shows_the_same_face(crop):
    """Against a warp of four times the size, averaged: what a pixel of the crop covers."""
    rng = np.random.default_rng(4)
    frame = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), (0, 0), 6.0)
    frame = cv2.normalize(frame, None, 0, 255, cv2.NORM_MINMAX)
    fine = CropWarp(512)(frame, crop).astype(float)
    averaged = fine.reshape(64, 8, 64, 8, 3).mean(axis=(1, 3))
    difference = np.abs(CropWarp(64)(frame, crop) - averaged)
    assert np.median(difference) < 1.5
    assert np.percentile(difference, 95) < 12.0  # the frame's edge is a hard step


def test_a_frame_costs_no_new_picture():
    """Whatever the size of the face, a look at it takes less new memory than one crop does."""
    warp, frame = CropWarp(128), np.zeros((720, 1280, 3), np.uint8)
    sides = (200.0, 300.0, 420.0, 560.0, 700.0)
    for side in sides:
        warp(frame, Crop((640.0, 360.0), side, 0.2))
    peaks = []
    for _ in range(3):  # in some, another thread of these tests may take memory too
        tracemalloc.start()
        try:
            for side in sides:
                warp(frame, Crop((630.0, 355.0), side - 5.0, 0.15))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert min(peaks) < 128 * 128 * 3
