"""The light panel: the estimated light or the show's, its lights and its environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import cast

import numpy as np
from PyQt6.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtGui import QAction, QColor
from PyQt6.QtWidgets import QButtonGroup, QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from realtime.light.lighting import direction_of, dragged, place_of
from realtime.light.show import Show
from realtime.light.values import N_LIGHTS, VALUES, Rgb, Value
from realtime.observable import Observable
from realtime.ui.color_row import ColorRow, dot_icon, to_qcolor
from realtime.ui.controls import ActionButton, ActionCheck, ValueSlider, section_title
from realtime.ui.environment_row import EnvironmentRow
from realtime.ui.hand import Hand
from realtime.ui.light_pad import Direction, LightPad
from realtime.ui.show_values import Bindable, ValueSliders, show_choice, value_choice, value_slider

_SLIDERS = (
    ("intensity", "Intensity"),
    ("temperature", "Warmth"),
    ("distance", "Distance"),
    ("size", "Size"),
    ("beam", "Beam"),
    ("shadow", "Shadow"),
)
"""What a light has, and the text beside its slider."""

_ENVIRONMENT = (("environment/rotation", "Rotation"), ("environment/intensity", "Brightness"))
_LIT = 0.8
"""Intensity of a light that somebody touches while it is off."""


class LightPanel(QWidget):
    """Shows the light of a show and changes it. Touching a light or the environment takes the show's light for the
    estimated one; touching a light that is off lights it. `failed` carries why a panorama cannot be read.
    """

    failed = pyqtSignal(str)

    def __init__(self, show: Show, selected: Observable[int], actions: dict[str, QAction]) -> None:
        """
        Args:
            show: that is shown and changed.
            selected: number of the light that the controls are of.
            actions: by name.
        """
        super().__init__()
        self._show, self._selected = show, selected
        self._hand = Hand(show)
        self.diffuse = ActionCheck(actions["diffuse"], "Diffuse")
        self.specular = ActionCheck(actions["specular"], "Highlights")
        self.follow = QToolButton()
        self.override = ActionButton(actions["light_override"], "Show's light")
        self.match = ActionButton(actions["match_light"], "Match estimate")
        self.numbers = [self._number(n) for n in range(1, N_LIGHTS + 1)]
        self.pad = LightPad()
        self.color = ColorRow()
        self.kind = value_choice("Kind", VALUES["light/1/kind"])
        self.fixed = value_choice("Fixed to", VALUES["light/1/fixed"])
        self.sliders: dict[str, ValueSlider] = {
            name: value_slider(label, VALUES[f"light/1/{name}"]) for name, label in _SLIDERS
        }
        self.environment = EnvironmentRow(show.environments)
        self.around = ValueSliders(_ENVIRONMENT)
        self._build()
        self._connect()

    def show_estimate(self, key_position: np.ndarray | None) -> None:
        """Mark the estimated key light on the pad.

        Args:
            key_position: (3,) mm from the head centre, None while nothing is tracked.
        """
        if key_position is None or not key_position.any():
            self.pad.show_estimate(None)
        else:
            x, y, z = (float(v) for v in key_position / np.linalg.norm(key_position))
            self.pad.show_estimate((x, y, z))

    def show_values(self) -> None:
        """Show the show as it is now."""
        values = self._show.values()
        n = self._selected.value
        own = values["light/source"] == "show"
        self.follow.setChecked(not own)
        for number, button in enumerate(self.numbers, start=1):
            button.setChecked(number == n)
            on = cast(float, values[f"light/{number}/intensity"]) > 0.0
            button.setIcon(dot_icon(self._color_of(values, number) if on else QColor(70, 74, 82)))
        color = cast(Rgb, values[f"light/{n}/color"])
        lit = own and cast(float, values[f"light/{n}/intensity"]) > 0.0
        self.pad.show_light(self._direction(values, n), self._color_of(values, n), lit)
        self.color.show_color(color)
        for name, slider in self.sliders.items():
            if not slider.slider.isSliderDown():
                slider.set_value(cast(float, values[f"light/{n}/{name}"]))
        show_choice(self.kind, values[f"light/{n}/kind"])
        show_choice(self.fixed, values[f"light/{n}/fixed"])
        self.sliders["beam"].setEnabled(values[f"light/{n}/kind"] == "spot")
        self.environment.show_name(cast(str, values["environment/name"]))
        self.around.show_values(values)

    def bindable(self) -> Iterator[Bindable]:
        """Yield what a MIDI control can be bound to, of the selected light."""
        for name, control in {**self.sliders, "kind": self.kind, "fixed": self.fixed}.items():
            yield control, partial(self._path, name)
        yield from self.around.bindable()
        for button in (self.follow, self.override):
            yield button, partial(str, "light/source")

    def hold(self, on: bool) -> None:
        """Begin a gesture, all of which is one edit, or end it."""
        self._hand.hold(on)

    def move_light(self, right: float, up: float) -> None:
        """Move the selected light around the head, as a drag over the front of a ball moves it, radians."""
        direction = dragged(self._direction(self._show.values(), self._selected.value), right, up)
        self._place(direction)

    def change_intensity(self, steps: float) -> None:
        """Make the selected light brighter by so many steps, darker by negative ones."""
        intensity = cast(float, self._show.values()[f"light/{self._selected.value}/intensity"])
        self._set("intensity", intensity + 0.05 * steps)

    def load_panorama(self, path: str) -> None:
        """Relight by a panorama, or emit `failed`."""
        self.environment.load_and_choose(path)

    def restore_panorama(self) -> None:
        """Read the panorama that the show remembers from before, if any, or emit `failed`."""
        name = cast(str, self._show.values()["environment/name"])
        if name and name not in self._show.environments:
            self.environment.load(name)
        self.show_values()

    def _number(self, n: int) -> QToolButton:
        button = QToolButton()
        button.setText(str(n))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setCheckable(True)
        button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        button.setAccessibleName(f"Light {n}")
        button.setToolTip(f"The controls below are of light {n}; its spot shows whether it shines")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda: setattr(self._selected, "value", n))
        return button

    def _build(self) -> None:
        self.follow.setText("Estimated")
        self.follow.setCheckable(True)
        self.follow.setAccessibleName("Follow the estimated light")
        self.follow.setToolTip("Draw the face in the light that was estimated from the picture (L)")
        self.follow.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.follow.setSizePolicy(self.override.sizePolicy())
        group = QButtonGroup(self)
        numbers = QVBoxLayout()
        for start in (0, N_LIGHTS // 2):
            numbers.addLayout(_row(*self.numbers[start : start + N_LIGHTS // 2]))
        for button in self.numbers:
            group.addButton(button)
        beside = QVBoxLayout()
        beside.addWidget(self.color)
        beside.addStretch(1)
        beside.addWidget(self.match)
        around = QHBoxLayout()
        around.setSpacing(14)
        around.addWidget(self.pad)
        around.addLayout(beside, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(section_title("Light"))
        layout.addLayout(_row(self.diffuse, self.specular))
        layout.addLayout(_row(self.follow, self.override))
        layout.addWidget(self.environment)
        layout.addWidget(self.around)
        layout.addLayout(numbers)
        layout.addLayout(around)
        for slider in self.sliders.values():
            layout.addWidget(slider)
        layout.addLayout(_row(self.kind, self.fixed))

    def _connect(self) -> None:
        self.follow.clicked.connect(lambda: self._change({"light/source": "estimated"}))
        self.pad.moved.connect(self._place)
        self.pad.nudged.connect(self.move_light)
        for held in (self.pad.held, self.color.held, self.around.held, *(s.held for s in self.sliders.values())):
            held.connect(self.hold)
        self.color.chosen.connect(lambda color: self._set("color", color))
        for name, slider in self.sliders.items():
            slider.moved.connect(lambda value, name=name: self._set(name, value))
        self.kind.activated.connect(lambda _index: self._set("kind", self.kind.currentData()))
        self.fixed.activated.connect(lambda _index: self._set("fixed", self.fixed.currentData()))
        self.environment.chosen.connect(lambda name: self._take_over({"environment/name": name}))
        self.environment.failed.connect(self.failed)
        self.around.moved.connect(lambda name, value: self._take_over({name: value}))
        self._selected.listen(lambda _number: self.show_values())

    def _place(self, direction: Direction) -> None:
        azimuth, elevation = place_of(direction)
        n = self._selected.value
        self._touch({f"light/{n}/azimuth": azimuth, f"light/{n}/elevation": elevation}, f"Move light {n}")

    def _path(self, name: str) -> str:
        return f"light/{self._selected.value}/{name}"

    def _set(self, name: str, value: object) -> None:
        self._touch({self._path(name): value})

    def _touch(self, values: Mapping[str, object], text: str = "") -> None:
        """Set values of the selected light, which shines then."""
        intensity = f"light/{self._selected.value}/intensity"
        lit = {} if cast(float, self._show.values()[intensity]) > 0.0 else {intensity: _LIT}
        self._take_over({**lit, **values}, text)

    def _take_over(self, values: Mapping[str, object], text: str = "") -> None:
        self._change({"light/source": "show", **values}, text)

    def _change(self, values: Mapping[str, object], text: str = "") -> None:
        self._hand.set(values, text)
        with QSignalBlocker(self):
            self.show_values()

    @staticmethod
    def _direction(values: Mapping[str, Value], n: int) -> Rgb:
        return direction_of(cast(float, values[f"light/{n}/azimuth"]), cast(float, values[f"light/{n}/elevation"]))

    @staticmethod
    def _color_of(values: Mapping[str, Value], n: int) -> QColor:
        return to_qcolor(cast(Rgb, values[f"light/{n}/color"]))


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(6)
    for widget in widgets:
        row.addWidget(widget, 1)
    return row
