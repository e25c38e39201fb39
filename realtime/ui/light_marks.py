"""Handles of the show's lights over the picture, on a sphere around the performer's head."""

from __future__ import annotations

from dataclasses import dataclass

from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QPaintEvent, QPen

from facemodel import Parameters
from realtime.light.lighting import Lighting, light_on
from realtime.render import ViewMode
from realtime.ui import theme
from realtime.ui.color_row import to_qcolor
from realtime.ui.picture_fit import PictureFit
from realtime.ui.view_marks import ViewMarks

_AROUND_MM = 190.0
"""Radius of the sphere."""

RADIUS = 9.0
"""px, of a handle."""

_ON_PICTURE = (ViewMode.OVERLAY, ViewMode.RELIT, ViewMode.CAMERA)


@dataclass(frozen=True)
class LightMark:
    """A handle of a light.

    Attributes:
        number: of the light.
        x, y: in the view.
        color: linear RGB 0..1.
        behind: the light stands behind the head.
        selected: the panel shows this light.
    """

    number: int
    x: float
    y: float
    color: tuple[float, float, float]
    behind: bool
    selected: bool


def place_light_marks(lighting: Lighting, face: Parameters, fit: PictureFit, selected: int) -> tuple[LightMark, ...]:
    """Return a handle for each light that shines; none while the estimated light is shown.

    Args:
        lighting: of the moment.
        face: of the performer.
        fit: where the frame lies in the view.
        selected: number of the light that the panel shows.
    """
    if fit.mode not in _ON_PICTURE:
        return ()
    left, top, width, height = fit.rectangle
    marks = []
    for light in light_on(lighting, face).lights:
        reach = _AROUND_MM * float(face.scale)
        x = float(face.translation[0]) + reach * light.direction[0]
        y = float(face.translation[1]) - reach * light.direction[1]
        x, y = fit.to_view(x, y)
        x = min(max(x, left + RADIUS + 2), left + width - RADIUS - 2)
        y = min(max(y, top + RADIUS + 2), top + height - RADIUS - 2)
        peak = max(*light.color, 1e-6)
        r, g, b = (part / peak for part in light.color)
        marks.append(LightMark(light.number, x, y, (r, g, b), light.direction[2] < 0.0, light.number == selected))
    return tuple(marks)


class LightMarks(ViewMarks[LightMark]):
    """Paints handles over the view: filled before the head, hollow behind it; the mouse goes through to the view."""

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        painter = self.bold_painter(11)
        for mark in self.marks:
            at, color = QPointF(mark.x, mark.y), to_qcolor(mark.color)
            dark = QColor(theme.BACKGROUND)
            if mark.selected:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(QColor(theme.ACCENT), 2.0))
                painter.drawEllipse(at, RADIUS + 3.0, RADIUS + 3.0)
            painter.setBrush(dark if mark.behind else color)
            painter.setPen(QPen(color if mark.behind else dark, 2.0))
            painter.drawEllipse(at, RADIUS, RADIUS)
            painter.setPen(color if mark.behind else dark)
            box = QRectF(mark.x - RADIUS, mark.y - RADIUS, 2 * RADIUS, 2 * RADIUS)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(mark.number))
