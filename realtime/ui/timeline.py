"""The timeline of the playback bar: where it plays, what is marked, and how good each frame is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt6.QtWidgets import QSizePolicy, QToolTip, QWidget

from realtime.takes.curves import Quality, worst
from realtime.takes.marks import IN, OUT
from realtime.ui import theme

QUALITY_COLORS = {
    Quality.GOOD: "#2f5d4a",
    Quality.DOUBTFUL: "#c9a227",
    Quality.HELD: "#e07b39",
    Quality.LOST: "#e5484d",
    Quality.NOBODY: "#6b2f3a",
}
QUALITY_WORDS = {
    Quality.GOOD: "tracked",
    Quality.DOUBTFUL: "tracked with little confidence",
    Quality.HELD: "lost, the pose is held",
    Quality.LOST: "lost, easing to neutral",
    Quality.NOBODY: "nobody there",
}

_MARGIN = 8.0
"""px beside the strip, for the playhead at either end."""
_TOP, _STRIP = 13.0, 12.0
_NEAR = 5.0
"""px within which the mouse is at a marker."""


class Timeline(QWidget):
    """Shows a span of frames, and is dragged along it; `sought` carries a frame."""

    sought = pyqtSignal(int)

    def __init__(self) -> None:
        super().__init__()
        self.frames, self.frame = 1, 0
        self.markers: tuple[tuple[int, str], ...] = ()
        self.span: tuple[int, int] | None = None
        self._quality: NDArray[np.uint8] | None = None
        self._dragged = False
        self.setAccessibleName("Position")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(300, 34)

    @property
    def dragged(self) -> bool:
        """Whether somebody drags the playhead."""
        return self._dragged

    def show_position(self, frame: int, frames: int) -> None:
        """Show which of so many frames is shown."""
        if (frame, frames) != (self.frame, self.frames):
            self.frame, self.frames = frame, max(1, frames)
            self.update()

    def show_marks(self, markers: Sequence[tuple[int, str]], span: tuple[int, int] | None) -> None:
        """Show markers, (frame, text), and the in and out points."""
        if (tuple(markers), span) != (self.markers, self.span):
            self.markers, self.span = tuple(markers), span
            self.update()

    def show_quality(self, quality: NDArray[np.uint8] | None) -> None:
        """Show how good frames are, (N,) `Quality`; None where nobody can tell."""
        if quality is not self._quality:
            self._quality = quality
            self.update()

    def x_of(self, frame: float) -> float:
        """Return where a frame is."""
        return _MARGIN + (self.width() - 2 * _MARGIN) * frame / max(1, self.frames - 1)

    def frame_at(self, x: float) -> int:
        """Return the frame at a place."""
        across = (x - _MARGIN) / max(1.0, self.width() - 2 * _MARGIN)
        return min(max(round(across * (self.frames - 1)), 0), self.frames - 1)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._dragged = True
            self._seek(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        if self._dragged:
            self._seek(event.position().x())

    def mouseReleaseEvent(self, _event: QMouseEvent | None) -> None:
        self._dragged = False

    def event(self, event: QEvent | None) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.words_at(event.pos().x()), self)
            return True
        return super().event(event)

    def words_at(self, x: float) -> str:
        """Return what is at a place: a marker, or how good the frame is."""
        near = [(abs(self.x_of(frame) - x), text) for frame, text in self.markers]
        if near and min(near)[0] <= _NEAR:
            return min(near)[1] or "marker"
        frame = self.frame_at(x)
        words = f"frame {frame}"
        if self._quality is not None and frame < len(self._quality):
            words += f": {QUALITY_WORDS[Quality(int(self._quality[frame]))]}"
        return words

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        left, right = self.x_of(0), self.x_of(self.frames - 1)
        strip = QRectF(left, _TOP, max(1.0, right - left), _STRIP)
        self._paint_strip(painter, strip)
        self._paint_marks(painter, strip)
        x = self.x_of(self.frame)
        painter.setPen(QPen(QColor(theme.TEXT), 1.6))
        painter.drawLine(QPointF(x, 4.0), QPointF(x, _TOP + _STRIP + 5.0))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.ACCENT if self.hasFocus() else theme.TEXT))
        painter.drawEllipse(QPointF(x, _TOP + _STRIP + 4.0), 4.5, 4.5)

    def _paint_strip(self, painter: QPainter, strip: QRectF) -> None:
        painter.fillRect(strip, QColor(theme.LINE))
        if self._quality is None:
            played = QRectF(strip.left(), strip.top(), self.x_of(self.frame) - strip.left(), strip.height())
            painter.fillRect(played, QColor(theme.ACCENT).darker(170))
        else:
            columns = max(1, round(strip.width()))
            colors = worst(self._quality, columns)
            edges = [0, *(np.flatnonzero(np.diff(colors)) + 1).tolist(), columns]
            for begin, after in zip(edges, edges[1:], strict=False):
                color = QColor(QUALITY_COLORS[Quality(int(colors[begin]))])
                painter.fillRect(QRectF(strip.left() + begin, strip.top(), after - begin, strip.height()), color)
        if self.span is not None:
            shade = QColor(theme.PANEL)
            shade.setAlpha(185)
            begin, end = self.x_of(self.span[0]), self.x_of(self.span[1])
            painter.fillRect(QRectF(strip.left(), strip.top(), begin - strip.left(), strip.height()), shade)
            painter.fillRect(QRectF(end, strip.top(), strip.right() - end, strip.height()), shade)

    def _paint_marks(self, painter: QPainter, strip: QRectF) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        for frame, text in self.markers:
            x = self.x_of(frame)
            if text in (IN, OUT):
                painter.setPen(QPen(QColor(theme.ACCENT), 2.0))
                inwards = 5.0 if text == IN else -5.0
                top, bottom = strip.top() - 4.0, strip.bottom() + 1.0
                corners = ((x + inwards, top), (x, top), (x, bottom), (x + inwards, bottom))
                painter.drawPolyline(QPolygonF([QPointF(*corner) for corner in corners]))
                painter.setPen(Qt.PenStyle.NoPen)
            else:
                painter.setBrush(QColor("#6cb6ff"))
                top = strip.top() - 2.0
                corners = ((x, top), (x - 4.5, top - 8.0), (x + 4.5, top - 8.0))
                painter.drawPolygon(QPolygonF([QPointF(*corner) for corner in corners]))

    def _seek(self, x: float) -> None:
        frame = self.frame_at(x)
        if frame != self.frame:
            self.frame = frame
            self.update()
            self.sought.emit(frame)
