"""Controls of a show's values: each shows one value, and sets it when a person moves it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import cast

from PyQt6.QtCore import QSignalBlocker, pyqtSignal
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from realtime.light.values import VALUES, Value, ValueSpec
from realtime.ui.controls import Choice, ValueSlider

Text = Callable[[float], str]
Bindable = tuple[QWidget, Callable[[], str]]
"""A control of the window, and what returns the path of the command that it gives."""

_TEXTS: Mapping[str, Text] = {
    "": lambda v: f"{v:.2f}",
    "deg": lambda v: f"{v:.0f}°",
    "mm": lambda v: f"{v / 10.0:.0f} cm",
    "K": lambda v: f"{v:.0f} K",
    "stops": lambda v: f"{v:+.1f}",
}
_EVEN_RATIOS = ("K", "mm")
"""Units of which a slider covers ratios evenly."""


def value_slider(label: str, spec: ValueSpec, text: Text | None = None) -> ValueSlider:
    """Return a slider over the range of a number.

    Args:
        label: beside it.
        spec: of the value.
        text: writes a value; None for the way of its unit.
    """
    tip = spec.text[0].upper() + spec.text[1:]
    return ValueSlider(label, spec.low, spec.high, text or _TEXTS[spec.unit], tip, spec.unit in _EVEN_RATIOS)


def value_choice(label: str, spec: ValueSpec) -> Choice:
    """Return a drop-down list of what a text may be."""
    choice = Choice(label, spec.text[0].upper() + spec.text[1:])
    choice.setMinimumContentsLength(max(map(len, spec.choices)))
    for text in spec.choices:
        choice.addItem(text.capitalize(), text)
    return choice


def show_choice(choice: Choice, value: Value) -> None:
    """Show a value in its list, without a signal."""
    with QSignalBlocker(choice):
        choice.setCurrentIndex(max(0, choice.findData(value)))


class ValueSliders(QWidget):
    """A column of sliders of a show's numbers. `moved` carries the name and the value of one that a person moves;
    `held` is that of the sliders."""

    moved = pyqtSignal(str, float)
    held = pyqtSignal(bool)

    def __init__(self, labels: Iterable[tuple[str, str]]) -> None:
        """
        Args:
            labels: (name of a value, text beside its slider).
        """
        super().__init__()
        self.sliders: dict[str, ValueSlider] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for name, label in labels:
            slider = self.sliders[name] = value_slider(label, VALUES[name])
            slider.moved.connect(lambda value, name=name: self.moved.emit(name, value))
            slider.held.connect(self.held)
            layout.addWidget(slider)

    def bindable(self) -> Iterator[Bindable]:
        """Yield what a MIDI control can be bound to."""
        for name, slider in self.sliders.items():
            yield slider, partial(str, name)

    def show_values(self, values: Mapping[str, Value]) -> None:
        """Show the values of a show."""
        for name, slider in self.sliders.items():
            if not slider.slider.isSliderDown():
                slider.set_value(cast(float, values[name]))
