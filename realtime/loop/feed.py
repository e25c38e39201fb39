"""The contract of a feed: what gives results, live from a source or from a take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from realtime.frame import Result, StreamInfo


@dataclass(frozen=True)
class FeedStatus:
    """How a feed goes.

    Attributes:
        message: one line worth telling, such as "3 faces in view: following the largest"; "" if none.
        problem: what is wrong with the source now, in one line: lost and being opened again, or ended by a failure;
            "" while it works.
        lost: the source is gone, and the feed tries to get it back.
        reopened: how often the source was lost and came back.
        stalls: how often no frame came when one was due.
        unusable: what the source delivered that is no picture.
    """

    message: str = ""
    problem: str = ""
    lost: bool = False
    reopened: int = 0
    stalls: int = 0
    unusable: int = 0


AtEnd = Literal["stop", "loop", "pause"]
"""What a take, or a file at its own pace, does at its end: it ends, begins again, or waits for somebody to seek."""

SLOWEST, FASTEST = 0.1, 4.0
"""Speeds of a transport; 1 is the recording's own."""


class Transport(Protocol):
    """Play, pause and seek of a feed that can: a take, or a file that plays at its own pace.

    Frames count from 0. At its end, or at the out point, it pauses, or in a loop goes on at the in point.

    Attributes:
        fps: frames a second, nominal.
        frames: how many there are; of a video file an estimate until it was played to its end.
        duration: seconds from the first frame to the last.
        frame: that was asked for last, or delivered last.
        position: seconds from the start, of that frame.
        playing: settable; set to True at the end, it plays from the start again, or from the in point.
        speed: settable, `SLOWEST` to `FASTEST`; other values are clamped.
        loop: settable.
        span: settable, the in and out points, frames, both included; None without any.
    """

    @property
    def fps(self) -> float: ...
    @property
    def frames(self) -> int: ...
    @property
    def duration(self) -> float: ...
    @property
    def frame(self) -> int: ...
    @property
    def position(self) -> float: ...
    @property
    def playing(self) -> bool: ...
    @playing.setter
    def playing(self, on: bool) -> None: ...
    @property
    def speed(self) -> float: ...
    @speed.setter
    def speed(self, speed: float) -> None: ...
    @property
    def loop(self) -> bool: ...
    @loop.setter
    def loop(self, on: bool) -> None: ...
    @property
    def span(self) -> tuple[int, int] | None: ...
    @span.setter
    def span(self, span: tuple[int, int] | None) -> None: ...

    def seek(self, seconds: float) -> None:
        """Continue from the frame nearest to `seconds`, and deliver it even while paused."""
        ...

    def show(self, frame: int) -> None:
        """Continue from a frame, clamped to what there is, and deliver it even while paused."""
        ...

    def step(self, frames: int) -> None:
        """Pause, and deliver the frame so many after the present one, or before it."""
        ...


class Feed(Protocol):
    """Gives results until it ends. One thread reads; everything else may come from any thread.

    Attributes:
        info: what sinks must know before the first result.
        transport: of a feed that can be paused; None for a live one.
    """

    info: StreamInfo
    transport: Transport | None

    def read(self) -> Result | None:
        """Wait for the next result and return it; None at the end and once closed.

        Raises:
            LimelightError: the feed cannot go on.
        """
        ...

    def status(self) -> FeedStatus: ...

    def recenter(self) -> None:
        """Make the performer's next pose straight ahead, in what is shown alone or streamed."""
        ...

    def reset_person(self) -> None:
        """Forget the performer's identity and albedo: another person sits down."""
        ...

    def choose(self, number: int) -> None:
        """Make the `number`-th face from the left, from 1 on, the performer; where there is none, nothing changes."""
        ...

    def choose_at(self, x: float, y: float) -> None:
        """Make the face nearest to a place in the frame, px, the performer, whether it is followed already or not."""
        ...

    def close(self) -> None:
        """End; `read` then returns None. A device that hangs is not waited for longer than a few seconds."""
        ...
