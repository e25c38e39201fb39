"""The sink that films the overlay: renderer and video file in one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel
from realtime.frame import TrackedFrame, TrackingState
from realtime.outputs.video_writer import VideoWriter
from realtime.render import HeadlessRenderer, RenderOptions


class OverlayVideo:
    """Draws the face on each frame it was computed from, while one is tracked or held, into an mp4."""

    def __init__(self, path: Path, model: FaceModel, width: int, height: int, fps: float, live: bool) -> None:
        """
        Raises:
            LimelightError: no OpenGL, or the file cannot be written.
        """
        self.path = path
        self._options = RenderOptions()
        self._renderer = HeadlessRenderer(model, width, height)
        try:
            self._writer = VideoWriter(path, width, height, fps, self._draw, live=live)
        except BaseException:
            self._renderer.close()
            raise

    def submit(self, result: TrackedFrame) -> None:
        """Draw and encode one result.

        Raises:
            LimelightError: once, when the video cannot be written any more.
        """
        self._writer.submit(result)

    def close(self) -> None:
        """Finish the file and free the renderer; a second call does nothing.

        Raises:
            LimelightError: the video is not whole.
        """
        try:
            self._writer.close()
        finally:
            self._renderer.close()

    def _draw(self, result: TrackedFrame) -> NDArray[np.uint8]:
        seen = result.state in (TrackingState.TRACKING, TrackingState.HELD)
        return self._renderer.render(result.frame.image, result.smoothed if seen else None, self._options)
