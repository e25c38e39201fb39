"""Takes a first-time user through the window: which widgets the tour speaks of, and when a step is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from PyQt6.QtCore import QEvent, QObject, QPoint, QRect
from PyQt6.QtWidgets import QWidget

from realtime.light.lighting import direction_of
from realtime.light.values import N_LIGHTS, Rgb, Value
from realtime.render import ViewMode
from realtime.ui.actions import ACTIONS, key_text
from realtime.ui.tour import Tour, TourPlace, TourStep
from realtime.ui.tour_card import Ring, TourCard

if TYPE_CHECKING:
    from realtime.ui.window import MainWindow

_MARGIN = 16
_MOVED = 0.1
"""How far a light's direction, a unit vector, has come when it was moved and not only touched."""


class TourDesk(QObject):
    """Shows the card of the tour over the picture and a ring around what it speaks of, and listens to what a person
    does. Nothing is blocked meanwhile; the card gives way to the F1 page, and to the picture alone in full screen.

    Attributes:
        tour: that is led through.
        card: of the step that is shown.
        ring: around what it speaks of.
    """

    def __init__(self, window: MainWindow, seen: bool) -> None:
        """
        Args:
            window: whose parts are shown; they are all there already.
            seen: the tour was seen before.
        """
        super().__init__()
        self._window = window
        self._show = window.session.show
        self._recording = False
        self._directions: tuple[Rgb, ...] = ()
        self.tour = Tour(TourPlace(seen=seen))
        self.card = TourCard(window.area)
        self.ring = Ring()
        self.card.next_asked.connect(self.tour.advance)
        self.card.leave_asked.connect(self.tour.leave)
        window.area.help.tour_asked.connect(self.tour.start)
        window.area.installEventFilter(self)
        window.panel.source.chosen.connect(lambda _spec: self.tour.done(TourStep.SOURCE))
        for name in TourStep.RELIGHT.actions:
            window.actions_by_name[name].triggered.connect(self.follow_light)
        window.options.listen(lambda _options: self.follow_light())
        self.tour.listen(self._show_place)

    def offer(self) -> None:
        """Start the tour, unless it was seen before."""
        if not self.tour.value.seen:
            self.tour.start()

    def begin_or_advance(self) -> None:
        """Start the tour, or go to its next step."""
        if self.tour.value.step is None:
            self.tour.start()
        else:
            self.tour.advance()

    def follow_light(self) -> None:
        """See whether the picture is relit, or a light was moved."""
        step, values = self.tour.value.step, self._show.values()
        if step is TourStep.RELIGHT:
            relit = self._window.options.value.mode is ViewMode.RELIT
            if relit and values["light/source"] == "show":
                self.tour.done(step)
        elif step is TourStep.LIGHT:
            moves = zip(self._directions, _directions(values), strict=True)
            if any(max(abs(a - b) for a, b in zip(*move, strict=True)) > _MOVED for move in moves):
                self.tour.done(step)

    def follow_recording(self, recording: bool) -> None:
        """See whether a take was begun and ended."""
        was, self._recording = self._recording, recording
        if was and not recording:
            self.tour.done(TourStep.RECORD)

    def place(self) -> None:
        """Put the card beside what it speaks of, or hide it while something else is to be seen."""
        step, area = self.tour.value.step, self._window.area
        if step is None or self._window.isFullScreen() or area.help.isVisible():
            self.card.hide()
            return
        self.card.show()
        inside = area.rect().adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
        target = self._target(step)
        if target is not None:
            self.card.place_beside(QRect(area.mapFromGlobal(target.mapToGlobal(QPoint())), target.size()), inside)
        else:  # the handles: out of their way
            high = any(mark.y < area.height() / 2 for mark in area.lights.marks)
            self.card.place_beside(QRect(inside.right(), inside.bottom() if high else inside.top(), 1, 1), inside)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event.type() == QEvent.Type.Resize:
            self.place()
        return super().eventFilter(watched, event)

    def _target(self, step: TourStep) -> QWidget | None:
        """What a step speaks of; None where that is no widget."""
        panel = self._window.panel
        return {
            TourStep.SOURCE: panel.source,
            TourStep.RELIGHT: panel.view.modes[ViewMode.RELIT],
            TourStep.RECORD: panel.record.button,
        }.get(step)

    def _show_place(self, place: TourPlace) -> None:
        step = place.step
        self._window.area.lights.point_out(step is TourStep.LIGHT)
        self._directions = _directions(self._show.values())
        self.ring.show_around(None if step is None else self._target(step))
        if step is not None:
            keys = {spec.name: key_text(spec.keys[0]) for spec in ACTIONS}
            self.card.show_step(step, [keys[name] for name in step.actions])
            self.card.raise_()
        self.place()


def _directions(values: Mapping[str, Value]) -> tuple[Rgb, ...]:
    """Directions of all lights."""
    return tuple(
        direction_of(cast(float, values[f"light/{n}/azimuth"]), cast(float, values[f"light/{n}/elevation"]))
        for n in range(1, N_LIGHTS + 1)
    )
