"""Where results go: each sink with its state, and a field for another one."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QCompleter, QHBoxLayout, QLabel, QLineEdit, QToolButton, QVBoxLayout, QWidget

from realtime.sinks.registry import KINDS
from realtime.sinks.worker import SinkState, SinkStatus, Worker
from realtime.ui import theme
from realtime.ui.controls import ElidedLabel, section_title

_SIGNS = {
    SinkState.WAITING: ("◌", theme.IDLE),
    SinkState.RUNNING: ("●", theme.GOOD),
    SinkState.FAILED: ("✕", theme.RECORD),
    SinkState.CLOSED: ("○", theme.IDLE),
}


class SinkPanel(QWidget):
    """`add_asked` carries an address, `restart_asked` and `end_asked` a worker."""

    add_asked = pyqtSignal(str)
    restart_asked = pyqtSignal(object)
    end_asked = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[Worker, SinkRow] = {}
        examples = [(example, what) for kind in KINDS for example, what in kind.examples]
        self.address = QLineEdit()
        self.address.setAccessibleName("Address of another sink")
        self.address.setPlaceholderText(", ".join(example for example, _ in examples))
        self.address.setToolTip("\n".join(f"{example}: {what}" for example, what in examples))
        completer = QCompleter([example for example, _ in examples], self.address)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self.address.setCompleter(completer)
        self.add = _button("Add", "Add a sink", "Send every result there too")
        field = QHBoxLayout()
        field.setSpacing(6)
        field.addWidget(self.address, 1)
        field.addWidget(self.add)
        self._list = QVBoxLayout()
        self._list.setSpacing(4)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(section_title("Sinks"))
        layout.addLayout(self._list)
        layout.addLayout(field)
        self.add.clicked.connect(self._add)
        self.address.returnPressed.connect(self._add)

    def show_sinks(self, sinks: Sequence[tuple[Worker, SinkStatus]]) -> None:
        """Show these sinks, and no others."""
        for worker in set(self.rows) - {worker for worker, _ in sinks}:
            row = self.rows.pop(worker)
            self._list.removeWidget(row)
            row.deleteLater()
        for worker, status in sinks:
            if worker not in self.rows:
                row = self.rows[worker] = SinkRow()
                row.again.clicked.connect(lambda _=False, worker=worker: self.restart_asked.emit(worker))
                row.end.clicked.connect(lambda _=False, worker=worker: self.end_asked.emit(worker))
                self._list.addWidget(row)
            self.rows[worker].show_status(status)

    def _add(self) -> None:
        address = self.address.text().strip()
        if address:
            self.address.clear()
            self.add_asked.emit(address)


class SinkRow(QWidget):
    """One sink: state, name, what it says, and what may be done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.sign = QLabel()
        self.name, self.line = ElidedLabel(), ElidedLabel()
        self.line.setObjectName("muted")
        self.again = _button("⟳", "Start the sink again", "Start it again")
        self.end = _button("✕", "End the sink", "Finish it, and send nothing more there")
        texts = QVBoxLayout()
        texts.setSpacing(0)
        texts.addWidget(self.name)
        texts.addWidget(self.line)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.sign)
        layout.addLayout(texts, 1)
        layout.addWidget(self.again)
        layout.addWidget(self.end)

    def show_status(self, status: SinkStatus) -> None:
        """Show how the sink goes."""
        sign, color = _SIGNS[status.state]
        self.sign.setText(f'<span style="color:{color}">{sign}</span>')
        self.sign.setToolTip(status.state.value)
        self.sign.setAccessibleName(status.state.value)
        self.name.setText(status.name)
        self.line.setText(_says(status))
        self.again.setVisible(status.state is SinkState.FAILED)


def _says(status: SinkStatus) -> str:
    """What a sink's second line says: its own words, or else its count, and what it missed."""
    words = [status.line or f"{status.delivered} sent"]
    words += [f"{status.waiting} wait"] if status.waiting > 1 else []
    words += [f"{status.dropped} dropped"] if status.dropped else []
    return ", ".join(words)


def _button(text: str, name: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setAccessibleName(name)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
