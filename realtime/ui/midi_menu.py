"""The menu of a right click on a control: a knob or a key of a MIDI desk is bound to it, or no longer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from PyQt6.QtCore import QObject, QPoint, Qt, QTimer, pyqtSignal
from PyQt6.QtWidgets import QMenu, QToolTip, QWidget

from facemodel import LimelightError
from realtime.ui.show_values import Bindable

if TYPE_CHECKING:
    from realtime.controls.desk import Desk

_GLANCE_MS = 100


class MidiMenu(QObject):
    """Offers to learn a MIDI control, through the table's commands. `failed` carries why that cannot be.

    Attributes:
        desk: that hears MIDI; None where nothing from outside is heard.
    """

    failed = pyqtSignal(str)

    def __init__(self, owner: QWidget) -> None:
        """
        Args:
            owner: that the controls are in.
        """
        super().__init__(owner)
        self.desk: Desk | None = None
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)
        self._asked: tuple[QWidget, str] | None = None

    def offer(self, controls: Iterable[Bindable]) -> None:
        """Open the menu on a right click on any of these, and on the key for menus."""
        for widget, path in controls:
            widget.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            widget.customContextMenuRequested.connect(partial(self._open, widget, path))

    def menu(self, widget: QWidget, path: str) -> QMenu:
        """Return the menu of a control.

        Args:
            widget: that it opens on.
            path: of the command that is bound.
        """
        menu = QMenu(widget)
        midi = self.desk.midi if self.desk is not None else None
        if midi is None:
            none = menu.addAction("No MIDI is heard: start with limelight show --midi")
            none.setEnabled(False)
            return menu
        if midi.learning == path:
            menu.addAction("Stop learning").triggered.connect(lambda: self._call("midi/stop_learning"))
        else:
            menu.addAction("Learn MIDI control").triggered.connect(lambda: self._learn(widget, path))
        for control in midi.controls_of(path):
            text = str(control)
            menu.addAction(f"Forget {text}").triggered.connect(lambda _on, text=text: self._call("midi/forget", text))
        return menu

    def _open(self, widget: QWidget, path: Callable[[], str], at: QPoint) -> None:
        menu = self.menu(widget, path())
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(widget.mapToGlobal(at))

    def _learn(self, widget: QWidget, path: str) -> None:
        self._call("midi/learn", path)
        self._asked = widget, path
        self._timer.start(_GLANCE_MS)
        self._say(widget, f"Move a MIDI control: {_words(path)} will follow it")

    def _look(self) -> None:
        """Say what was learned, once it was."""
        midi = self.desk.midi if self.desk is not None else None
        if self._asked is None or midi is None or midi.learning == self._asked[1]:
            return
        widget, path = self._asked
        self._timer.stop()
        self._asked = None
        if controls := midi.controls_of(path):
            self._say(widget, f"{_words(path)} follows {', '.join(map(str, controls))}")

    def _call(self, command: str, *args: str) -> None:
        if self.desk is not None:
            try:
                self.desk.table.call(command, *args, who="window")
            except LimelightError as error:
                self.failed.emit(str(error))

    def _say(self, widget: QWidget, text: str) -> None:
        if widget.isVisible():
            QToolTip.showText(widget.mapToGlobal(widget.rect().bottomLeft()), text, widget)


def _words(path: str) -> str:
    return path.replace("/", " ").replace("_", " ")
