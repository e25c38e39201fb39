"""The list of cues: what is active and what comes next, to be chosen from, edited in place and re-ordered."""

from __future__ import annotations

from PyQt6.QtCore import QModelIndex, QSignalBlocker, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QBrush, QColor, QDropEvent, QKeySequence, QPainter, QPen, QResizeEvent, QShortcut
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from realtime.light.cues.cue import Cue, CueNumber, Times
from realtime.light.cues.cue_list import CueList
from realtime.ui import theme

_NUMBER, _NAME, _TIME = range(3)
_HEIGHT = 80
"""px at least: the header and two cues."""


class CueTable(QTreeWidget):
    """Lists cues. `chosen` carries the number of the one that is selected, or None; `typed` a number and its word
    (`number`, `name`) with the text that a person typed for it; `move_asked` the number of a cue and of the one before
    which it shall stand, or None for the end; `go_asked`, `delete_asked` and `step_asked` (-1 up, 1 down) are of the
    chosen cue.
    """

    chosen = pyqtSignal(object)
    typed = pyqtSignal(object, str, str)
    move_asked = pyqtSignal(object, object)
    go_asked = pyqtSignal()
    delete_asked = pyqtSignal()
    step_asked = pyqtSignal(int)

    def __init__(self) -> None:
        super().__init__()
        self._listed: CueList | None = None
        self._marked: tuple[CueNumber | None, CueNumber | None] = (None, None)
        self._items: dict[CueNumber | None, QTreeWidgetItem] = {}
        self.setObjectName("cues")
        self.setHeaderLabels(["Cue", "Name", "Time"])
        self.headerItem().setToolTip(_TIME, "Up / down, D delay, F follow, H hang, → link; seconds")
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setMinimumHeight(_HEIGHT)
        self.setAccessibleName("Cues")
        self.setToolTip(
            "Drag, Alt+Up, Alt+Down: move the cue\nDouble click: another name or number\n"
            "Return: go to the cue\nDel: delete it"
        )
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setItemDelegate(_NamesAndNumbers(self))
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        self.currentItemChanged.connect(lambda now, _before: self.chosen.emit(_number_of(now)))
        self.itemChanged.connect(self._typed)
        for key, do in (
            ("Return", self.go_asked.emit),
            ("Del", self.delete_asked.emit),
            ("Alt+Up", lambda: self.step_asked.emit(-1)),
            ("Alt+Down", lambda: self.step_asked.emit(1)),
        ):
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(do)

    def show_cues(self, cues: CueList, chosen: CueNumber | None) -> None:
        """List cues, and select one; what is typed in place and cannot be is shown as it was."""
        if cues is self._listed:
            return
        self._listed, self._items, self._marked = cues, {}, (None, None)
        with QSignalBlocker(self):
            self.clear()
            for cue in cues:
                item = QTreeWidgetItem([str(cue.number), cue.name, _times(cue)])
                flags = item.flags() | Qt.ItemFlag.ItemIsEditable
                item.setFlags(flags & ~Qt.ItemFlag.ItemIsDropEnabled)  # between cues alone
                item.setToolTip(_NAME, cue.notes or cue.name)
                item.setData(_NUMBER, Qt.ItemDataRole.UserRole, cue.number)
                self.addTopLevelItem(item)
                self._items[cue.number] = item
        self.choose(chosen)

    def choose(self, number: CueNumber | None) -> None:
        """Select a cue, where there is one of this number."""
        with QSignalBlocker(self):
            self.setCurrentItem(self._items.get(number))
        self.chosen.emit(_number_of(self.currentItem()))

    def mark(self, active: CueNumber | None, following: CueNumber | None) -> None:
        """Mark the cue that is active and the one that GO starts."""
        if (active, following) == self._marked:
            return
        for number in self._marked:
            self._color(number, None, theme.TEXT)
        self._color(following, None, theme.ACCENT)
        self._color(active, theme.GOOD, theme.ON_ACCENT)
        if (item := self._items.get(active)) is not None and active != self._marked[0]:
            self.scrollToItem(item)
        self._marked = active, following

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        if (item := self.currentItem()) is not None:
            self.scrollToItem(item)

    def dropEvent(self, event: QDropEvent | None) -> None:
        item = self.itemAt(event.position().toPoint())
        row = self.topLevelItemCount() if item is None else self.indexOfTopLevelItem(item)
        if item is not None and self.dropIndicatorPosition() == QAbstractItemView.DropIndicatorPosition.BelowItem:
            row += 1
        event.setDropAction(Qt.DropAction.IgnoreAction)  # the show moves it, and then the list is made anew
        event.accept()
        if (number := _number_of(self.currentItem())) is not None:
            before = _number_of(self.topLevelItem(row))
            QTimer.singleShot(0, lambda: self.move_asked.emit(number, before))  # once the drag has ended

    def _color(self, number: CueNumber | None, background: str | None, text: str) -> None:
        if (item := self._items.get(number)) is None:
            return
        with QSignalBlocker(self):
            for column in (_NUMBER, _NAME, _TIME):
                item.setBackground(column, QBrush() if background is None else QBrush(QColor(background)))
                item.setForeground(column, QColor(text))

    def _typed(self, item: QTreeWidgetItem, column: int) -> None:
        number, text = _number_of(item), item.text(column)
        self._listed = None
        word = "name" if column == _NAME else "number"
        QTimer.singleShot(0, lambda: self.typed.emit(number, word, text))  # once the list has closed its editor


class _NamesAndNumbers(QStyledItemDelegate):
    """Lets names and numbers of cues be edited, and nothing else; a cue that is selected keeps the colours of its state
    within a frame.
    """

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        option.state &= ~(QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_HasFocus)
        super().paint(painter, option, index)
        if selected:
            painter.save()
            painter.setPen(QPen(QColor(theme.TEXT), 2.0))
            box = option.rect.adjusted(1, 1, -1, -1)
            painter.drawLine(box.topLeft(), box.topRight())
            painter.drawLine(box.bottomLeft(), box.bottomRight())
            if index.column() == _NUMBER:
                painter.drawLine(box.topLeft(), box.bottomLeft())
            elif index.column() == _TIME:
                painter.drawLine(box.topRight(), box.bottomRight())
            painter.restore()

    def createEditor(self, parent: QWidget | None, option: QStyleOptionViewItem, index: QModelIndex) -> QWidget | None:
        return super().createEditor(parent, option, index) if index.column() in (_NUMBER, _NAME) else None


def _number_of(item: QTreeWidgetItem | None) -> CueNumber | None:
    return None if item is None else item.data(_NUMBER, Qt.ItemDataRole.UserRole)


def _times(cue: Cue) -> str:
    """Return the times of a cue, and what starts the next, in short, as Eos writes them."""
    said = [f"{cue.time.up:g}"]
    if cue.time.down is not None:
        said = [f"{cue.time.up:g} / {cue.time.down:g}"]
    if cue.delay != Times(0.0):
        said.append(f"D{max(part for part in vars(cue.delay).values() if part is not None):g}")
    if cue.follow is not None:
        said.append(f"F{cue.follow:g}")
    if cue.hang is not None:
        said.append(f"H{cue.hang:g}")
    if cue.link is not None:
        said.append(f"→ {cue.link}")
    return " ".join(said)
