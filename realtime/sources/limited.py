"""A source that ends early: after so many frames, or so many seconds."""

from __future__ import annotations

from realtime.frame import Frame
from realtime.sources.base import Source


class LimitedSource:
    """Passes a source through until a limit is reached; seconds count on the frames' own timestamps."""

    def __init__(self, source: Source, frames: int | None = None, seconds: float | None = None) -> None:
        self._source = source
        self._frames = frames
        self._seconds = seconds
        self._read = 0
        self._first: float | None = None
        self.name, self.width, self.height = source.name, source.width, source.height
        self.fps, self.live, self.sound = source.fps, source.live, source.sound

    def read(self) -> Frame | None:
        if self._frames is not None and self._read >= self._frames:
            return None
        frame = self._source.read()
        if frame is None:
            return None
        if self._first is None:
            self._first = frame.timestamp
        if self._seconds is not None and frame.timestamp - self._first >= self._seconds:
            return None
        self._read += 1
        return frame

    def close(self) -> None:
        self._source.close()
