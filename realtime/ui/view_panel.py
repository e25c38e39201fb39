"""What the view shows: mode, mirror, how much of the face."""

from __future__ import annotations

from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from realtime.observable import Observable
from realtime.render import ViewMode
from realtime.ui.actions import MODE_TITLES, mode_action
from realtime.ui.controls import ActionButton, ActionCheck, ValueSlider, section_title
from realtime.ui.options import ViewOptions

_COLUMNS = 3
_SHORT = {ViewMode.SIDE_BY_SIDE: "Split", ViewMode.WIREFRAME: "Wires"}


class ViewPanel(QWidget):
    """Buttons for the view modes, the mirror and the head."""

    def __init__(self, actions: dict[str, QAction], options: Observable[ViewOptions]) -> None:
        super().__init__()
        self.modes: dict[ViewMode, ActionButton] = {}
        grid = QGridLayout()
        grid.setSpacing(6)
        for i, (mode, (title, _tip)) in enumerate(MODE_TITLES.items()):
            button = self.modes[mode] = ActionButton(actions[mode_action(mode)], _SHORT.get(mode, title))
            button.setObjectName("mode")
            grid.addWidget(button, i // _COLUMNS, i % _COLUMNS)
        self.mirror = ActionCheck(actions["mirror"], "Mirror")
        self.whole_head = ActionCheck(actions["whole_head"], "Whole head")
        checks = QHBoxLayout()
        checks.addWidget(self.mirror, 1)
        checks.addWidget(self.whole_head, 1)
        self.opacity = ValueSlider(
            "Face opacity", 0.0, 1.0, lambda v: f"{100.0 * v:.0f} %", "Left: the camera's picture shows through"
        )
        self.opacity.moved.connect(lambda value: options.update(opacity=value))
        options.listen(lambda now: self.opacity.set_value(now.opacity))
        heads = QGridLayout()
        heads.setSpacing(6)
        heads.addWidget(ActionButton(actions["recenter"], "Re-centre"), 0, 0)
        heads.addWidget(ActionButton(actions["new_person"], "New person"), 0, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(section_title("View"))
        layout.addLayout(grid)
        layout.addLayout(checks)
        layout.addWidget(self.opacity)
        layout.addLayout(heads)
