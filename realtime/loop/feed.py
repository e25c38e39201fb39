"""The contract of a feed: what gives results, live from a source or from a take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

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


class Transport(Protocol):
    """Play, pause and seek of a feed that can: a take.

    Attributes:
        duration: seconds.
        position: seconds from the start.
        playing: settable.
    """

    @property
    def duration(self) -> float: ...
    @property
    def position(self) -> float: ...
    @property
    def playing(self) -> bool: ...
    @playing.setter
    def playing(self, on: bool) -> None: ...

    def seek(self, seconds: float) -> None:
        """Continue from `seconds` (clamped to 0..duration) and deliver the result there even while paused."""
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
