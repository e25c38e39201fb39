"""The show of a take: what its lighting was at any time."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from realtime.light.environments import Environment
from realtime.light.lighting import Lighting
from realtime.light.values import DEFAULTS, Value
from realtime.takes.messages import ShowMark
from realtime.takes.rows import SAME_TIME


def record_of(marks: Sequence[ShowMark]) -> RecordedLight | None:
    """Return the light of a take; None if it was the estimated one all the time, as if there were no show."""
    return RecordedLight(marks) if any(_shows(mark) for mark in marks) else None


def _shows(mark: ShowMark) -> bool:
    """Whether a mark brings the show's light, or skin that is not as it was seen."""
    material = {name: value for name, value in mark.values.items() if name.startswith("material/")}
    return mark.values.get("light/source") == "show" or any(DEFAULTS[name] != value for name, value in material.items())


class RecordedLight:
    """Adds up the changes of a show. May be asked from any thread, quickest in the order of time.

    Attributes:
        marks: in the order of time; at least one, and the first holds every value.
    """

    def __init__(self, marks: Sequence[ShowMark]) -> None:
        self.marks = tuple(sorted(marks, key=lambda mark: mark.time))
        self._times = [mark.time for mark in self.marks]
        self._lock = threading.Lock()
        self._row = -1  # of the mark up to which the values are added up
        self._values: dict[str, Value] = {}
        self._environment: Environment | None = None
        self._lighting = Lighting()

    def at(self, time: float) -> Lighting:
        """Return the lighting at a time, s, on the clock of the feed; before the first mark it is as from there on."""
        row = max(bisect_right(self._times, time + SAME_TIME) - 1, 0)
        with self._lock:
            if row != self._row:
                if row < self._row:
                    self._row, self._values, self._environment = -1, {}, None
                for mark in self.marks[self._row + 1 : row + 1]:
                    self._values.update(mark.values)
                    if mark.changes_environment:
                        self._environment = mark.environment
                self._row = row
                self._lighting = replace(Lighting.of(self._values), environment=self._environment)
            return self._lighting
