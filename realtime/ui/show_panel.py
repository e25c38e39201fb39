"""The operator's panel: the cues of the show, GO and all that belongs to it, to be read in the dark from a metre."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from realtime.light.cues.cue import Cue, CueNumber
from realtime.light.show import Show, Status
from realtime.ui.controls import ActionButton, ElidedLabel, ValueSlider
from realtime.ui.cue_form import CueForm
from realtime.ui.cue_table import CueTable
from realtime.ui.display_row import DisplayRow
from realtime.ui.effect_button import EffectButton
from realtime.ui.layout import restyle
from realtime.ui.show_desk import ShowDesk
from realtime.ui.show_values import Bindable

_COMMANDS = {
    "go": "cue/go",
    "back": "cue/back",
    "hold": "cue/pause",
    "release": "cue/release",
    "panic": "cue/panic",
    "blackout": "blackout",
    "tap": "tempo/tap",
}
"""Paths of the commands of buttons."""


class ShowPanel(QFrame):
    """Shows where a show is, and gives it commands through its desk. It reads the show when `refresh` is called."""

    def __init__(self, show: Show, desk: ShowDesk, actions: dict[str, QAction]) -> None:
        """
        Args:
            show: that is shown.
            desk: that the buttons call.
            actions: by name.
        """
        super().__init__()
        self.setObjectName("showPanel")
        self._show, self._desk, self._actions = show, desk, actions
        self.active, self.next, self.state = ElidedLabel(), ElidedLabel(), QLabel()
        self.active.setObjectName("activeCue")
        self.next.setObjectName("nextCue")
        self.state.setObjectName("showState")
        self.go = _action_button(actions["go"], "GO", "go")
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.cues, self.form = CueTable(), CueForm()
        self.form.hide()
        self._area = QScrollArea()  # of all that may be out of sight where the window is low
        self._area.setObjectName("showScroll")
        self._area.setWidgetResizable(True)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.only = QCheckBox("Cue Only")
        self.only.setToolTip("Edits leave the next cue as it looks, instead of tracking into it")
        self.only.toggled.connect(lambda on: setattr(desk, "cue_only", on))
        self.to_cue, self.to_next, self.delete = (
            _button(text, tip, do)
            for text, tip, do in (
                ("Go to", "Start the selected cue, in its time (Return in the list)", desk.go_to),
                ("Make next", "GO starts the selected cue", desk.make_next),
                ("Delete", "Delete the selected cue (Del in the list)", desk.delete),
            )
        )
        self.master = ValueSlider(
            "Master", 0.0, 1.0, lambda part: f"{100 * part:.0f} %", "Grand master: a factor on all light of the show"
        )
        self.master.moved.connect(show.set_master)
        self.effects = EffectButton()
        self.displays = DisplayRow("Audience")
        self.tempo = QLabel()
        self.tempo.setObjectName("value")
        self._lay_out()
        self._connect()
        self.refresh()

    def refresh(self) -> None:
        """Bring everything up to date."""
        status = self._show.status()
        progress = status.progress
        self.active.setText(_title(status.active) if progress.active else "—")
        self.next.setText(_next(status, bool(self._show.document.cues)))
        restyle(self.go, "idle", status.next is None and not progress.paused)
        self.state.setText(state_of(status))
        self.state.setVisible(bool(self.state.text()))
        self.progress.setValue(round(1000 * progress.fraction) if progress.active else 0)
        self._actions["hold"].setChecked(progress.paused)
        self._actions["blackout"].setChecked(status.blackout)
        self._actions["update_cue"].setEnabled(status.active is not None)
        for name, text in (("undo", status.undo), ("redo", status.redo)):
            self._actions[name].setEnabled(text is not None)
            self._actions[name].setText(f"{name.capitalize()}: {text}" if text else name.capitalize())
        self._actions["save_show"].setEnabled(status.edited)
        if not self.master.slider.isSliderDown():
            self.master.set_value(status.master)
        document = self._show.document
        self.effects.show_effects(document.effects, status.effects)
        self.tempo.setText(f"{status.bpm:.0f} bpm")
        self.cues.show_cues(document.cues, self._desk.chosen)
        self.cues.mark(progress.active, progress.next)

    def edit_cue(self) -> None:
        """Show the fields of the selected cue and type into them, or hide them."""
        on = self.form.isHidden()
        if on and self._desk.chosen is None:
            progress = self._show.status().progress
            self.cues.choose(progress.active or progress.next)
        self.form.setVisible(on)
        self._actions["edit_cue"].setChecked(on)
        if on:
            self.form.focus()
            QTimer.singleShot(0, partial(self._area.ensureWidgetVisible, self.form))
        else:
            self.cues.setFocus()

    def bindable(self) -> Iterator[Bindable]:
        """Yield what a MIDI control can be bound to."""
        yield self.master, partial(str, "master")
        for name, path in _COMMANDS.items():
            yield self.findChild(ActionButton, f"show_{name}"), partial(str, path)

    def _choose(self, number: CueNumber | None) -> None:
        self._desk.chosen = number
        for button in (self.to_cue, self.to_next, self.delete):
            button.setEnabled(number is not None)
        self.form.show_cue(None if number is None else self._show.document.cues.find(number))

    def _connect(self) -> None:
        desk, cues, form = self._desk, self.cues, self.form
        desk.changed.connect(self.refresh)
        cues.chosen.connect(self._choose)
        for typed in (cues.typed, form.typed):
            typed.connect(desk.type)
        cues.move_asked.connect(desk.move)
        cues.go_asked.connect(desk.go_to)
        cues.delete_asked.connect(desk.delete)
        cues.step_asked.connect(desk.step)
        form.blocked.connect(desk.set_block)
        form.asserted.connect(desk.set_assert)
        self.effects.switched.connect(desk.switch_effect)
        form.left.connect(cues.setFocus)

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setSpacing(6)
        for i, (name, text) in enumerate(
            (("back", "Back"), ("hold", "Pause"), ("release", "Release"), ("panic", "PANIC"), ("blackout", "Blackout"))
        ):
            grid.addWidget(_action_button(self._actions[name], text, name), i // 3, i % 3)
        grid.addWidget(_action_button(self._actions["tap"], "Tap", "tap"), 1, 2)
        chosen, edits, last = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        for button in (
            self.to_cue,
            self.to_next,
            _action_button(self._actions["edit_cue"], "Edit", "edit"),
            self.delete,
        ):
            chosen.addWidget(button, 1)
        for name, text in (("record_cue", "Record"), ("update_cue", "Update"), ("undo", "Undo"), ("redo", "Redo")):
            edits.addWidget(ActionButton(self._actions[name], text), 1)
        for row in (chosen, edits):
            row.setSpacing(6)
        last.addWidget(self.only)
        last.addStretch(1)
        last.addWidget(self.effects)
        last.addWidget(self.tempo)
        playing, editing = QWidget(), QWidget()
        playing.setObjectName("showPlaying")
        upper, lower, layout = QVBoxLayout(playing), QVBoxLayout(editing), QVBoxLayout(self)
        for widget in (self.active, self.progress, self.next, self.go):
            upper.addWidget(widget)
        upper.addLayout(grid)
        upper.addWidget(self.displays)
        upper.addWidget(self.master)
        upper.addWidget(self.state)  # below what must not move away from a hand
        lower.addWidget(self.cues, 1)
        lower.addWidget(self.form)
        for row in (chosen, edits, last):
            lower.addLayout(row)
        self._area.setWidget(editing)
        layout.addWidget(playing)
        layout.addWidget(self._area, 1)
        layout.setSpacing(0)
        layout.setContentsMargins(0, 0, 1, 0)
        upper.setContentsMargins(12, 12, 12, 8)
        lower.setContentsMargins(12, 0, 12, 12)
        for part in (upper, lower):
            part.setSpacing(8)


def _action_button(action: QAction, text: str, name: str) -> ActionButton:
    button = ActionButton(action, text)
    button.setObjectName(f"show_{name}")
    return button


def _button(text: str, tip: str, do: Callable[[], object]) -> QPushButton:
    button = QPushButton(text)
    button.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)  # as high as others in its row
    button.setToolTip(tip)
    button.clicked.connect(lambda _checked: do())
    return button


def _next(status: Status, any_cue: bool) -> str:
    """Return what GO starts."""
    if not any_cue:
        return "No cues yet: Record makes one"
    return f"Next: {_title(status.next)}" if status.next else "Next: the show is at its end"


def _title(cue: Cue | None) -> str:
    """Return number and name of a cue; a cue that was deleted has none."""
    return "deleted" if cue is None else f"{cue.number}  {cue.name}".rstrip()


def state_of(status: Status) -> str:
    """Return what of a show must not be overlooked, or ""."""
    said = []
    if status.progress.panicked:
        said.append("PANIC")
    if status.blackout:
        said.append("BLACKOUT")
    if status.progress.paused:
        said.append("PAUSED")
    if not status.blackout and status.master < 0.005:
        said.append("MASTER AT 0")
    return "   ".join(said)
