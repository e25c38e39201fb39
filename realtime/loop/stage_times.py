"""How long each stage of the loop took, told as median and 95th percentile."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping

import numpy as np

_KEPT = 20_000
"""Of each stage, the newest: eleven minutes at a camera's rate."""


class StageTimes:
    """Milliseconds per stage of the newest frames, written by the loop, read by anyone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: dict[str, deque[float]] = {}

    def add(self, timings: Mapping[str, float]) -> None:
        """Take in one frame's stages, ms."""
        with self._lock:
            for stage, milliseconds in timings.items():
                self._stages.setdefault(stage, deque(maxlen=_KEPT)).append(milliseconds)

    def summary(self) -> dict[str, dict[str, float]]:
        """{stage: {"median": ms, "p95": ms}} over the frames in which the stage ran."""
        with self._lock:
            return {
                stage: {
                    "median": round(float(np.median(times)), 3),
                    "p95": round(float(np.percentile(times, 95)), 3),
                }
                for stage, times in self._stages.items()
            }
