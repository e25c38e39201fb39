"""The commands that there are: of a show, and of a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from facemodel import LimelightError
from realtime.controls.table import Argument, Checked, Command, Kind
from realtime.light.cues.playback import BACK_TIME
from realtime.light.show import RELEASE_TIME, Show
from realtime.light.values import VALUES, ValueSpec
from realtime.outputs.display import DisplayState, display_outputs, set_displays
from realtime.outputs.picture_options import VIEWS
from realtime.sinks.contract import ShowsView

if TYPE_CHECKING:
    from realtime.render import ViewMode
    from realtime.session import Session

_LONGEST = 3600.0
"""s of a fade by hand."""
_SLOWEST, _FASTEST = 20.0, 400.0
"""Beats a minute."""

_NO_CUE = ""


def show_commands(show: Show) -> Iterator[Command]:
    """Yield the commands of a show: its values by their names, then cues, what lies over the show, and the tempo.

    The table that takes them runs on the show's own clock.
    """
    for spec in VALUES.values():
        yield _of_a_value(show, spec)

    def seconds(default: float) -> Argument:
        return Argument("time", Kind.FLOAT, 0.0, _LONGEST, "s", default=default)

    def command(path: str, text: str, call: Callable[..., object], *arguments: Argument) -> Command:
        return Command(path, text, call, arguments)

    yield command("cue/go", "start the next cue; while paused, go on", lambda at: show.go(at))
    yield command(
        "cue/back", "go to the cue before", lambda at, time: show.back(at, time), seconds(BACK_TIME)
    )  # fmt: skip
    yield command("cue/pause", "let fades and delays stand", lambda at: show.pause(at))
    yield command("cue/resume", "go on after a pause", lambda at: show.resume(at))
    yield command(
        "cue/go_to",
        "start a cue, in some seconds; below 0: as the cue says",
        lambda at, number, time: show.go_to(number, None if time < 0.0 else time, at),
        Argument("number", Kind.CUE),
        Argument("time", Kind.FLOAT, -1.0, _LONGEST, "s", default=-1.0),
    )
    yield command(
        "cue/standby",
        "choose the cue that GO starts next",
        lambda at, number: show.standby(number, at),
        Argument("number", Kind.CUE),
    )
    yield command(
        "cue/release", "give up what cues have moved", lambda at, time: show.release(time, at), seconds(RELEASE_TIME)
    )
    yield command(
        "cue/panic",
        "fade all light of the show out; once more while it fades: out at once",
        lambda at, time: show.panic(time, at),
        seconds(RELEASE_TIME),
    )
    yield Command(
        "cue/rate",
        "how fast cues play; 1 is as written",
        lambda at, rate: show.set_rate(rate, at),
        (Argument("rate", Kind.FLOAT, 0.01, 20.0),),
    )
    yield Command("cue/active", "number of the cue that was started last", None, read=lambda: (_active(show),))
    yield Command("cue/next", "number of the cue that GO starts", None, read=lambda: (_next(show),))
    yield command(
        "effect/start",
        "start an effect by hand",
        lambda at, name, time: show.start_effect(name, time, at),
        Argument("name", Kind.TEXT),
        seconds(0.0),
    )
    yield command(
        "effect/stop",
        "stop an effect by hand",
        lambda at, name, time: show.stop_effect(name, time, at),
        Argument("name", Kind.TEXT),
        seconds(0.0),
    )
    yield Command(
        "master",
        "grand master: a factor on all light of the show",
        lambda at, level: show.set_master(level, at=at),
        (Argument("level"),),
        lambda: (show.master,),
    )
    yield Command(
        "blackout",
        "no light of the show shines",
        lambda at, on: show.set_blackout(on, at=at),
        (Argument("on", Kind.BOOL),),
        lambda: (show.blackout,),
    )
    yield command("tempo/tap", "tap the beat", lambda at: show.tap(at))
    yield command("tempo/resync", "take this moment as a beat", lambda at: show.resync(at))
    yield Command(
        "tempo/bpm",
        "beats a minute",
        lambda at, bpm: show.set_tempo(bpm, at),
        (Argument("bpm", Kind.FLOAT, _SLOWEST, _FASTEST, "1/min"),),
        lambda: (show.status().bpm,),
    )


def show_state(show: Show) -> dict[str, tuple[Checked, ...]]:
    """Return all values of a show as they are now, as arguments by path."""
    return {name: (value,) for name, value in show.values().items()}


def session_commands(session: Session) -> Iterator[Command]:
    """Yield the commands of a session: the performer, takes, and the audience's displays."""

    def command(path: str, text: str, call: Callable[..., object], *arguments: Argument, slow: bool = False) -> Command:
        return Command(path, text, call, arguments, slow=slow)

    yield command("recenter", "the performer's next pose is straight ahead", lambda _at: session.recenter())
    yield command(
        "person/choose",
        "the face of this number is the performer's",
        lambda _at, number: session.choose(number),
        Argument("number", Kind.INT, 1, 8),
    )
    yield command("person/reset", "forget the performer: another person sits down", lambda _at: session.reset_person())
    yield command(
        "record/start",
        "begin a take, named by the slate, or by a plain name in the folder of takes",
        lambda _at, name: session.start_recording(_take_path(session, name)),
        Argument("name", Kind.TEXT, default=""),
        slow=True,
    )
    yield command("record/stop", "finish the take", lambda _at: session.stop_recording(), slow=True)
    yield Command(
        "record/on", "whether a take is being written", None, read=lambda: (session.recording() is not None,)
    )  # fmt: skip
    yield command(
        "mark",
        "put a marker into the take that is being written",
        lambda _at, text: session.mark(text),
        Argument("text", Kind.TEXT, default=""),
    )
    yield Command(
        "display/state",
        "what the audience's displays show",
        lambda _at, state: set_displays(session.workers(), DisplayState(state)),
        (Argument("state", Kind.CHOICE, choices=tuple(state.value for state in DisplayState)),),
        lambda: (_display_state(session).value,),
    )
    yield Command(
        "display/count",
        "how many displays the audience has",
        None,
        read=lambda: (len(display_outputs(session.workers())),),
    )
    yield command(
        "view/mode",
        "the view of the window, and of outputs other than files",
        lambda _at, mode, where: _show_view(session, VIEWS[mode], where),
        Argument("mode", Kind.CHOICE, choices=tuple(VIEWS)),
        Argument("where", Kind.CHOICE, choices=("all", "window", "outputs"), default="all"),
    )


