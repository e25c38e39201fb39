"""What each action of the table does to the window's parts, and how it looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PyQt6.QtGui import QAction

from realtime.light_rig import LightRig
from realtime.observable import Observable
from realtime.ui.actions import ACTIONS, CHOICES, MODE_TITLES, choose_action, mode_action
from realtime.ui.options import ViewOptions

if TYPE_CHECKING:
    from realtime.ui.window import MainWindow

_NOTHING_TO_RECORD = "A take plays: there is nothing to record. Open a camera or a video first"


def handlers(window: MainWindow) -> dict[str, Callable[[], object]]:
    """Return what to call for each action of the table, by name."""
    options, rig, session = window.options, window.rig, window.session
    found: dict[str, Callable[[], object]] = {
        "open_file": lambda: window.sources.ask_file(window),
        "open_folder": lambda: window.sources.ask_folder(window),
        "record": lambda: window.sinks.toggle_recording(),
        "mark": session.mark,
        "quit": window.close,
        "next_mode": partial(_next_mode, window),
        "mirror": lambda: options.update(mirror=not options.value.mirror),
        "whole_head": lambda: options.update(whole_head=not options.value.whole_head),
        "pause": partial(_toggle_pause, window),
        "full_screen": lambda: window.set_full_screen(not window.isFullScreen()),
        "leave_full_screen": partial(_leave, window),
        "recenter": session.recenter,
        "new_person": session.reset_person,
        "light_override": lambda: rig.update(override=not rig.value.override),
        "diffuse": lambda: rig.update(diffuse=not rig.value.diffuse),
        "specular": lambda: rig.update(specular=not rig.value.specular),
        "match_light": partial(_match_light, window),
        "help": lambda: window.show_help(not window.area.help.isVisible()),
    }
    for mode in MODE_TITLES:
        found[mode_action(mode)] = partial(options.update, mode=mode)
    for number in CHOICES:
        found[choose_action(number)] = partial(session.choose, number)
    return found


def keep_check_marks(actions: dict[str, QAction], options: Observable[ViewOptions], rig: Observable[LightRig]) -> None:
    """Check the actions as the models say, from now on.

    Args:
        actions: by name.
        options, rig: listened to.
    """

    def show_options(now: ViewOptions) -> None:
        actions[mode_action(now.mode)].setChecked(True)
        for name, on in (("mirror", now.mirror), ("whole_head", now.whole_head), ("pause", now.frozen)):
            actions[name].setChecked(on)

    def show_rig(now: LightRig) -> None:
        for name, on in (("light_override", now.override), ("diffuse", now.diffuse), ("specular", now.specular)):
            actions[name].setChecked(on)

    options.listen(show_options)
    rig.listen(show_rig)


def offer_what_makes_sense(actions: dict[str, QAction], plays_take: bool) -> None:
    """Disable what cannot be done to a take that plays: record it, or make another person of it.

    Args:
        actions: by name.
        plays_take: whether one plays.
    """
    record = next(spec for spec in ACTIONS if spec.name == "record")
    for name in ("record", "new_person"):
        actions[name].setEnabled(not plays_take)
    actions["record"].setToolTip(_NOTHING_TO_RECORD if plays_take else record.tool_tip)


def _next_mode(window: MainWindow) -> None:
    modes = list(MODE_TITLES)
    options = window.options
    options.update(mode=modes[(modes.index(options.value.mode) + 1) % len(modes)])


def _toggle_pause(window: MainWindow) -> None:
    """A take is paused; a live picture stands still, while tracking and recording go on."""
    transport = window.session.transport
    if transport is None:
        window.options.update(frozen=not window.options.value.frozen)
    else:
        transport.playing = not transport.playing
        window.refresh()


def _leave(window: MainWindow) -> None:
    if window.area.help.isVisible():
        window.show_help(False)
    elif window.isFullScreen():
        window.set_full_screen(False)


def _match_light(window: MainWindow) -> None:
    result = window.view.result
    if result is not None and (performer := result.performer) is not None:
        estimate = window.view.model.layout.view(performer.smoothed)
        window.rig.value = replace(window.rig.value.adopting(estimate), override=True)
