"""The F1 page: every key, and what the mouse does in the picture."""

from __future__ import annotations

from collections.abc import Iterable

from PyQt6.QtCore import QEvent, QMargins, QObject, Qt, pyqtSignal
from PyQt6.QtGui import QMouseEvent, QShowEvent
from PyQt6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from realtime.ui.actions import ACTIONS, GESTURES, ActionSpec, key_text

_MARGIN = 16
_COLUMNS, _WIDTH = 3, 1180
"""Of keys, at most; px of width where there is room, for what the mouse does."""


class HelpPage(QFrame):
    """Every shortcut of the action table; a click closes it. `tour_asked` is emitted by its button.

    It lies over another widget, in its middle, as large as all rows need and that one is; what is over is scrolled to.
    """

    closed = pyqtSignal()
    tour_asked = pyqtSignal()

    def __init__(self, specs: Iterable[ActionSpec] = ACTIONS) -> None:
        super().__init__()
        self.setObjectName("help")
        title = QLabel("Keyboard and mouse")
        title.setObjectName("helpTitle")
        rows, area = QWidget(), QScrollArea()
        self._rows, self._area = rows, area
        self._grid = QGridLayout(rows)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(2)
        self._entries = [(_key(spec), QLabel(spec.text)) for spec in specs if spec.on_help_page]
        area.setWidget(rows)
        area.setWidgetResizable(True)
        rows.setStyleSheet("background: transparent")
        area.setStyleSheet("background: transparent")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(26, 16, 26, 16)
        layout.setSpacing(10)
        tour = QPushButton("First steps")
        tour.setToolTip("Four steps from a camera to a take (Shift+F1)")
        tour.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        tour.clicked.connect(self.closed)
        tour.clicked.connect(self.tour_asked)
        head = QHBoxLayout()
        head.addWidget(title, 1)
        head.addWidget(tour)
        layout.addLayout(head)
        layout.addWidget(area, 1)
        gestures = QHBoxLayout()
        gestures.setSpacing(24)
        half = -(-len(GESTURES) // 2)
        for some in (GESTURES[:half], GESTURES[half:]):
            label = QLabel("\n".join(f"{gesture}: {text}" for gesture, text in some))
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignTop)
            gestures.addWidget(label, 1)
        layout.addLayout(gestures)
        self._arrange(_COLUMNS)
        self.hide()

    def lie_over(self, host: QWidget) -> None:
        """Be a child of a widget from now on, and follow its size."""
        self.setParent(host)
        host.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self._place()

    def _place(self) -> None:
        host = self.parentWidget().rect()
        room = host.size().shrunkBy(QMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN))
        margins = self.layout().contentsMargins()
        beside = margins.left() + margins.right() + self._area.verticalScrollBar().sizeHint().width()
        for columns in range(_COLUMNS, 0, -1):
            self._arrange(columns)
            if self._rows.sizeHint().width() + beside <= room.width():
                break
        width = min(max(self._rows.sizeHint().width() + beside, _WIDTH), room.width())
        rows = self._rows.sizeHint().height() - self._area.sizeHint().height()
        self.resize(width, min(self.layout().totalHeightForWidth(width) + rows, room.height()))
        self.move(host.center() - self.rect().center())

    def _arrange(self, columns: int) -> None:
        high = -(-len(self._entries) // columns)
        for i, (key, text) in enumerate(self._entries):
            column = 2 * (i // high)
            self._grid.addWidget(key, i % high, column, Qt.AlignmentFlag.AlignRight)
            self._grid.addWidget(text, i % high, column + 1)
        for column in range(_COLUMNS):
            self._grid.setColumnStretch(2 * column + 1, int(column < columns))

    def mousePressEvent(self, _event: QMouseEvent | None) -> None:
        self.closed.emit()


def _key(spec: ActionSpec) -> QLabel:
    label = QLabel(" ".join(map(key_text, spec.keys)))
    label.setObjectName("key")
    return label
