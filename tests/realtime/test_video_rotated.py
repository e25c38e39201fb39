"""Turned sources: pictures and truth turn together, and memory is used again."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel import FaceModel, project
from realtime.frame import Frame
from realtime.sources.performer import Performer
from realtime.sources.rotated import RotatedSource


class ListSource:
    """Delivers given frames."""

    name, width, height, fps, live, sound = "list", 64, 48, 25.0, False, None

    def __init__(self, frames: list[Frame]) -> None:
        self.frames, self.closed = frames, False

    def read(self) -> Frame | None:
        return self.frames.pop(0) if self.frames else None

    def close(self) -> None:
        self.closed = True


def dotted(x: int, y: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    picture[y, x] = (10, 20, 30)
    return picture


@pytest.mark.parametrize(
    ("turn", "place", "size"), [(90, (37, 5), (48, 64)), (180, (58, 37), (64, 48)), (270, (10, 58), (48, 64))]
)
def test_every_frame_is_turned_clockwise(turn, place, size):
    source = ListSource([Frame(3, 1.5, dotted(5, 10)), Frame(4, 1.6, dotted(5, 10))])
    turned = RotatedSource(source, turn)
    assert (turned.width, turned.height) == size
    assert (turned.name, turned.fps, turned.live, turned.sound) == ("list", 25.0, False, None)
    for index, time in ((3, 1.5), (4, 1.6)):
        frame = turned.read()
        assert (frame.index, frame.timestamp) == (index, time)
        assert frame.image.shape == (size[1], size[0], 3)
        assert tuple(frame.image[place[1], place[0]]) == (10, 20, 30)
    assert turned.read() is None
    turned.close()
    assert source.closed


def test_a_size_that_changes_is_followed():
    turned = RotatedSource(ListSource([Frame(0, 0.0, dotted(5, 10)), Frame(1, 0.1, dotted(5, 10, (100, 30)))]), 90)
    assert turned.read().image.shape == (64, 48, 3)
    frame = turned.read()
    assert frame.image.shape == (100, 30, 3)
    assert frame.image[5, 30 - 1 - 10].any()


def test_memory_is_used_again_and_never_what_is_held():
    turned = RotatedSource(ListSource([Frame(i, i / 25.0, dotted(i, i)) for i in range(40)]), 90)
    held = turned.read()
    before = held.image.copy()
    addresses = set()
    while (frame := turned.read()) is not None:
        addresses.add(frame.image.ctypes.data)
        del frame
    assert len(addresses) <= 2
    np.testing.assert_array_equal(held.image, before)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_truth_turns_with_the_picture(turn):
    model = FaceModel.load()
    truth = Performer(model.layout, 640, 480, seed=3).parameters(1.0)
    frame = Frame(0, 0.0, np.zeros((480, 640, 3), np.uint8), truth)
    turned = RotatedSource(ListSource([frame]), turn, model.layout).read().truth
    points = np.random.default_rng(0).normal(0.0, 60.0, (50, 3))

    def seen(vector: np.ndarray) -> np.ndarray:
        p = model.layout.view(vector)
        return project(points, p.rotation, p.translation, p.scale)

    x, y = seen(truth).T
    expected = {90: (480 - y, x), 180: (640 - x, 480 - y), 270: (y, 640 - x)}[turn]
    np.testing.assert_allclose(seen(turned), np.stack(expected, -1), atol=0.01)


def test_truth_of_an_unknown_layout_is_dropped():
    frame = Frame(0, 0.0, dotted(1, 1), np.zeros(5, np.float32))
    assert RotatedSource(ListSource([frame]), 90).read().truth is None


def test_other_angles_are_refused():
    with pytest.raises(ValueError, match="45"):
        RotatedSource(ListSource([]), 45)
