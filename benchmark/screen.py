"""A screen without a window: draws frames with their faces on a thread of its own, as the window does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from realtime.frame import TrackedFrame, TrackingState
from realtime.loop.slot import LatestSlot
from realtime.render import HeadlessRenderer, RenderOptions
from realtime.sinks.failure import Failure

Shown = Callable[[NDArray[np.uint8], TrackedFrame, float], None]
"""Called with each picture (H, W, 3) BGR, the result that it shows, and the milliseconds that it took to draw."""


class Screen:
    """A sink that draws the face on the frame that it was computed from, and reads the picture back."""

    def __init__(self, model: FaceModel, width: int, height: int, shown: Shown, every: bool) -> None:
        """
        Args:
            model: of the parameters.
            width, height: of the pictures, px.
            shown: called on the screen's thread.
            every: draw every result, and let the loop wait; otherwise the newest, as the window does.

        Raises:
            LimelightError: no OpenGL.
        """
        self._renderer = HeadlessRenderer(model, width, height)
        self._shown, self._every = shown, every
        self._options = RenderOptions()
        self._slot: LatestSlot[TrackedFrame] = LatestSlot()
        self._failure = Failure()
        self._thread = threading.Thread(target=self._run, name="limelight-screen", daemon=True)
        self._thread.start()

    def submit(self, result: TrackedFrame) -> None:
        """Draw one result.

        Raises:
            LimelightError: once, if drawing has failed.
        """
        self._failure.raise_once()
        if self._every:
            self._slot.put_in_turn(result)
        else:
            self._slot.put(result)

    def close(self) -> None:
        """Draw what waits and free the renderer; a second call does nothing.

        Raises:
            LimelightError: drawing has failed, and `submit` has not said so.
        """
        self._slot.close()
        self._thread.join()
        self._renderer.close()
        self._failure.raise_once()

    def _run(self) -> None:
        try:
            while (result := self._slot.take()) is not None:
                start = perf_counter()
                seen = result.state in (TrackingState.TRACKING, TrackingState.HELD)
                picture = self._renderer.render(result.frame.image, result.smoothed if seen else None, self._options)
                self._shown(picture, result, 1000.0 * (perf_counter() - start))
        except Exception as error:  # a thread that died would leave the loop waiting for ever
            self._failure.set(LimelightError(f"drawing failed: {error}"))
            self._slot.close()
