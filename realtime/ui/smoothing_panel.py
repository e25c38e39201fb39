"""How strongly each part of a face is smoothed: presets, and a slider for each part."""

from __future__ import annotations

from functools import partial

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from realtime.observable import Observable
from realtime.tracking.smoothing.settings import PRESETS, SmoothingSettings
from realtime.ui.controls import ValueSlider, section_title

_PRESET_TIPS = {
    "still": "A picture that hardly trembles, a little later",
    "balanced": "Calm and quick",
    "raw": "What the network says, unsmoothed",
}
_PARTS = {
    "head": ("Head", "Rotation, position and size"),
    "eyes": ("Lids, gaze", "Blinks pass whatever is set here"),
    "brows": ("Brows", "Brows"),
    "mouth": ("Mouth", "Jaw, lips, cheeks, nose and tongue"),
    "light": ("Light", "The estimated light"),
}


class SmoothingPanel(QWidget):
    """Shows the settings and changes them; the sliders of the parts are folded away at first."""

    def __init__(self, smoothing: Observable[SmoothingSettings]) -> None:
        super().__init__()
        self.presets: dict[str, QToolButton] = {}
        self.parts: dict[str, ValueSlider] = {}
        row = QHBoxLayout()
        row.setSpacing(6)
        for name, settings in PRESETS.items():
            button = self.presets[name] = _button(name.capitalize(), f"Smoothing: {name}", _PRESET_TIPS[name])
            button.clicked.connect(partial(self._choose, smoothing, settings))
            row.addWidget(button)
        self.expander = _button("Parts ▸", "Smoothing of each part", "A slider for each part of the face")
        self.expander.toggled.connect(self._fold)
        row.addWidget(self.expander)
        self._sliders = QWidget()
        self._sliders.setObjectName("fold")
        sliders = QVBoxLayout(self._sliders)
        sliders.setContentsMargins(0, 0, 0, 0)
        sliders.setSpacing(6)
        for part, (title, tip) in _PARTS.items():
            slider = self.parts[part] = ValueSlider(title, 0.0, 1.0, _percent, f"{tip}. Left: quick; right: calm")
            slider.moved.connect(lambda strength, part=part: smoothing.update(**{part: round(strength, 3)}))
            sliders.addWidget(slider)
        self._sliders.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(section_title("Smoothing"))
        layout.addLayout(row)
        layout.addWidget(self._sliders)
        smoothing.listen(self._show)

    def _choose(self, smoothing: Observable[SmoothingSettings], settings: SmoothingSettings) -> None:
        smoothing.value = settings
        self._show(settings)  # a button that is pressed twice stays down

    def _show(self, settings: SmoothingSettings) -> None:
        for name, button in self.presets.items():
            button.setChecked(name == settings.preset)
        for part, slider in self.parts.items():
            slider.set_value(getattr(settings, part))

    def _fold(self, open_: bool) -> None:
        self._sliders.setVisible(open_)
        self.expander.setText("Parts ▾" if open_ else "Parts ▸")


def _button(text: str, name: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setCheckable(True)
    button.setAccessibleName(name)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return button


def _percent(strength: float) -> str:
    return "off" if strength < 0.005 else f"{100.0 * strength:.0f} %"
