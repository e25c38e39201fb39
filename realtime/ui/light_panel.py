"""The light panel: which terms are drawn, the estimated light or one's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PyQt6.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtGui import QAction, QColor, QIcon, QPainter, QPixmap
from PyQt6.QtWidgets import (
    QColorDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from facemodel import LimelightError
from facemodel.color import decode_srgb, encode_srgb
from facemodel.parameters import MAX_SHININESS, MIN_SHININESS
from realtime.light.environments import ENVIRONMENTS
from realtime.light.library import EnvironmentLibrary
from realtime.light.panorama import SUFFIXES
from realtime.light.rig import ESTIMATED, MAX_INTENSITY, MAX_KEY_DISTANCE, MIN_KEY_DISTANCE, LightRig
from realtime.observable import Observable
from realtime.ui.controls import ActionButton, ActionCheck, Choice, ValueSlider, section_title
from realtime.ui.light_pad import LightPad

_SWATCHES = (
    ("White", "#ffffff"),
    ("Warm", "#ffd2a1"),
    ("Amber", "#ff9a3c"),
    ("Cool", "#b9d4ff"),
    ("Blue", "#3c7dff"),
    ("Magenta", "#ff4fb0"),
    ("Green", "#53e08a"),
)
_COLUMNS = 4
_ASK = "ask"
"""Stands in the list of environments for one that is asked for."""
_PANORAMAS = f"Panoramas ({' '.join(f'*{suffix}' for suffix in SUFFIXES)})"


def to_qcolor(linear: tuple[float, float, float]) -> QColor:
    """A screen colour from linear RGB 0..1."""
    return QColor.fromRgbF(*(float(c) for c in encode_srgb(linear)))


def from_qcolor(color: QColor) -> tuple[float, float, float]:
    """Linear RGB with the largest component 1; black counts as white."""
    linear = decode_srgb([color.redF(), color.greenF(), color.blueF()])
    peak = float(linear.max())
    r, g, b = linear / peak if peak > 1e-4 else np.ones(3)
    return float(r), float(g), float(b)


class LightPanel(QWidget):
    """Shows the light rig and changes it. Touching the key light or an environment overrides the estimate, and an
    environment brings its own key light; `failed` carries why a panorama cannot be read.
    """

    failed = pyqtSignal(str)

    def __init__(
        self, rig: Observable[LightRig], actions: dict[str, QAction], environments: EnvironmentLibrary
    ) -> None:
        super().__init__()
        self._rig = rig
        self._environments = environments
        self.diffuse = ActionCheck(actions["diffuse"], "SH diffuse")
        self.specular = ActionCheck(actions["specular"], "Key specular")
        self.follow = QToolButton()
        self.override = ActionButton(actions["light_override"], "Override")
        self.match = ActionButton(actions["match_light"], "Match estimate")
        self.pad = LightPad()
        self.color = ColorRow()
        self.intensity = ValueSlider(
            "Intensity", 0.0, MAX_INTENSITY, lambda v: f"{v:.2f}", "Brightness of the key light's highlights"
        )
        self.distance = ValueSlider(
            "Distance",
            MIN_KEY_DISTANCE,
            MAX_KEY_DISTANCE,
            lambda v: f"{v / 10.0:.0f} cm",
            "From the centre of the head to the key light",
            logarithmic=True,
        )
        self.shininess = ValueSlider(
            "Shininess",
            MIN_SHININESS,
            MAX_SHININESS,
            lambda v: f"{v:.0f}",
            "Low: wide, soft highlights; high: small, wet ones",
            logarithmic=True,
        )
        self.environment = Choice("Environment", "Where the SH light comes from")
        self.environment.addItem("As estimated", ESTIMATED)
        for name in environments:
            self._offer(name)
        self.environment.addItem("Panorama from a file …", _ASK)
        self.rotation = ValueSlider(
            "Rotation", -180.0, 180.0, lambda v: f"{v:.0f}°", "Turns environment and key light around the head"
        )
        self.brightness = ValueSlider(
            "Brightness", 0.0, MAX_INTENSITY, lambda v: f"{v:.2f}", "Brightness of the environment"
        )
        self._build()
        self._connect()
        rig.listen(self._show)

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

    def _build(self) -> None:
        self.follow.setText("Follow")
        self.follow.setCheckable(True)
        self.follow.setAccessibleName("Follow the estimated light")
        self.follow.setToolTip("Draw the face in the light that was estimated from the picture (L)")
        self.follow.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.follow.setSizePolicy(self.override.sizePolicy())
        beside = QVBoxLayout()
        beside.addWidget(self.color)
        beside.addStretch(1)
        beside.addWidget(self.match)
        around = QHBoxLayout()
        around.setSpacing(14)
        around.addWidget(self.pad)
        around.addLayout(beside, 1)
        place = QHBoxLayout()
        place.addWidget(QLabel("Environment"))
        place.addWidget(self.environment, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(section_title("Light"))
        layout.addLayout(_row(self.diffuse, self.specular))
        layout.addLayout(_row(self.follow, self.override))
        layout.addLayout(around)
        for slider in (self.intensity, self.distance, self.shininess):
            layout.addWidget(slider)
        layout.addLayout(place)
        layout.addWidget(self.rotation)
        layout.addWidget(self.brightness)

    def _connect(self) -> None:
        self.follow.clicked.connect(lambda: self._rig.update(override=False))
        self.follow.clicked.connect(lambda: self._show(self._rig.value))
        self.pad.moved.connect(lambda direction: self._take_over(key_direction=direction))
        self.pad.nudged.connect(lambda right, up: self._set(self._rig.value.dragged(right, up)))
        self.color.chosen.connect(lambda color: self._take_over(key_color=color))
        self.intensity.moved.connect(lambda value: self._take_over(key_intensity=value))
        self.distance.moved.connect(lambda value: self._take_over(key_distance=value))
        self.shininess.moved.connect(lambda value: self._take_over(shininess=value))
        self.environment.activated.connect(lambda _index: self._choose_environment())
        self.rotation.moved.connect(lambda value: self._set(self._rig.value.rotated(value)))
        self.brightness.moved.connect(lambda value: self._take_over(environment_intensity=value))

    def _take_over(self, **changes: object) -> None:
        self._rig.update(override=True, **changes)

    def _set(self, rig: LightRig) -> None:
        self._rig.value = replace(rig, override=True)

    def load_panorama(self, path: str) -> None:
        """Relight by a panorama, or emit `failed`."""
        if name := self._load(path):
            self._choose(name)

    def restore_panorama(self) -> None:
        """Read the panorama that the rig remembers from before, if any, or emit `failed`."""
        name = self._rig.value.environment
        if name != ESTIMATED and name not in self._environments:
            self._load(name)
        self._show(self._rig.value)

    def _load(self, path: str) -> str:
        """Read and list a panorama; return its name, "" if it cannot be read."""
        try:
            name = self._environments.load(path)
        except LimelightError as error:
            self._show(self._rig.value)
            self.failed.emit(str(error))
            return ""
        self._offer(name)
        return name

    def _offer(self, name: str) -> None:
        """List an environment, before what asks for a file."""
        if self.environment.findData(name) < 0:
            text = name.capitalize() if name in ENVIRONMENTS else Path(name).name
            place = self.environment.findData(_ASK)
            self.environment.insertItem(place if place >= 0 else self.environment.count(), text, name)

    def _choose_environment(self) -> None:
        if self.environment.currentData() != _ASK:
            self._choose(self.environment.currentData())
        elif path := QFileDialog.getOpenFileName(self, "Open a panorama", "", _PANORAMAS)[0]:
            self.load_panorama(path)
        else:
            self._show(self._rig.value)

    def _choose(self, name: str) -> None:
        rig = self._rig.value
        if name != ESTIMATED:
            environment = self._environments[name].turned(np.radians(rig.environment_rotation))
            rig = rig.with_key(environment.key_position, environment.key_color)
        self._set(replace(rig, environment=name))

    def _show(self, rig: LightRig) -> None:
        self.follow.setChecked(not rig.override)
        self.pad.show_light(rig.key_direction, to_qcolor(rig.key_color), rig.override)
        self.color.show_color(rig.key_color)
        self.intensity.set_value(rig.key_intensity)
        self.distance.set_value(rig.key_distance)
        self.shininess.set_value(rig.shininess)
        self.rotation.set_value(rig.environment_rotation)
        self.brightness.set_value(rig.environment_intensity)
        with QSignalBlocker(self.environment):
            self.environment.setCurrentIndex(max(0, self.environment.findData(rig.environment)))


class ColorRow(QWidget):
    """Swatches for the key light's colour, and a dialog for every other; `chosen` carries linear RGB."""

    chosen = pyqtSignal(tuple)

    def __init__(self) -> None:
        super().__init__()
        self._color = (1.0, 1.0, 1.0)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        grid.addWidget(QLabel("Key colour"), 0, 0, 1, _COLUMNS)
        for i, (name, code) in enumerate(_SWATCHES):
            grid.addWidget(self._swatch(name, QColor(code)), 1 + i // _COLUMNS, i % _COLUMNS)
        self.other = QToolButton()
        self.other.setObjectName("swatch")
        self.other.setText("…")
        self.other.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.other.setAccessibleName("Other key light colour")
        self.other.setToolTip("Any other colour")
        self.other.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.other.clicked.connect(self._ask)
        grid.addWidget(self.other, 1 + len(_SWATCHES) // _COLUMNS, len(_SWATCHES) % _COLUMNS)

    def show_color(self, color: tuple[float, float, float]) -> None:
        self._color = color

    def _swatch(self, name: str, color: QColor) -> QToolButton:
        button = QToolButton()
        button.setObjectName("swatch")
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setIcon(_dot(color))
        button.setAccessibleName(f"{name} key light")
        button.setToolTip(name)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda: self.chosen.emit(from_qcolor(color)))
        return button

    def _ask(self) -> None:
        before = self._color
        dialog = QColorDialog(to_qcolor(before), self)
        dialog.setOption(QColorDialog.ColorDialogOption.DontUseNativeDialog)
        dialog.setWindowTitle("Key light colour")
        dialog.currentColorChanged.connect(lambda color: self.chosen.emit(from_qcolor(color)))
        dialog.rejected.connect(lambda: self.chosen.emit(before))
        dialog.open()


def _dot(color: QColor) -> QIcon:
    pixmap = QPixmap(32, 32)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(color)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawEllipse(2, 2, 28, 28)
    painter.end()
    return QIcon(pixmap)


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(6)
    for widget in widgets:
        row.addWidget(widget, 1)
    return row
