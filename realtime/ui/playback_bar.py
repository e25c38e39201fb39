"""Play, pause, seek, speed and loop while a take plays, or a file that is a source."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from PyQt6.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy

from realtime.frame_rate import FrameRate, Timecode
from realtime.loop.feed import Transport
from realtime.ui.controls import ActionButton, Choice
from realtime.ui.timeline import Timeline

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)


def next_speed(speed: float, faster: bool) -> float:
    """Return the next of `SPEEDS`, above or below; the last one at their end."""
    if faster:
        return next((one for one in SPEEDS if one > speed + 1e-6), SPEEDS[-1])
    return next((one for one in reversed(SPEEDS) if one < speed - 1e-6), SPEEDS[0])


def timecode(seconds: float, fps: float) -> str:
    """Return the timecode of a moment, HH:MM:SS:FF, at the rate of film and television that is nearest."""
    rate = FrameRate.nearest(fps)
    return str(Timecode(Fraction(round(seconds * rate.exact)), rate))


class PlaybackBar(QFrame):
    """Buttons, the timeline, and the time. What a button does is an action of the window's.

    `speed_chosen` carries a speed.
    """

    speed_chosen = pyqtSignal(float)

    def __init__(self, actions: Mapping[str, QAction]) -> None:
        """
        Args:
            actions: by name.
        """
        super().__init__()
        self.setObjectName("playback")
        self._transport: Transport | None = None
        self.button = QPushButton("▶")
        self.button.setAccessibleName("Play")
        self.button.setFixedWidth(44)
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.loop = _small(ActionButton(actions["loop"], "⟲"))
        self.speed = Choice("Speed", "Speed (, slower, . faster)")
        self.speed.setMinimumContentsLength(3)
        for speed in SPEEDS:
            self.speed.addItem(f"{speed:g} ×", speed)
        self.timeline = Timeline()
        self.time = QLabel()
        self.time.setObjectName("statusText")
        self.time.setAccessibleName("Time")
        self.curves = _small(ActionButton(actions["curves"], "Curves"))
        self.compare = _small(ActionButton(actions["compare"], "A/B"))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 4, 14, 4)
        layout.setSpacing(6)
        for part in (self.button, self.loop, self.speed):
            layout.addWidget(part)
        layout.addWidget(self.timeline, 1)
        for part in (self.time, self.curves, self.compare):
            layout.addWidget(part)
        self.button.clicked.connect(actions["pause"].trigger)
        self.speed.activated.connect(lambda index: self.speed_chosen.emit(self.speed.itemData(index)))
        self.timeline.sought.connect(self._seek)
        self.hide()

    def show_transport(self, transport: Transport | None, own_timecode: str = "") -> None:
        """Show where the playback stands; nothing without one.

        Args:
            transport: of what plays.
            own_timecode: of the frame that is shown, if it was recorded with timecode; else it counts from the start.
        """
        self._transport = transport
        if transport is None:
            return
        self.button.setText("❚❚" if transport.playing else "▶")
        name = "Pause" if transport.playing else "Play"
        self.button.setAccessibleName(name)
        self.button.setToolTip(f"{name} (Space)")
        if not self.timeline.dragged:
            self.timeline.show_position(transport.frame, transport.frames)
        with QSignalBlocker(self.speed):
            self.speed.setCurrentIndex(self.speed.findData(transport.speed))
        fps = transport.fps
        where = own_timecode or f"{timecode(transport.position, fps)} / {timecode(transport.duration, fps)}"
        self.time.setText(f"{where}   {transport.frame}")
        self.time.setToolTip(
            f"{'Recorded timecode' if own_timecode else f'Timecode at {FrameRate.nearest(fps)} from the start'}, "
            f"and the frame's number; {transport.position:.3f} of {transport.duration:.3f} s"
        )

    def _seek(self, frame: int) -> None:
        if self._transport is not None:
            self._transport.show(frame)


def _small(button: ActionButton) -> ActionButton:
    button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    return button
