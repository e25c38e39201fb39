"""Play, pause and seek for a session that replays a take."""

from __future__ import annotations

from PyQt6.QtCore import QSignalBlocker, Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSlider

from realtime.ui.record_panel import elapsed
from realtime.ui.session_protocol import Playback

_STEPS_PER_SECOND = 100


class PlaybackBar(QFrame):
    """A button, a seek slider and the time. The button triggers the window's pause action."""

    def __init__(self, playback: Playback, pause: QAction) -> None:
        super().__init__()
        self.setObjectName("playback")
        self._playback = playback
        self.button = QPushButton()
        self.button.setFixedWidth(44)
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Position in the take")
        self.slider.setToolTip("Position in the take")
        self.slider.setRange(0, max(1, round(playback.duration * _STEPS_PER_SECOND)))
        self.time = QLabel()
        self.time.setObjectName("statusText")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 14, 6)
        layout.addWidget(self.button)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.time)
        self.button.clicked.connect(pause.trigger)
        self.slider.valueChanged.connect(lambda step: playback.seek(step / _STEPS_PER_SECOND))
        self.refresh()

    def refresh(self) -> None:
        """Show where the playback stands."""
        playback = self._playback
        self.button.setText("❚❚" if playback.playing else "▶")
        name = "Pause" if playback.playing else "Play"
        self.button.setAccessibleName(name)
        self.button.setToolTip(f"{name} (Space)")
        if not self.slider.isSliderDown():
            with QSignalBlocker(self.slider):
                self.slider.setValue(round(playback.position * _STEPS_PER_SECOND))
        self.time.setText(f"{elapsed(playback.position)} / {elapsed(playback.duration)}")
