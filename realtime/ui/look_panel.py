"""The panel of skin and relit video: what the show makes of both."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import cast

from PyQt6.QtCore import QSignalBlocker
from PyQt6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from realtime.light.show import Show
from realtime.light.values import VALUES, Rgb
from realtime.ui.color_row import ColorRow
from realtime.ui.controls import section_title
from realtime.ui.hand import Hand
from realtime.ui.show_values import Bindable, ValueSliders, show_choice, value_choice

_SKIN = (
    ("material/diffuse", "Diffuse"),
    ("material/specular", "Highlights"),
    ("material/shininess", "Shininess"),
    ("material/tone", "Skin tone"),
)
_VIDEO = (("relight/strength", "Strength"), ("relight/even", "Even out"), ("relight/dim", "Dim behind"))


class LookPanel(QWidget):
    """Shows and changes the material of the skin and how the video is relit."""

    def __init__(self, show: Show) -> None:
        """
        Args:
            show: that is shown and changed.
        """
        super().__init__()
        self._show = show
        hand = Hand(show)
        self.skin, self.video = ValueSliders(_SKIN), ValueSliders(_VIDEO)
        for sliders in (self.skin, self.video):
            sliders.held.connect(hand.hold)
            sliders.moved.connect(lambda name, value: hand.set({name: value}))
        self.background = value_choice("Background", VALUES["relight/background"])
        self.background.activated.connect(
            lambda _index: hand.set({"relight/background": self.background.currentData()})
        )
        self.backdrop = ColorRow()
        self.backdrop.held.connect(hand.hold)
        self.backdrop.chosen.connect(lambda color: hand.set({"relight/backdrop": color}))
        self.lock = QCheckBox("Hold the light that the camera saw")
        self.lock.setToolTip(VALUES["relight/lock"].text)
        self.lock.toggled.connect(lambda on: hand.set({"relight/lock": on}))
        behind = QHBoxLayout()
        behind.addWidget(QLabel("Background"))
        behind.addWidget(self.background, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(section_title("Skin"))
        layout.addWidget(self.skin)
        layout.addWidget(section_title("Relit video"))
        layout.addWidget(self.video)
        layout.addLayout(behind)
        layout.addWidget(self.backdrop)
        layout.addWidget(self.lock)

    def bindable(self) -> Iterator[Bindable]:
        """Yield what a MIDI control can be bound to."""
        yield from self.skin.bindable()
        yield from self.video.bindable()
        yield self.background, partial(str, "relight/background")
        yield self.lock, partial(str, "relight/lock")

    def show_values(self) -> None:
        """Show the show as it is now."""
        values = self._show.values()
        self.skin.show_values(values)
        self.video.show_values(values)
        show_choice(self.background, values["relight/background"])
        self.backdrop.show_color(cast(Rgb, values["relight/backdrop"]))
        self.backdrop.setVisible(values["relight/background"] == "replace")
        with QSignalBlocker(self.lock):
            self.lock.setChecked(bool(values["relight/lock"]))
