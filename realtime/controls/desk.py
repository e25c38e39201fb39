"""Everything that calls the table of commands from outside, as far as it was asked for, opened and closed together."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from facemodel import LimelightError
from realtime.controls.chase import Chase, read_marks
from realtime.controls.commands import session_commands, show_commands, show_state
from realtime.controls.dmx import DmxConfig, DmxInput
from realtime.controls.inbox import Inbox
from realtime.controls.osc_addresses import PREFIX
from realtime.controls.osc_in import OscInput
from realtime.controls.osc_query import OscQuery
from realtime.controls.personality import Personality
from realtime.controls.place import Place
from realtime.controls.table import Argument, Command, CommandTable, Kind
from realtime.light.environments import ENVIRONMENTS
from realtime.session import Session
from realtime.timecode.midi_input import find_midi_port
from realtime.web.remote import Remote

if TYPE_CHECKING:
    from realtime.controls.midi import MidiInput
    from realtime.controls.midi_bindings import Binding

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeskConfig:
    """What is listened to; by default nothing.

    Attributes:
        osc: where OSC comes in; None for nowhere.
        osc_feedback: who is told of changes by OSC without asking.
        osc_query: where the addresses can be asked for over HTTP; None for nowhere.
        midi: part of a MIDI port's name, "" for the first one; None for none.
        midi_map: file of bindings, which what is learned is kept in; None for none.
        msc_device: number that MIDI Show Control is heard under.
        dmx: universes.
        remote: where the page for a phone is served; None for nowhere.
        chase: file of the timecodes that cues start at; None for none.
    """

    osc: Place | None = None
    osc_feedback: tuple[Place, ...] = ()
    osc_query: Place | None = None
    midi: str | None = None
    midi_map: Path | None = None
    msc_device: int = 0
    dmx: tuple[DmxConfig, ...] = ()
    remote: Place | None = None
    chase: Path | None = None


class _Input(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None: ...


class Desk:
    """The table of a session's commands, and what calls it from outside.

    Attributes:
        table: of the commands.
        inbox: through which what comes from outside goes.
        midi: what MIDI does; None while none is heard.
    """

    def __init__(self, session: Session, config: DeskConfig | None = None) -> None:
        """
        Args:
            session: that is commanded.
            config: see `DeskConfig`.
        """
        show = session.show
        self.config = config or DeskConfig()
        self.table = CommandTable(clock=show.moment)
        self.table.register(show_commands(show), lambda: show_state(show))
        self.table.register(session_commands(session))
        self.inbox = Inbox(self.table)
        self.midi: MidiInput | None = None
        self._show, self._timecode = show, session.timecode
        self._started: list[_Input] = []
        self._lines: list[str] = []

    def start(self) -> None:
        """Begin to listen everywhere.

        Raises:
            LimelightError: one of them cannot; none listens then.
        """
        self.inbox.start()
        try:
            for thing, line in self._inputs():
                self._lines.append(line)
                self._started.append(thing)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop listening; a second call does nothing."""
        for thing in reversed(self._started):
            thing.stop()
        self._started.clear()
        self.inbox.stop()

    def lines(self) -> tuple[str, ...]:
        """Return what is listened to, for people, one line each."""
        return tuple(self._lines)

    def _inputs(self) -> Iterator[tuple[_Input, str]]:
        """Start one after another, and tell of each."""
        config = self.config
        osc: OscInput | None = None
        if config.osc is not None or config.osc_feedback:
            osc = OscInput(self.inbox, config.osc or Place("127.0.0.1", 0), config.osc_feedback)
            osc.start()
            yield osc, f"OSC at {osc.place}"
        if config.osc_query is not None:
            query = OscQuery(self.table, config.osc_query, osc.place if osc is not None else None)
            query.start()
            yield query, f"OSCQuery at http://{query.place}/"
        if config.midi is not None:
            find_midi_port(config.midi, "midi")  # which says what is missing, where MIDI is not installed
            from realtime.controls.midi import MidiInput, MidiPort
            from realtime.controls.midi_bindings import read_bindings
            from realtime.controls.show_control import ShowControl

            file = config.midi_map
            bindings = read_bindings(file, self.table) if file is not None and file.exists() else ()
            midi = MidiInput(self.inbox, bindings, ShowControl(config.msc_device))
            port = MidiPort(midi, config.midi)
            port.start()
            self.learn_from(midi)
            yield port, f"MIDI from {port.name}"
        for each in config.dmx:
            dmx = DmxInput(self.inbox, each, Personality(tuple(ENVIRONMENTS)))
            dmx.start()
            yield dmx, f"{each.kind} universe {each.universe}, from slot {each.address}, at {dmx.place}"
        if config.chase is not None:
            chase = Chase(self.inbox, read_marks(config.chase), self._timecode.at)
            chase.start()
            yield chase, f"cues by timecode: {config.chase}"
        if config.remote is not None:
            remote = Remote(self.inbox, self._show, config.remote.host, config.remote.port)
            remote.start()
            yield remote, "remote: " + ", for others: ".join(remote.addresses())

    def learn_from(self, midi: MidiInput) -> None:
        """Let what a MIDI input hears be learned, by command."""
        self.midi = midi
        self.table.register(self._learning(midi))

    def _learning(self, midi: MidiInput) -> Iterator[Command]:
        """Yield the commands by which MIDI is learned; what was learned is kept in the file of bindings."""
        from realtime.controls.midi_bindings import Control, write_bindings

        def keep() -> None:
            if self.config.midi_map is not None:
                write_bindings(self.config.midi_map, midi.bindings)

        def learned(_: Binding) -> None:
            try:
                keep()
            except LimelightError as error:
                _log.warning(str(error))

        def forget(_at: float, control: str) -> None:
            midi.forget(Control.parse(control))
            keep()

        yield Command(
            "midi/learn",
            "the next MIDI control that is moved calls this command from then on",
            lambda _at, path: midi.learn(path.removeprefix(PREFIX), then=learned),
            (Argument("path", Kind.TEXT),),
        )
        yield Command("midi/stop_learning", "learn nothing after all", lambda _at: midi.stop_learning())
        yield Command(
            "midi/forget",
            "a MIDI control, such as cc 1 7, calls nothing any more",
            forget,
            (Argument("control", Kind.TEXT),),
        )
