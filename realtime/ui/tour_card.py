"""The card of the first-run tour, and the ring around what it speaks of."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QEvent, QObject, QPoint, QRect, Qt, pyqtSignal
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from realtime.ui import theme
from realtime.ui.tour import TourStep

_RING = 6
"""px between the ring and what it is around."""


class TourCard(QFrame):
    """Says what to do; takes no keyboard focus by itself. `next_asked` and `leave_asked` are emitted by its buttons."""

    next_asked = pyqtSignal()
    leave_asked = pyqtSignal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("tour")
        self.setFixedWidth(320)
        self.title, self.text, self.place = QLabel(), QLabel(), QLabel()
        self.title.setObjectName("tourTitle")
        self.place.setObjectName("muted")
        self.text.setWordWrap(True)
        self.leave, self.next = QPushButton("Skip"), QPushButton("Next")
        self.leave.setToolTip("End the tour; F1 starts it again (Esc)")
        self.next.setToolTip("The next step (Shift+F1)")
        buttons = QHBoxLayout()
        buttons.addWidget(self.place, 1)
        for button in (self.leave, self.next):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 14, 18, 14)
        layout.setSpacing(8)
        layout.addWidget(self.title)
        layout.addWidget(self.text)
        layout.addLayout(buttons)
        self.leave.clicked.connect(self.leave_asked)
        self.next.clicked.connect(self.next_asked)
        self.hide()

    def show_step(self, step: TourStep, keys: Sequence[str]) -> None:
        """Show a step.

        Args:
            step: of the tour.
            keys: as this platform writes them, of the step's actions.
        """
        last = step.number == len(TourStep)
        self.title.setText(step.title)
        self.text.setText(step.text.format(*(f'<b style="color: {theme.ACCENT}">{key}</b>' for key in keys)))
        self.place.setText(f"{step.number} of {len(TourStep)}")
        self.next.setText("Done" if last else "Next")
        self.leave.setVisible(not last)
        self.setAccessibleName(f"{self.place.text()}: {step.title}")
        self.layout().activate()
        self.resize(self.width(), self.heightForWidth(self.width()))

    def place_beside(self, target: QRect, within: QRect) -> None:
        """Stand at the left of what the step speaks of, and not outside.

        Args:
            target: what it speaks of; both in the parent's pixels.
            within: where the card may be.
        """
        x = min(max(target.left() - self.width() - 2 * _RING, within.left()), within.right() + 1 - self.width())
        y = min(max(target.center().y() - self.height() // 2, within.top()), within.bottom() + 1 - self.height())
        self.move(x, y)


class Ring(QFrame):
    """A frame around a widget, whose moves it follows; it scrolls along, and the mouse goes through it."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("ring")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._moving: list[QWidget] = []  # what it is around, and what that is in, up to its own parent
        self.hide()

    def show_around(self, widget: QWidget | None) -> None:
        """Stand around a widget, scrolled into sight; around none, hide."""
        for moved in self._moving:
            moved.removeEventFilter(self)
        self._moving = []
        self.setParent(None)
        if widget is None:
            return
        scrolled = _scrolled(widget)
        host = widget.parentWidget() if scrolled is None else scrolled.widget()
        self.setParent(host)
        part: QWidget | None = widget
        while part is not None and part is not host:
            part.installEventFilter(self)
            self._moving.append(part)
            part = part.parentWidget()
        self._follow()
        self.show()
        self.raise_()
        if scrolled is not None:
            scrolled.ensureWidgetVisible(self, 0, 0)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event.type() in (QEvent.Type.Move, QEvent.Type.Resize):
            self._follow()
        return super().eventFilter(watched, event)

    def _follow(self) -> None:
        widget = self._moving[0]
        place = QRect(widget.mapTo(self.parentWidget(), QPoint()), widget.size())
        self.setGeometry(place.adjusted(-_RING, -_RING, _RING, _RING))


def _scrolled(widget: QWidget) -> QScrollArea | None:
    """The area that a widget scrolls in."""
    above = widget.parentWidget()
    while above is not None and not isinstance(above, QScrollArea):
        above = above.parentWidget()
    return above
