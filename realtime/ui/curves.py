"""Curves of chosen channels under the picture: what the network said, what was sent, and the other take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QEvent, QLineF, QPointF, QRectF, QSignalBlocker, QSize, Qt, pyqtSignal
from PyQt6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
    QWheelEvent,
)
from PyQt6.QtWidgets import QHBoxLayout, QLineEdit, QListWidget, QListWidgetItem, QSizePolicy, QVBoxLayout, QWidget

from facemodel.channels import CHANNEL_NAMES
from realtime.takes.curves import Curves, Quality, extremes, runs, worst
from realtime.ui import theme
from realtime.ui.time_axis import TimeAxis, tick_step
from realtime.ui.timeline import QUALITY_COLORS

COLORS = ("#f0b35a", "#6cb6ff", "#4cc38a", "#e879c6", "#b79cff", "#ff8f6b", "#59d1d6", "#d6d45c")
"""Of the chosen channels, in turn."""

DEFAULT = ("jawOpen", "eyeBlinkLeft", "headYaw")
"""Channels that are chosen at first."""

_LEFT, _RIGHT, _BOTTOM, _TOP = 8.0, 8.0, 18.0, 6.0
_ZOOM = 1.25


@dataclass(frozen=True, eq=False)
class Line:
    """One channel to draw.

    Attributes:
        name: of the channel.
        color: as of a stylesheet.
        low, high: values at the bottom and at the top.
        smoothed, raw, other: (N,) values of each frame, of the other take too; NaN where there is none. `other` is None
            without another take.
    """

    name: str
    color: str
    low: float
    high: float
    smoothed: NDArray[np.floating]
    raw: NDArray[np.floating]
    other: NDArray[np.floating] | None = None

    def words_at(self, frame: int) -> str:
        """Return the values of a frame, or of the last one before it that there is, for people."""
        frame = min(frame, len(self.smoothed) - 1)
        parts = [f"{self.name} {_number(self.smoothed[frame])}", f"raw {_number(self.raw[frame])}"]
        if self.other is not None:
            parts.append(f"B {_number(self.other[frame])}")
        return "   ".join(parts)


class CurvePlot(QWidget):
    """Paints lines over time. Drag: seek; wheel: zoom; drag with the middle or right button, or Shift and wheel: move;
    double click: all of it. `sought` carries a frame."""

    sought = pyqtSignal(int)

    def __init__(self) -> None:
        super().__init__()
        self.axis = TimeAxis()
        self.lines: Sequence[Line] = ()
        self.frame = 0
        self._curves: Curves | None = None
        self._drawn: QPixmap | None = None
        self._moved_from: float | None = None
        self._dragged = False
        self.setAccessibleName("Curves")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        return QSize(400, 190)

    def show_lines(self, curves: Curves | None, lines: Sequence[Line]) -> None:
        """Show these lines; `curves` are those of the take that plays."""
        if curves is not self._curves:
            self.axis = TimeAxis(1 if curves is None else len(curves.times))
        self._curves, self.lines = curves, lines
        self.redraw()

    def show_frame(self, frame: int) -> None:
        """Show which frame is shown."""
        if frame != self.frame:
            if not self._dragged and self.axis.follow(frame):
                self._drawn = None
            self.frame = frame
            self.update()

    def redraw(self) -> None:
        """Draw all of it again."""
        self._drawn = None
        self.update()

    def x_of(self, frame: float) -> float:
        """Return where a frame is."""
        return self._plot.left() + self.axis.across(frame) * self._plot.width()

    def resizeEvent(self, _event: QResizeEvent | None) -> None:
        self._drawn = None

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        turns = (event.angleDelta().y() or event.angleDelta().x()) / 120.0
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.axis.move(-0.1 * turns * (self.axis.end - self.axis.begin))
        else:
            across = (event.position().x() - self._plot.left()) / self._plot.width()
            at = self.axis.begin + across * (self.axis.end - self.axis.begin)
            self.axis.zoom(_ZOOM**-turns, at)
        event.accept()
        self.redraw()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._dragged = True
            self._seek(event.position().x())
        else:
            self._moved_from = event.position().x()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        x = event.position().x()
        if self._moved_from is not None:
            frames = (self._moved_from - x) / self._plot.width() * (self.axis.end - self.axis.begin)
            self._moved_from = x
            self.axis.move(frames)
            self.redraw()
        elif self._dragged:
            self._seek(x)

    def mouseReleaseEvent(self, _event: QMouseEvent | None) -> None:
        self._dragged, self._moved_from = False, None

    def mouseDoubleClickEvent(self, _event: QMouseEvent | None) -> None:
        self.axis.fit()
        self.redraw()

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        if self._drawn is None:
            self._drawn = self._draw()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._drawn)
        if self._curves is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        x = self.x_of(self.frame)
        if self._plot.left() - 1 <= x <= self._plot.right() + 1:
            painter.setPen(QPen(QColor(theme.TEXT), 1.2))
            painter.drawLine(QPointF(x, self._plot.top()), QPointF(x, self._plot.bottom()))
        self._paint_legend(painter)

    @property
    def _plot(self) -> QRectF:
        width, height = self.width() - _LEFT - _RIGHT, self.height() - _TOP - _BOTTOM
        return QRectF(_LEFT, _TOP, max(1.0, width), max(1.0, height))

    def _draw(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(round(self.width() * ratio), round(self.height() * ratio))
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(QColor(theme.BACKGROUND))
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        plot = self._plot
        if self._curves is not None:
            self._paint_bad(painter, self._curves)
            self._paint_grid(painter, self._curves)
            painter.setClipRect(plot)
            for line in self.lines:
                self._paint_line(painter, line, line.raw, 0.9, 0.45)
                self._paint_line(painter, line, line.smoothed, 1.6, 1.0)
                if line.other is not None:
                    self._paint_line(painter, line, line.other, 1.4, 0.9, Qt.PenStyle.DashLine)
        painter.end()
        return pixmap

    def _paint_bad(self, painter: QPainter, curves: Curves) -> None:
        plot = self._plot
        first, last = int(self.axis.begin), min(int(np.ceil(self.axis.end)), len(curves.times) - 1)
        if last < first:
            return
        begin, end = max(self.x_of(first), plot.left()), min(self.x_of(last), plot.right())
        columns = max(1, round(end - begin))
        colors = worst(curves.quality[first : last + 1], columns)
        edges = [0, *(np.flatnonzero(np.diff(colors)) + 1).tolist(), columns]
        for left, right in zip(edges, edges[1:], strict=False):
            quality = Quality(int(colors[left]))
            if quality > Quality.GOOD:
                color = QColor(QUALITY_COLORS[quality])
                color.setAlpha(52)
                painter.fillRect(QRectF(begin + left, plot.top(), right - left, plot.height()), color)

    def _paint_grid(self, painter: QPainter, curves: Curves) -> None:
        plot = self._plot
        painter.setPen(QPen(QColor(theme.LINE), 1.0))
        for part in (0.0, 0.5, 1.0):
            y = plot.bottom() - part * plot.height()
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
        font = painter.font()
        font.setPixelSize(10)
        painter.setFont(font)
        begin, end = (float(np.interp(f, np.arange(len(curves.times)), curves.times)) for f in self._shown)
        step = tick_step(end - begin, int(plot.width() / 70))
        seconds = np.ceil(begin / step) * step
        while seconds <= end + 1e-9:
            x = self.x_of(float(np.interp(seconds, curves.times, np.arange(len(curves.times)))))
            painter.setPen(QPen(QColor(theme.LINE), 1.0))
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
            painter.setPen(QColor(theme.MUTED))
            box = QRectF(x - 35.0, plot.bottom() + 2.0, 70.0, 14.0)
            label = f"{seconds:.3g} s" if step < 60.0 else f"{seconds / 60.0:.0f} min"
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, label)
            seconds += step

    @property
    def _shown(self) -> tuple[float, float]:
        return self.axis.begin, self.axis.end

    def _paint_line(
        self,
        painter: QPainter,
        line: Line,
        values: NDArray[np.floating],
        width: float,
        opacity: float,
        style: Qt.PenStyle = Qt.PenStyle.SolidLine,
    ) -> None:
        plot = self._plot
        first, last = max(0, int(self.axis.begin) - 1), min(len(values) - 1, int(self.axis.end) + 2)
        part, columns = values[first : last + 1], max(1, int(plot.width()))
        dense = len(part) > 2 * columns
        painter.setPen(QPen(QColor(line.color), 1.0 if dense else width, Qt.PenStyle.SolidLine if dense else style))
        painter.setOpacity(opacity)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, not dense)
        if dense:
            across = first + (np.arange(columns) + 0.5) * len(part) / columns
            low, high = extremes(part, columns)
            low[1:], high[1:] = np.fmin(low[1:], high[:-1]), np.fmax(high[1:], low[:-1])  # joined to the one before
            known = np.isfinite(low)
            x, bottom, top = (self._x(across)[known], self._y(low, line)[known], self._y(high, line)[known])
            lines = [QLineF(*ends) for ends in zip(x.tolist(), bottom, x.tolist(), top, strict=True)]
            if lines:
                painter.drawLines(*lines)
        else:
            x, y = self._x(np.arange(first, last + 1, dtype=float)), self._y(part, line)
            for run in runs(part):
                points = [QPointF(*point) for point in zip(x[run].tolist(), y[run].tolist(), strict=True)]
                if len(points) == 1:
                    painter.drawPoint(points[0])
                painter.drawPolyline(QPolygonF(points))
        painter.setOpacity(1.0)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _x(self, frames: NDArray[np.floating]) -> NDArray[np.floating]:
        plot, axis = self._plot, self.axis
        return plot.left() + (frames - axis.begin) / (axis.end - axis.begin) * plot.width()

    def _y(self, values: NDArray[np.floating], line: Line) -> NDArray[np.floating]:
        return self._plot.bottom() - (values - line.low) / (line.high - line.low) * self._plot.height()

    def _paint_legend(self, painter: QPainter) -> None:
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        metrics = painter.fontMetrics()
        y = self._plot.top() + 4.0
        for line in self.lines:
            words = line.words_at(self.frame)
            box = QRectF(self._plot.left() + 6.0, y, metrics.horizontalAdvance(words) + 20.0, 16.0)
            ground = QColor(theme.BACKGROUND)
            ground.setAlpha(190)
            painter.fillRect(box, ground)
            painter.fillRect(QRectF(box.left() + 3.0, y + 4.0, 8.0, 8.0), QColor(line.color))
            painter.setPen(QColor(theme.TEXT))
            painter.drawText(box.adjusted(15.0, 0.0, 0.0, 0.0), Qt.AlignmentFlag.AlignVCenter, words)
            y += 16.0

    def _seek(self, x: float) -> None:
        if self._curves is not None:
            frame = self.axis.frame_at((x - self._plot.left()) / self._plot.width())
            if frame != self.frame:
                self.frame = frame
                self.update()
                self.sought.emit(frame)


class _ChannelList(QListWidget):
    """A list in which letters look for a channel, whatever they are a shortcut for elsewhere."""

    def event(self, event: QEvent | None) -> bool:
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.ShortcutOverride
            and event.text().isalpha()
            and event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier)
        ):
            event.accept()
            return True
        return super().event(event)


class CurvePanel(QWidget):
    """A list of channels to choose from, and their plot. `sought` carries a frame, `chosen_changed` nothing.

    Attributes:
        plot: see `CurvePlot`.
        search: filters the list.
        list: of channels, each with a check mark.
    """

    sought = pyqtSignal(int)
    chosen_changed = pyqtSignal()

    def __init__(self, chosen: Sequence[str] = ()) -> None:
        """
        Args:
            chosen: names of channels at first.
        """
        super().__init__()
        self.setObjectName("curves")
        self._chosen = [name for name in chosen or DEFAULT if name in CHANNEL_NAMES]
        self._curves: Curves | None = None
        self._other: tuple[Curves, NDArray[np.intp]] | None = None
        self._shown_read = -1
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search channels")
        self.search.setAccessibleName("Search channels")
        self.search.setClearButtonEnabled(True)
        self.list = _ChannelList()
        self.list.setAccessibleName("Channels")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._items = {name: self._item(name) for name in CHANNEL_NAMES}
        self.plot = CurvePlot()
        chooser = QVBoxLayout()
        chooser.setContentsMargins(8, 6, 0, 6)
        chooser.setSpacing(4)
        chooser.addWidget(self.search)
        chooser.addWidget(self.list, 1)
        side = QWidget()
        side.setLayout(chooser)
        side.setFixedWidth(190)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(side)
        layout.addWidget(self.plot, 1)
        self.search.textChanged.connect(self._filter)
        self.list.itemChanged.connect(self._choose)
        self.plot.sought.connect(self.sought)

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of the channels that are drawn, in the order in which they were chosen."""
        return tuple(self._chosen)

    def show_curves(self, curves: Curves | None, other: Curves | None = None, shift: float = 0.0) -> None:
        """Show the curves of a take.

        Args:
            curves: of the take that plays; None of none.
            other: of the one that it is compared with.
            shift: seconds from a moment of the take to the same moment in the other one.
        """
        self._curves = curves
        self._other = None
        if curves is not None and other is not None:
            self._other = other, rows_at(other.times, curves.times + shift)
        self._show()

    def refresh(self) -> None:
        """Show what was read meanwhile."""
        if self._curves is not None and self._curves.read != self._shown_read:
            self._show()

    def _show(self) -> None:
        curves = self._curves
        self._shown_read = -1 if curves is None else curves.read
        lines = [] if curves is None else [self._line(curves, i, name) for i, name in enumerate(self._chosen)]
        self.plot.show_lines(curves, lines)

    def _line(self, curves: Curves, number: int, name: str) -> Line:
        channel = CHANNEL_NAMES.index(name)
        low, high = curves.value_range(channel)
        other = None
        if self._other is not None:
            of_other, rows = self._other
            other = np.where(rows >= 0, of_other.smoothed[rows, channel], np.nan)
        smoothed, raw = curves.smoothed[:, channel], curves.raw[:, channel]
        return Line(name, COLORS[number % len(COLORS)], low, high, smoothed, raw, other)

    def _item(self, name: str) -> QListWidgetItem:
        item = QListWidgetItem(name)
        item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(Qt.CheckState.Checked if name in self._chosen else Qt.CheckState.Unchecked)
        self.list.addItem(item)
        self._color(item)
        return item

    def _color(self, item: QListWidgetItem) -> None:
        name = item.text()
        number = self._chosen.index(name) if name in self._chosen else None
        with QSignalBlocker(self.list):
            item.setForeground(QColor(theme.TEXT if number is None else COLORS[number % len(COLORS)]))

    def _filter(self, text: str) -> None:
        wanted = text.strip().lower()
        for name, item in self._items.items():
            item.setHidden(wanted not in name.lower())

    def _choose(self, item: QListWidgetItem) -> None:
        name = item.text()
        if item.checkState() is Qt.CheckState.Checked:
            self._chosen += [name] if name not in self._chosen else []
        else:
            self._chosen = [other for other in self._chosen if other != name]
        for one in self._items.values():
            self._color(one)
        self._show()
        self.chosen_changed.emit()


def rows_at(times: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which row of a take stands at each of some moments, (N,); -1 before its start and after its end.

    Args:
        times: (M,) seconds of the take's frames, rising.
        wanted: (N,) seconds.
    """
    rows = np.searchsorted(times, wanted + 1e-9, side="right") - 1
    period = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    rows[wanted > times[-1] + period] = -1
    return rows


def _number(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:.3f}" if abs(value) < 10.0 else f"{value:.1f}"
