"""The drawing of relit video, alone or beside what the camera saw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime.frame import Result, StreamInfo
from realtime.outputs.overlay import Overlay
from realtime.render import RenderOptions, ViewMode
from realtime.sources.images import pad_to_size


class Relit:
    """Draws results in the light of the show; with `compare` at the right, and the frame itself at the left."""

    def __init__(self, info: StreamInfo, compare: bool = False) -> None:
        """
        Args:
            info: of the feed.
            compare: draw both, twice as wide.

        Raises:
            LimelightError: this machine offers no OpenGL 3.3.
        """
        self._relit = Overlay(info, RenderOptions(mode=ViewMode.RELIT))
        self._both = np.zeros((info.height, 2 * info.width, 3), np.uint8) if compare else None

    def draw(self, result: Result) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8 BGR, or (H, 2 W, 3); the array is reused by the next call."""
        picture = self._relit.draw(result)
        if self._both is None:
            return picture
        height, width = picture.shape[:2]
        self._both[:, :width] = pad_to_size(result.frame.image, width, height)
        self._both[:, width:] = picture
        return self._both

    def close(self) -> None:
        """Free the context; a second call does nothing."""
        self._relit.close()


def relit_and_frame_size(info: StreamInfo) -> tuple[int, int]:
    """Return the size, width and height in px, of pictures that compare."""
    return 2 * info.width, info.height
