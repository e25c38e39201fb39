"""Draws two pictures in one, with a line between them."""

from __future__ import annotations

from collections.abc import Callable

import moderngl

from realtime.render.options import Viewport
from shaders import load_shader


class Wipe:
    """Keeps the second picture in a texture, of which the right part is laid over the first. For the thread where the
    context is current."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._program = ctx.program(vertex_shader=load_shader("screen.vert"), fragment_shader=load_shader("layer.frag"))
        self._program["mirror"], self._program["smooth_silhouette"], self._program["opacity"] = False, False, 1.0
        self._screen = ctx.vertex_array(self._program, [])
        self._target: moderngl.Framebuffer | None = None

    def draw(
        self,
        target: moderngl.Framebuffer,
        viewport: Viewport,
        at: float,
        draw: Callable[[moderngl.Framebuffer, Viewport], None],
    ) -> None:
        """Lay a picture over what is right of a line.

        Args:
            target: where to draw, with the first picture in it.
            viewport: x, y, width, height of the picture in it, px.
            at: where the line is, 0 at the left, 1 at the right.
            draw: draws the second picture into a part of a framebuffer.
        """
        x, y, width, height = viewport
        split = min(max(round(at * width), 0), width)
        if split == width:
            return
        if self._target is None or self._target.size != (width, height):
            self._release_target()
            self._target = self._ctx.framebuffer([self._ctx.texture((width, height), 4)])
        draw(self._target, (0, 0, width, height))
        target.use()
        self._ctx.viewport = viewport
        self._ctx.scissor = (x + split, y, width - split, height)
        self._ctx.enable_only(moderngl.NOTHING)
        self._target.color_attachments[0].use(0)
        self._screen.render(moderngl.TRIANGLES, vertices=3)
        self._ctx.scissor = None

    def release(self) -> None:
        """Free the OpenGL objects."""
        self._release_target()
        self._screen.release()
        self._program.release()

    def _release_target(self) -> None:
        if self._target is not None:
            self._target.color_attachments[0].release()
            self._target.release()
            self._target = None
