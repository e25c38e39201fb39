"""The four steps that a first-time user is taken through; knows nothing of the window."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from realtime.observable import Observable


class TourStep(Enum):
    """Steps in their order.

    Attributes:
        title: of the card.
        text: what to do; its `{}` stand for the first keys of `actions`.
        actions: names of actions of the window's table.
    """

    SOURCE = (
        "Choose who is tracked",
        "A camera, a file, or the synthetic performer, who needs no camera. {} opens a video.",
        ("open_file",),
    )
    RELIGHT = (
        "Relight yourself",
        "{} shows the picture relit; {} gives the room's light to light 1 of the show. {} compares the two.",
        ("mode.relit", "match_light", "light_override"),
    )
    LIGHT = (
        "Move a light",
        "Drag its numbered handle, or anywhere with the right button or Ctrl: it goes around your head. "
        "The wheel on the handle dims it.",
        (),
    )
    RECORD = (
        "Record a take",
        "{} begins, and again ends it: the face and the light of every frame are kept. Cues and GO: {}.",
        ("record", "operator"),
    )

    def __init__(self, title: str, text: str, actions: tuple[str, ...]) -> None:
        self.title, self.text, self.actions = title, text, actions

    @property
    def number(self) -> int:
        """Counted from 1 on."""
        return list(TourStep).index(self) + 1


@dataclass(frozen=True)
class TourPlace:
    """Where somebody is in the tour.

    Attributes:
        step: that is shown; None while the tour is not.
        seen: the tour was gone through, or left, once.
    """

    step: TourStep | None = None
    seen: bool = False


class Tour(Observable[TourPlace]):
    """Leads through the steps, forward only. It moves when it is told to, never by itself."""

    def start(self) -> None:
        """Begin at the first step."""
        self.update(step=next(iter(TourStep)))

    def advance(self) -> None:
        """Go to the next step, after the last one to the end."""
        step = self.value.step
        steps = list(TourStep)
        if step is None or step is steps[-1]:
            self.leave()
        else:
            self.update(step=steps[steps.index(step) + 1])

    def done(self, step: TourStep) -> None:
        """Go on, if this is the step that is shown: somebody did what it asks for."""
        if self.value.step is step:
            self.advance()

    def leave(self) -> None:
        """End the tour, if it is shown; it was seen then."""
        if self.value.step is not None:
            self.value = TourPlace(seen=True)
