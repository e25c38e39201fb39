"""An animated WebP as a source, which FFmpeg cannot decode: all its pictures, at its own times."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel.errors import LimelightError
from realtime.frame import Frame, Sound
from realtime.opencv import cv2
from realtime.sources.file_kind import shown

_CHUNK = 64  # pictures that are decoded at once
_DEFAULT_SECONDS = 0.1  # a picture that gives no time is shown so long, as browsers do


class WebPAnimation:
    """Reads an animated WebP with OpenCV, a few pictures at a time.

    Attributes: as `realtime.sources.base.Source`.
    """

    live = False
    sound: Sound | None = None

    def __init__(self, path: str | Path) -> None:
        """
        Raises:
            LimelightError: missing, truncated, or no WebP.
        """
        path = Path(path)
        self.name = shown(path.name)
        try:
            self._data: NDArray[np.uint8] = np.fromfile(path, np.uint8)
        except OSError as error:
            raise LimelightError(f"image {shown(path)}: cannot be read ({error.strerror})") from error
        self._index, self._time = 0, 0.0
        self._waiting = self._decode()
        if not self._waiting:
            raise LimelightError(f"image {shown(path)}: truncated or not an image")
        self.height, self.width = self._waiting[0][0].shape[:2]
        self.fps = len(self._waiting) / math.fsum(seconds for _, seconds in self._waiting)

    def read(self) -> Frame | None:
        if not self._waiting:
            self._waiting = self._decode()
        if not self._waiting:
            return None
        picture, seconds = self._waiting.pop(0)
        image = np.ascontiguousarray(picture[..., :3])
        frame = Frame(self._index, self._time, image)
        self._index += 1
        self._time += seconds
        return frame

    def close(self) -> None:
        self._waiting, self._data = [], np.empty(0, np.uint8)

    def _decode(self) -> list[tuple[NDArray[np.uint8], float]]:
        """The next pictures, BGR or BGRA, and how long each is shown, s."""
        if not self._data.size:
            return []
        try:
            _, animation = cv2.imdecodeanimation(self._data, self._index, _CHUNK)
        except cv2.error:
            return []
        times = [t / 1000.0 if t > 0 else _DEFAULT_SECONDS for t in animation.durations]
        return list(zip(animation.frames, times, strict=False))
