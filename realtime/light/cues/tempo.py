"""Tempo: tapped or set, and the beat that it makes."""

from __future__ import annotations

import math
from statistics import fmean, median

from facemodel import LimelightError

MIN_BPM, MAX_BPM = 30.0, 300.0
FORGET = 2.0  # seconds after a tap until the next begins anew; 30 bpm
KEPT = 8  # taps that count
OUTLIER = 0.25  # of the median, by which an interval may differ


class Tempo:
    """Counts beats. Driven by the times it is given; not to be used by two threads at once.

    Attributes:
        bpm: beats per minute.
    """

    def __init__(self, bpm: float = 120.0) -> None:
        self.bpm = bpm
        self._time = 0.0  # when the count of beats was `_beat`
        self._beat = 0.0
        self._taps: tuple[float, ...] = ()

    def beat(self, now: float) -> float:
        """Return how many beats have gone by; whole at each beat."""
        return self._beat + (now - self._time) * self.bpm / 60.0

    def set(self, now: float, bpm: float) -> None:
        """Set beats per minute; the count of beats goes on from where it is.

        Raises:
            LimelightError: it is no tempo.
        """
        if not MIN_BPM <= bpm <= MAX_BPM:
            raise LimelightError(f"tempo: must be {MIN_BPM:.0f} to {MAX_BPM:.0f} beats a minute, got {bpm}")
        self._beat, self._time, self.bpm = self.beat(now), now, float(bpm)

    def resync(self, now: float) -> None:
        """Take this moment as a beat: the nearest one."""
        self._beat, self._time = float(math.floor(self.beat(now) + 0.5)), now

    def tap(self, now: float) -> None:
        """Tap a beat: from the second tap on, the tempo is that of the last taps, less those that were off."""
        if self._taps and not 0.0 < now - self._taps[-1] <= FORGET:
            self._taps = ()
        self._taps = (*self._taps, now)[-KEPT:]
        intervals = [b - a for a, b in zip(self._taps, self._taps[1:], strict=False)]
        if intervals:
            middle = median(intervals)
            good = [interval for interval in intervals if abs(interval - middle) <= OUTLIER * middle]
            seconds = fmean(good) if good else middle
            self.set(now, min(max(60.0 / seconds, MIN_BPM), MAX_BPM))
        self.resync(now)
