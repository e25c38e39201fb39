"""Rendering without a window."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from realtime.opencv import cv2
from realtime.render.composer import Composer, Worn
from realtime.render.options import RenderOptions
from realtime.render.scene import Faces, Scene, estimated_scene

_FATAL = ("GL_OUT_OF_MEMORY", "GL_UNKNOWN_ERROR")
"""Errors after which pictures are wrong for good; the last is how moderngl calls a context that was lost."""


def headless_context() -> moderngl.Context:
    """A standalone OpenGL 3.3 context, current on this thread: EGL, or else the platform's own kind.

    Raises:
        LimelightError: this machine offers no OpenGL 3.3.
    """
    reasons = []
    backends: tuple[dict[str, Any], ...] = ({"backend": "egl"}, {})
    for backend in backends:
        try:
            return moderngl.create_context(standalone=True, require=330, **backend)
        except Exception as error:  # glcontext raises bare Exception for a missing library or driver
            reasons.append(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__)
    raise LimelightError(
        f"no OpenGL 3.3 here ({'; '.join(dict.fromkeys(reasons))}); "
        "install a GPU driver, or Mesa's libegl1 and libgl1-mesa-dri"
    )


class HeadlessComposer:
    """Renders pictures of a fixed size to memory.

    OpenGL runs on a thread of its own, so any thread may call, and several composers and a window live side
    by side.
    """

    def __init__(
        self,
        model: FaceModel,
        width: int,
        height: int,
        samples: int | None = None,
        hair: Sequence[Worn] = (),
        warm: bool = False,
    ) -> None:
        """
        Args:
            model: the face model that parameter vectors belong to.
            width, height: of the pictures, px.
            samples, hair: as `Composer`'s.
            warm: compile beforehand what light of cues will need, see `Composer.warm`.

        Raises:
            LimelightError: this machine offers no OpenGL 3.3.
        """
        self.width, self.height = width, height
        self._layout = model.layout
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="headless-composer")
        self._surface: _Surface | None = None
        try:
            self._surface = self._thread.submit(_Surface, model, width, height, samples, hair, warm).result()
        except BaseException:
            self._thread.shutdown()
            raise

    def draw(self, scene: Scene) -> NDArray[np.uint8]:
        """Draw one picture.

        Returns:
            (height, width, 3) uint8 BGR, or (height, width, 4) BGRA where the scene's options ask for alpha. The array
            is reused by the next call.

        Raises:
            LimelightError: the context was lost, or graphics memory is full.
        """
        if self._surface is None:
            raise RuntimeError("this composer is closed")
        return self._thread.submit(self._surface.draw, scene).result()

    def render(
        self, image: NDArray[np.uint8] | None, parameters: Faces, options: RenderOptions | None = None
    ) -> NDArray[np.uint8]:
        """Draw faces in the light that was estimated; arguments as `estimated_scene`'s, the result as `draw`'s."""
        return self.draw(estimated_scene(self._layout, image, parameters, options or RenderOptions()))

    def close(self) -> None:
        """Free the context; a second call does nothing."""
        if self._surface is not None:
            surface, self._surface = self._surface, None
            try:
                self._thread.submit(surface.release).result()
            finally:  # a context that is lost may refuse to be freed
                self._thread.shutdown()

    def __enter__(self) -> HeadlessComposer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Surface:
    """The composer's context and buffers; lives on its thread."""

    def __init__(
        self, model: FaceModel, width: int, height: int, samples: int | None, hair: Sequence[Worn], warm: bool
    ) -> None:
        self._ctx = headless_context()
        self._composer = Composer(self._ctx, model, samples, hair)
        self._target = self._ctx.simple_framebuffer((width, height), components=4)
        if warm:
            self._composer.warm(self._target)
        self._viewport = (0, 0, width, height)
        self._pixels = np.empty((height, width, 4), np.uint8)  # RGBA, bottom row first
        self._upright = np.empty_like(self._pixels)
        self._picture = np.empty((height, width, 3), np.uint8)

    def draw(self, scene: Scene) -> NDArray[np.uint8]:
        self._composer.draw(self._target, self._viewport, scene)
        self._target.read_into(self._pixels, components=4)
        if (error := self._ctx.error) in _FATAL:
            raise LimelightError(f"OpenGL draws no more ({error}); start this again, or free graphics memory first")
        cv2.flip(self._pixels, 0, dst=self._upright)
        if scene.options.alpha is not None:
            return cv2.cvtColor(self._upright, cv2.COLOR_RGBA2BGRA, dst=self._pixels)
        return cv2.cvtColor(self._upright, cv2.COLOR_RGBA2BGR, dst=self._picture)

    def release(self) -> None:
        with self._ctx:  # and current no more: a thread that ends with a context would keep its memory for ever
            self._composer.release()
            self._target.release()
        self._ctx.release()
