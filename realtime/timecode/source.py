"""The contract of a source of timecode, the two that there are, and how one is opened by name."""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from typing import Protocol

from facemodel import LimelightError
from realtime.frame_rate import FrameRate, Timecode

_REMEMBERED = 25
"""Frames that the line through the newest times is a median of."""
_FREEWHEEL = 2.0
"""s for which timecode runs on by itself when no more of it comes."""


class TimecodeSource(Protocol):
    """Tells what timecode it was at a moment. All methods may be called from any thread."""

    def at(self, moment: float) -> Timecode | None:
        """Return the timecode at a moment on the `time.perf_counter` clock; None while there is none."""
        ...

    def status(self) -> str:
        """Return how it goes, in one line for people."""
        ...

    def close(self) -> None:
        """Release what it listens to; a second call does nothing."""
        ...


class SystemTimecode:
    """The time of day on this machine's clock, as timecode.

    It is taken over once and then counted at the rate's own speed, so adjustments of the clock are not followed.
    """

    def __init__(self, rate: FrameRate, now: datetime | None = None, moment: float | None = None) -> None:
        """
        Args:
            rate: to count at.
            now, moment: the time of day at a moment of the `time.perf_counter` clock; this very one if None.
        """
        now = now or datetime.now()
        moment = time.perf_counter() if moment is None else moment
        seconds = Fraction((now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds())
        counts_true = rate.drop or rate.exact == rate.base
        self._start = Timecode.at(seconds, rate) if counts_true else Timecode(seconds * rate.base, rate)
        self._moment, self._rate = moment, rate

    def at(self, moment: float) -> Timecode:
        return self._start.plus(moment - self._moment)

    def status(self) -> str:
        return f"{self.at(time.perf_counter())} (system clock, {self._rate})"

    def close(self) -> None:
        pass


class ChasedTimecode:
    """Timecode that comes from outside, frame by frame and not quite evenly, as a line that runs on in between.

    A jump is followed with the next frame; when nothing comes any more it runs on for two seconds.
    """

    def __init__(self, name: str, rate: FrameRate | None = None) -> None:
        """
        Args:
            name: of what it comes from, for people.
            rate: to count at; None for what comes in.
        """
        self.name = name
        self._fixed, self._rate = rate, rate
        self._close: Callable[[], None] | None = None
        self._offsets: deque[float] = deque(maxlen=_REMEMBERED)  # s, a moment less its timecode
        self._lengths: deque[float] = deque(maxlen=_REMEMBERED)
        self._newest = -1e9
        self._lock = threading.Lock()

    def note(
        self,
        moment: float,
        fields: tuple[int, int, int, int],
        rate: FrameRate | None = None,
        drop: bool = False,
        length: float | None = None,
    ) -> None:
        """Take in that it was so late at a moment.

        Args:
            moment: s, on the `time.perf_counter` clock.
            fields: hours, minutes, seconds, frames.
            rate: that comes with it, if it says so.
            drop: it is counted as drop-frame, where the rate is not told.
            length: s, of this frame, where the rate is not told.
        """
        with self._lock:
            if length is not None:
                self._lengths.append(length)
            found = self._fixed or rate or self._measured(drop)
            if found != self._rate:
                self._rate = found
                self._offsets.clear()
            try:
                timecode = Timecode.of(*fields, found)
            except ValueError:  # there is no such frame: a misheard one
                return
            offset = moment - float(timecode.number / found.exact)
            if self._offsets and abs(offset - statistics.median(self._offsets)) > 1.5 / found.exact:
                self._offsets.clear()
            self._offsets.append(offset)
            self._newest = moment

    def at(self, moment: float) -> Timecode | None:
        with self._lock:
            if self._rate is None or not self._offsets or moment > self._newest + _FREEWHEEL:
                return None
            return Timecode.at(Fraction(moment - statistics.median(self._offsets)), self._rate)

    def status(self) -> str:
        now = self.at(time.perf_counter())
        return f"no timecode from {self.name}" if now is None else f"{now} ({self.name}, {now.rate})"

    def when_closed(self, function: Callable[[], None]) -> None:
        """Call a function at the end, which releases what it comes from."""
        self._close = function

    def close(self) -> None:
        close, self._close = self._close, None
        if close is not None:
            close()

    def _measured(self, drop: bool) -> FrameRate:
        """The rate by how long frames last: 23.976 and 24 are told apart after a second or so."""
        fps = 1.0 / statistics.mean(self._lengths) if self._lengths else 30.0
        return FrameRate.parse("29.97df") if drop else FrameRate.nearest(fps)


def device_of(name: str) -> str:
    """Return the part of a source's name that tells what it listens to, such as "ltc:Desk" of "ltc:Desk@25"."""
    return name.partition("@")[0]


def open_timecode(text: str) -> TimecodeSource:
    """Return a source by its name: `system`, `ltc` or `mtc`, `ltc:DEVICE`, `mtc:PORT`, each with `@RATE` if wanted.

    Raises:
        LimelightError: there is no such source, rate, device or port; or what it needs is not installed.
    """
    rest, _, rate_name = text.partition("@")
    kind, _, device = rest.partition(":")
    rate = FrameRate.parse(rate_name) if rate_name else None
    if kind == "system" and not device:
        return SystemTimecode(rate or FrameRate.parse("30"))
    if kind == "ltc":
        from realtime.timecode.audio_input import listen_to_ltc

        return listen_to_ltc(device, rate)
    if kind == "mtc":
        from realtime.timecode.midi_input import listen_to_mtc

        return listen_to_mtc(device, rate)
    raise LimelightError(f"timecode {text}: it must be system, ltc, ltc:DEVICE, mtc or mtc:PORT, and @RATE if wanted")
