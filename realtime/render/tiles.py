"""Parts of the frame that are drawn each by its own program."""

from __future__ import annotations

import math

import moderngl
import numpy as np
from numpy.typing import NDArray

from realtime.render.gl import make_program
from realtime.render.options import Viewport

EVERYWHERE = np.ones((1, 1), bool)
"""Tiles that are the whole frame."""


class TileProgram:
    """A program that draws rectangles of the frame; its fragment shader reads `place`.

    Attributes:
        program: for uniforms.
    """

    def __init__(self, ctx: moderngl.Context, fragment: str) -> None:
        """
        Args:
            ctx: current on this thread.
            fragment: name of the shader's file.
        """
        self._ctx = ctx
        self.program = make_program(ctx, "tiles.vert", fragment)
        self._rectangles = ctx.buffer(reserve=16, dynamic=True)
        self._vertices = self._make_vertices()

    def draw(self, rectangles: NDArray[np.float32]) -> None:
        """Draw rectangles, (N, 4) left, bottom, right, top as parts of the frame, into the viewport."""
        if not len(rectangles):
            return
        if rectangles.nbytes > self._rectangles.size:
            self._vertices.release()
            self._rectangles.orphan(2 * rectangles.nbytes)
            self._vertices = self._make_vertices()
        self._rectangles.write(rectangles)
        self._vertices.render(moderngl.TRIANGLE_STRIP, vertices=4, instances=len(rectangles))

    def release(self) -> None:
        """Free the OpenGL objects."""
        for item in (self._vertices, self._rectangles, self.program):
            item.release()

    def _make_vertices(self) -> moderngl.VertexArray:
        return self._ctx.vertex_array(self.program, [(self._rectangles, "4f/i", "in_rectangle")])


def rectangles_of(tiles: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return rectangles that cover tiles (rows, columns), row 0 at the top, each once: few and large, where the runs of
    a row go on in the next one.

    Returns: (N, 4) left, bottom, right, top as parts of the frame, from its bottom left.
    """
    rows, columns = tiles.shape
    steps = np.diff(np.pad(tiles, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, left = np.nonzero(steps == 1)
    right = np.nonzero(steps == -1)[1]
    found: list[list[int]] = []
    open_runs: dict[tuple[int, int, int], list[int]] = {}  # by the row that they may go on in
    for y, x0, x1 in zip(row.tolist(), left.tolist(), right.tolist(), strict=True):
        run = open_runs.pop((y, x0, x1), None)
        if run is None:
            run = [x0, y, x1, y]
            found.append(run)
        run[1] = y + 1
        open_runs[y + 1, x0, x1] = run
    rectangles = np.array(found, np.float32).reshape(-1, 4)
    rectangles /= (columns, rows, columns, rows)
    rectangles[:, 1::2] = 1.0 - rectangles[:, 1::2]
    return rectangles


def bounds_of(rectangles: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Return left, bottom, right, top of all rectangles (N, 4) together; 0 of none."""
    if not len(rectangles):
        return 0.0, 0.0, 0.0, 0.0
    left, bottom = rectangles[:, :2].min(axis=0).tolist()
    right, top = rectangles[:, 2:].max(axis=0).tolist()
    return left, bottom, right, top


def part_of_view(bounds: tuple[float, float, float, float], size: tuple[int, int], mirror: bool) -> Viewport:
    """Return a part of the frame in a view of this size: x, y, width, height, px from bottom left.

    Args:
        bounds: left, bottom, right, top as parts of the frame.
        size: width, height of the view, px.
        mirror: whether it is flipped.
    """
    left, bottom, right, top = bounds
    if mirror:
        left, right = 1.0 - right, 1.0 - left
    x0, y0 = int(left * size[0]), int(bottom * size[1])
    return x0, y0, math.ceil(right * size[0]) - x0, math.ceil(top * size[1]) - y0
