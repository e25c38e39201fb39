"""From frame to crop: where things land, to a fraction of a pixel."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel import Crop
from realtime.crop_warp import CropWarp

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
    np.testing.assert_allclose(picture[..., 2][inside], (places[..., 0] / 2.6)[inside], atol=1.2)
    np.testing.assert_allclose(picture[..., 1][inside], (places[..., 1] / 2.0)[inside], atol=1.2)


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
