"""Plays a take back as the results that the live loop delivered."""

from __future__ import annotations

import threading
import time
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel
from realtime.frame import Face, Frame, Result
from realtime.takes.messages import TakeFace, TakeFrame
from realtime.takes.reference_video import ReferenceVideo
from realtime.takes.take import Take

BACKGROUND_BGR = (48, 44, 42)


def plain_background(width: int, height: int) -> NDArray[np.uint8]:
    """Return (height, width, 3) uint8 BGR, read only, a dark grey to show a face on."""
    picture = np.full((height, width, 3), BACKGROUND_BGR, np.uint8)
    picture.setflags(write=False)
    return picture


class TakePlayer:
    """A take as results, over its reference video, or over a plain background where it has none.

    In real time (`live`) `read` returns each frame when it is due and misses those that a slow reader had no
    time for; otherwise every frame comes as fast as it is read. `read` is for one thread; the rest may be
    called from others.

    Attributes:
        take: that is played.
        name, width, height, fps, live: as of a `StreamInfo`; frames tell their own size.
        network: what computed the take, for people.
        duration: seconds.
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
        header = take.header
        self.take = take
        self.network = header.network
        self.name = take.path.name
        self.width, self.height, self.fps = header.width, header.height, header.fps
        self.live = live
        self._at_end = at_end
        self._background = plain_background(self.width, self.height)
        self._video = ReferenceVideo(take.path, take.video) if take.video else None
        times = np.array([frame.time for frame in take.frames])
        self._times = np.maximum.accumulate(times - times[0])
        self.duration = float(self._times[-1])
        self._changed = threading.Condition()
        self._next = 0
        self._playing = True
        self._show_once = False
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
    def position(self) -> float:
        """Seconds from the start, of the frame that comes next."""
        with self._changed:
            return float(self._times[min(self._next, len(self.take) - 1)])

    @property
    def playing(self) -> bool:
        """False while paused. Set to True at the end, it plays from the start again."""
        return self._playing

    @playing.setter
    def playing(self, on: bool) -> None:
        with self._changed:
            if on and not self._playing and self._next >= len(self.take) - 1:
                self._next = 0  # played to the end: from the start again
            self._playing = on
            self._rebase()
            self._changed.notify_all()

    def seek(self, seconds: float) -> None:
        """Continue from `seconds`, clamped to 0..duration; that frame is delivered even while paused."""
        with self._changed:
            self._next = int(np.searchsorted(self._times, min(max(seconds, 0.0), self.duration)))
            self._show_once = True
            self._rebase()
            self._changed.notify_all()

    def read(self) -> Result | None:
        """Wait for the next result, in real time until it is due, and return it; None at the end, or once closed.

        A stall of the recording is a time without results.
        """
        with self._changed:
            while not self._closed:
                if self._next >= len(self.take) and not self._turn_at_end():
                    return None
                if not self._playing and not self._show_once:
                    self._changed.wait()
                    continue
                if self._show_once or not self.live:
                    break
                self._skip_missed()
                wait = self._anchor + self._times[self._next] - time.perf_counter()
                if wait <= 0.0:
                    break
                self._changed.wait(wait)
            if self._closed:
                return None
            self._show_once = False
            row = self._next
            self._next += 1
        return self._result(self.take.frames[row])

    def close(self) -> None:
        """End: `read` returns None from now on, one that waits too."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _turn_at_end(self) -> bool:
        """Start again, or pause on the last frame; False if this is the end."""
        if self._at_end == "stop":
            return False
        if self._at_end == "loop":
            self._next = 0
        else:
            self._next = len(self.take) - 1
            self._playing = False
        self._rebase()
        return True

    def _rebase(self) -> None:
        row = min(self._next, len(self.take) - 1)
        self._anchor = time.perf_counter() - float(self._times[row])

    def _skip_missed(self) -> None:
        """Go to the newest frame that is due."""
        now = time.perf_counter() - self._anchor
        due = int(np.searchsorted(self._times, now, side="right")) - 1
        self._next = max(self._next, min(due, len(self.take) - 1))

    def _result(self, frame: TakeFrame) -> Result:
        faces = tuple(self._face(face) for face in frame.faces)
        picture = self._picture(frame)
        return Result(Frame(frame.index, frame.timestamp, picture), frame.time, faces)

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
