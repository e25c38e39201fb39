"""The operator's panel: the cues of the show, GO and all that belongs to it, to be read in the dark from a metre."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QModelIndex, QSignalBlocker, Qt, QTimer
from PyQt6.QtGui import QAction, QBrush, QColor, QKeySequence, QShortcut
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from realtime.light.cues.cue import Cue, CueNumber, Times
from realtime.light.cues.cue_list import CueList
from realtime.light.show import Show, Status
from realtime.ui import theme
from realtime.ui.controls import ActionButton, ElidedLabel, ValueSlider
from realtime.ui.show_desk import ShowDesk

_WIDTH = 350
_NUMBER, _NAME, _TIME = range(3)


class ShowPanel(QFrame):
    """Shows where a show is, and gives it commands through its desk. It reads the show when `refresh` is called."""

    def __init__(self, show: Show, desk: ShowDesk, actions: dict[str, QAction]) -> None:
        """
        Args:
            show: that is shown.
            desk: that the buttons call.
            actions: by name.
        """
        super().__init__()
        self.setObjectName("showPanel")
        self.setFixedWidth(_WIDTH)
        self._show, self._desk, self._actions = show, desk, actions
        self._listed: CueList | None = None
        self._marked: tuple[CueNumber | None, CueNumber | None] = (None, None)
        self._items: dict[CueNumber | None, QTreeWidgetItem] = {}
        self.active, self.next, self.state = ElidedLabel(), ElidedLabel(), QLabel()
        self.active.setObjectName("activeCue")
        self.next.setObjectName("nextCue")
        self.state.setObjectName("showState")
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.cues = self._list()
        self.only = QCheckBox("Cue Only")
        self.only.setToolTip("Edits leave the next cue as it looks, instead of tracking into it")
        self.only.toggled.connect(lambda on: setattr(desk, "cue_only", on))
        self.to_cue, self.to_next, self.delete = (
            _button(text, tip, do)
            for text, tip, do in (
                ("Go to", "Start the selected cue, in its time (Return)", desk.go_to),
                ("Make next", "GO starts the selected cue", desk.make_next),
                ("Delete", "Delete the selected cue", desk.delete),
            )
        )
        self.master = ValueSlider(
            "Master", 0.0, 1.0, lambda part: f"{100 * part:.0f} %", "Grand master: a factor on all light of the show"
        )
        self.master.moved.connect(show.set_master)
        self.tempo = QLabel()
        self.tempo.setObjectName("value")
        self._lay_out()
        desk.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Bring everything up to date."""
        status = self._show.status()
        progress = status.progress
        self.active.setText(_title(status.active) if progress.active else "—")
        self.next.setText(f"Next: {_title(status.next)}" if status.next else "Next: the show is at its end")
        self.state.setText(_state(status))
        self.state.setVisible(bool(self.state.text()))
        self.progress.setValue(round(1000 * progress.fraction) if progress.active else 0)
        self._actions["hold"].setChecked(progress.paused)
        self._actions["blackout"].setChecked(status.blackout)
        self._actions["update_cue"].setEnabled(status.active is not None)
        for name, text in (("undo", status.undo), ("redo", status.redo)):
            self._actions[name].setEnabled(text is not None)
            self._actions[name].setText(f"{name.capitalize()}: {text}" if text else name.capitalize())
        self._actions["save_show"].setEnabled(status.edited)
        if not self.master.slider.isSliderDown():
            self.master.set_value(status.master)
        self.tempo.setText(f"{status.bpm:.0f} bpm")
        self._show_cues(self._show.document.cues)
        self._mark(progress.active, progress.next)

    def _show_cues(self, cues: CueList) -> None:
        if cues is self._listed:
            return
        self._listed, self._items, self._marked = cues, {}, (None, None)
        with QSignalBlocker(self.cues):
            self.cues.clear()
            for cue in cues:
                item = QTreeWidgetItem([str(cue.number), cue.name, _times(cue)])
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
                item.setToolTip(_NAME, cue.notes or cue.name)
                item.setData(_NUMBER, Qt.ItemDataRole.UserRole, cue.number)
                self.cues.addTopLevelItem(item)
                self._items[cue.number] = item
            if (item := self._items.get(self._desk.chosen)) is not None:
                self.cues.setCurrentItem(item)
        self._choose()

    def _mark(self, active: CueNumber | None, following: CueNumber | None) -> None:
        if (active, following) == self._marked:
            return
        for number in self._marked:
            self._color(number, None, theme.TEXT)
        self._color(following, None, theme.ACCENT)
        self._color(active, theme.GOOD, theme.ON_ACCENT)
        if (item := self._items.get(active)) is not None and active != self._marked[0]:
            self.cues.scrollToItem(item)
        self._marked = active, following

    def _color(self, number: CueNumber | None, background: str | None, text: str) -> None:
        if (item := self._items.get(number)) is None:
            return
        with QSignalBlocker(self.cues):
            for column in (_NUMBER, _NAME, _TIME):
                item.setBackground(column, QBrush() if background is None else QBrush(QColor(background)))
                item.setForeground(column, QColor(text))

    def _choose(self) -> None:
        item = self.cues.currentItem()
        self._desk.chosen = None if item is None else item.data(_NUMBER, Qt.ItemDataRole.UserRole)
        for button in (self.to_cue, self.to_next, self.delete):
            button.setEnabled(item is not None)

    def _edited(self, item: QTreeWidgetItem, column: int) -> None:
        number, text = item.data(_NUMBER, Qt.ItemDataRole.UserRole), item.text(column)
        do = self._desk.rename if column == _NAME else self._desk.renumber
        self._listed = None  # what was typed and cannot be is shown as it was
        QTimer.singleShot(0, lambda: do(number, text))  # once the list has closed its editor

    def _list(self) -> QTreeWidget:
        cues = QTreeWidget()
        cues.setObjectName("cues")
        cues.setHeaderLabels(["Cue", "Name", "Time"])
        cues.setRootIsDecorated(False)
        cues.setUniformRowHeights(True)
        cues.setAccessibleName("Cues")
        cues.setToolTip("Double click: another name or number. Return: go to the selected cue")
        cues.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        cues.setItemDelegate(_NamesAndNumbers(cues))
        header = cues.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        cues.currentItemChanged.connect(lambda _now, _before: self._choose())
        go_to = QShortcut(QKeySequence("Return"), cues)
        go_to.setContext(Qt.ShortcutContext.WidgetShortcut)
        go_to.activated.connect(self._desk.go_to)
        cues.itemChanged.connect(self._edited)
        return cues

    def _lay_out(self) -> None:
        go = _action_button(self._actions["go"], "GO", "go")
        grid = QGridLayout()
        grid.setSpacing(6)
        for i, (name, text) in enumerate(
            (("back", "Back"), ("hold", "Pause"), ("release", "Release"), ("panic", "PANIC"), ("blackout", "Blackout"))
        ):
            grid.addWidget(_action_button(self._actions[name], text, name), i // 3, i % 3)
        grid.addWidget(_action_button(self._actions["tap"], "Tap", "tap"), 1, 2)
        chosen, edits, last = QHBoxLayout(), QGridLayout(), QHBoxLayout()
        for button in (self.to_cue, self.to_next, self.delete):
            chosen.addWidget(button)
        for i, (name, text) in enumerate(
            (("record_cue", "Record"), ("update_cue", "Update"), ("undo", "Undo"), ("redo", "Redo"))
        ):
            edits.addWidget(ActionButton(self._actions[name], text), i // 2, i % 2)
        last.addWidget(self.only)
        last.addStretch(1)
        last.addWidget(self.tempo)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(8)
        for widget in (self.state, self.active, self.progress, self.next, go):
            layout.addWidget(widget)
        layout.addLayout(grid)
        layout.addWidget(self.master)
        layout.addWidget(self.cues, 1)
        layout.addLayout(chosen)
        layout.addLayout(edits)
        layout.addLayout(last)


class _NamesAndNumbers(QStyledItemDelegate):
    """Lets names and numbers of cues be edited, and nothing else."""

    def createEditor(self, parent: QWidget | None, option: QStyleOptionViewItem, index: QModelIndex) -> QWidget | None:
        return super().createEditor(parent, option, index) if index.column() in (_NUMBER, _NAME) else None


def _action_button(action: QAction, text: str, name: str) -> ActionButton:
    button = ActionButton(action, text)
    button.setObjectName(f"show_{name}")
    return button


def _button(text: str, tip: str, do: Callable[[], object]) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.clicked.connect(lambda _checked: do())
    return button


def _title(cue: Cue | None) -> str:
    """Return number and name of a cue; a cue that was deleted has none."""
    return "deleted" if cue is None else f"{cue.number}  {cue.name}".rstrip()


def _times(cue: Cue) -> str:
    """Return the times of a cue, and what starts the next, in short."""
    said = [f"{cue.time.up:g}"]
    if cue.time.down is not None:
        said = [f"{cue.time.up:g} / {cue.time.down:g}"]
    if cue.delay != Times(0.0):
        said.append(f"delay {max(part for part in vars(cue.delay).values() if part is not None):g}")
    if cue.follow is not None:
        said.append(f"follow {cue.follow:g}")
    if cue.hang is not None:
        said.append(f"hang {cue.hang:g}")
    if cue.link is not None:
        said.append(f"→ {cue.link}")
    return ", ".join(said)


def _state(status: Status) -> str:
    """Return what must not be overlooked, or ""."""
    said = []
    if status.blackout:
        said.append("BLACKOUT")
    if status.progress.paused:
        said.append("PAUSED")
    if not status.blackout and status.master < 0.005:
        said.append("MASTER AT 0")
    return "   ".join(said)
