"""The thread that reads a source: in its own time, on one rising clock, and again after it was lost."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from facemodel import LimelightError
from realtime.frame import Frame
from realtime.loop.clock import Clock
from realtime.loop.feed import AtEnd, FeedStatus
from realtime.loop.file_player import FilePlayer
from realtime.loop.slot import LatestSlot
from realtime.loop.timeline import Timeline
from realtime.one_line import one_line
from realtime.sources.base import Source
from realtime.sources.picture_watch import PictureWatch

_log = logging.getLogger(__name__)

_JOIN_SECONDS = 3.0
_OLDEST = 1.0
"""A live frame's time stamp is believed if it is at most so many seconds old; else it is of another clock."""


@dataclass(frozen=True)
class Reopening:
    """How a lost source is looked for.

    Attributes:
        open: opens it anew; raises whatever it likes where it is still gone.
        first_pause, longest_pause: s between two tries; each pause is twice the one before.
    """

    open: Callable[[], Source]
    first_pause: float = 0.25
    longest_pause: float = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """A frame, and when it could have been taken, s on the loop's clock; None if it waited its turn."""

    frame: Frame
    at: float | None


class SourceReader:
    """Reads one source into a slot until its end.

    Frames of a live source replace one that nobody took yet; those of a file wait their turn, at the file's own pace
    if `paced`, which its player says. A source that fails ends the reading with a problem, unless there is a way of
    opening it again: then that is tried until it works, and its frames go on where the old ones ended.

    Attributes:
        source: that is read now.
        player: plays, pauses and seeks a paced file; None of any other source.
        status: see `FeedStatus`.
    """

    def __init__(
        self,
        source: Source,
        slot: LatestSlot[Arrival],
        clock: Clock,
        at_end: AtEnd | None = None,
        reopening: Reopening | None = None,
    ) -> None:
        self.source = source
        self._slot = slot
        self._clock = clock
        self._reopening = reopening
        self._timeline = Timeline()
        self._watch = PictureWatch() if source.live else None
        self._index, self._first_index = -1, 0
        self._changed = clock.condition()
        self._closing = False
        self.player: FilePlayer | None = None
        if at_end is not None and not source.live:
            self.player = FilePlayer(source, clock, self._changed, lambda: self._closing, at_end)
        self.status = FeedStatus()
        self._thread = threading.Thread(target=self._run, name="limelight-source", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End the reading and release the source; a thread that hangs in a device is not waited for longer than a few
        seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._slot.close()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_JOIN_SECONDS)
        self._release(self.source)

    def _run(self) -> None:
        try:
            while not self._closing:
                problem = self._read_to_the_end()
                if not problem or self._closing:
                    break
                self.status = replace(self.status, problem=problem)
                if self._reopening is None or not self._reopen(self._reopening, problem):
                    break
        finally:
            self._slot.close()

    def _read_to_the_end(self) -> str:
        """Read until the source ends or fails; return the failure, "" at the end."""
        try:
            while not self._closing:
                if self.player is not None:
                    self.player.prepare()
                frame = self.source.read()
                if frame is None:
                    if self.player is not None and self.player.wait_at_end():
                        continue
                    return ""
                if not _is_picture(frame):
                    self.status = replace(self.status, unusable=self.status.unusable + 1)
                    continue
                due = None
                if self.player is not None and (due := self.player.wait_turn(frame.timestamp)) is None:
                    continue
                if not self._pass_on(self._placed(frame), due):
                    return ""
        except LimelightError as error:
            return str(error)
        except BaseException as error:  # of whatever type: this thread is the source's alone
            _log.exception("the source failed")
            return f"{self.source.name}: failed ({one_line(error)})"
        return ""

    def _placed(self, frame: Frame) -> Frame:
        """The frame with a time that rises and an index that goes on, also after the source was opened again."""
        timestamp = self._timeline.place(frame.timestamp, 1.0 / self.source.fps)
        index = max(self._first_index + frame.index, self._index + 1)
        self._index = index
        if timestamp == frame.timestamp and index == frame.index:
            return frame
        shift = timestamp - frame.timestamp
        return replace(frame, index=index, timestamp=timestamp, shift=shift if math.isfinite(shift) else 0.0)

    def _pass_on(self, frame: Frame, due: float | None) -> bool:
        if self._watch is not None:
            seen = self._watch.look(frame.image, frame.timestamp)
            if seen != self.status.message:
                self.status = replace(self.status, message=seen)
        if self.source.live:
            now = self._clock.now()
            self._slot.put(Arrival(frame, frame.timestamp if 0.0 <= now - frame.timestamp < _OLDEST else now))
            return True
        return self._slot.put_in_turn(Arrival(frame, due))

    def _reopen(self, reopening: Reopening, problem: str) -> bool:
        """Try to open the source again until it works; False if the reading is ended meanwhile."""
        pause = reopening.first_pause
        self._release(self.source)
        while True:
            self.status = replace(self.status, lost=True, problem=f"{problem}; trying again every {pause:g} s")
            if self._sleep(pause):
                return False
            try:
                source = reopening.open()
            except BaseException as error:
                if not isinstance(error, LimelightError):
                    _log.exception("the source could not be opened again")
                _log.info("%s", error)
                pause = min(2.0 * pause, reopening.longest_pause)
                continue
            with self._changed:
                self.source, self._first_index = source, self._index + 1
            self._watch = PictureWatch() if source.live else None
            if self._closing:
                self._release(source)
                return False
            self.status = replace(self.status, lost=False, problem="", reopened=self.status.reopened + 1)
            return True

    def _release(self, source: Source) -> None:
        """Close a source; one that fails even in that is as good as closed."""
        try:
            source.close()
        except BaseException:
            _log.exception("%s could not be closed", source.name)

    def _sleep(self, seconds: float) -> bool:
        """Wait; True if the reading is ended meanwhile."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closing, max(seconds, 0.0))


def _is_picture(frame: Frame) -> bool:
    image = frame.image
    of_bytes = isinstance(image, np.ndarray) and image.dtype == np.uint8
    return of_bytes and image.ndim == 3 and image.shape[2] == 3 and image.size > 0
