"""Rectangles of the frame that are drawn each by its own program."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.render.tiles import EVERYWHERE, rectangles_of


def painted(tiles: np.ndarray) -> np.ndarray:
    """How often each tile is covered, (rows, columns)."""
    rows, columns = tiles.shape
    count = np.zeros(tiles.shape, int)
    for left, bottom, right, top in rectangles_of(tiles):
        y = slice(round((1.0 - top) * rows), round((1.0 - bottom) * rows))
        count[y, round(left * columns) : round(right * columns)] += 1
    return count


@pytest.mark.parametrize("seed", range(5))
def test_rectangles_cover_their_tiles_once_and_no_other(seed):
    tiles = np.random.default_rng(seed).random((18, 32)) < 0.5
    np.testing.assert_array_equal(painted(tiles), tiles)
    np.testing.assert_array_equal(painted(~tiles), ~tiles)


def test_runs_that_go_on_below_are_one_rectangle():
    tiles = np.zeros((6, 8), bool)
    tiles[1:5, 2:6] = True
    np.testing.assert_allclose(rectangles_of(tiles), [[0.25, 1 / 6, 0.75, 5 / 6]], rtol=1e-6)
    assert len(rectangles_of(~tiles)) == 4
    np.testing.assert_array_equal(rectangles_of(EVERYWHERE), [[0.0, 0.0, 1.0, 1.0]])
    assert rectangles_of(~EVERYWHERE).shape == (0, 4)
