"""The panel at the side of the view: everything to set, to scroll through, and the record button always in sight."""

from __future__ import annotations

from itertools import pairwise

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from realtime.light.show import Show
from realtime.observable import Observable
from realtime.tracking.smoothing.settings import SmoothingSettings
from realtime.ui.light_panel import LightPanel
from realtime.ui.look_panel import LookPanel
from realtime.ui.options import ViewOptions
from realtime.ui.person_panel import PersonPanel
from realtime.ui.record_panel import RecordPanel
from realtime.ui.sink_panel import SinkPanel
from realtime.ui.smoothing_panel import SmoothingPanel
from realtime.ui.source_panel import SourcePanel
from realtime.ui.view_panel import ViewPanel

_WIDTH = 340


class SidePanel(QFrame):
    """Holds the panels `source`, `view`, `person`, `smoothing`, `light`, `look`, `sinks` and `record`."""

    def __init__(
        self,
        actions: dict[str, QAction],
        options: Observable[ViewOptions],
        smoothing: Observable[SmoothingSettings],
        show: Show,
        selected: Observable[int],
    ) -> None:
        """
        Args:
            actions: by name.
            options, smoothing, show: shown and changed.
            selected: number of the light that the light panel is of.
        """
        super().__init__()
        self.setObjectName("panel")
        self.setFixedWidth(_WIDTH)
        self.source = SourcePanel(actions)
        self.view = ViewPanel(actions, options)
        self.person = PersonPanel()
        self.smoothing = SmoothingPanel(smoothing)
        self.light = LightPanel(show, selected, actions)
        self.look = LookPanel(show)
        self.sinks = SinkPanel()
        self.record = RecordPanel(actions["record"])
        self._sections = QVBoxLayout()
        self._scroll = self._scrolling(self._sections)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._scroll, 1)
        layout.addWidget(self.record)
        self.arrange(False)

    def arrange(self, operated: bool) -> None:
        """Put what is needed most at the top, and first for the Tab key.

        Args:
            operated: a show is run: light comes first, and takes have no slate; else a face is captured.
        """
        capture: tuple[QWidget, ...] = (self.source, self.view, self.person, self.smoothing)
        lighting: tuple[QWidget, ...] = (self.light, self.look, self.sinks)
        sections = lighting + capture if operated else capture + lighting
        for place, section in enumerate(sections):
            self._sections.insertWidget(place, section)
        parts = [part for section in (*sections, self.record) for part in section.findChildren(QWidget)]
        within = [part for part in parts if part.window() is self.window()]  # lists of boxes are windows
        reached = [part for part in within if part.focusPolicy() & Qt.FocusPolicy.TabFocus]
        for one, following in pairwise(reached):
            self.setTabOrder(one, following)
        self.record.slate.setVisible(not operated)
        self._scroll.verticalScrollBar().setValue(0)

    def _scrolling(self, sections: QVBoxLayout) -> QScrollArea:
        column = QWidget()
        sections.setContentsMargins(14, 12, 14, 12)
        sections.setSpacing(16)
        sections.addStretch(1)
        column.setLayout(sections)
        area = QScrollArea()
        area.setObjectName("panelScroll")
        area.setWidget(column)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        return area
