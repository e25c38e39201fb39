"""The pass that gives a picture alpha."""

from __future__ import annotations

import moderngl
import numpy as np
from numpy.typing import NDArray

from realtime.render.gl import make_program
from realtime.render.options import Viewport


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
        self._matte_program = make_program(ctx, "screen.vert", "matte.frag")
        self._program["picture"], self._program["coverage"] = 0, 1
        self._matte_program["frame"], self._matte_program["lines"] = 0, 1
        self._screen = ctx.vertex_array(self._program, [])
        self._matte_screen = ctx.vertex_array(self._matte_program, [])
        self._textures: tuple[moderngl.Texture, ...] = ()
        self._lines: moderngl.Texture | None = None

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

    def cover_by_matte(
        self, frame: moderngl.Texture, lines: NDArray[np.float32], rectangle: Viewport, mirror: bool
    ) -> None:
        """Draw the person matte to `coverage`.

        Args:
            frame: RGB as the camera encoded it, row 0 at the top.
            lines: (h, w, 2) of the frame's `Matte`.
            rectangle: that the frame covers.
            mirror: flip left and right.
        """
        size = (lines.shape[1], lines.shape[0])
        if self._lines is None or self._lines.size != size:
            if self._lines is not None:
                self._lines.release()
            self._lines = self._ctx.texture(size, 2, dtype="f4")
            self._lines.repeat_x = self._lines.repeat_y = False
        self._lines.write(lines)
        self.coverage.use()
        self._ctx.viewport = rectangle
        self._ctx.enable_only(moderngl.NOTHING)
        frame.use(0)
        self._lines.use(1)
        self._matte_program["mirror"] = mirror
        self._matte_screen.render(moderngl.TRIANGLES, vertices=3)

    def draw(self, target: moderngl.Framebuffer, viewport: Viewport, multiplied: bool, premultiplied: bool) -> None:
        """Draw the picture with alpha.

        Args:
            target: to draw into.
            viewport: of the target, of the size that was begun with.
            multiplied: whether what is partly covered was drawn over black.
            premultiplied: whether colour is to be multiplied by alpha.
        """
        target.use()
        self._ctx.viewport = viewport
        self._ctx.enable_only(moderngl.NOTHING)
        for unit, texture in enumerate(self._textures):
            texture.use(unit)
        self._program["mirror"] = False
        self._program["multiplied"], self._program["premultiplied"] = multiplied, premultiplied
        self._screen.render(moderngl.TRIANGLES, vertices=3)

    def release(self) -> None:
        """Free the OpenGL objects."""
        self._release_targets()
        for item in (self._screen, self._matte_screen, self._program, self._matte_program, self._lines):
            if item is not None:
                item.release()
        self._lines = None

    def _release_targets(self) -> None:
        if self._textures:
            for target in (self.picture, self.coverage):
                target.release()
            for texture in self._textures:
                texture.release()
        self._textures = ()
