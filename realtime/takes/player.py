"""Plays a take back as the tracked frames that the live loop delivered."""

from __future__ import annotations

import threading
import time
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facemodel import Crop
from realtime.frame import Frame, TrackedFrame
from realtime.takes.reader import Take

BACKGROUND_BGR = (48, 44, 42)


def plain_background(width: int, height: int) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 BGR, a dark grey to show a face on."""
    return np.full((height, width, 3), BACKGROUND_BGR, np.uint8)


class TakePlayer:
    """A take as tracked frames, over a plain background since a take holds no pictures.

    In real time (`live`) `read` returns each frame when it is due and misses those that a slow reader had no
    time for; otherwise every frame comes as fast as it is read. `read` is for one thread; the rest may be
    called from others.

    Attributes:
        name, width, height, fps, live: as of a `Source`.
        duration: seconds.
    """

    def __init__(
        self,
        take: Take,
        live: bool = False,
        at_end: Literal["stop", "loop", "pause"] = "stop",
        background: NDArray[np.uint8] | None = None,
    ) -> None:
        """Play `take` from its start.

        Args:
            take: with at least one frame.
            live: real time.
            at_end: after the last frame, end (`read` returns None), start again, or wait for `seek`.
            background: (H, W, 3) uint8 BGR of the source's size; plain if None.
        """
        header = take.header
        self.name = take.path.name
        self.width, self.height, self.fps = header.width, header.height, header.fps
        self.live = live
        self.duration = take.duration
        self._take = take
        self._at_end = at_end
        self._image = plain_background(self.width, self.height) if background is None else background
        self._times = np.maximum.accumulate(take.timestamp - take.timestamp[0])
        self._changed = threading.Condition()
        self._next = 0
        self._playing = True
        self._show_once = False
        self._closed = False
        self._anchor = time.perf_counter()  # wall clock at which take time 0 was or would have been

    @property
    def position(self) -> float:
        """Seconds from the start, of the frame that comes next."""
        with self._changed:
            return float(self._times[min(self._next, len(self._take) - 1)])

    @property
    def playing(self) -> bool:
        """False while paused. Set to True at the end, it plays from the start again."""
        return self._playing

    @playing.setter
    def playing(self, on: bool) -> None:
        with self._changed:
            if on and not self._playing and self._next >= len(self._take) - 1:
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

    def read(self) -> TrackedFrame | None:
        """The next frame, in real time when it is due; waits while paused. None at the end, or once
        closed."""
        with self._changed:
            while not self._closed:
                if self._next >= len(self._take) and not self._turn_at_end():
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
        return self._frame(row)

    def close(self) -> None:
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
            self._next = len(self._take) - 1
            self._playing = False
        self._rebase()
        return True

    def _rebase(self) -> None:
        row = min(self._next, len(self._take) - 1)
        self._anchor = time.perf_counter() - float(self._times[row])

    def _skip_missed(self) -> None:
        """Go to the newest frame that is due."""
        now = time.perf_counter() - self._anchor
        due = int(np.searchsorted(self._times, now, side="right")) - 1
        self._next = max(self._next, min(due, len(self._take) - 1))

    def _frame(self, row: int) -> TrackedFrame:
        take = self._take
        x, y, side, angle = take.crop[row]
        return TrackedFrame(
            frame=Frame(int(take.index[row]), float(take.timestamp[row]), self._image),
            state=take.state[row],
            raw=_present(take.raw[row]),
            smoothed=_present(take.smoothed[row]),
            crop=None if np.isnan(side) else Crop((float(x), float(y)), float(side), float(angle)),
            confidence=float(take.confidence[row]),
        )


def _present(row: NDArray[np.float32]) -> NDArray[np.float32] | None:
    return None if np.isnan(row[0]) else row.copy()
