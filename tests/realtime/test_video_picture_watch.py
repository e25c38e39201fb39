"""A camera that shows nothing is named after two seconds, and one that works never is."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.sources.picture_watch import PictureWatch


def noisy(rng: np.random.Generator, level: int = 90, noise: int = 3) -> np.ndarray:
    return (level + rng.integers(-noise, noise + 1, (480, 640, 3))).clip(0, 255).astype(np.uint8)


def test_a_camera_with_noise_is_never_named():
    rng, watch = np.random.default_rng(0), PictureWatch()
    assert [watch.look(noisy(rng), i / 10.0) for i in range(50)] == [""] * 50


def test_a_picture_that_stays_the_same_is_named_after_two_seconds_and_forgiven_at_once():
    rng, watch = np.random.default_rng(0), PictureWatch()
    frozen = noisy(rng)
    said = [watch.look(frozen, i / 10.0) for i in range(25)]
    assert said[:20] == [""] * 20
    assert all("has not changed for 2 s" in line for line in said[20:])
    assert watch.look(noisy(rng), 2.6) == ""
    assert watch.look(frozen, 2.7) == ""


def test_a_black_picture_is_named_though_it_has_noise_and_stuck_pixels():
    rng, watch = np.random.default_rng(0), PictureWatch()
    said = []
    for i in range(25):
        picture = noisy(rng, level=5)
        picture[::240, ::320] = 255
        said.append(watch.look(picture, i / 10.0))
    assert said[19] == ""
    assert "black" in said[20]


def test_a_dark_room_with_a_lit_face_is_not_black():
    rng, watch = np.random.default_rng(0), PictureWatch()
    for i in range(50):
        picture = noisy(rng, level=5)
        picture[200:300, 300:380] += 80
        assert watch.look(picture, i / 10.0) == ""


def test_a_new_size_and_another_clock_start_afresh():
    watch = PictureWatch()
    picture = np.full((480, 640, 3), 90, np.uint8)
    watch.look(picture, 100.0)
    assert watch.look(picture[:240], 103.0) == ""
    assert watch.look(picture[:240], 5.0) == ""
    assert watch.look(picture[:240], 6.0) == ""
    assert "has not changed" in watch.look(picture[:240], 7.5)


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 700, 3), (2160, 3840, 3)])
def test_any_size_will_do(shape):
    watch = PictureWatch(seconds=1.0)
    picture = np.full(shape, 100, np.uint8)
    watch.look(picture, 0.0)
    assert "has not changed for 1 s" in watch.look(picture, 1.0)
