"""The choice of the environment that faces stand in."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QSignalBlocker, pyqtSignal
from PyQt6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QWidget

from facemodel import LimelightError
from realtime.light.environments import ENVIRONMENTS
from realtime.light.library import EnvironmentLibrary
from realtime.light.panorama import SUFFIXES
from realtime.ui.controls import Choice

_ASK = "ask"
"""Stands in the list of environments for one that is asked for."""
_PANORAMAS = f"Panoramas ({' '.join(f'*{suffix}' for suffix in SUFFIXES)})"


class EnvironmentRow(QWidget):
    """Lists the environments; `chosen` carries the name of one that a person chose, "" for the estimated SH light, and
    `failed` why a panorama cannot be read."""

    chosen = pyqtSignal(str)
    failed = pyqtSignal(str)

    def __init__(self, environments: EnvironmentLibrary) -> None:
        super().__init__()
        self._environments = environments
        self._shown = ""
        self.choice = Choice("Environment", "Where the light from all around comes from")
        self.choice.addItem("As estimated", "")
        for name in environments:
            self._offer(name)
        self.choice.addItem("Panorama from a file …", _ASK)
        self.choice.activated.connect(lambda _index: self._choose())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Environment"))
        row.addWidget(self.choice, 1)

    def show_name(self, name: str) -> None:
        """Show which environment it is; one that is not there counts as the estimated light."""
        self._shown = name
        if name in self._environments:
            self._offer(name)
        with QSignalBlocker(self.choice):
            self.choice.setCurrentIndex(max(0, self.choice.findData(name)))

    def load(self, path: str) -> str:
        """Read and list a panorama; return its name, or "" where it cannot be read, which `failed` says."""
        try:
            name = self._environments.load(path)
        except LimelightError as error:
            self.failed.emit(str(error))
            return ""
        self._offer(name)
        return name

    def load_and_choose(self, path: str) -> None:
        """Read a panorama and choose it, or emit `failed`."""
        if name := self.load(path):
            self.chosen.emit(name)

    def _offer(self, name: str) -> None:
        """List an environment, before what asks for a file."""
        if self.choice.findData(name) < 0:
            text = name.capitalize() if name in ENVIRONMENTS else Path(name).name
            place = self.choice.findData(_ASK)
            self.choice.insertItem(place if place >= 0 else self.choice.count(), text, name)

    def _choose(self) -> None:
        if self.choice.currentData() != _ASK:
            self.chosen.emit(self.choice.currentData())
        elif path := QFileDialog.getOpenFileName(self, "Open a panorama", "", _PANORAMAS)[0]:
            self.load_and_choose(path)
        self.show_name(self._shown)