def _display_state(session: Session) -> DisplayState:
    """What the first display shows; the picture without any."""
    displays = display_outputs(session.workers())
    return displays[0].state if displays else DisplayState.PICTURE


def _show_view(session: Session, mode: ViewMode, where: str) -> None:
    if where != "outputs":
        session.asked_view = mode
    for worker in session.workers() if where != "window" else ():
        if isinstance(worker.sink, ShowsView):
            worker.sink.show_view(mode)


def _of_a_value(show: Show, spec: ValueSpec) -> Command:
    name = spec.name.rpartition("/")[2]
    if isinstance(spec.default, bool):
        argument = Argument(name, Kind.BOOL)
    elif isinstance(spec.default, str):
        argument = Argument(name, Kind.CHOICE if spec.choices else Kind.TEXT, choices=spec.choices)
    elif isinstance(spec.default, tuple):
        argument = Argument(name, Kind.COLOR, spec.low, spec.high)
    else:
        argument = Argument(name, Kind.FLOAT, spec.low, spec.high, spec.unit)

    def call(at: float, value: Checked) -> None:
        show.set({spec.name: value}, at)

    def read() -> tuple[Checked, ...]:
        return (show.values()[spec.name],)

    return Command(spec.name, spec.text, call, (argument,), read)


def _take_path(session: Session, name: str) -> Path | None:
    """The file of a take of this name; a desk elsewhere may not say where in this machine.

    Raises:
        LimelightError: it is no plain name.
    """
    if not name:
        return None
    if name != Path(name).name or any(c in name for c in '\\/:*?"<>|') or name.startswith("."):
        raise LimelightError(f"record/start: {name!r} must be a plain name, without folders")
    return session.config.takes / f"{name.removesuffix('.mcap')}.mcap"


def _active(show: Show) -> str:
    active = show.status().progress.active
    return _NO_CUE if active is None else str(active)


def _next(show: Show) -> str:
    following = show.status().progress.next
    return _NO_CUE if following is None else str(following)
