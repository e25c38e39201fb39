"""Small numbers over the faces, so that one can be chosen as the performer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QPaintEvent, QPen

from facemodel import ParameterLayout
from realtime.frame import Face
from realtime.ui import theme
from realtime.ui.picture_fit import PictureFit
from realtime.ui.view_marks import ViewMarks

_ABOVE_MM = 135.0
"""From the centre of the head to its mark."""

_RADIUS = 10.0


@dataclass(frozen=True)
class FaceMark:
    """A number at a face.

    Attributes:
        number: of the face from the left of the frame, from 1 on: what `Session.choose` takes.
        x, y: in the view.
        performer: the face is the performer's.
    """

    number: int
    x: float
    y: float
    performer: bool


def place_marks(faces: Sequence[Face], layout: ParameterLayout, fit: PictureFit) -> tuple[FaceMark, ...]:
    """Return a mark for each face that is seen, from the left of the frame; none where there is nothing to choose.

    Args:
        faces: of a result, the performer first.
        layout: of their parameters.
        fit: where the frame lies in the view.
    """
    if len(faces) < 2 or not fit.mode.shows_camera:
        return ()
    left, top, width, height = fit.rectangle
    marks = []
    numbered = sorted(faces, key=lambda face: float(layout.view(face.smoothed).translation[0]))
    for number, face in enumerate(numbered, start=1):
        if not face.seen:
            continue
        p = layout.view(face.smoothed)
        x, y = fit.to_view(float(p.translation[0]), float(p.translation[1]) - _ABOVE_MM * float(p.scale))
        x = min(max(x, left + _RADIUS + 1), left + width - _RADIUS - 1)
        y = min(max(y, top + _RADIUS + 1), top + height - _RADIUS - 1)
        marks.append(FaceMark(number, x, y, face is faces[0]))
    return tuple(marks)


class FaceMarks(ViewMarks[FaceMark]):
    """Paints marks over the view, the performer's in the accent colour; clicks go through to the view."""

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        painter = self.bold_painter(12)
        for mark in self.marks:
            at = QPointF(mark.x, mark.y)
            ground, ink = (theme.ACCENT, theme.ON_ACCENT) if mark.performer else (theme.BACKGROUND, theme.TEXT)
            painter.setOpacity(1.0 if mark.performer else 0.75)
            painter.setBrush(QColor(ground))
            painter.setPen(QPen(QColor(theme.BACKGROUND), 1.0))
            painter.drawEllipse(at, _RADIUS, _RADIUS)
            painter.setPen(QColor(ink))
            box = QRectF(mark.x - _RADIUS, mark.y - _RADIUS, 2 * _RADIUS, 2 * _RADIUS)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(mark.number))
