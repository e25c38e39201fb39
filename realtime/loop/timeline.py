"""Time that always rises, whatever a source says."""

from __future__ import annotations

import math


class Timeline:
    """Places the time stamps of one source after another on one rising line.

    Time stamps are taken as they are while they rise. One that is no number or does not rise (a camera whose clock is
    set back, a source that was opened again and counts from 0) is put one frame after the last one, and those after it
    keep their distance to it.
    """

    def __init__(self) -> None:
        self._last: float | None = None
        self._shift = 0.0

    def place(self, timestamp: float, period: float) -> float:
        """Return seconds for a frame of this time stamp, s, where frames are about `period` s apart."""
        if self._last is None:
            self._last = timestamp if math.isfinite(timestamp) else 0.0
            return self._last
        due = self._last + period
        if not math.isfinite(timestamp):
            placed = due
        elif timestamp > self._last:
            self._shift, placed = 0.0, timestamp
        elif timestamp + self._shift > self._last:
            placed = timestamp + self._shift
        else:
            self._shift, placed = due - timestamp, due
        self._last = placed
        return placed

    def reach(self, time: float) -> None:
        """Take in that something else was placed at a later time, s, such as a tick."""
        self._last = time
