"""Where what comes in from outside waits until it is called: briefly, and never more of it than can be worked off."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from facemodel import LimelightError
from realtime.controls.table import CommandTable

TICK = 1.0 / 60.0
"""s at least between two rounds of calls."""
_MOST = 2048
"""Calls that wait at a time."""
_FURTHEST = 60.0
"""s that a bundle may ask to be waited with."""


@dataclass(frozen=True)
class InboxStatus:
    """How much came in, by what became of it.

    Attributes:
        called: calls that were made.
        merged: values that a newer one took the place of before their turn came.
        refused: what the table would not do.
        dropped: what there was no room for.
        problem: why the last one was refused; "" for none.
    """

    called: int = 0
    merged: int = 0
    refused: int = 0
    dropped: int = 0
    problem: str = ""


@dataclass(frozen=True)
class _Asked:
    path: str
    args: tuple[object, ...]
    who: str


class Inbox:
    """Makes the calls that come in on a thread of its own, at most 60 rounds of them a second.

    Of a value the newest alone is called; everything else is, in the order that it came in, values before and behind it
    staying so.
    """

    def __init__(self, table: CommandTable, clock: Callable[[], float] = time.time) -> None:
        """
        Args:
            table: that is called.
            clock: s since 1970, which time tags are of.
        """
        self.table = table
        self._clock = clock
        self._waiting: dict[int, _Asked] = {}
        self._newest: dict[str, int] = {}  # of the values that came in since the last event
        self._later: list[tuple[float, int, _Asked]] = []
        self._count = 0
        self._called = self._merged = self._refused = self._dropped = 0
        self._problem = ""
        self._changed = threading.Condition()
        self._ended = False
        self._slow: ThreadPoolExecutor | None = None
        self._thread: threading.Thread | None = None

    def put(self, path: str, *args: object, who: str = "", due: float | None = None) -> None:
        """Have something called soon; returns at once.

        Args:
            path: of the command.
            *args: its arguments, not checked yet.
            who: asks for it.
            due: s since 1970, before which it is not called; None or in the past for now.
        """
        asked = _Asked(path, args, who)
        with self._changed:
            if len(self._waiting) + len(self._later) >= _MOST:
                self._dropped += 1
            elif due is not None and due > (now := self._clock()):
                self._count += 1
                heapq.heappush(self._later, (min(due, now + _FURTHEST), self._count, asked))
            else:
                self._take(asked)
            self._changed.notify()

    def drain(self) -> None:
        """Make the calls that wait and are due, on this thread."""
        with self._changed:
            while self._later and self._later[0][0] <= self._clock():
                self._take(heapq.heappop(self._later)[2])
            waiting, self._waiting = self._waiting, {}
            self._newest.clear()
        for asked in waiting.values():
            command = self.table.find(asked.path)
            if command is not None and command.slow and self._slow is not None:
                self._slow.submit(self._call, asked)
            else:
                self._call(asked)

    def status(self) -> InboxStatus:
        """Return how it goes."""
        with self._changed:
            return InboxStatus(self._called, self._merged, self._refused, self._dropped, self._problem)

    def start(self) -> None:
        """Begin to call."""
        self._slow = ThreadPoolExecutor(1, "limelight-controls-slow")
        self._thread = threading.Thread(target=self._run, name="limelight-controls", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Make the last calls, and end; a second call does nothing."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._slow is not None:
            self._slow.shutdown()
            self._slow = None

    def _take(self, asked: _Asked) -> None:
        """Put something at the end of what waits, or a value in the place of its older one."""
        command = self.table.find(asked.path)
        is_value = command is not None and command.read is not None
        if is_value and (place := self._newest.get(asked.path)) is not None:
            self._waiting[place] = asked
            self._merged += 1
            return
        self._count += 1
        self._waiting[self._count] = asked
        if is_value:
            self._newest[asked.path] = self._count
        else:
            self._newest.clear()

    def _call(self, asked: _Asked) -> None:
        try:
            self.table.call(asked.path, *asked.args, who=asked.who)
        except LimelightError as error:
            with self._changed:
                self._refused += 1
                self._problem = str(error)
        else:
            with self._changed:
                self._called += 1

    def _run(self) -> None:
        ended = False
        while not ended:
            with self._changed:
                while not self._waiting and not self._ended:
                    until = self._later[0][0] - self._clock() if self._later else None
                    if until is not None and until <= 0.0:
                        break
                    self._changed.wait(until)
                ended = self._ended
            self.drain()
            if not ended:
                time.sleep(TICK)
