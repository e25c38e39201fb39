"""Where the parts of the window are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from realtime.ui.window import MainWindow


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
