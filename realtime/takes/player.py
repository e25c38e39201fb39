"""Plays a take back as the results that the live loop delivered."""

from __future__ import annotations

import logging
import threading
import time
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from realtime.frame import Face, Frame, Result
from realtime.loop.playhead import Playhead
from realtime.takes.messages import TakeFace, TakeFrame
from realtime.takes.reference_video import ReferenceVideo
from realtime.takes.take import Take

_log = logging.getLogger(__name__)

BACKGROUND_BGR = (48, 44, 42)


def plain_background(width: int, height: int) -> NDArray[np.uint8]:
    """Return (height, width, 3) uint8 BGR, read only, a dark grey to show a face on."""
    picture = np.full((height, width, 3), BACKGROUND_BGR, np.uint8)
    picture.setflags(write=False)
    return picture


class TakePlayer(Playhead):
    """A take as results, over its reference video, or over a plain background where it has none.

    In real time (`live`) `read` returns each frame when it is due and misses those that a slow reader had no
    time for; otherwise every frame comes as fast as it is read. `read` is for one thread; the rest, a
    `realtime.loop.feed.Transport`, may be called from others.

    Attributes:
        take: that is played.
        name, width, height, fps, live: as of a `StreamInfo`; frames tell their own size.
        network: what computed the take, for people.
        frames: how many there are.
        duration: seconds.
        times: (N,) float64 seconds of each frame from the first, never falling.
    """

    def __init__(
        self,
        take: Take,
        live: bool = False,
        at_end: Literal["stop", "loop", "pause"] = "stop",
    ) -> None:
        """Play `take` from its start.

        Args:
            take: with at least one frame.
            live: real time.
            at_end: after the last frame, end (`read` returns None), start again, or wait for `seek`.
        """
        super().__init__(threading.Condition(), at_end == "loop")
        self._changed: threading.Condition
        header = take.header
        self.take = take
        self.network = header.network
        self.name = take.path.name
        self.width, self.height, self.fps = header.width, header.height, header.fps
        self.live = live
        self._stops = at_end == "stop"
        self._background = plain_background(self.width, self.height)
        self._video = ReferenceVideo(take.path, take.video) if take.video else None
        self.times = take.clock - take.clock[0]
        self.frames = len(take)
        self.duration = float(self.times[-1])
        self._next = self._last = 0  # rows: the next one, and the one asked for or delivered last
        self._closed = False
        self._anchor = time.perf_counter()  # wall clock at which take time 0 was or would have been

    @property
    def model(self) -> FaceModel:
        """The face model that the results' parameters drive: the take's own.

        Raises:
            LimelightError: see `Take.model`.
        """
        return self.take.model

    @property
    def frame(self) -> int:
        """The frame that was asked for last, or delivered last."""
        return self._last

    @property
    def position(self) -> float:
        """Seconds from the start, of `frame`."""
        return float(self.times[self._last])

    @property
    def span(self) -> tuple[int, int] | None:
        """The in and out points, frames, both included; None without any."""
        return self._span

    @span.setter
    def span(self, span: tuple[int, int] | None) -> None:
        with self._changed:
            self._span = span
            self._changed.notify_all()

    def keep_to(self, begin: float | None, end: float | None) -> None:
        """Play a part, from its first frame; `begin` and `end` are seconds from the take's start, None for its own.

        Raises:
            LimelightError: there is no frame in it.
        """
        rows = self.take.span(begin, end)
        self.span = (rows.start, rows.stop - 1)
        self.show(rows.start)

    def seek(self, seconds: float) -> None:
        """Continue from the frame nearest to `seconds`; it is delivered even while paused."""
        after = int(np.searchsorted(self.times, seconds))
        before = max(after - 1, 0)
        after = min(after, self.frames - 1)
        self.show(before if seconds - self.times[before] < self.times[after] - seconds else after)

    def step(self, frames: int) -> None:
        """Pause, and deliver the frame so many after the present one, or before it."""
        with self._changed:
            self._playing = False
            self._show(self._last + frames)

    def read(self) -> Result | None:
        """Wait for the next result, in real time until it is due, and return it; None at the end, or once closed.

        A stall of the recording is a time without results.
        """
        with self._changed:
            while not self._closed:
                if not self._playing and not self._show_once:
                    self._changed.wait()
                    continue
                if not self._show_once and self._next > self._stop and not self._turn_at_end():
                    return None
                if not self._playing and not self._show_once:
                    continue
                if self._show_once or not self.live:
                    break
                self._skip_missed()
                wait = self._anchor + self.times[self._next] / self._speed - time.perf_counter()
                if wait <= 0.0:
                    break
                self._changed.wait(wait)
            if self._closed:
                return None
            self._show_once = False
            row = self._last = self._next
            self._next += 1
        return self.result(row)

    def result(self, frame: int) -> Result:
        """Return the result of a frame; for the thread that reads."""
        return self._result(self._frame(frame))

    def close(self) -> None:
        """End: `read` returns None from now on, one that waits too."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def _stop(self) -> int:
        """The last row to play: the out point, for a playback that did not begin after it."""
        end = self.frames - 1
        return end if self._span is None or self._last > self._span[1] else min(self._span[1], end)

    def _show(self, frame: int) -> None:
        self._next = self._last = min(max(frame, 0), self.frames - 1)
        self._show_once = True
        self._retime()

    def _turn_at_end(self) -> bool:
        """Start again, or pause on the last frame; False if this is the end."""
        if self.loop:
            self._next = self._last = self._begin
            self._retime(1.0 / self.take.header.nominal_fps)  # the last frame is shown as long as the others
        elif self._stops:
            return False
        else:
            self._playing = False
        return True

    def _turn_back(self) -> None:
        if not self._playing and not self._show_once and self._next > self._stop:
            self._next = self._begin

    def _retime(self, pause: float = 0.0) -> None:
        """Let the next frame be due now, or after a pause, s of the take."""
        row = min(self._next, self.frames - 1)
        self._anchor = time.perf_counter() - (float(self.times[row]) - pause) / self._speed
        self._changed.notify_all()

    def _skip_missed(self) -> None:
        """Go to the newest frame that is due."""
        now = (time.perf_counter() - self._anchor) * self._speed
        due = int(np.searchsorted(self.times, now, side="right")) - 1
        self._next = max(self._next, min(due, self._stop))

    def _frame(self, row: int) -> TakeFrame:
        """A frame; one that cannot be read any more shows nobody."""
        try:
            return self.take.frames[row]
        except LimelightError as error:
            _log.warning("%s", error)
            time = float(self.take.times[row])
            return TakeFrame(row, time, time, self.width, self.height)

    def _result(self, frame: TakeFrame) -> Result:
        faces = tuple(self._face(face) for face in frame.faces)
        picture = self._picture(frame)
        timecode = self.take.timecode_at(frame.time)
        lighting = self.take.lighting_at(frame.time)
        shown = Frame(frame.index, frame.timestamp, picture)
        return Result(shown, frame.time, faces, timecode=timecode, lighting=lighting)

    def _face(self, face: TakeFace) -> Face:
        smoothed = self.take.vector(face)
        assert smoothed is not None
        return Face(
            id=face.id,
            state=face.state,
            smoothed=smoothed,
            person=self.take.persons[face.person],
            raw=self.take.vector(face, raw=True),
            crop=face.crop,
            confidence=face.confidence,
        )

    def _picture(self, frame: TakeFrame) -> NDArray[np.uint8]:
        if self._video is not None:
            picture = self._video.picture(frame.sequence, frame.width, frame.height)
            if picture is not None:
                return picture
        if self._background.shape[:2] != (frame.height, frame.width):
            self._background = plain_background(frame.width, frame.height)
        return self._background
