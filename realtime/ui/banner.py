"""The banner over the picture: an error in plain words, with a way out."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from realtime.ui.alerts import Alert, Remedy

_BUTTONS = {
    Remedy.SOURCE: ("Retry", "Open the source again"),
    Remedy.SINK: ("Start again", "Start what failed again"),
}


class Banner(QFrame):
    """Shows an error until it is dismissed, or an alert until it is over or dismissed.

    `remedy_asked` carries the `Remedy` whose button was pressed.
    """

    remedy_asked = pyqtSignal(Remedy)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("banner")
        self._alert: Alert | None = None  # the newest, dismissed or not
        self._shows_alert = False
        self._remedy = Remedy.NONE
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.again = QPushButton()
        close = QPushButton("✕")
        close.setAccessibleName("Dismiss")
        close.setToolTip("Dismiss")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 8, 8, 8)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.again)
        layout.addWidget(close)
        self.again.clicked.connect(lambda: self.remedy_asked.emit(self._remedy))
        close.clicked.connect(self.hide)
        self.hide()

    def show_error(self, line: str, remedy: Remedy = Remedy.NONE) -> None:
        """Show something that happened."""
        self._shows_alert = False
        self._show(line, remedy)

    def show_alert(self, alert: Alert | None) -> None:
        """Show an alert that is new, follow the words of one that is shown, and hide one that is over."""
        if alert is None:
            self._alert = None
            if self._shows_alert:
                self._shows_alert = False
                self.hide()
        elif not alert.is_same_trouble(self._alert):
            self._alert, self._shows_alert = alert, True
            self._show(alert.line, alert.remedy)
        elif alert != self._alert:
            self._alert = alert
            if self._shows_alert and self.isVisible():
                self._show(alert.line, alert.remedy)

    def forget(self) -> None:
        """Hide, and show an alert anew that is still on."""
        self._alert, self._shows_alert = None, False
        self.hide()

    def _show(self, line: str, remedy: Remedy) -> None:
        self._remedy = remedy
        self.text.setText(line)
        self.setAccessibleName(line)
        text, tip = _BUTTONS.get(remedy, ("", ""))
        self.again.setText(text)
        self.again.setToolTip(tip)
        self.again.setVisible(bool(text))
        self.show()
        self.raise_()
