"""Cues that start by timecode, wherever it comes from: MTC, LTC or the clock."""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from facemodel import LimelightError
from realtime.controls.inbox import TICK, Inbox
from realtime.controls.table import cue_number
from realtime.frame_rate import Timecode
from realtime.threads import Ticker

_BACK, _AHEAD = 0.5, 1.0
"""s: timecode that is so far behind or ahead of where it was has jumped, and does not merely tremble or stall."""
_LINE = re.compile(r"(\d\d):(\d\d):(\d\d)[:;.](\d\d)\s+(\S+)")

Fields = tuple[int, int, int, int]


@dataclass(frozen=True, order=True)
class Mark:
    """A cue, and the timecode that it starts at.

    Attributes:
        at: hours, minutes, seconds, frames.
        cue: its number.
    """

    at: Fields
    cue: str


def read_marks(path: Path) -> tuple[Mark, ...]:
    """Return the marks of a file, by time: a line each, `01:00:10:00 12`; what follows a # is for people.

    Raises:
        LimelightError: it cannot be read, or a line is none; with its number.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LimelightError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    marks = []
    for number, line in enumerate(lines, 1):
        if not (text := line.partition("#")[0].strip()):
            continue
        match = _LINE.fullmatch(text)
        hours, minutes, seconds, frames = (int(part) for part in match.groups()[:4]) if match else (24, 0, 0, 0)
        if match is None or hours > 23 or minutes > 59 or seconds > 59:
            raise LimelightError(f"{path}, line {number}: must look like 01:00:10:00 12, timecode and cue; got {text}")
        try:
            marks.append(Mark((hours, minutes, seconds, frames), cue_number(match[5])))
        except LimelightError as error:
            raise LimelightError(f"{path}, line {number}: {error}") from error
    return tuple(sorted(marks))


class Chase:
    """Follows timecode. While it runs each cue starts at its mark, with its own times; where it jumps, or comes, the
    cue of the last mark before is there at once. While there is none, nothing happens."""

    def __init__(self, inbox: Inbox, marks: Iterable[Mark], timecode: Callable[[float], Timecode | None]) -> None:
        """
        Args:
            inbox: for the cues.
            marks: that are followed.
            timecode: returns what it is at a moment of the `time.perf_counter` clock.
        """
        self._inbox, self._timecode = inbox, timecode
        self._marks = sorted(marks)
        self._times = [mark.at for mark in self._marks]
        self._passed: int | None = None  # how many marks; None: it was not heard yet
        self._newest = 0.0  # s of timecode
        self._ticker = Ticker(lambda: self.follow(self._timecode(time.perf_counter())), TICK, "limelight-chase")

    def follow(self, timecode: Timecode | None) -> None:
        """Take in what timecode it is now."""
        if timecode is None:
            return
        seconds = float(timecode.number / timecode.rate.exact)
        passed = bisect_right(self._times, timecode.fields)
        ahead = seconds - self._newest
        if self._passed is None or not -_BACK <= ahead <= _AHEAD:
            if passed != self._passed and passed:
                self._inbox.put("cue/go_to", self._marks[passed - 1].cue, 0.0, who="timecode")
        elif ahead < 0.0:
            return  # it trembles
        else:
            for mark in self._marks[self._passed : passed]:
                self._inbox.put("cue/go_to", mark.cue, who="timecode")
        self._passed, self._newest = passed, seconds

    def start(self) -> None:
        """Begin to follow."""
        self._ticker.start()

    def stop(self) -> None:
        """Follow no more; a second call does nothing."""
        self._ticker.stop()
