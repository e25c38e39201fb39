"""What is painted over the view, and lets the mouse through."""

from __future__ import annotations

from typing import Generic, TypeVar

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QPainter
from PyQt6.QtWidgets import QWidget

Mark = TypeVar("Mark")


class ViewMarks(QWidget, Generic[Mark]):
    """Shows marks over the view; clicks go through to the view. What they look like is a subclass's."""

    def __init__(self) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setStyleSheet("background: transparent")
        self.marks: tuple[Mark, ...] = ()
        self.hide()

    def show_marks(self, marks: tuple[Mark, ...]) -> None:
        """Show these marks, and no others."""
        if marks != self.marks:
            self.marks = marks
            self.setVisible(bool(marks))
            self.update()

    def bold_painter(self, pixels: int) -> QPainter:
        """Return a painter of smooth edges and bold letters, so many px high."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPixelSize(pixels)
        font.setBold(True)
        painter.setFont(font)
        return painter
