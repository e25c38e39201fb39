"""What lies over the picture: a line while there is none, an error with a way out, the F1 page."""

from __future__ import annotations

from collections.abc import Iterable

from PyQt6.QtCore import QEvent, QObject, Qt, pyqtSignal
from PyQt6.QtGui import QMouseEvent, QResizeEvent
from PyQt6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from realtime.ui.actions import ACTIONS, GESTURES, ActionSpec, key_text

_MARGIN = 16


class Banner(QFrame):
    """An error in plain words, with a button that tries again."""

    retry = pyqtSignal()
    dismissed = pyqtSignal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("banner")
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.again = QPushButton("Retry")
        self.again.setToolTip("Open the source again")
        close = QPushButton("✕")
        close.setAccessibleName("Dismiss")
        close.setToolTip("Dismiss")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 8, 8, 8)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.again)
        layout.addWidget(close)
        self.again.clicked.connect(self.retry)
        close.clicked.connect(self.hide)
        close.clicked.connect(self.dismissed)
        self.hide()

    def show_error(self, line: str, retry: bool) -> None:
        self.text.setText(line)
        self.setAccessibleName(line)
        self.again.setVisible(retry)
        self.show()
        self.raise_()


class HelpPage(QFrame):
    """Every shortcut of the action table; a click closes it."""

    closed = pyqtSignal()

    def __init__(self, parent: QWidget, specs: Iterable[ActionSpec] = ACTIONS) -> None:
        super().__init__(parent)
        self.setObjectName("help")
        title = QLabel("Keyboard and mouse")
        title.setObjectName("helpTitle")
        rows = QWidget()
        grid = QGridLayout(rows)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(5)
        entries = [(" ".join(map(key_text, spec.keys)), spec.text) for spec in specs]
        half = (len(entries) + 1) // 2
        for i, (key, text) in enumerate(entries):
            column = 0 if i < half else 2
            label = QLabel(key)
            label.setObjectName("key")
            grid.addWidget(label, i % half, column, Qt.AlignmentFlag.AlignRight)
            grid.addWidget(QLabel(text), i % half, column + 1)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        area = QScrollArea()
        area.setWidget(rows)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        rows.setStyleSheet("background: transparent")
        area.setStyleSheet("background: transparent")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(26, 20, 26, 20)
        layout.setSpacing(14)
        layout.addWidget(title)
        layout.addWidget(area, 1)
        layout.addWidget(QLabel("\n".join(f"{gesture}: {text}" for gesture, text in GESTURES)))
        self.hide()

    def mousePressEvent(self, _event: QMouseEvent | None) -> None:
        self.closed.emit()


class ViewArea(QWidget):
    """The view with its overlays on top, laid out by hand, since a layout would put them beside each other."""

    def __init__(self, view: QWidget) -> None:
        super().__init__()
        self._view = view
        view.setParent(self)
        self.placeholder = QLabel(self)
        self.placeholder.setObjectName("placeholder")
        self.placeholder.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.placeholder.setWordWrap(True)
        self.placeholder.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.banner = Banner(self)
        self.help = HelpPage(self)
        self.banner.installEventFilter(self)
        self.setMinimumSize(320, 240)

    def resizeEvent(self, _event: QResizeEvent | None) -> None:
        self._place()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event.type() in (QEvent.Type.Show, QEvent.Type.LayoutRequest):
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        width, height = self.width(), self.height()
        self._view.setGeometry(0, 0, width, height)
        self.placeholder.setGeometry(_MARGIN, 0, width - 2 * _MARGIN, height)
        banner_width = min(720, width - 2 * _MARGIN)
        banner_height = max(self.banner.sizeHint().height(), self.banner.heightForWidth(banner_width))
        self.banner.setGeometry((width - banner_width) // 2, _MARGIN, banner_width, banner_height)
        help_width, help_height = min(720, width - 2 * _MARGIN), min(560, height - 2 * _MARGIN)
        self.help.setGeometry((width - help_width) // 2, (height - help_height) // 2, help_width, help_height)
