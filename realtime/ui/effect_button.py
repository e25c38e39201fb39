"""The button of a show's effects: how many run, and a menu that starts and stops them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QMenu, QToolButton


class EffectButton(QToolButton):
    """Lists effects in a menu, those that run with a check mark; `switched` carries the name of one and whether it
    shall run."""

    switched = pyqtSignal(str, bool)

    def __init__(self) -> None:
        super().__init__()
        self._names: tuple[str, ...] = ()
        self._running: tuple[str, ...] = ()
        self.setAccessibleName("Effects")
        self.setToolTip("Start and stop chases and oscillating values by hand")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        menu.aboutToShow.connect(self._list)
        self.setMenu(menu)

    def show_effects(self, names: Iterable[str], running: Iterable[str]) -> None:
        """Show which effects there are, and which run."""
        self._names, self._running = tuple(names), tuple(running)
        self.setEnabled(bool(self._names))
        self.setText(f"Effects: {len(self._running)} on" if self._running else "Effects")

    def _list(self) -> None:
        menu = self.menu()
        menu.clear()
        for name in self._names:
            action = menu.addAction(name)
            action.setCheckable(True)
            action.setChecked(name in self._running)
            action.triggered.connect(partial(self.switched.emit, name))
