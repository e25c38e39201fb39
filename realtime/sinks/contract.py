"""The contract of a sink: something that takes results, such as a recorder, a video file or a stream."""

from __future__ import annotations

from enum import Enum
from typing import Any, Protocol, runtime_checkable

from realtime.frame import Result, StreamInfo


class Policy(Enum):
    """How a worker hands results to a sink that takes its time."""

    EVERY = "every"  # all of them wait in a queue: nothing is dropped, nobody is held up (a recorder)
    NEWEST = "newest"  # only the newest waits: the sink is never late (displays, streams)
    IN_STEP = "in step"  # the feed waits for the sink: every result, in bounded memory (files, offline)


class Sink(Protocol):
    """Takes results in order, on a thread of its worker's.

    Whatever a sink raises, of whatever type, costs nobody else a frame: its worker logs it, shows it as one line, and
    stops delivering. `begin` may be called again after `close`, by hand or with another feed.

    A sink may also have a method `prepare(result: Result) -> object`, see `Preparing`, a method
    `connected() -> bool | None`, see `Connecting`, a method `show_view(mode)`, see `ShowsView`, and an attribute
    `screens`, see `OnScreens`.

    Attributes:
        name: for people, such as "take session.mcap".
    """

    name: str

    def begin(self, info: StreamInfo) -> None:
        """Get ready for the results of a feed.

        Raises:
            LimelightError: the file cannot be written, the address is taken, no OpenGL, and the like.
        """
        ...

    def submit(self, result: Any, /) -> None:
        """Take one result, or what `prepare` made of it; it may take its time."""
        ...

    def status(self) -> str:
        """One line for people on how it goes, such as "1200 frames, 40.0 s"; "" where there is nothing to say. May be
        called from any thread."""
        ...

    def close(self) -> None:
        """Finish what can be finished, and release; a second call does nothing."""
        ...


class Preparing(Protocol):
    """What a sink has that must not keep whole results in its queue, such as a recorder, which drops their pictures."""

    def prepare(self, result: Result) -> Any:
        """Return what is queued in the place of a result, and then given to `submit`.

        Called on the loop's thread, so it takes microseconds. A sink without this method is given the result itself.
        """
        ...


class Connecting(Protocol):
    """What a sink has that sends to another program, and can sometimes tell whether that is there."""

    def connected(self) -> bool | None:
        """Return whether anything listens at the other end; None where that cannot be known.

        May be called from any thread.
        """
        ...


@runtime_checkable
class ShowsView(Protocol):
    """What a sink has whose view can be switched while it runs."""

    def show_view(self, mode: Any, /) -> None:
        """Show this `realtime.render.ViewMode` from the next result on, if it can. May be called from any thread."""
        ...


class Screens(Protocol):
    """The displays of this machine, on which sinks have windows. All methods return at once, from any thread."""

    def open(self, output: Any, /) -> None:
        """Give an output a window, or let it keep the one that it has."""
        ...

    def refresh(self, output: Any, /) -> None:
        """Draw an output's window again."""
        ...

    def close(self, output: Any, /) -> None:
        """Take an output's window away, unless it is opened again in a moment, as with another feed."""
        ...


class OnScreens(Protocol):
    """What a sink has that shows windows on displays.

    Attributes:
        screens: where; set by the session before the sink begins, None where the program has no windows.
    """

    screens: Screens | None
