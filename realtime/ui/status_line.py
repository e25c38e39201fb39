"""The status line: tracking state, source, speed, what got lost, and one message."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QSize
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel

from realtime.frame import TrackingState
from realtime.loop.loop import LoopStatus
from realtime.sinks.worker import SinkStatus
from realtime.ui import theme
from realtime.ui.controls import ElidedLabel

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
        self.show_state = QLabel()
        self.show_state.setObjectName("showState")
        self.show_state.setAccessibleName("State of the show")
        self.state = QLabel()
        self.state.setAccessibleName("Tracking state")
        self.source = _text("Source")
        self.faces = _text("Faces")
        self.faces.setToolTip("Faces that are followed")
        self.speed = _Figure("Frames a second", "000 fps")
        self.latency = _Figure("Latency", "0000 ms")
        self.latency.setToolTip("From a frame's arrival to its parameters")
        self.to_screen = _Figure("Latency to the screen", "0000 ms to screen")
        self.to_screen.setToolTip("From a picture's capture to the screen; the median of the last two seconds")
        self.lost = _text("Lost")
        self.message = ElidedLabel()
        self.message.setObjectName("statusText")
        self.message.setAccessibleName("Message")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 5, 14, 5)
        layout.setSpacing(18)
        layout.addWidget(self.show_state)
        for label in (self.state, self.source, self.faces, self.speed, self.latency, self.to_screen, self.lost):
            layout.addWidget(label)
        layout.addWidget(self.message, 1)

    def show_status(
        self,
        status: LoopStatus,
        sinks: Sequence[SinkStatus] = (),
        stopped: bool = False,
        paused: bool = False,
        at_end: bool = False,
        waiting: bool = False,
        still: bool = False,
        message: str = "",
        screen_ms: float | None = None,
        show_state: str = "",
    ) -> None:
        """Show where the loop stands.

        Args:
            status: of the loop.
            sinks: all of them.
            stopped: the loop has ended on an error.
            paused: a take or a file is paused.
            at_end: it was played to its end.
            waiting: no picture came when one was due.
            still: no new picture has come for a while.
            message: one line; "" if there is nothing to tell.
            screen_ms: from a picture's capture to the screen; None where it is not known.
            show_state: what of the show must not be overlooked; "" if that is nothing, or told elsewhere.
        """
        at_end = at_end or status.ended
        sign, text, color = _state(status, stopped, paused, at_end, waiting, still)
        running = bool(status.source_name) and not (stopped or paused or still or at_end)
        self.state.setText(f'<span style="color:{color}">{sign}</span>&nbsp; {text}')
        self.source.setText(status.source_name)
        self.faces.setText(f"{status.faces} faces" if status.faces > 1 else "")
        self.speed.setText(f"{status.fps:.0f} fps" if running else "")
        self.latency.setText(f"{status.latency_ms:.0f} ms" if running and status.latency_ms >= 0.5 else "")
        self.to_screen.setText(f"{screen_ms:.0f} ms to screen" if running and screen_ms is not None else "")
        self.show_state.setText(show_state)
        self.show_state.setVisible(bool(show_state))
        self._show_lost(status, sinks)
        self.message.setText(message)

    def _show_lost(self, status: LoopStatus, sinks: Sequence[SinkStatus]) -> None:
        """Counts of what got lost on the way, those that are not zero, with more words in the tooltip."""
        dropped, unusable = sum(sink.dropped for sink in sinks), status.feed.unusable
        counts = [f"{dropped} dropped"] if dropped else []
        counts += [f"{unusable} unusable"] if unusable else []
        self.lost.setText(", ".join(counts))
        details = [f"{sink.name}: {sink.dropped} of {sink.delivered + sink.dropped} results dropped" for sink in sinks]
        details = [line for line, sink in zip(details, sinks, strict=True) if sink.dropped]
        details += [f"{unusable} frames of the source were no pictures"] if unusable else []
        self.lost.setToolTip("\n".join(details))


def _state(
    status: LoopStatus, stopped: bool, paused: bool, at_end: bool, waiting: bool, still: bool
) -> tuple[str, str, str]:
    """Sign, words and colour."""
    if not status.source_name:
        return "○", "No source", theme.IDLE
    if status.feed.lost:
        return "✕", "Source lost, trying again", theme.RECORD
    if stopped:
        return "✕", "Stopped", theme.RECORD
    if at_end:
        return "■", "At the end", theme.IDLE
    if paused:
        return "❚❚", "Paused", theme.IDLE
    if still:
        return "❚❚", "No new pictures", theme.IDLE
    if waiting:
        return "◐", "Waiting for a picture", theme.WARNING
    return _STATES[status.state]


class _Figure(QLabel):
    """A number with its unit, which has the room of its longest, so that what is beside it stands still."""

    def __init__(self, name: str, longest: str) -> None:
        super().__init__()
        self.setObjectName("statusText")
        self.setAccessibleName(name)
        self._longest = longest

    def sizeHint(self) -> QSize:
        return super().sizeHint().expandedTo(QSize(self.fontMetrics().horizontalAdvance(self._longest) + 2, 0))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()


def _text(name: str) -> QLabel:
    label = QLabel()
    label.setObjectName("statusText")
    label.setAccessibleName(name)
    return label
