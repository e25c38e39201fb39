"""The pass of the camera's frame."""

from __future__ import annotations

import moderngl
import numpy as np
from numpy.typing import NDArray

from realtime.render.gl import make_program
from realtime.render.options import Viewport


class FramePass:
    """Puts the frame on the GPU and draws it as it is.

    Attributes:
        texture: the frame that was last uploaded, RGB as the camera encoded it, row 0 at the top; None before.
    """

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._program = make_program(ctx, "screen.vert", "frame.frag")
        self._screen = ctx.vertex_array(self._program, [])
        self.texture: moderngl.Texture | None = None

    def upload(self, image: NDArray[np.uint8], size: tuple[int, int]) -> moderngl.Texture:
        """Return the texture of a frame that is to be drawn.

        Args:
            image: (H, W, 3) uint8 BGR.
            size: width, height that it is drawn in, px; a frame of just that size is not filtered.
        """
        own = (image.shape[1], image.shape[0])
        if self.texture is None or self.texture.size != own:
            if self.texture is not None:
                self.texture.release()
            self.texture = self._ctx.texture(own, 3, alignment=1)
            self.texture.swizzle = "BGR1"
            self.texture.repeat_x = self.texture.repeat_y = False
        sampling = moderngl.NEAREST if own == size else moderngl.LINEAR
        self.texture.filter = (sampling, sampling)
        self.texture.write(np.ascontiguousarray(image))
        return self.texture

    def draw(self, target: moderngl.Framebuffer, rectangle: Viewport, mirror: bool) -> None:
        """Draw the uploaded frame into a rectangle."""
        assert self.texture is not None
        target.use()
        self._ctx.viewport = rectangle
        self._ctx.enable_only(moderngl.NOTHING)
        self.texture.use(0)
        self._program["mirror"] = mirror
        self._screen.render(moderngl.TRIANGLES, vertices=3)

    def release(self) -> None:
        """Free the OpenGL objects."""
        for item in (self._screen, self._program, self.texture):
            if item is not None:
                item.release()
        self.texture = None
