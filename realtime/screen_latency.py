"""How old pictures are when they reach the screen: from their capture to the moment at which they are seen."""

from __future__ import annotations

from collections import deque
from time import perf_counter

import numpy as np

from realtime.frame import Result


class ScreenLatency:
    """Collects the age of every picture that came to the screen in the last seconds.

    Args:
        seconds: that a picture counts for.
    """

    def __init__(self, seconds: float = 2.0) -> None:
        self.seconds = seconds
        self._shown: deque[tuple[float, float]] = deque(maxlen=1000)  # moment, age in ms

    def note(self, result: Result, moment: float | None = None) -> None:
        """Take in a result that is on the screen since `moment` (`perf_counter`), or since now if None."""
        if result.captured is not None:
            moment = perf_counter() if moment is None else moment
            self._shown.append((moment, 1000.0 * (moment - result.captured)))

    def median(self, now: float | None = None) -> float | None:
        """Milliseconds, over the last seconds; None if no picture that has an age came to the screen in them."""
        now = perf_counter() if now is None else now
        while self._shown and now - self._shown[0][0] > self.seconds:
            self._shown.popleft()
        return float(np.median([age for _, age in self._shown])) if self._shown else None

    def clear(self) -> None:
        """Forget everything: another source plays."""
        self._shown.clear()
