"""The pass that gives a picture alpha."""

from __future__ import annotations

import moderngl
import numpy as np
from numpy.typing import NDArray

from realtime.render.gl import make_program
from realtime.render.options import Viewport
from realtime.render.tiles import TileProgram, bounds_of, part_of_view, rectangles_of


class CutPass:
    """Cuts out of a picture what is covered. For a picture: `begin`, draw to `picture` and `coverage`, `draw`.

    Attributes:
        picture: to be drawn to; black now.
        coverage: to be drawn to, in alpha; 0 now.
    """

    picture: moderngl.Framebuffer
    coverage: moderngl.Framebuffer

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._program = make_program(ctx, "screen.vert", "cut.frag")
        self._matte = TileProgram(ctx, "matte.frag")
        self._program["picture"], self._program["coverage"] = 0, 1
        self._matte.program["frame"], self._matte.program["lines"] = 0, 1
        self._screen = ctx.vertex_array(self._program, [])
        self._textures: tuple[moderngl.Texture, ...] = ()
        self._covered: Viewport | None = None

    def begin(self, size: tuple[int, int]) -> None:
        """Begin a picture of (width, height) px."""
        if not self._textures or self._textures[0].size != size:
            self._release_targets()
            self._textures = tuple(self._ctx.texture(size, 4) for _ in range(2))
            for texture in self._textures:
                texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
            self.picture, self.coverage = (self._ctx.framebuffer([texture]) for texture in self._textures)
        for target in (self.picture, self.coverage):
            target.clear(0.0, 0.0, 0.0, 0.0)
        self._covered = None

    def covers(self, rectangle: Viewport, part: Viewport) -> None:
        """Say that `coverage` was drawn to.

        Args:
            rectangle: that the frame covers.
            part: of it.
        """
        x0, y0 = rectangle[0] + part[0], rectangle[1] + part[1]
        x1, y1 = x0 + part[2], y0 + part[3]
        if self._covered is not None:
            x, y, width, height = self._covered
            x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x + width), max(y1, y + height)
        self._covered = x0, y0, x1 - x0, y1 - y0

    def cover_by_matte(
        self,
        frame: moderngl.Texture,
        lines: moderngl.Texture,
        tiles: NDArray[np.bool_],
        rectangle: Viewport,
        mirror: bool,
    ) -> None:
        """Draw the person matte to `coverage`.

        Args:
            frame: RGB as the camera encoded it, row 0 at the top.
            lines: of the frame's matte.
            tiles: that the matte reaches.
            rectangle: that the frame covers.
            mirror: flip left and right.
        """
        persons = rectangles_of(tiles)
        if not len(persons):
            return
        self.covers(rectangle, part_of_view(bounds_of(persons), rectangle[2:], mirror))
        self.coverage.use()
        self._ctx.viewport = rectangle
        self._ctx.enable_only(moderngl.NOTHING)
        frame.use(0)
        lines.use(1)
        self._matte.program["mirror"] = mirror
        self._matte.draw(persons)

    def draw(self, target: moderngl.Framebuffer, viewport: Viewport, multiplied: bool, premultiplied: bool) -> None:
        """Draw the picture with alpha.

        Args:
            target: to draw into.
            viewport: of the target, of the size that was begun with.
            multiplied: whether what is partly covered was drawn over black.
            premultiplied: whether colour is to be multiplied by alpha.
        """
        target.clear(0.0, 0.0, 0.0, 0.0, viewport=viewport)
        if self._covered is None:
            return
        target.use()
        self._ctx.viewport = viewport
        x, y, width, height = self._covered
        self._ctx.scissor = viewport[0] + x, viewport[1] + y, width, height
        self._ctx.enable_only(moderngl.NOTHING)
        for unit, texture in enumerate(self._textures):
            texture.use(unit)
        self._program["mirror"] = False
        self._program["multiplied"], self._program["premultiplied"] = multiplied, premultiplied
        self._screen.render(moderngl.TRIANGLES, vertices=3)
        self._ctx.scissor = None

    def release(self) -> None:
        """Free the OpenGL objects."""
        self._release_targets()
        for item in (self._screen, self._program, self._matte):
            item.release()

    def _release_targets(self) -> None:
        if self._textures:
            for target in (self.picture, self.coverage):
                target.release()
            for texture in self._textures:
                texture.release()
        self._textures = ()
