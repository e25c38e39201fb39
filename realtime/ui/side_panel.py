"""The panel at the side of the view: source, view and light to scroll through, the record button always in sight."""

from __future__ import annotations

from collections.abc import Mapping

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from realtime.light_rig import LightRig
from realtime.observable import Observable
from realtime.render import Environment
from realtime.ui.light_panel import LightPanel
from realtime.ui.options import ViewOptions
from realtime.ui.record_panel import RecordPanel
from realtime.ui.session_protocol import Session
from realtime.ui.source_panel import SourcePanel
from realtime.ui.view_panel import ViewPanel

_WIDTH = 340


class SidePanel(QFrame):
    """Holds the panels `source`, `view`, `light` and `record`."""

    def __init__(
        self,
        session: Session,
        actions: dict[str, QAction],
        options: Observable[ViewOptions],
        rig: Observable[LightRig],
        environments: Mapping[str, Environment],
        replays: bool,
    ) -> None:
        """
        Args:
            session: named and smoothed.
            actions: by name.
            options, rig: shown and changed.
            environments: to choose from.
            replays: the session replays a take: there is nothing to choose, smooth or record.
        """
        super().__init__()
        self.setObjectName("panel")
        self.setFixedWidth(_WIDTH)
        self.source = SourcePanel(actions, session.network_name)
        self.view = ViewPanel(actions, options, session.smoothing)
        self.light = LightPanel(rig, actions, environments)
        self.record = RecordPanel(actions["record"])
        if replays:
            for part in (self.source, self.view.smoothing, self.record):
                part.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._scrolling(self.source, self.view, self.light), 1)
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
