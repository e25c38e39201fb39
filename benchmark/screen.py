"""A screen without a window: draws frames with their faces, as the window does."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from realtime.frame import Result, StreamInfo, TrackingState
from realtime.render import HeadlessComposer, RenderOptions

Shown = Callable[[NDArray[np.uint8], Result, float], None]
"""Called with each picture (H, W, 3) BGR, the result that it shows, and the milliseconds that it took to draw."""


class Screen:
    """A sink that draws the performer's face on the frame that it was computed from, and reads the picture back.

    Args:
        shown: called on the worker's thread.
    """

    name = "screen"

    def __init__(self, shown: Shown) -> None:
        self._shown = shown
        self._options = RenderOptions()
        self._renderer: HeadlessComposer | None = None

    def begin(self, info: StreamInfo) -> None:
        """
        Raises:
            LimelightError: no OpenGL.
        """
        self._renderer = HeadlessComposer(info.model, info.width, info.height)

    def submit(self, result: Result) -> None:
        assert self._renderer is not None
        start, face = perf_counter(), result.performer
        seen = face is not None and face.state in (TrackingState.TRACKING, TrackingState.HELD)
        parameters = face.smoothed if face is not None and seen else None
        picture = self._renderer.render(result.frame.image, parameters, self._options)
        self._shown(picture, result, 1000.0 * (perf_counter() - start))

    def status(self) -> str:
        return ""

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None
