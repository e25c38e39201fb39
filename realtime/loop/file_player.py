"""Plays a file at its own pace: when its next frame is due, and which one that is."""

from __future__ import annotations

from collections.abc import Callable

from realtime.loop.clock import Clock, Condition
from realtime.loop.feed import AtEnd
from realtime.loop.playhead import Playhead
from realtime.sources.base import Seekable, Source

_LATEST = 0.25
"""A file that is so many seconds late goes on from now: a machine that cannot keep up plays slower."""


class FilePlayer(Playhead):
    """The transport of a file whose reader asks it before each frame; a `realtime.loop.feed.Transport`.

    A source that cannot be read again is only paced, and ends at its end. `prepare`, `wait_turn` and `wait_at_end` are
    the reader's, on its thread.

    Attributes:
        again: the source can be read again: frames can be asked for.
        fps: nominal frames a second.
    """

    def __init__(
        self,
        source: Source,
        clock: Clock,
        changed: Condition,
        closed: Callable[[], bool],
        at_end: AtEnd = "pause",
    ) -> None:
        """
        Args:
            source: that is read.
            clock: by which frames are due.
            changed: of the clock's; notified of every change.
            closed: whether the reading is being ended.
            at_end: what it does at the file's end.
        """
        super().__init__(changed, at_end == "loop")
        self.fps = source.fps
        self._ends = at_end == "stop"
        self._changed: Condition = changed
        self._source, self._clock, self._closed = source, clock, closed
        self._frames = max(1, round(source.duration * source.fps)) if isinstance(source, Seekable) else 1
        self.again = isinstance(source, Seekable) and self._frames > 1
        self._asked: int | None = None  # the frame to go on from
        self._at_end = False
        self._frame = 0
        self._start: float | None = None  # on the clock, when time 0 was or would have been due
        self._not_before = 0.0  # on the clock: the last frame is shown as long as the others before it begins again
        self._came = False  # a frame was read since one was asked for
        self._version = 0

    @property
    def frames(self) -> int:
        """How many there are; an estimate until the file was played to its end."""
        return self._frames

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the last."""
        return (self._frames - 1) / self.fps

    @property
    def frame(self) -> int:
        """The frame that was asked for last, or delivered last."""
        return self._frame

    @property
    def position(self) -> float:
        """Seconds from the start, of `frame`."""
        return self._frame / self.fps

    @property
    def span(self) -> tuple[int, int] | None:
        """The in and out points, frames, both included; None without any."""
        return self._span

    @span.setter
    def span(self, span: tuple[int, int] | None) -> None:
        with self._changed:
            self._span = span
            self._retime()

    def seek(self, seconds: float) -> None:
        """Continue from the frame nearest to `seconds`; it is delivered even while paused."""
        self.show(round(seconds * self.fps))

    def step(self, frames: int) -> None:
        """Pause, and deliver the frame so many after the present one, or before it."""
        with self._changed:
            self._playing = False
            if frames == 1 and self._asked is None and not self._show_once and not self._at_end:
                self._show_once = True  # which needs no search in the file
                self._retime()
            else:
                self._show(self._frame + frames)

    def prepare(self) -> None:
        """Go to the frame that was asked for, if there is one, before the next one is read.

        Raises:
            LimelightError: the file cannot be read any more.
        """
        with self._changed:
            asked, self._asked = self._asked, None
        if asked is not None:
            assert isinstance(self._source, Seekable)
            self._source.seek(asked / self.fps)
            with self._changed:
                self._at_end, self._start, self._came = False, None, False

    def wait_turn(self, timestamp: float) -> float | None:
        """Wait until a frame that was read is due; return when it was due, on the clock.

        Args:
            timestamp: of the frame in its file, s.

        Returns:
            None if it is not wanted any more: another one was asked for, or the reading is ended.
        """
        frame = round(timestamp * self.fps)
        with self._changed:
            self._came = True
            while self._asked is None and not self._closed():
                if self._show_once:
                    self._show_once, self._start = False, None
                    return self._deliver(frame, self._clock.now())
                if self._playing and frame > self._stop:
                    self._turn_at_end()
                    continue
                timeout = None
                if self._playing:
                    now = self._clock.now()
                    due = max(now, self._not_before) if self._start is None else self._start + timestamp / self._speed
                    if self._start is None or now - due > _LATEST:
                        due = max(now, self._not_before)
                        self._start = due - timestamp / self._speed
                    if due <= now:
                        return self._deliver(frame, due)
                    timeout = due - now
                self._wait(timeout)
            return None

    def wait_at_end(self) -> bool:
        """Wait at the file's end until another frame is asked for; False if none can be, or the reading is ended."""
        if not self.again or self._ends:
            return False
        with self._changed:
            asked_for, self._show_once = self._show_once, False
            if self._asked is None and not self._came and self._frame > 0:  # a frame that there is not
                self._frames = self._frame
                self._show(self._frame - 1)
            elif self._asked is None:
                self._frames = self._frame + 1
                if self._playing or not asked_for:  # a step beyond the end stays there
                    self._turn_at_end()
            while self._asked is None and not self._closed():
                self._wait(None)
            return not self._closed()

    @property
    def _stop(self) -> float:
        """The last frame to play: the out point, for a playback that did not begin after it."""
        return float("inf") if self._span is None or self._frame > self._span[1] else self._span[1]

    def _show(self, frame: int) -> None:
        self._asked = self._frame = min(max(frame, 0), self._frames - 1)
        self._show_once = True
        self._retime()

    def _turn_at_end(self) -> None:
        if self.loop:
            self._asked = self._begin
            self._not_before = self._clock.now() + 1.0 / (self.fps * self._speed)
        else:
            self._playing, self._at_end = False, True

    def _deliver(self, frame: int, due: float) -> float:
        self._frame = frame
        self._frames = max(self._frames, frame + 1)
        return due

    def _turn_back(self) -> None:
        if self._at_end and self._asked is None:
            self._asked = self._begin

    def _retime(self) -> None:
        self._start = None
        self._version += 1
        self._changed.notify_all()

    def _wait(self, timeout: float | None) -> None:
        version = self._version
        self._changed.wait_for(lambda: self._version != version or self._closed(), timeout)
