"""Who sits before the camera: chosen, calibrated, adjusted, forgotten."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QLineEdit, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from realtime.ui.controls import Check, Choice, ElidedLabel, section_title

_NOBODY = "Nobody known"
_BY_ITSELF = "the face at rest is found by itself"


class PersonPanel(QWidget):
    """`chosen` carries a name, "" for nobody known, and whether glasses are worn; `calibrate_asked` a name."""

    chosen = pyqtSignal(str, bool)
    calibrate_asked = pyqtSignal(str)
    adjust_asked = pyqtSignal()
    forget_asked = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.person = Choice("Person", "Who sits before the camera: shape, skin and how each expression is read")
        self.glasses = Check("Glasses", "Glasses are worn: a person is calibrated with and without")
        self.line = ElidedLabel()
        self.line.setObjectName("muted")
        self.name = QLineEdit()
        self.name.setPlaceholderText("name")
        self.name.setAccessibleName("Name of the person to calibrate")
        self.name.setMaxLength(60)
        self.calibrate = _button("Calibrate", "Ten seconds and four poses, with instructions over the picture")
        self.adjust = _button("Adjust …", "Gain, curve and limit of each expression")
        self.forget = _button("Forget", "Delete what is known of this person")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(section_title("Person"))
        layout.addLayout(_row(self.person, self.glasses))
        layout.addWidget(self.line)
        layout.addLayout(_row(self.name, self.calibrate))
        layout.addLayout(_row(self.adjust, self.forget, 1))
        self.person.activated.connect(self._choose)
        self.glasses.clicked.connect(self._choose)
        self.name.textEdited.connect(self._offer)
        self.name.returnPressed.connect(self.calibrate.click)
        self.calibrate.clicked.connect(lambda: self.calibrate_asked.emit(self.name.text().strip()))
        self.adjust.clicked.connect(self.adjust_asked)
        self.forget.clicked.connect(self.forget_asked)
        self._shown: tuple[Sequence[str], str, bool] | None = None
        self._can_calibrate = False

    def show_persons(self, names: Sequence[str], who: str, glasses: bool, line: str) -> None:
        """Show who is known, and who sits there.

        Args:
            names: of all.
            who: "" for nobody known.
            glasses: whether they are worn.
            line: what holds for the person.
        """
        self.line.setText(line or _BY_ITSELF)
        now = (list(names), who, glasses)
        if now == self._shown or self.person.view().isVisible():
            return
        self._shown = now
        with QSignalBlocker(self.person):
            self.person.clear()
            self.person.addItem(_NOBODY, "")
            for name in names:
                self.person.addItem(name, name)
            self.person.setCurrentIndex(max(0, self.person.findData(who)))
        self.glasses.setChecked(glasses)
        self.name.setText(who)
        self._offer()

    def allow_calibrating(self, on: bool) -> None:
        """Offer a calibration, or not: while one runs, or a take plays."""
        if on != self._can_calibrate:
            self._can_calibrate = on
            self._offer()

    def _offer(self) -> None:
        known = bool(self.person.currentData())
        self.calibrate.setEnabled(self._can_calibrate and bool(self.name.text().strip()))
        self.adjust.setEnabled(known)
        self.forget.setEnabled(known)

    def _choose(self) -> None:
        self._shown = None  # it may be refused
        self.chosen.emit(self.person.currentData(), self.glasses.isChecked())


def _row(wide: QWidget, narrow: QWidget, share: int = 0) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(6)
    row.addWidget(wide, 1)
    row.addWidget(narrow, share)
    return row


def _button(text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setAccessibleName(text)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return button
