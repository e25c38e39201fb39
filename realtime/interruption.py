"""Signals that ask a command to end: files are finished first, however often somebody asks."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

SIGNALS = tuple(
    number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None
)


class Interruption:
    """Set by the first signal; those after it change nothing.

    Attributes:
        number: of the signal; None while none came.
        opening: nothing runs yet that asks for it: a signal then raises KeyboardInterrupt, as ever.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.opening = False
        self._happened = threading.Event()

    def note(self, number: int, _frame: FrameType | None = None) -> None:
        """Take in a signal."""
        first, self.number = self.number is None, self.number or number
        self._happened.set()
        if first:
            with suppress(OSError, ValueError, RuntimeError):  # a terminal that is gone takes no line
                print("limelight: finishing the files ...", file=sys.stderr, flush=True)
        if self.opening:
            raise KeyboardInterrupt

    def __bool__(self) -> bool:
        return self._happened.is_set()


@contextmanager
def finishing_files() -> Iterator[Interruption]:
    """Note Ctrl-C, SIGTERM and SIGHUP instead of ending at once; a signal that is ignored, as under nohup, stays so."""
    interruption = Interruption()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    noted = [n for n, handler in before.items() if handler is not signal.SIG_IGN or n == signal.SIGINT]
    for number in noted:
        signal.signal(number, interruption.note)
    try:
        yield interruption
    finally:
        for number in noted:
            signal.signal(number, before[number])
