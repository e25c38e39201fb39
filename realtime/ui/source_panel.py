"""Where the frames come from: cameras by name, files, the synthetic performer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from realtime.sources.base import CameraChoice
from realtime.sources.camera_controls import CameraControls
from realtime.ui.controls import ActionButton, Choice, ElidedLabel, section_title
from realtime.ui.source_opener import DEFAULT, SYNTHETIC


class SourcePanel(QWidget):
    """`chosen` carries what `Session.open` takes, or "" for the default source; `refresh_requested` asks for
    the cameras again, `hold_asked` for the camera to hold its controls, or not.
    """

    chosen = pyqtSignal(str)
    hold_asked = pyqtSignal(bool)
    refresh_requested = pyqtSignal()

    def __init__(self, actions: dict[str, QAction]) -> None:
        super().__init__()
        self._cameras: tuple[CameraChoice, ...] = ()
        self._current = ""
        self.choice = Choice("Source", "Camera, file or performer that is tracked, or take that plays")
        self.refresh = QToolButton()
        self.refresh.setText("⟳")
        self.refresh.setAccessibleName("Look for cameras again")
        self.refresh.setToolTip("Look for cameras again")
        self.refresh.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.hold = QCheckBox("Hold exposure and colour")
        self.hold.setToolTip("The camera keeps exposure, gain, white balance and focus as they are now")
        self.hold.toggled.connect(self.hold_asked)
        self.hold.hide()
        self.network = ElidedLabel()
        self.network.setObjectName("muted")
        self.network.setAccessibleName("Network")
        first, second, third = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.choice, 1)
        first.addWidget(self.refresh)
        second.addWidget(ActionButton(actions["open_file"], "Open file …"))
        second.addWidget(ActionButton(actions["open_folder"], "Open folder …"))
        third.addWidget(QLabel("Network"))
        third.addWidget(self.network, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(section_title("Source"))
        for row in (first, second, third):
            row.setSpacing(6)
            layout.addLayout(row)
        layout.addWidget(self.hold)
        self.choice.activated.connect(self._activated)
        self.refresh.clicked.connect(self.refresh_requested)
        self._fill()

    @property
    def current(self) -> str:
        """The source that is shown as open."""
        return self._current

    def show_controls(self, controls: CameraControls | None) -> None:
        """Offer to hold the controls of the open camera, if it has any."""
        self.hold.setVisible(controls is not None and any(control.auto is not None for control in controls.controls))
        with QSignalBlocker(self.hold):
            self.hold.setChecked(controls is not None and controls.held)

    def set_cameras(self, cameras: Sequence[CameraChoice]) -> None:
        self._cameras = tuple(cameras)
        self._fill()

    def set_current(self, spec: str) -> None:
        """Show `spec` as the open source, "" for the default, as an entry of its own if it is none of the others."""
        self._current = spec
        self._fill()

    def _fill(self) -> None:
        with QSignalBlocker(self.choice):
            self.choice.clear()
            self.choice.addItem("Default: first camera", DEFAULT)
            for camera in self._cameras:
                self.choice.addItem(camera.name, camera.spec)
            if not self._cameras:
                self.choice.addItem("No camera found", None)
                self.choice.model().item(1).setEnabled(False)
            self.choice.addItem("Synthetic performer", SYNTHETIC)
            named = self.choice.findText(self._current.removeprefix("camera:"))
            if self.choice.findData(self._current) < 0 and named >= 0:
                self._current = self.choice.itemData(named)
            if self.choice.findData(self._current) < 0:
                self.choice.addItem(Path(self._current).name or self._current, self._current)
                self.choice.setItemData(self.choice.count() - 1, self._current, Qt.ItemDataRole.ToolTipRole)
            self.choice.setCurrentIndex(self.choice.findData(self._current))

    def _activated(self, index: int) -> None:
        self.chosen.emit(self.choice.itemData(index))
