"""What each action of the table does to the window's parts, and how it looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QWidget

from facemodel.lighting import sh_basis
from realtime.light.color_temperature import WHITE
from realtime.light.lighting import FaceLight, place_of
from realtime.light.show import Show
from realtime.loop.feed import Transport
from realtime.observable import Observable
from realtime.takes.marks import IN, OUT
from realtime.ui.actions import ACTIONS, CHOICES, MODE_TITLES, choose_action, mode_action
from realtime.ui.options import Compared, ViewOptions
from realtime.ui.playback_bar import next_speed

if TYPE_CHECKING:
    from realtime.ui.window import MainWindow

_NOTHING_TO_RECORD = "A take plays: there is nothing to record. Open a camera or a video first"
_OF_ANY_FEED = ("compare", "wipe")
_OF_TAKES = ("curves", "compare_with", "unmark", "name_marker")


def handlers(window: MainWindow) -> dict[str, Callable[[], object]]:
    """Return what to call for each action of the table, by name."""
    options, session = window.options, window.session
    found: dict[str, Callable[[], object]] = {
        "open_file": lambda: window.sources.ask_file(window),
        "open_folder": lambda: window.sources.ask_folder(window),
        "record": partial(_record, window),
        "mark": partial(_mark, window),
        "quit": lambda: window.cues.may_close(window) and window.close(),
        "next_mode": partial(_next_mode, window),
        "mirror": lambda: options.update(mirror=not options.value.mirror),
        "whole_head": lambda: options.update(whole_head=not options.value.whole_head),
        "pause": partial(_toggle_pause, window),
        "full_screen": lambda: window.set_full_screen(not window.isFullScreen()),
        "leave_full_screen": partial(_leave, window),
        "recenter": session.recenter,
        "calibrate": lambda: window.persons.ask(),
        "new_person": session.reset_person,
        "light_override": partial(_toggle_light, window),
        "diffuse": lambda: options.update(diffuse=not options.value.diffuse),
        "specular": lambda: options.update(specular=not options.value.specular),
        "match_light": partial(_match_light, window),
        "help": lambda: window.show_help(not window.area.help.isVisible()),
        "tour": lambda: window.tour.begin_or_advance(),
        "operator": lambda: window.show_operator(window.operator.isHidden()),
        "edit_cue": partial(_edit_cue, window),
        **window.cues.handlers(window),
        **_playback(window),
    }
    for mode in MODE_TITLES:
        found[mode_action(mode)] = partial(options.update, mode=mode)
    for number in CHOICES:
        found[choose_action(number)] = partial(session.choose, number)
    return found


def keep_check_marks(actions: dict[str, QAction], options: Observable[ViewOptions]) -> None:
    """Check the actions as the models say, from now on.

    Args:
        actions: by name.
        options: listened to.
    """

    def show_options(now: ViewOptions) -> None:
        actions[mode_action(now.mode)].setChecked(True)
        for name, on in (
            ("mirror", now.mirror),
            ("diffuse", now.diffuse),
            ("specular", now.specular),
            ("whole_head", now.whole_head),
            ("pause", now.frozen),
            ("compare", now.compared is Compared.B),
            ("wipe", now.compared is Compared.WIPE),
        ):
            actions[name].setChecked(on)

    options.listen(show_options)


def let_keys_through(actions: Mapping[str, QAction], *widgets: QWidget) -> None:
    """Let the keys that work while the view has the focus work in other widgets too.

    Args:
        actions: by name.
        widgets: that do not use these keys themselves.
    """
    for spec in ACTIONS:
        if spec.view_only:
            for widget in widgets:
                widget.addAction(actions[spec.name])


def offer_what_makes_sense(actions: dict[str, QAction], plays_take: bool, transport: Transport | None) -> None:
    """Disable what cannot be done: learn or calibrate a person of a take that plays, or step through a camera.

    Args:
        actions: by name.
        plays_take: whether one plays.
        transport: of what plays; None of a camera.
    """
    record = next(spec for spec in ACTIONS if spec.name == "record")
    for name in ("new_person", "calibrate"):
        actions[name].setEnabled(not plays_take)
    actions["record"].setToolTip(_NOTHING_TO_RECORD if plays_take else record.tool_tip)
    for spec in ACTIONS:
        if spec.menu == "Playback" and spec.name not in (*_OF_ANY_FEED, "as_recorded"):
            actions[spec.name].setEnabled(plays_take if spec.name in _OF_TAKES else transport is not None)
    actions["loop"].setChecked(transport is not None and transport.loop)


def _playback(window: MainWindow) -> dict[str, Callable[[], object]]:
    """What to call for the actions of the menu Playback."""
    takes, options = window.takes, window.options

    def play(do: Callable[[Transport], object]) -> Callable[[], object]:
        def call() -> None:
            if (transport := window.session.transport) is not None:
                do(transport)
                window.refresh()

        return call

    def compare(which: Compared) -> None:
        options.update(compared=Compared.A if options.value.compared is which else which)

    return {
        "step_back": play(lambda transport: transport.step(-1)),
        "step_on": play(lambda transport: transport.step(1)),
        "jump_back": play(lambda transport: transport.step(-10)),
        "jump_on": play(lambda transport: transport.step(10)),
        "to_start": play(lambda transport: transport.show(0)),
        "to_end": play(lambda transport: transport.show(transport.frames - 1)),
        "slower": play(lambda transport: setattr(transport, "speed", next_speed(transport.speed, False))),
        "faster": play(lambda transport: setattr(transport, "speed", next_speed(transport.speed, True))),
        "loop": play(lambda transport: setattr(transport, "loop", not transport.loop)),
        "set_in": partial(takes.set_point, IN),
        "set_out": partial(takes.set_point, OUT),
        "go_in": partial(takes.go_to_point, IN),
        "go_out": partial(takes.go_to_point, OUT),
        "clear_points": takes.clear_points,
        "previous_marker": partial(takes.go_to_marker, False),
        "next_marker": partial(takes.go_to_marker, True),
        "name_marker": lambda: takes.ask_name(window),
        "unmark": takes.unmark,
        "curves": lambda: window.playback.toggle_curves(),
        "compare": partial(compare, Compared.B),
        "wipe": partial(compare, Compared.WIPE),
        "as_recorded": partial(_toggle_recorded_light, window),
        "compare_with": lambda: takes.ask_other(window) if takes.other is None else takes.compare_with(None),
    }


def _record(window: MainWindow) -> None:
    if window.session.take is not None:
        window.area.banner.show_error(_NOTHING_TO_RECORD)
    else:
        window.sinks.toggle_recording()


def _mark(window: MainWindow) -> None:
    if window.session.take is not None:
        window.takes.mark()
    else:
        window.session.mark()


def _next_mode(window: MainWindow) -> None:
    modes = list(MODE_TITLES)
    options = window.options
    options.update(mode=modes[(modes.index(options.value.mode) + 1) % len(modes)])


def _toggle_pause(window: MainWindow) -> None:
    """A take or a file is paused; a live picture stands still, while tracking and recording go on."""
    transport = window.session.transport
    if transport is None and window.session.status().ended:
        window.sources.retry()  # a file that cannot go back is opened again
    elif transport is None:
        window.options.update(frozen=not window.options.value.frozen)
    else:
        transport.playing = not transport.playing
        window.refresh()


def _edit_cue(window: MainWindow) -> None:
    if window.operator.isHidden():
        window.show_operator(True)
    window.operator.edit_cue()


def _leave(window: MainWindow) -> None:
    if window.area.help.isVisible():
        window.show_help(False)
    elif window.persons.guide is not None:
        window.persons.cancel()
    elif window.isFullScreen():
        window.set_full_screen(False)
    else:
        window.tour.tour.leave()


def _toggle_light(window: MainWindow) -> None:
    show = window.session.show
    own = show.values()["light/source"] == "show"
    show.adjust("Light source", {"light/source": "estimated" if own else "show"})
    window.show_light()


def _toggle_recorded_light(window: MainWindow) -> None:
    window.session.as_recorded = not window.session.as_recorded
    window.show_light()


def _match_light(window: MainWindow) -> None:
    result = window.view.result
    if result is not None and (performer := result.performer) is not None:
        estimate = FaceLight.estimated(window.view.model.layout.view(performer.smoothed))
        match_estimate(window.session.show, window.selected_light.value, estimate)
        window.show_light()


def match_estimate(show: Show, number: int, estimate: FaceLight) -> None:
    """Put a light where the estimated key light is; it takes over half of the light that falls there, and the estimated
    SH light keeps the other half.

    Args:
        show: that is changed.
        number: of the light.
        estimate: of the face.
    """
    distance = float(np.linalg.norm(estimate.key_position))
    if distance < 1e-6:
        return
    x, y, z = (float(v) for v in estimate.key_position / distance)
    azimuth, elevation = place_of((x, y, z))
    falls = np.maximum(sh_basis(np.array((x, y, z))) @ estimate.sh, 0.0)  # (3,)
    color = np.maximum(estimate.key_color, 0.0)
    color = color / color.max() if color.max() > 1e-3 else np.ones(3)
    at = f"light/{number}"
    show.adjust(
        f"Match light {number}",
        {
            "light/source": "show",
            "environment/name": "",
            "environment/intensity": 0.5,
            "material/shininess": estimate.shininess,
            f"{at}/azimuth": azimuth,
            f"{at}/elevation": elevation,
            f"{at}/distance": distance,
            f"{at}/color": [float(part) for part in color],
            f"{at}/temperature": WHITE,
            f"{at}/intensity": 0.5 * float(falls.mean()),
        },
    )
