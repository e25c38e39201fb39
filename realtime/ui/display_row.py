"""What the audience's displays show, and four buttons that switch it."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from realtime.outputs.display import DisplayState

_BUTTONS = {
    DisplayState.PICTURE: ("LIVE", "The audience sees the picture"),
    DisplayState.BLACK: ("Black", "The audience sees black"),
    DisplayState.FREEZE: ("Freeze", "The audience sees the last picture, which stands"),
    DisplayState.TEST_CARD: ("Test card", "The audience sees a test card"),
}


class DisplayRow(QWidget):
    """`asked` carries the state that a person wants. What is lit is what is shown, whoever switched it.

    Attributes:
        buttons: by state.
    """

    asked = pyqtSignal(DisplayState)

    def __init__(self, title: str = "") -> None:
        """
        Args:
            title: over the buttons; "" for none.
        """
        super().__init__()
        self.setAccessibleName("What the audience's displays show")
        self._title = QLabel()
        self._title.setObjectName("muted")
        self._title.setVisible(bool(title))
        self._prefix = title
        self.buttons = {state: self._button(state) for state in _BUTTONS}
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._title, 0, 0, 1, len(_BUTTONS))
        for column, button in enumerate(self.buttons.values()):
            layout.addWidget(button, 1, column)

    def show_states(self, states: Sequence[DisplayState]) -> None:
        """Show what each display shows; without displays there is nothing to see here."""
        self.setVisible(bool(states))
        different = len(set(states)) > 1
        self._title.setText(f"{self._prefix}: they differ" if different else self._prefix)
        for state, button in self.buttons.items():
            button.setChecked(not different and state in states)

    def _button(self, state: DisplayState) -> QPushButton:
        text, tip = _BUTTONS[state]
        button = QPushButton(text)
        button.setObjectName(f"display_{state.name.lower()}")
        button.setToolTip(tip)
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda _on: self._ask(state))
        return button

    def _ask(self, state: DisplayState) -> None:
        self.show_states([state])
        self.asked.emit(state)
