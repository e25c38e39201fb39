"""The layer that a face is drawn to before it is blended into the picture."""

from __future__ import annotations

import moderngl


class Layer:
    """A half-float picture with depth that ends in a texture, by way of a multisampled one for many samples a pixel.

    Attributes:
        size: width, height, px.
        texture: premultiplied RGBA, row 0 at the bottom.
    """

    def __init__(self, ctx: moderngl.Context, size: tuple[int, int], samples: int) -> None:
        self._ctx = ctx
        self.size = size
        self.texture = ctx.texture(size, 4, dtype="f2")
        self.texture.repeat_x = self.texture.repeat_y = False
        self._color: moderngl.Renderbuffer | None = None
        self._resolved: moderngl.Framebuffer | None = None
        if samples > 1:
            self._depth = ctx.depth_renderbuffer(size, samples=samples)
            self._color = ctx.renderbuffer(size, 4, samples=samples, dtype="f2")
            self._canvas = ctx.framebuffer([self._color], self._depth)
            self._resolved = ctx.framebuffer([self.texture])
        else:
            self._depth = ctx.depth_renderbuffer(size)
            self._canvas = ctx.framebuffer([self.texture], self._depth)

    def begin(self) -> None:
        """Clear and make this the target."""
        self._canvas.use()
        self._canvas.clear(0.0, 0.0, 0.0, 0.0)

    def resolve(self) -> None:
        """Make `texture` hold what was drawn."""
        if self._resolved is not None:
            self._ctx.copy_framebuffer(self._resolved, self._canvas)

    def release(self) -> None:
        """Free the OpenGL objects."""
        for item in (self._canvas, self._resolved, self._color, self._depth, self.texture):
            if item is not None:
                item.release()
