"""Where results go: each sink with a switch, a light and counts, and a menu and a field for another one."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Sequence

from PyQt6.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QCompleter,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from realtime.outputs.display import DisplayOutput, DisplayState
from realtime.sinks import registry
from realtime.sinks.worker import SinkState
from realtime.ui import theme
from realtime.ui.controls import ElidedLabel, Switch, section_title
from realtime.ui.display_row import DisplayRow
from realtime.ui.sink_list import SinkEntry

_PAGE = re.compile(r"https?://[^\s,]+")
_OFF = ("○", theme.IDLE, "off")
_LIGHTS = {
    True: ("●", theme.GOOD, "somebody listens"),
    False: ("●", theme.WARNING, "nobody listens"),
    None: ("●", theme.IDLE, "whether anybody listens cannot be known"),
}
_WRITES = ("●", theme.GOOD, "is being written")
_STATES = {
    SinkState.WAITING: ("◌", theme.IDLE, "waiting"),
    SinkState.FAILED: ("✕", theme.RECORD, "failed"),
    SinkState.CLOSED: ("○", theme.IDLE, "ended"),
}


class SinkPanel(QWidget):
    """`add_asked` carries an address, `switch_asked` an entry and whether it shall be on, `remove_asked` an entry,
    `restart_asked` a worker.

    Attributes:
        rows: by address; of several sinks with the same one by "ADDRESS#2" and so on too.
    """

    add_asked = pyqtSignal(str)
    switch_asked = pyqtSignal(object, bool)
    remove_asked = pyqtSignal(object)
    restart_asked = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, SinkRow] = {}
        examples = [(example, what) for kind in registry.KINDS for example, what in kind.examples]
        self.address = QLineEdit()
        self.address.setAccessibleName("Address of another stream or file")
        self.address.setPlaceholderText("address or file, such as overlay.mp4")
        self.address.setToolTip("\n".join(f"{example}: {what}" for example, what in examples))
        completer = QCompleter([example for example, _ in examples], self.address)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self.address.setCompleter(completer)
        self.kinds = _button("+", "Choose what to add", "Choose a program to stream to, or a file to write")
        self.kinds.setMenu(self._menu())
        self.kinds.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.add = _button("Start", "Start", "Send every result there, from now on")
        field = QHBoxLayout()
        field.setSpacing(6)
        field.addWidget(self.kinds)
        field.addWidget(self.address, 1)
        field.addWidget(self.add)
        self._list = QVBoxLayout()
        self._list.setSpacing(8)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(section_title("Streams"))
        layout.addLayout(self._list)
        layout.addLayout(field)
        self.add.clicked.connect(self._add)
        self.address.returnPressed.connect(self._add)

    def show_entries(self, entries: Sequence[SinkEntry]) -> None:
        """Show these sinks, and no others."""
        count: Counter[str] = Counter()
        named = {}
        for entry in entries:
            count[entry.address] += 1
            number = count[entry.address]
            named[entry.address if number == 1 else f"{entry.address}#{number}"] = entry
        for name in set(self.rows) - set(named):
            row = self.rows.pop(name)
            self._list.removeWidget(row)
            row.deleteLater()
        for name, entry in named.items():
            if name not in self.rows:
                row = self.rows[name] = SinkRow(entry)
                row.switch.toggled.connect(lambda on, row=row: self.switch_asked.emit(row.entry, on))
                row.again.clicked.connect(lambda _=False, row=row: self.restart_asked.emit(row.entry.worker))
                row.end.clicked.connect(lambda _=False, row=row: self.remove_asked.emit(row.entry))
                self._list.addWidget(row)
            self.rows[name].show_entry(entry)

    def propose(self, address: str) -> None:
        """Put an address into the field, to be changed there or started; nothing is sent yet."""
        self.address.setText(address)
        self.address.setFocus()

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        files = False
        for kind in sorted(registry.KINDS, key=lambda kind: not kind.scheme):  # stable: streams, then files
            if not kind.scheme and not files:
                menu.addSeparator()
                files = True
            address, what = kind.examples[0]
            action = menu.addAction(f"{kind.name}: {kind.title}")
            action.setToolTip(f"{address}: {what}")
            action.triggered.connect(lambda _=False, address=address: self.propose(address))
        return menu

    def _add(self) -> None:
        address = self.address.text().strip()
        if address:
            self.address.clear()
            self.add_asked.emit(address)


class LinkedLabel(QLabel):
    """Text in as many lines as it needs, with addresses of pages to click on."""

    def __init__(self) -> None:
        super().__init__()
        self._full = ""
        self.setWordWrap(True)
        self.setOpenExternalLinks(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def setText(self, text: str | None) -> None:
        if (text or "") == self._full:
            return
        self._full = text or ""
        self.setToolTip(html.escape(self._full))
        style = f'style="color: {theme.ACCENT}"'
        super().setText(_PAGE.sub(rf'<a {style} href="\g<0>">open the page</a>', html.escape(self._full)))

    def full_text(self) -> str:
        return self._full


class SinkRow(QWidget):
    """One sink: light, name, rate, switch; its address; what it says."""

    def __init__(self, entry: SinkEntry) -> None:
        super().__init__()
        self.entry = entry
        self.sign = QLabel()
        self.name, self.address, self.line = ElidedLabel(), ElidedLabel(), LinkedLabel()
        self.rate = QLabel()
        for label in (self.address, self.line, self.rate):
            label.setObjectName("muted")
        self.display = DisplayRow()
        self.display.asked.connect(self._set_display)
        self.switch = Switch(f"On: {entry.address}")
        self.again = _button("⟳", "Start the sink again", "Start it again")
        self.end = _button("✕", "Remove", "")
        for button in (self.again, self.end):
            button.setObjectName("flat")
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(6)
        layout.setVerticalSpacing(0)
        for column, part in enumerate((self.sign, self.name, self.rate, self.again, self.switch, self.end)):
            layout.addWidget(part, 0, column)
        layout.setColumnStretch(1, 1)
        layout.addWidget(self.address, 1, 1, 1, 5)
        layout.addWidget(self.line, 2, 1, 1, 5)
        layout.addWidget(self.display, 3, 1, 1, 5)

    def show_entry(self, entry: SinkEntry) -> None:
        """Show how the sink goes."""
        self.entry = entry
        status = entry.status
        sign, color, words = _light(entry)
        self.sign.setText(f'<span style="color:{color}">{sign}</span>')
        self.sign.setToolTip(words.capitalize())
        self.sign.setAccessibleName(words)
        self.name.setText(_kind_of(entry.address) if status is None else status.name)
        self.rate.setText(f"{entry.rate:.0f} /s" if entry.runs and not entry.is_file else "")
        self.address.setText(entry.address)
        self.address.setVisible(entry.address not in self.name.full_text())
        self.line.setText(_says(entry))
        self.line.setVisible(entry.on or status is not None)
        with QSignalBlocker(self.switch):
            self.switch.setChecked(entry.on)
        self.switch.setVisible(not entry.is_file)
        self.again.setVisible(status is not None and status.state is SinkState.FAILED)
        self.end.setToolTip("Finish the file" if entry.is_file else "Remove it from the list")
        display = self._shown_display()
        self.display.show_states([] if display is None else [display.state])

    def _shown_display(self) -> DisplayOutput | None:
        sink = None if self.entry.worker is None else self.entry.worker.sink
        return sink if isinstance(sink, DisplayOutput) else None

    def _set_display(self, state: DisplayState) -> None:
        if (display := self._shown_display()) is not None:
            display.state = state


def _light(entry: SinkEntry) -> tuple[str, str, str]:
    """Sign, colour and words."""
    status = entry.status
    if status is None:
        return _OFF
    if status.state is not SinkState.RUNNING:
        return _STATES[status.state]
    return _WRITES if entry.is_file else _LIGHTS[status.connected]


def _says(entry: SinkEntry) -> str:
    """What a sink's last line says: its own words, or else its count, and what it missed."""
    status = entry.status
    if status is None:
        return "starting …" if entry.on else "off"
    place, _, rest = status.line.partition(", ")
    own = rest if rest and place in (status.name + entry.address) else status.line
    words = ["nobody listens"] if status.connected is False else []
    words += [own or f"{entry.sent} sent"]
    if status.state is not SinkState.FAILED:
        words += [f"{status.waiting} wait"] if status.waiting > 1 else []
        if "dropped" in own:  # of what it sends; the worker's are results that it had no time for
            words += [f"{status.dropped} results too late"] if status.dropped else []
        elif status.dropped or not entry.is_file:
            words.append(f"{status.dropped} dropped")
    return ", ".join(words)


def _kind_of(address: str) -> str:
    """What a person calls the kind of a sink that is off."""
    return address.partition("://")[0]


def _button(text: str, name: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setAccessibleName(name)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
