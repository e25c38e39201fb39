"""A clock for tests: seconds pass at once when every thread of the loop waits, and never while one of them works."""

from __future__ import annotations

import threading

_THREADS = ("limelight-source", "limelight-loop")
_REAL_SECONDS = 60.0
"""After so long without progress a test has hung."""


class SimulatedClock:
    """Time for a loop and its source.

    Everything that waits does so by conditions of this clock, which share one lock. Once all the threads that live by
    it wait, and what none of them waits for has come, time moves to the earliest of their deadlines.

    Args:
        threads: names of the threads that live by it.
    """

    def __init__(self, threads: tuple[str, ...] = _THREADS) -> None:
        self._lock = threading.Condition(threading.RLock())
        self._threads = threads
        self._now = 100.0
        self._waiting: dict[threading.Thread, tuple[object, float | None]] = {}

    def now(self) -> float:
        return self._now

    def condition(self) -> SimulatedCondition:
        return SimulatedCondition(self)

    def sleep_until(self, moment: float) -> None:
        """Wait until a moment of this clock."""
        with self._lock:
            self.wait(lambda: self._now >= moment, moment - self._now)

    def wait(self, predicate, timeout):
        """Wait until `predicate` holds or `timeout` s of this clock have passed; the lock is held."""
        this = threading.current_thread()
        deadline = None if timeout is None else self._now + timeout
        while not predicate() and (deadline is None or self._now < deadline):
            self._waiting[this] = (predicate, deadline)
            if not self._advance() and not self._lock.wait(_REAL_SECONDS):
                del self._waiting[this]
                raise AssertionError(f"{this.name} hangs at {self._now:.3f} s")
            self._waiting.pop(this, None)
        return bool(predicate())

    def _advance(self) -> bool:
        """Move to the earliest deadline if nobody works; True if time has moved."""
        alive = {thread for thread in threading.enumerate() if thread.name in self._threads}
        waiting = self._waiting.values()
        deadlines = [deadline for _, deadline in waiting if deadline is not None]
        if not alive <= set(self._waiting) or any(predicate() for predicate, _ in waiting):
            return False
        if not deadlines or min(deadlines) <= self._now:
            return False
        self._now = min(deadlines)
        self._lock.notify_all()
        return True


class SimulatedCondition:
    """A `threading.Condition` whose time-outs run by a simulated clock."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._lock = clock._lock

    def __enter__(self) -> bool:
        return self._lock.__enter__()

    def __exit__(self, *exception) -> None:
        self._lock.__exit__(*exception)

    def wait_for(self, predicate, timeout=None):
        return self._clock.wait(predicate, timeout)

    def notify_all(self) -> None:
        self._lock.notify_all()
