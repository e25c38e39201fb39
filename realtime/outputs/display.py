"""`display://[N]`: the picture for the audience, full screen on a display of its own.

The window draws it; this sink keeps what is to be drawn.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from time import perf_counter

from facemodel import FaceModel, LimelightError
from realtime.frame import Result, StreamInfo
from realtime.outputs.picture_options import PictureOptions, choice
from realtime.render.options import RenderOptions, ViewMode
from realtime.sinks.address import Address
from realtime.sinks.contract import Screens
from realtime.sinks.worker import Worker


class DisplayState(Enum):
    """What a display shows."""

    PICTURE = "picture"
    BLACK = "black"
    FREEZE = "freeze"  # the picture stands still
    TEST_CARD = "test-card"


_STATES = {state.value: state for state in DisplayState}
_AFTER_FAILURE = {"black": False, "hold": True}

_SILENCE = 2.0
"""s without a result after which a display holds its last good look, or goes black."""


@dataclass(frozen=True, eq=False)
class Look:
    """What is drawn.

    Attributes:
        result: of the feed.
        model: that the parameters of its faces drive.
        alone: the feed has no pictures: heads are drawn on black.
        options: of the view.
        cues: see `StreamInfo`.
    """

    result: Result
    model: FaceModel
    alone: bool
    options: RenderOptions
    cues: bool = False


class DisplayOutput:
    """Keeps the newest result for a window; see `realtime.sinks.contract.Sink`. All methods may be called from any
    thread.

    Attributes:
        name: for people.
        wanted: the display's number, from 1 on, or its name; "" for the first that is not the main one.
        holds: shows the last good look, not black, when drawing fails or nothing comes.
        screens: where windows are opened; set before it begins, None where there are none.
        place: what the window says of its display, for people.
        trouble: what the drawing failed of, in one line; "" while it does not.
        there: whether the display is there; None while that is not known.
    """

    def __init__(self, address: Address) -> None:
        """
        Args:
            address: `display://[N]`, or with a display's name.

        Raises:
            LimelightError: an option makes no sense.
        """
        self.wanted = address.place
        self.name = f"display {self.wanted}" if self.wanted else "display"
        self.holds = choice(address, "on-failure", _AFTER_FAILURE, True)
        self.screens: Screens | None = None
        self.place = self.trouble = ""
        self.there: bool | None = None
        self._options = replace(PictureOptions.of(address).render, background=(0.0, 0.0, 0.0))
        self._state = choice(address, "state", _STATES, DisplayState.PICTURE)
        self._lock = threading.Lock()
        self._info: StreamInfo | None = None
        self._newest: Look | None = None
        self._came = -_SILENCE
        self._waiting = False

    @property
    def state(self) -> DisplayState:
        """What is shown now; may be set."""
        return self._state

    @state.setter
    def state(self, state: DisplayState) -> None:
        self._state = state
        if self.screens is not None:
            self.screens.refresh(self)

    def show_view(self, mode: ViewMode) -> None:
        """Show another view from the next result on."""
        self._options = replace(self._options, mode=mode)

    @property
    def silent(self) -> bool:
        """Whether nothing has come for 2 s."""
        return perf_counter() - self._came > _SILENCE

    def begin(self, info: StreamInfo) -> None:
        """Open the window, or go on in the one that is there; it is not waited for.

        Raises:
            LimelightError: the program runs without windows.
        """
        if self.screens is None:
            raise LimelightError(f"{self.name}: needs Limelight's window; run without --headless, on a desktop")
        alone = not info.pictures
        self._options = replace(self._options, whole_head=alone)
        self._info = info
        self.screens.open(self)

    def submit(self, result: Result) -> None:
        """Keep a result, and tell the window of it; what it had no time for is forgotten."""
        info, screens = self._info, self.screens
        if info is None or screens is None:
            return
        with self._lock:
            self._newest = Look(result, info.model, not info.pictures, self._options, info.cues)
            self._came = perf_counter()
            waiting, self._waiting = self._waiting, True
        if not waiting:
            screens.refresh(self)

    def take(self) -> Look | None:
        """Return the newest look, for the window; None while there was none."""
        with self._lock:
            self._waiting = False
            return self._newest

    def status(self) -> str:
        """Return where it is shown, what, and what went wrong."""
        silent = self._state is DisplayState.PICTURE and self.silent
        now = f"nothing comes: {'the last picture' if self.holds else 'black'}" if silent else self._state.value
        return ", ".join(filter(None, [self.place, now if self.there else "", self.trouble]))

    def connected(self) -> bool | None:
        """Return whether the display is there."""
        return self.there

    def close(self) -> None:
        """Let the window go; a second call does nothing."""
        if self._info is not None and self.screens is not None:
            self.screens.close(self)
        self._info = None


def display_outputs(workers: Iterable[Worker]) -> tuple[DisplayOutput, ...]:
    """Return those of a session's sinks that are displays."""
    return tuple(worker.sink for worker in workers if isinstance(worker.sink, DisplayOutput))


def set_displays(workers: Iterable[Worker], state: DisplayState) -> None:
    """Let all displays of a session show the same."""
    for display in display_outputs(workers):
        display.state = state


def display_for(wanted: str, names: Mapping[int, str]) -> int | None:
    """Return the number of the display that is meant, or None if it is not there.

    Args:
        wanted: a number, a name, or "" for the first that is not the main one.
        names: of the displays by number, from 1 on; the first is the main one.
    """
    if not wanted:
        return 2 if 2 in names else None
    if wanted.isdecimal():
        return int(wanted) if int(wanted) in names else None
    return next((number for number, name in names.items() if name.casefold() == wanted.casefold()), None)
