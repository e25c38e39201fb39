"""The lines of a person matte on the GPU."""

from __future__ import annotations

import moderngl

from realtime.matte.person_matte import Matte


class MatteTexture:
    """Holds the lines of the last matte: slope and offset from luma to the matte, row 0 at the top."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._texture: moderngl.Texture | None = None

    def upload(self, matte: Matte) -> moderngl.Texture:
        """Return the texture with the lines of a matte."""
        size = (matte.lines.shape[1], matte.lines.shape[0])
        if self._texture is None or self._texture.size != size:
            self.release()
            self._texture = self._ctx.texture(size, 2, dtype="f4")
            self._texture.repeat_x = self._texture.repeat_y = False
        self._texture.write(matte.lines)
        return self._texture

    def release(self) -> None:
        """Free the OpenGL object."""
        if self._texture is not None:
            self._texture.release()
            self._texture = None
