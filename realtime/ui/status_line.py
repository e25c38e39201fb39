"""The status line: tracking state, source, speed, and one message."""

from __future__ import annotations

from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel

from realtime.frame import TrackingState
from realtime.ui import theme
from realtime.ui.controls import ElidedLabel
from realtime.ui.session_protocol import Status

_STATES = {
    TrackingState.SEARCHING: ("◌", "Searching for a face", theme.WARNING),
    TrackingState.TRACKING: ("●", "Tracking", theme.GOOD),
    TrackingState.HELD: ("◐", "Face lost, pose held", theme.WARNING),
    TrackingState.NEUTRAL: ("○", "Face lost, neutral", theme.IDLE),
}


class StatusLine(QFrame):
    """One row of text at the bottom of the window."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("statusLine")
        self.state = QLabel()
        self.state.setAccessibleName("Tracking state")
        self.source = _text("Source")
        self.speed = _text("Frames a second")
        self.latency = _text("Latency")
        self.latency.setToolTip("From a frame's arrival to its parameters")
        self.to_screen = _text("Latency to the screen")
        self.to_screen.setToolTip("From a picture's capture to the screen; the median of the last two seconds")
        self.message = ElidedLabel()
        self.message.setObjectName("statusText")
        self.message.setAccessibleName("Message")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 5, 14, 5)
        layout.setSpacing(18)
        for label in (self.state, self.source, self.speed, self.latency, self.to_screen):
            layout.addWidget(label)
        layout.addWidget(self.message, 1)

    def show_status(
        self, status: Status, still: bool = False, notice: str = "", screen_ms: float | None = None
    ) -> None:
        """Show where the loop stands.

        Args:
            status: of the loop.
            still: no frame has come for a while.
            notice: a line of the window itself, shown instead of the loop's message.
            screen_ms: from a picture's capture to the screen; None where it is not known.
        """
        if not status.source_name:
            sign, text, color = "○", "No source", theme.IDLE
        elif still and status.error:
            sign, text, color = "✕", "Stopped", theme.RECORD
        elif still:
            sign, text, color = "❚❚", "No new pictures", theme.IDLE
        else:
            sign, text, color = _STATES[status.state]
        running = bool(status.source_name) and not still
        self.state.setText(f'<span style="color:{color}">{sign}</span>&nbsp; {text}')
        self.source.setText(status.source_name)
        self.speed.setText(f"{status.fps:.0f} fps" if running else "")
        self.latency.setText(f"{status.latency_ms:.0f} ms" if running and status.latency_ms else "")
        self.to_screen.setText(f"{screen_ms:.0f} ms to screen" if running and screen_ms is not None else "")
        self.message.setText(notice or status.message)


def _text(name: str) -> QLabel:
    label = QLabel()
    label.setObjectName("statusText")
    label.setAccessibleName(name)
    return label
