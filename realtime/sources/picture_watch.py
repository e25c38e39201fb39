"""Names a camera that shows nothing: a picture that never changes, or one that is black."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_POINTS = 64  # of a picture along either side that are compared
_BLACK = 24  # of 255: what a covered lens stays below, noise and all ...
_HOT = 0.005  # ... but for the share of pixels that are stuck


class PictureWatch:
    """Looks at the frames of a live source; real cameras have noise, so a picture that repeats exactly is frozen."""

    def __init__(self, seconds: float = 2.0) -> None:
        """
        Args:
            seconds: how long a picture must stay the same, or black, to be named.
        """
        self._seconds = seconds
        self._last = np.empty((0, 0, 3), np.uint8)
        self._changed: float | None = None
        self._lit: float | None = None

    def look(self, image: NDArray[np.uint8], time: float) -> str:
        """Look at a new frame.

        Args:
            image: (H, W, 3) uint8.
            time: of the frame, seconds on any clock.

        Returns:
            One line for people on what is wrong; "" while nothing is.
        """
        points = image[:: max(1, image.shape[0] // _POINTS), :: max(1, image.shape[1] // _POINTS)]
        if points.shape != self._last.shape:
            self._last = np.empty_like(points, order="C")
            self._changed = None
        if self._changed is None or time < self._changed or not np.array_equal(points, self._last):
            self._changed = time
            np.copyto(self._last, points)
        if self._lit is None or time < self._lit or self._is_lit():
            self._lit = time
        if time - self._lit >= self._seconds:
            return "the picture is black: is the lens covered, or the camera used by another program?"
        if time - self._changed >= self._seconds:
            return f"the picture has not changed for {self._seconds:g} s: is the camera frozen?"
        return ""

    def _is_lit(self) -> bool:
        return int(np.count_nonzero(self._last > _BLACK)) > _HOT * self._last.size
