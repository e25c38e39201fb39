"""Which source timecode comes from now; another one may be chosen at any time."""

from __future__ import annotations

import threading

from facemodel import LimelightError
from realtime.frame_rate import Timecode
from realtime.timecode.source import TimecodeSource, device_of, open_timecode


class TimecodeChoice:
    """The source of timecode that is in use, if any. All methods may be called from any thread.

    Attributes:
        name: of the source, see `open_timecode`; "" for none.
    """

    def __init__(self, name: str | None = None) -> None:
        """
        Args:
            name: of the first source; None for none.

        Raises:
            LimelightError: there is no such source.
        """
        self.name = ""
        self._source: TimecodeSource | None = None
        self._ended = False
        self._lock = threading.RLock()  # held for as long as a device takes to open
        self.use(name)

    def use(self, name: str | None) -> None:
        """Take timecode from another source from now on; None or "" for none.

        Raises:
            LimelightError: there is no such source, and the one before goes on; or it has ended.
        """
        with self._lock:
            if name and self._ended:
                raise LimelightError("the session has ended")
            before, source = self.name, self._source
            if source is not None and name and device_of(name) == device_of(before):
                source.close()  # many a device opens once only
                source, self._source = None, None
            try:
                opened = open_timecode(name) if name else None
            except LimelightError:
                self._source = self._source or open_timecode(before) if before else None
                raise
            self._source, self.name = opened, name or ""
            if source is not None:
                source.close()

    def at(self, moment: float) -> Timecode | None:
        """Return the timecode at a moment on the `time.perf_counter` clock; None while there is none."""
        source = self._source
        return None if source is None else source.at(moment)

    def status(self) -> str:
        """Return how it goes, in one line; "" without a source."""
        source = self._source
        return "" if source is None else source.status()

    def close(self) -> None:
        """Let the source go; none can be chosen after that."""
        with self._lock:
            self._ended = True
            self.use(None)
