"""The slate of the next take, and where timecode comes from."""

from __future__ import annotations

from PyQt6.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from realtime.takes.slate import Slate
from realtime.ui.controls import Choice, ElidedLabel

_SOURCES = {"": "No timecode", "system": "System clock", "ltc": "LTC (sound input)", "mtc": "MTC (MIDI)"}


class SlatePanel(QWidget):
    """`changed` carries the slate that a person filled in, `timecode_asked` the name of a source, "" for none."""

    changed = pyqtSignal(object)
    timecode_asked = pyqtSignal(str)

    def __init__(self) -> None:
        super().__init__()
        self.scene = _field("Scene", "Scene, in the take and in its name; every take of a scene is counted")
        self.take = QSpinBox()
        self.take.setRange(1, 9999)
        self.take.setPrefix("Take ")
        self.take.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.take.setAccessibleName("Take number")
        self.take.setToolTip("Number of the next take of this scene")
        self.take.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.notes = _field("Notes", "Anything that is worth knowing of the next take")
        self.source = Choice("Timecode", "Where timecode comes from; it stands in takes and goes along in streams")
        for name, text in _SOURCES.items():
            self.source.addItem(text, name)
        self.timecode = ElidedLabel()
        self.timecode.setObjectName("muted")
        self.timecode.setAccessibleName("Timecode now")
        upper, lower = QHBoxLayout(), QHBoxLayout()
        for row in (upper, lower):
            row.setSpacing(6)
        upper.addWidget(self.scene, 1)
        upper.addWidget(self.take)
        lower.addWidget(self.source)
        lower.addWidget(self.timecode, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 6)
        layout.setSpacing(6)
        layout.addLayout(upper)
        layout.addWidget(self.notes)
        layout.addLayout(lower)
        self.scene.textEdited.connect(self._scene_edited)
        self.notes.textEdited.connect(self._edited)
        self.take.valueChanged.connect(self._edited)
        self.source.activated.connect(lambda i: self.timecode_asked.emit(self.source.itemData(i)))

    def show_slate(self, slate: Slate) -> None:
        """Show the slate of the next take, without asking for it."""
        for field, text in ((self.scene, slate.scene), (self.notes, slate.notes)):
            if field.text().strip() != text:
                field.setText(text)
        if not self.take.hasFocus():  # nobody is typing there
            with QSignalBlocker(self.take):
                self.take.setValue(slate.take)
        self.take.setEnabled(bool(slate.scene))

    def show_timecode(self, source: str, status: str) -> None:
        """Show how timecode goes.

        Args:
            source: its name, such as "ltc:Desk@25"; "" for none.
            status: one line.
        """
        kind = source.partition("@")[0].partition(":")[0]
        if not self.source.view().isVisible():
            self.source.setCurrentIndex(max(0, self.source.findData(kind)))
        self.timecode.setText(status.partition(" (")[0])
        self.timecode.setToolTip(status)

    def _scene_edited(self) -> None:
        """Begin with take 1 of another scene."""
        with QSignalBlocker(self.take):
            self.take.setValue(1)
        self._edited()

    def _edited(self) -> None:
        scene = self.scene.text().strip()
        self.changed.emit(Slate(scene, self.take.value() if scene else 1, self.notes.text().strip()))


def _field(name: str, tip: str) -> QLineEdit:
    field = QLineEdit()
    field.setPlaceholderText(name)
    field.setAccessibleName(name)
    field.setToolTip(tip)
    return field
