"""A choice of colours for light."""

from __future__ import annotations

import numpy as np
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from PyQt6.QtWidgets import QColorDialog, QGridLayout, QLabel, QSizePolicy, QToolButton, QWidget

from facemodel.color import decode_srgb, encode_srgb
from realtime.light.values import Rgb
from realtime.ui.theme import ON_ACCENT

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


def to_qcolor(linear: Rgb) -> QColor:
    """Return a screen colour for linear RGB 0..1."""
    return QColor.fromRgbF(*(float(c) for c in encode_srgb(np.clip(linear, 0.0, 1.0))))


def from_qcolor(color: QColor) -> Rgb:
    """Return linear RGB with the largest component 1; black counts as white."""
    linear = decode_srgb([color.redF(), color.greenF(), color.blueF()])
    peak = float(linear.max())
    r, g, b = linear / peak if peak > 1e-4 else np.ones(3)
    return float(r), float(g), float(b)


class ColorRow(QWidget):
    """Shows swatches, and a dialog for every other colour; `chosen` carries linear RGB, `held` whether the dialog is
    open."""

    chosen = pyqtSignal(tuple)
    held = pyqtSignal(bool)

    def __init__(self) -> None:
        super().__init__()
        self._color: Rgb = (1.0, 1.0, 1.0)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        grid.addWidget(QLabel("Colour"), 0, 0, 1, _COLUMNS)
        for i, (name, code) in enumerate(_SWATCHES):
            grid.addWidget(self._swatch(name, QColor(code)), 1 + i // _COLUMNS, i % _COLUMNS)
        self.other = QToolButton()
        self.other.setObjectName("swatch")
        self.other.setText("…")
        self.other.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.other.setAccessibleName("Other colour")
        self.other.setToolTip("Any other colour")
        self.other.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.other.clicked.connect(self._ask)
        grid.addWidget(self.other, 1 + len(_SWATCHES) // _COLUMNS, len(_SWATCHES) % _COLUMNS)

    def show_color(self, color: Rgb) -> None:
        """Take a colour, linear RGB 0..1, for the one that the dialog starts from."""
        self._color = color

    def _swatch(self, name: str, color: QColor) -> QToolButton:
        button = QToolButton()
        button.setObjectName("swatch")
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setIcon(dot_icon(color))
        button.setAccessibleName(f"{name} light")
        button.setToolTip(name)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda: self.chosen.emit(from_qcolor(color)))
        return button

    def _ask(self) -> None:
        before = self._color
        dialog = QColorDialog(to_qcolor(before), self)
        dialog.setOption(QColorDialog.ColorDialogOption.DontUseNativeDialog)
        dialog.setWindowTitle("Colour of the light")
        dialog.currentColorChanged.connect(lambda color: self.chosen.emit(from_qcolor(color)))
        dialog.finished.connect(
            lambda result: self._asked(before if result == QColorDialog.DialogCode.Rejected else None)
        )
        self.held.emit(True)
        dialog.open()

    def _asked(self, before: Rgb | None) -> None:
        """Let go, back at the colour of before where the dialog was cancelled."""
        if before is not None:
            self.chosen.emit(before)
        self.held.emit(False)


def dot_icon(color: QColor) -> QIcon:
    """Return an icon of a round spot of a colour, in a dark ring that parts it from a button of its own colour."""
    pixmap = QPixmap(32, 32)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(color)
    painter.setPen(QPen(QColor(ON_ACCENT), 5.0))
    painter.drawEllipse(3, 3, 26, 26)
    painter.end()
    return QIcon(pixmap)
