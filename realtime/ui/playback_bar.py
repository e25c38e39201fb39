"""Play, pause and seek while a take plays."""

from __future__ import annotations

from PyQt6.QtCore import QSignalBlocker, Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSlider

from realtime.loop.feed import Transport
from realtime.ui.record_panel import elapsed

_STEPS_PER_SECOND = 100


class PlaybackBar(QFrame):
    """A button, a seek slider and the time. The button triggers the window's pause action."""

    def __init__(self, pause: QAction) -> None:
        super().__init__()
        self.setObjectName("playback")
        self._transport: Transport | None = None
        self.button = QPushButton()
        self.button.setFixedWidth(44)
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Position in the take")
        self.slider.setToolTip("Position in the take")
        self.time = QLabel()
        self.time.setObjectName("statusText")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 14, 6)
        layout.addWidget(self.button)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.time)
        self.button.clicked.connect(pause.trigger)
        self.slider.valueChanged.connect(self._seek)
        self.hide()

    def show_transport(self, transport: Transport | None) -> None:
        """Show where the playback of a take stands; nothing without one."""
        self._transport = transport
        if transport is None:
            return
        self.button.setText("❚❚" if transport.playing else "▶")
        name = "Pause" if transport.playing else "Play"
        self.button.setAccessibleName(name)
        self.button.setToolTip(f"{name} (Space)")
        if not self.slider.isSliderDown():
            with QSignalBlocker(self.slider):
                self.slider.setRange(0, max(1, round(transport.duration * _STEPS_PER_SECOND)))
                self.slider.setValue(round(transport.position * _STEPS_PER_SECOND))
        self.time.setText(f"{elapsed(transport.position)} / {elapsed(transport.duration)}")

    def _seek(self, step: int) -> None:
        if self._transport is not None:
            self._transport.seek(step / _STEPS_PER_SECOND)
