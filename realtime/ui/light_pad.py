"""A round pad on which the key light is dragged around the head."""

from __future__ import annotations

import numpy as np
from PyQt6.QtCore import QPointF, QRectF, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QRadialGradient
from PyQt6.QtWidgets import QWidget

from realtime.ui import theme

_EDGE = np.radians(150.0)
"""Angle from the camera's direction at the rim: the light may go behind the head."""

_STEP = np.radians(5.0)
"""One press of an arrow key."""

_SIZE = 132

Direction = tuple[float, float, float]


class LightPad(QWidget):
    """The directions around the head on a disc: straight from the camera in the middle, behind the head at the rim.

    `moved` carries the unit vector that a person dragged the light to, `held` whether a button of the mouse is down,
    `nudged` an arrow key's turn (right, up) in radians.
    """

    moved = pyqtSignal(tuple)
    held = pyqtSignal(bool)
    nudged = pyqtSignal(float, float)

    def __init__(self) -> None:
        super().__init__()
        self._direction: Direction = (0.0, 0.0, 1.0)
        self._estimate: Direction | None = None
        self._color = QColor("white")
        self._active = False
        self._mirror = False
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Key light direction")
        self.setToolTip(
            "Drag the key light around the head: the middle is at the camera, the inner ring beside the head,\n"
            "the rim behind it. Arrow keys move it. The hollow dot is the estimated key light."
        )
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setFixedSize(_SIZE, _SIZE)

    def show_light(self, direction: Direction, color: QColor, active: bool) -> None:
        """Show the rig's key light; `active` while it overrides the estimate."""
        self._direction, self._color, self._active = direction, color, active
        self.update()

    def show_estimate(self, direction: Direction | None) -> None:
        before, self._estimate = self._estimate, direction
        if direction is None or before is None:
            moved = direction is not before
        else:
            moved = (self.position_of(direction) - self.position_of(before)).manhattanLength() > 0.5
        if moved:
            self.update()
        else:
            self._estimate = before

    def set_mirror(self, mirror: bool) -> None:
        """Show directions as a mirrored picture does."""
        self._mirror = mirror
        self.update()

    def position_of(self, direction: Direction) -> QPointF:
        """Where on the widget a direction lies."""
        x, y, z = direction
        across = np.hypot(x, y)
        radius = self._radius() * min(float(np.arctan2(across, z)) / _EDGE, 1.0)
        unit = (x / across, y / across) if across > 1e-9 else (0.0, 0.0)
        side = -1.0 if self._mirror else 1.0
        return self._centre() + QPointF(side * unit[0] * radius, -unit[1] * radius)

    def direction_at(self, point: QPointF) -> Direction:
        """The direction at a point of the widget; beyond the rim, the nearest."""
        offset = point - self._centre()
        x, y = offset.x() * (-1.0 if self._mirror else 1.0), -offset.y()
        radius = float(np.hypot(x, y))
        angle = min(radius / self._radius(), 1.0) * _EDGE
        across = np.sin(angle) / radius if radius > 1e-9 else 0.0
        return float(x * across), float(y * across), float(np.cos(angle))

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        self.held.emit(True)
        self._drag(event)

    def mouseReleaseEvent(self, _event: QMouseEvent | None) -> None:
        self.held.emit(False)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        self._drag(event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        turns = {
            Qt.Key.Key_Left: (-_STEP, 0.0),
            Qt.Key.Key_Right: (_STEP, 0.0),
            Qt.Key.Key_Up: (0.0, _STEP),
            Qt.Key.Key_Down: (0.0, -_STEP),
        }
        turn = turns.get(Qt.Key(event.key()))
        if turn is None:
            super().keyPressEvent(event)
        else:
            self.nudged.emit(-turn[0] if self._mirror else turn[0], turn[1])

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        centre, radius = self._centre(), self._radius()
        shown = self._direction if self._active or self._estimate is None else self._estimate
        self._paint_disc(painter, centre, radius, self.position_of(shown))
        if self._estimate is not None:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(theme.TEXT), 1.5))
            painter.drawEllipse(self.position_of(self._estimate), 5.0, 5.0)
        at = self.position_of(self._direction)
        painter.setOpacity(1.0 if self._active else 0.45)
        painter.setPen(QPen(QColor(theme.BACKGROUND), 2.0))
        painter.setBrush(self._color)
        painter.drawEllipse(at, 7.0, 7.0)

    def _paint_disc(self, painter: QPainter, centre: QPointF, radius: float, light: QPointF) -> None:
        painter.setPen(QPen(QColor(theme.ACCENT if self.hasFocus() else theme.LINE), 1.0))
        painter.setBrush(QColor(theme.BACKGROUND))
        painter.drawEllipse(centre, radius, radius)
        inner = radius * float(np.radians(90.0)) / _EDGE
        painter.setPen(QPen(QColor(theme.LINE), 1.0, Qt.PenStyle.DashLine))
        painter.drawEllipse(centre, inner, inner)
        head = radius * 0.34
        offset = light - centre
        glow = QRadialGradient(centre + offset * (head / radius), head * 1.9)
        lit = QColor(self._color if self._active else QColor(theme.TEXT))
        glow.setColorAt(0.0, lit.darker(115))
        glow.setColorAt(0.55, lit.darker(320))
        glow.setColorAt(1.0, QColor(theme.RAISED))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(glow)
        painter.drawEllipse(QRectF(centre.x() - head * 0.82, centre.y() - head, head * 1.64, head * 2.0))

    def _drag(self, event: QMouseEvent | None) -> None:
        if event.buttons() & (Qt.MouseButton.LeftButton | Qt.MouseButton.RightButton):
            self.moved.emit(self.direction_at(event.position()))

    def _centre(self) -> QPointF:
        return QPointF(self.width() / 2.0, self.height() / 2.0)

    def _radius(self) -> float:
        return min(self.width(), self.height()) / 2.0 - 3.0
