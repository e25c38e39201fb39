"""A test card, by which a display or a projector is set up."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QFont, QPainter, QPen
from PyQt6.QtWidgets import QWidget

_CELLS_DOWN = 12
_BARS = ("#c0c0c0", "#c0c000", "#00c0c0", "#00c000", "#c000c0", "#c00000", "#0000c0")
"""75 % bars, bright to dark."""

_GRAYS = 11
"""Steps from black to white."""


def draw_test_card(widget: QWidget, lines: Sequence[str]) -> None:
    """Draw a grid of squares, circles that must look round, bars, a scale of gray, a frame on the outermost pixels.

    Args:
        widget: that is filled; it is being painted.
        lines: of text in its middle.
    """
    painter = QPainter(widget)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    width, height = float(widget.width()), float(widget.height())
    middle, cell = QPointF(width / 2.0, height / 2.0), height / _CELLS_DOWN
    painter.fillRect(QRectF(0.0, 0.0, width, height), QColor("#303030"))
    painter.setPen(QPen(QColor("#909090"), max(1.0, height / 720.0)))
    for n in range(-int(middle.x() // cell), int(middle.x() // cell) + 1):
        painter.drawLine(QPointF(middle.x() + n * cell, 0.0), QPointF(middle.x() + n * cell, height))
    for n in range(-_CELLS_DOWN // 2, _CELLS_DOWN // 2 + 1):
        painter.drawLine(QPointF(0.0, middle.y() + n * cell), QPointF(width, middle.y() + n * cell))
    bars = QRectF(middle.x() - 3.5 * cell, middle.y() - 3.0 * cell, 7.0 * cell, 2.0 * cell)
    for n, color in enumerate(_BARS):
        painter.fillRect(QRectF(bars.left() + n * cell, bars.top(), cell, bars.height()), QColor(color))
    step = bars.width() / _GRAYS
    for n in range(_GRAYS):
        gray = round(255.0 * n / (_GRAYS - 1))
        painter.fillRect(QRectF(bars.left() + n * step, middle.y() + 2.0 * cell, step, cell), QColor(gray, gray, gray))
    text = QRectF(bars.left(), bars.bottom(), bars.width(), 3.0 * cell)
    painter.fillRect(text, QColor("black"))
    painter.setPen(QPen(QColor("white"), max(1.5, height / 540.0)))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(middle, 5.5 * cell, 5.5 * cell)
    for x in (1.5 * cell, width - 1.5 * cell):
        for y in (1.5 * cell, height - 1.5 * cell):
            painter.drawEllipse(QPointF(x, y), cell, cell)
    font = QFont()
    font.setPixelSize(max(8, round(0.55 * cell)))
    painter.setFont(font)
    painter.drawText(text, Qt.AlignmentFlag.AlignCenter, "\n".join(lines))
    for edge in (
        QRectF(0.0, 0.0, width, 1.0), QRectF(0.0, height - 1.0, width, 1.0),
        QRectF(0.0, 0.0, 1.0, height), QRectF(width - 1.0, 0.0, 1.0, height),
    ):  # fmt: skip
        painter.fillRect(edge, QColor("white"))
    painter.end()
