"""Where the parts of the window are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from realtime.ui.window import MainWindow

_SHARE, _NARROW, _WIDE = 24, 350, 560
"""Of the operator's panel: per cent of the window; px, at least and at most."""

_LARGE = 440
"""px of width from which on it has large letters."""


def lay_out(window: MainWindow) -> None:
    """Put the parts of a window into it: picture over curves, the operator's panel at the left, the side panel at the
    right, bar and status line below."""
    split = QSplitter(Qt.Orientation.Vertical)
    split.addWidget(window.area)
    split.addWidget(window.playback.curves)
    split.setStretchFactor(0, 1)
    split.setStretchFactor(1, 0)
    split.setCollapsible(0, False)
    upper = QHBoxLayout()
    upper.setSpacing(0)
    upper.addWidget(window.operator)
    upper.addWidget(split, 1)
    upper.addWidget(window.panel)
    central = QWidget()
    rows = QVBoxLayout(central)
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setSpacing(0)
    rows.addLayout(upper, 1)
    rows.addWidget(window.playback.bar)
    rows.addWidget(window.status_line)
    window.setCentralWidget(central)
    window.area.help.lie_over(central)


def fit_operator(window: MainWindow) -> None:
    """Give the operator's panel its share of a window that became larger or smaller, and letters as large as it has
    room for."""
    width = min(max(window.width() * _SHARE // 100, _NARROW), _WIDE)
    window.operator.setFixedWidth(width)
    restyle(window.operator, "large", width >= _LARGE)


def restyle(widget: QWidget, name: str, on: bool) -> None:
    """Set a property that the stylesheet asks for, and draw the widget and what is in it accordingly."""
    if widget.property(name) is not on:
        widget.setProperty(name, on)
        for part in (widget, *widget.findChildren(QWidget)):
            part.style().unpolish(part)
            part.style().polish(part)
