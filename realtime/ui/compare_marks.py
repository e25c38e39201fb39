"""Says over the view which version of a face is shown, and where the line between two is."""

from __future__ import annotations

from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPen

from realtime.ui import theme
from realtime.ui.options import Compared
from realtime.ui.view_marks import ViewMarks


class CompareMarks(ViewMarks[tuple[Compared, float, tuple[str, str]]]):
    """Paints the line and a label for each version that is shown; all of that is one mark."""

    def show_compared(self, compared: Compared, wipe: float, names: tuple[str, str]) -> None:
        """Show which version is shown; nothing while it is A alone.

        Args:
            compared: see `Compared`.
            wipe: where the line is, 0 to 1.
            names: of A and B, for people.
        """
        self.show_marks(() if compared is Compared.A else ((compared, wipe, names),))

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ((compared, wipe, names),) = self.marks
        a, b = (f"{letter}  {name}" for letter, name in zip("AB", names, strict=True))
        if compared is Compared.B:
            self._label(painter, b, 12.0, True)
            return
        x = wipe * self.width()
        painter.setPen(QPen(QColor(theme.ACCENT), 1.6))
        painter.drawLine(QPointF(x, 0.0), QPointF(x, self.height()))
        self._label(painter, a, x - 8.0, False)
        self._label(painter, b, x + 8.0, True)

    def _label(self, painter: QPainter, text: str, x: float, rightwards: bool) -> None:
        width = painter.fontMetrics().horizontalAdvance(text) + 16.0
        box = QRectF(x if rightwards else x - width, self.height() - 34.0, width, 24.0)
        ground = QColor(theme.BACKGROUND)
        ground.setAlpha(210)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(box, 5.0, 5.0)
        painter.setPen(QColor(theme.TEXT))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
