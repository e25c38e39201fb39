"""The panel at the side of the view: everything to set, to scroll through, and the record button always in sight."""

from __future__ import annotations

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
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 0, 0, 0)
        layout.setSpacing(0)
        sections = (self.source, self.view, self.person, self.smoothing, self.light, self.look, self.sinks)
        layout.addWidget(self._scrolling(*sections), 1)
        layout.addWidget(self.record)

    def _scrolling(self, *sections: QWidget) -> QScrollArea:
        column = QWidget()
        layout = QVBoxLayout(column)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.setSpacing(16)
        for section in sections:
            layout.addWidget(section)
        layout.addStretch(1)
        area = QScrollArea()
        area.setObjectName("panelScroll")
        area.setWidget(column)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        return area
