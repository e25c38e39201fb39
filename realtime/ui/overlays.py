"""What lies over the picture: marks at faces, a line while there is no picture, banner, calibration, the F1 page."""

from __future__ import annotations

from PyQt6.QtCore import QEvent, QObject, Qt
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QLabel, QWidget

from realtime.observable import Observable
from realtime.ui.banner import Banner
from realtime.ui.compare_marks import CompareMarks
from realtime.ui.face_marks import FaceMarks, place_marks
from realtime.ui.guide_card import GuideCard
from realtime.ui.help_page import HelpPage
from realtime.ui.light_marks import LightMarks, place_light_marks
from realtime.ui.view import FaceView

_MARGIN = 16


class ViewArea(QWidget):
    """The view with its overlays on top, laid out by hand, since a layout would put them beside each other."""

    def __init__(self, view: FaceView, selected: Observable[int]) -> None:
        """
        Args:
            view: that it lies over.
            selected: number of the light that the panel shows.
        """
        super().__init__()
        self._view, self._selected = view, selected
        view.setParent(self)
        self.setFocusProxy(view)
        self.marks = FaceMarks()
        self.marks.setParent(self)
        self.lights = LightMarks()
        self.lights.setParent(self)
        self.compare = CompareMarks()
        self.compare.setParent(self)
        self.placeholder = QLabel(self)
        self.placeholder.setObjectName("placeholder")
        self.placeholder.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.placeholder.setWordWrap(True)
        self.placeholder.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.banner = Banner(self)
        self.help = HelpPage()
        self.guide = GuideCard(self)
        for part in (self.banner, self.guide):
            part.installEventFilter(self)
        self.setMinimumSize(320, 240)

    def show_marks(self) -> None:
        """Mark the faces and lights that the view shows, unless it fills the screen: then the picture stands alone."""
        result, fit = self._view.result, self._view.fit
        if result is None or fit is None or self.window().isFullScreen():
            self.marks.show_marks(())
            self.lights.show_marks(())
        else:
            layout = self._view.model.layout
            self.marks.show_marks(place_marks(result.faces, layout, fit))
            performer = result.performer
            if performer is None or not performer.seen:
                self.lights.show_marks(())
            else:
                face = layout.view(performer.smoothed)
                self.lights.show_marks(place_light_marks(self._view.lighting, face, fit, self._selected.value))
        self._view.handles = self.lights.marks

    def resizeEvent(self, _event: QResizeEvent | None) -> None:
        self._place()
        self.show_marks()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event.type() in (QEvent.Type.Show, QEvent.Type.LayoutRequest):
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        width, height = self.width(), self.height()
        self._view.setGeometry(0, 0, width, height)
        for marks in (self.marks, self.lights, self.compare):
            marks.setGeometry(0, 0, width, height)
        self.placeholder.setGeometry(_MARGIN, 0, width - 2 * _MARGIN, height)
        banner_width = min(720, width - 2 * _MARGIN)
        banner_height = max(self.banner.sizeHint().height(), self.banner.heightForWidth(banner_width))
        self.banner.setGeometry((width - banner_width) // 2, _MARGIN, banner_width, banner_height)
        guide_width, guide_height = min(520, width - 2 * _MARGIN), self.guide.sizeHint().height()
        self.guide.setGeometry((width - guide_width) // 2, height - guide_height - _MARGIN, guide_width, guide_height)
