"""The record button with its slate, and what is being or was written."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import Qt, QUrl
from PyQt6.QtGui import QAction, QDesktopServices
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from realtime.sinks.recordings import RecordingStatus
from realtime.ui import theme
from realtime.ui.controls import ElidedLabel
from realtime.ui.slate_panel import SlatePanel


def elapsed(seconds: float) -> str:
    """Minutes and seconds, `12:05`; with hours from one hour on."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute:02d}:{second:02d}"


class RecordPanel(QFrame):
    """Starts and ends takes through the record action; shows time, frame count and path."""

    def __init__(self, action: QAction) -> None:
        super().__init__()
        self.setObjectName("recordArea")
        self._action = action
        self._last: Path | None = None
        self.slate = SlatePanel()
        self.button = QPushButton()
        self.button.setObjectName("record")
        self.button.setCheckable(True)
        self.button.setToolTip(action.toolTip())
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.path = ElidedLabel()
        self.path.setObjectName("muted")
        self.folder = QPushButton("Show")
        self.folder.setObjectName("link")
        self.folder.setAccessibleName("Show the take in its folder")
        self.folder.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.folder.clicked.connect(self._show_folder)
        row = QHBoxLayout()
        row.addWidget(self.path, 1)
        row.addWidget(self.folder)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.addWidget(self.slate)
        layout.addWidget(self.button)
        layout.addLayout(row)
        self.button.clicked.connect(self._clicked)
        action.changed.connect(self._follow_action)
        self.show_recording(None)

    def show_recording(self, recording: RecordingStatus | None, nothing_comes: str = "") -> None:
        """Show the take that is being written, or where the last one went.

        Args:
            recording: None while none is.
            nothing_comes: why nothing comes in that could be recorded; "" while it does.
        """
        running = recording is not None
        self.button.setChecked(running)
        if recording is not None:
            self._last = recording.path
            self.button.setText(f"■  Stop   {elapsed(recording.seconds)}   {recording.frames} frames")
            self.path.setText(f"Nothing comes in: {nothing_comes}" if nothing_comes else str(recording.path))
        else:
            self.button.setText("●  Record a take")
            self.path.setText(f"Saved: {self._last}" if self._last else "Takes hold every tracked frame")
        self.path.setStyleSheet(f"color: {theme.WARNING}" if running and nothing_comes else "")
        self.button.setAccessibleName(self.button.text())
        self.folder.setVisible(self._last is not None and not running)

    def _follow_action(self) -> None:
        self.button.setEnabled(self._action.isEnabled())
        self.button.setToolTip(self._action.toolTip())

    def _clicked(self) -> None:
        self._action.trigger()
        self.button.setChecked(self._action.isChecked())

    def _show_folder(self) -> None:
        if self._last is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._last.parent)))
