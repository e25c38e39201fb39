"""Everything that a cue says, aside from its look, in fields to type into."""

from __future__ import annotations

from PyQt6.QtCore import QEvent, QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtGui import QFocusEvent, QKeyEvent, QKeySequence
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from realtime.light.cues.cue import Cue
from realtime.light.cues.show_words import TIMES
from realtime.light.cues.typed import told
from realtime.ui.controls import Check

_PARTS = {
    "up": ("Up", "intensities that rise, and all that is said nowhere else"),
    "down": ("Down", "intensities that fall"),
    "focus": ("Focus", "places of lights"),
    "color": ("Colour", "colours"),
    "beam": ("Beam", "sizes, shadows, skin and the look of the video"),
}
_TIP = {"time": "Seconds of the fades of", "delay": "Seconds until the fades begin of"}
_ENDING = {
    "follow": ("Follow", "Seconds from its start until the next cue starts by itself"),
    "hang": ("Hang", "Seconds from its completion until the next cue starts by itself"),
    "link": ("Link", "Number of the cue that comes after it instead of the next"),
}


class CueForm(QWidget):
    """Shows a cue and lets people type. `typed` carries its number, a word of it (`number`, or see `typed`) and the
    text that was typed; `blocked` and `asserted` its number and whether; `left` is emitted when Escape or Return leave
    a field.
    """

    typed = pyqtSignal(object, str, str)
    blocked = pyqtSignal(object, bool)
    asserted = pyqtSignal(object, bool)
    left = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._cue: Cue | None = None
        self.fields: dict[str, CueField] = {}
        self.notes = CueNotes()
        self.notes.typed.connect(lambda text: self._type("notes", text))
        self.notes.left.connect(self._leave)
        self.block = Check("Block", "Edits of earlier cues do not track through it")
        self.asserting = Check("Assert", "It plays what is tracked too, not only what it moves")
        for check, told_of in ((self.block, self.blocked), (self.asserting, self.asserted)):
            check.clicked.connect(lambda on, told_of=told_of: told_of.emit(self._cue.number, on))
        title, ending = QHBoxLayout(), QHBoxLayout()
        number = self._field("number", "Number", "Number of the cue; another puts it elsewhere in the list")
        number.setFixedWidth(64)
        title.addWidget(number)
        title.addWidget(self._field("name", "Name", "Name of the cue"), 1)
        times = QGridLayout()
        for column, part in enumerate(TIMES, start=1):
            text, what = _PARTS[part]
            times.addWidget(_label(text), 0, column)
            for row, group in enumerate(_TIP, start=1):
                field = self._field(f"{group} {part}", f"{group.capitalize()}, {text}", f"{_TIP[group]} {what}")
                times.addWidget(field, row, column)
        for row, group in enumerate(_TIP, start=1):
            times.addWidget(_label(group.capitalize()), row, 0)
        for word, (text, tip) in _ENDING.items():
            ending.addWidget(_label(text))
            ending.addWidget(self._field(word, text, tip))
        checks = QVBoxLayout()
        checks.addWidget(self.block)
        checks.addWidget(self.asserting)
        last = QHBoxLayout()
        last.addWidget(self.notes, 1)
        last.addLayout(checks)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (times, title, ending, last, layout):
            part.setSpacing(4)
        for row in (title, times, ending, last):
            layout.addLayout(row)

    def show_cue(self, cue: Cue | None) -> None:
        """Show a cue, or none; what a person is typing of the same cue stays."""
        same = cue is not None and self._cue is not None and cue.number == self._cue.number
        self._cue = cue
        self.setEnabled(cue is not None)
        for word, field in self.fields.items():
            if not (same and field.hasFocus() and field.isModified()):
                field.setText("" if cue is None else str(cue.number) if word == "number" else told(cue, word))
            group, _, part = word.partition(" ")
            if part:
                field.setPlaceholderText("" if cue is None else f"{getattr(cue, group).up:g}")
        self.notes.show_text("" if cue is None else cue.notes)
        for check, on in ((self.block, cue and cue.blocks), (self.asserting, cue and cue.asserts)):
            with QSignalBlocker(check):
                check.setChecked(bool(on))

    def focus(self) -> None:
        """Let a person type the name."""
        self.fields["name"].setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.fields["name"].selectAll()

    def _field(self, word: str, name: str, tip: str) -> CueField:
        field = self.fields[word] = CueField(name, tip)
        field.editingFinished.connect(lambda: self._take(word))
        field.returnPressed.connect(self.left)
        field.given_up.connect(self._leave)
        return field

    def _take(self, word: str) -> None:
        field = self.fields[word]
        if field.isModified():
            field.setModified(False)
            self._type(word, field.text())

    def _type(self, word: str, text: str) -> None:
        cue = self._cue
        if cue is not None:
            self.typed.emit(cue.number, word, text)
            if self._cue is cue:  # it was refused, or says so already
                self.show_cue(cue)

    def _leave(self) -> None:
        """Give up what is being typed."""
        for field in self.fields.values():
            field.setModified(False)
        self.show_cue(self._cue)
        self.left.emit()


class CueField(QLineEdit):
    """A line to type into; `given_up` is emitted by Escape. Where it has nothing to undo itself, the key is the
    window's."""

    given_up = pyqtSignal()

    def __init__(self, name: str, tip: str) -> None:
        super().__init__()
        self.setObjectName("cueField")
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self.setMinimumWidth(30)

    def event(self, event: QEvent | None) -> bool:
        if _is_escape(event):
            event.accept()
            return True
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            undo, redo = QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo
            if (event.matches(undo) and not self.isUndoAvailable()) or (
                event.matches(redo) and not self.isRedoAvailable()
            ):
                event.ignore()
                return False
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.given_up.emit()
        else:
            super().keyPressEvent(event)


class CueNotes(QPlainTextEdit):
    """Two lines of notes; `typed` carries them when a person has gone on, `left` is emitted by Escape."""

    typed = pyqtSignal(str)
    left = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._shown = ""
        self.setObjectName("cueNotes")
        self.setPlaceholderText("Notes")
        self.setAccessibleName("Notes")
        self.setToolTip("Anything that is worth knowing of the cue")
        self.setTabChangesFocus(True)
        self.setFixedHeight(46)

    def show_text(self, text: str) -> None:
        """Show notes, in place of what is typed."""
        if text != self._shown or not self.hasFocus():
            self._shown = text
            self.setPlainText(text)

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        super().focusOutEvent(event)
        if (text := self.toPlainText()) != self._shown:
            self._shown = text
            self.typed.emit(text)

    def event(self, event: QEvent | None) -> bool:
        if _is_escape(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.setPlainText(self._shown)
            self.left.emit()
        else:
            super().keyPressEvent(event)


def _is_escape(event: QEvent | None) -> bool:
    """Return whether Qt asks who wants the key Escape."""
    asks = isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride
    return asks and event.key() == Qt.Key.Key_Escape


def _label(text: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("muted")
    return label
