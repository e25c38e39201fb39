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

_SMALLEST, _SHARE = 11.0, 0.016
"""Radius of a handle: px at least, and as a share of the height of the picture."""

_ON_PICTURE = (ViewMode.OVERLAY, ViewMode.RELIT, ViewMode.CAMERA)


@dataclass(frozen=True)
class LightMark:
    """A handle of a light.

    Attributes:
        number: of the light.
        x, y: in the view.
        radius: px.
        color: linear RGB 0..1.
        behind: the light stands behind the head.
        selected: the panel shows this light.
    """

    number: int
    x: float
    y: float
    radius: float
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
    radius = max(_SMALLEST, _SHARE * height)
    marks = []
    for light in light_on(lighting, face).lights:
        reach = _AROUND_MM * float(face.scale)
        x = float(face.translation[0]) + reach * light.direction[0]
        y = float(face.translation[1]) - reach * light.direction[1]
        x, y = fit.to_view(x, y)
        x = min(max(x, left + radius + 2), left + width - radius - 2)
        y = min(max(y, top + radius + 2), top + height - radius - 2)
        peak = max(*light.color, 1e-6)
        r, g, b = (part / peak for part in light.color)
        behind = light.direction[2] < 0.0
        marks.append(LightMark(light.number, x, y, radius, (r, g, b), behind, light.number == selected))
    return tuple(marks)


class LightMarks(ViewMarks[LightMark]):
    """Paints handles over the view: filled before the head, hollow behind it; the mouse goes through to the view."""

    _pointed_out = False

    def point_out(self, on: bool) -> None:
        """Draw a wide ring around every handle, or not."""
        self._pointed_out = on
        self.update()

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        if not self.marks:
            return
        painter = self.bold_painter(round(1.2 * self.marks[0].radius))
        for mark in self.marks:
            at, radius, color = QPointF(mark.x, mark.y), mark.radius, to_qcolor(mark.color)
            dark = QColor(theme.BACKGROUND)
            if self._pointed_out:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(QColor(theme.ACCENT), 3.0))
                painter.drawEllipse(at, 2.5 * radius, 2.5 * radius)
            if mark.selected:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(QColor(theme.ACCENT), 2.0))
                painter.drawEllipse(at, radius + 3.0, radius + 3.0)
            painter.setBrush(dark if mark.behind else color)
            painter.setPen(QPen(color if mark.behind else dark, 2.0))
            painter.drawEllipse(at, radius, radius)
            painter.setPen(color if mark.behind else dark)
            box = QRectF(mark.x - radius, mark.y - radius, 2 * radius, 2 * radius)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(mark.number))
