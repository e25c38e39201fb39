"""Time as the loop sees it: the system's, or a simulated one that tests let pass as they like."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import perf_counter
from types import TracebackType
from typing import Protocol


class Condition(Protocol):
    """What the loop needs of `threading.Condition`."""

    def __enter__(self) -> bool: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until `predicate` holds, or `timeout` s of this clock have passed; return whether it holds."""
        ...

    def notify_all(self) -> None: ...


class Clock(Protocol):
    """Tells the time and makes conditions that wait by it."""

    def now(self) -> float:
        """Return seconds; a live source's time stamps are on this clock."""
        ...

    def condition(self) -> Condition:
        """Return a condition whose time-outs run by this clock."""
        ...


class SystemClock:
    """The clock of `time.perf_counter`."""

    def now(self) -> float:
        return perf_counter()

    def condition(self) -> Condition:
        return threading.Condition()
