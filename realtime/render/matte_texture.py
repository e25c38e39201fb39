"""The lines of a person matte on the GPU."""

from __future__ import annotations

import moderngl

from realtime.matte.person_matte import Matte


class MatteTexture:
    """Puts the lines of a matte on the GPU.

    Attributes:
        texture: of the matte that was last uploaded, slope and offset from luma to the matte, row 0 at the top; None
            before.
    """

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self.texture: moderngl.Texture | None = None

    def upload(self, matte: Matte) -> None:
        """Make `texture` hold the lines of a matte."""
        size = (matte.lines.shape[1], matte.lines.shape[0])
        if self.texture is None or self.texture.size != size:
            self.release()
            self.texture = self._ctx.texture(size, 2, dtype="f4")
            self.texture.repeat_x = self.texture.repeat_y = False
        self.texture.write(matte.lines)

    def release(self) -> None:
        """Free the OpenGL object."""
        if self.texture is not None:
            self.texture.release()
            self.texture = None
