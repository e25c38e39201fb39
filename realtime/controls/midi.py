"""MIDI: knobs and keys that were bound to commands, and MIDI Show Control."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import mido

from facemodel import LimelightError
from realtime.controls.inbox import Inbox
from realtime.controls.midi_bindings import Binding, Control, How, usual
from realtime.controls.show_control import ShowControl
from realtime.controls.table import Argument, Checked, Kind
from realtime.threads import Ticker
from realtime.timecode.midi_input import find_midi_port, open_midi_input

FEEDBACK_PERIOD = 1.0 / 30.0
"""s at least between two messages to one control."""
_STEPS = 128
"""Steps of an endless knob from one end of a value to the other."""
_NEAR = 2.0 / 127.0
"""Of a value's range: a knob this near has picked it up."""


@dataclass
class _Knob:
    """Where a knob stands, and what was last made of it; both 0..1."""

    stands: float | None = None
    made: float | None = None
    before: tuple[Checked, ...] | None = None  # a flash began


class MidiInput:
    """Hears MIDI messages, and puts what they ask for into an inbox. All methods may be called from any thread."""

    def __init__(self, inbox: Inbox, bindings: Iterable[Binding] = (), show_control: ShowControl | None = None) -> None:
        """
        Args:
            inbox: for what is asked.
            bindings: of controls.
            show_control: reads MIDI Show Control; None: it is not heard.

        Raises:
            LimelightError: a binding cannot be.
        """
        self._inbox = inbox
        self._bindings = {b.control: b.checked(inbox.table) for b in bindings}
        self._show_control = show_control
        self._knobs: dict[Control, _Knob] = {}
        self._high: dict[Control, int] = {}  # high halves of 14-bit controllers
        self._learning: tuple[str, How | None, Callable[[Binding], None] | None] | None = None
        self._lit: dict[Control, int] = {}
        self._lock = threading.RLock()

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """Return what is bound now."""
        with self._lock:
            return tuple(self._bindings.values())

    @property
    def learning(self) -> str:
        """Return the path of the command that the next control is bound to; "" while nothing is learned."""
        with self._lock:
            return "" if self._learning is None else self._learning[0]

    def controls_of(self, path: str) -> tuple[Control, ...]:
        """Return the controls that call a command."""
        return tuple(binding.control for binding in self.bindings if binding.path == path)

    def learn(self, path: str, how: How | None = None, then: Callable[[Binding], None] | None = None) -> None:
        """Bind the next control that is moved to a command, in place of whatever it did.

        Args:
            path: of the command.
            how: it acts; None: as is usual for it.
            then: is called with the binding, on MIDI's thread.

        Raises:
            LimelightError: there is no such command.
        """
        command = self._inbox.table.find(path)
        if command is None or command.call is None:
            raise LimelightError(f"{path}: there is no such command; `limelight show --addresses` lists them")
        with self._lock:
            self._learning = (path, how, then)

    def stop_learning(self) -> None:
        """Bind nothing after all."""
        with self._lock:
            self._learning = None

    def forget(self, control: Control) -> None:
        """Let a control do nothing any more."""
        with self._lock:
            self._bindings.pop(control, None)
            self._knobs.pop(control, None)

    def hear(self, message: Any) -> None:
        """Take in one of mido's messages."""
        if message.type == "sysex":
            if self._show_control is not None and (asked := self._show_control.read(tuple(message.data))) is not None:
                self._inbox.put(asked.path, *asked.args, who="msc")
            return
        with self._lock:
            for control, value in self._moved(message):
                if self._learning is not None and (value or control.kind != "note"):
                    self._bind(control)
                elif (binding := self._bindings.get(control)) is not None:
                    self._act(binding, value)

    def feedback(self) -> list[Any]:
        """Return messages that tell the desk's motors and lamps where their values stand, of what changed since."""
        state = self._inbox.table.state()
        found = []
        with self._lock:
            for control, binding in self._bindings.items():
                args = state.get(binding.path)
                if args is None or binding.how in (How.TRIGGER, How.RELATIVE, How.RELATIVE_OFFSET, How.RELATIVE_SIGN):
                    continue
                wide = control.kind == "cc14"
                value = round(self._part(binding, args) * (16383 if wide else 127))
                if self._lit.get(control) == value:
                    continue
                self._lit[control] = value
                channel, number = control.channel - 1, control.number
                if control.kind == "note":
                    found.append(mido.Message("note_on", channel=channel, note=number, velocity=value))
                    continue
                high = value >> 7 if wide else value
                found.append(mido.Message("control_change", channel=channel, control=number, value=high))
                if wide:
                    low = mido.Message("control_change", channel=channel, control=number + 32, value=value & 127)
                    found.append(low)
        return found

    def _moved(self, message: Any) -> list[tuple[Control, float]]:
        """The controls that a message is of, and where they stand: 0..1, or a program's number from 1."""
        channel = getattr(message, "channel", -1) + 1
        if message.type in ("note_on", "note_off"):
            down = message.type == "note_on" and message.velocity > 0
            return [(Control("note", channel, message.note), float(down))]
        if message.type == "program_change":
            return [(Control("program", channel), float(message.program + 1))]
        if message.type != "control_change":
            return []
        number, value = message.control, message.value
        if number < 32 and (wide := Control("cc14", channel, number)) in self._bindings:
            self._high[wide] = value
            return []  # the low half follows
        if 32 <= number < 64 and (wide := Control("cc14", channel, number - 32)) in self._bindings:
            return [(wide, (self._high.get(wide, 0) * 128 + value) / 16383)]
        return [(Control("cc", channel, number), value / 127)]

    def _bind(self, control: Control) -> None:
        assert self._learning is not None
        path, how, then = self._learning
        command = self._inbox.table.find(path)
        assert command is not None
        binding = usual(control, command)
        if how is not None:
            binding = replace(binding, how=how)
        try:
            binding = binding.checked(self._inbox.table)
        except LimelightError:
            return  # another kind of control may do
        self._learning = None
        self._bindings[control] = binding
        self._knobs.pop(control, None)
        if then is not None:
            then(binding)

    def _act(self, binding: Binding, value: float) -> None:
        command = self._inbox.table.find(binding.path)
        assert command is not None
        knob = self._knobs.setdefault(binding.control, _Knob())
        if binding.how is How.TRIGGER:
            if value > 0.0:
                program = (value,) if binding.control.kind == "program" else ()
                self._put(binding, binding.args or program)
            return
        assert command.read is not None
        args = command.read()
        argument = command.arguments[0]
        if binding.how is How.TOGGLE:
            if value > 0.0:
                self._put(binding, (not args[0],))
        elif binding.how is How.FLASH:
            if value > 0.0 and knob.before is None:
                knob.before = args
                self._put(binding, (True if argument.kind is Kind.BOOL else argument.high,))
            elif value == 0.0 and knob.before is not None:
                before, knob.before = knob.before, None
                self._put(binding, before)
        elif binding.how is How.ABSOLUTE:
            self._turn_to(binding, knob, argument, value, self._part(binding, args))
        elif steps := _steps(binding.how, round(value * 127)):
            span = argument.high - argument.low
            now = self._part(binding, args)
            if knob.made is not None and knob.stands == now:  # what was asked for last is not done yet
                now = knob.made
            else:
                knob.stands = now
            knob.made = min(max(now + steps / _STEPS, 0.0), 1.0)
            self._put(binding, (argument.low + knob.made * span,))

    def _turn_to(self, binding: Binding, knob: _Knob, argument: Argument, value: float, now: float) -> None:
        """Move a value to where its knob is, unless that has to come past it first."""
        before, knob.stands = knob.stands, value
        ours = knob.made is not None and abs(knob.made - now) < 1e-6
        if binding.pickup and argument.kind in (Kind.FLOAT, Kind.INT) and not ours:
            came_past = before is not None and min(before, value) <= now <= max(before, value)
            if not came_past and abs(value - now) > _NEAR:
                return
        knob.made = value
        self._put(binding, (_of_part(argument, value),))

    def _part(self, binding: Binding, args: tuple[Checked, ...]) -> float:
        """Where a value stands between its ends, 0..1."""
        command = self._inbox.table.find(binding.path)
        assert command is not None
        argument, value = command.arguments[0], args[0]
        if argument.kind is Kind.CHOICE:
            return argument.choices.index(str(value)) / max(len(argument.choices) - 1, 1)
        if isinstance(value, bool):
            return float(value)
        assert isinstance(value, int | float)
        return (value - argument.low) / (argument.high - argument.low)

    def _put(self, binding: Binding, args: Iterable[object]) -> None:
        self._inbox.put(binding.path, *args, who="midi")


class MidiPort:
    """A MIDI input of this machine that a `MidiInput` hears, and the output beside it that is told how things stand."""

    def __init__(self, midi: MidiInput, port: str = "") -> None:
        """
        Args:
            midi: hears it.
            port: part of its name; "" for the first one.
        """
        self.name = ""
        self._midi, self._port = midi, port
        self._input: Any = None
        self._output: Any = None
        self._ticker = Ticker(self._tell, FEEDBACK_PERIOD, "limelight-midi-out")

    def start(self) -> None:
        """Begin to listen.

        Raises:
            LimelightError: MIDI is not installed, or there is no such port.
        """
        self.name = find_midi_port(self._port, "midi")
        self._input = open_midi_input(self.name, self._midi.hear, "midi")
        with suppress(Exception):  # no output, or another program's: then the desk has no lamps
            self._output = mido.open_output(find_midi_port(self._port or self.name.split(":")[0], "midi", inputs=False))
            self._ticker.start()

    def stop(self) -> None:
        """Let the ports go; a second call does nothing."""
        self._ticker.stop()
        for port in (self._input, self._output):
            if port is not None:
                port.close()
        self._input = self._output = None

    def _tell(self) -> None:
        for message in self._midi.feedback():
            self._output.send(message)


def _steps(how: How, value: int) -> int:
    """How many steps an endless knob was turned, up or down."""
    if how is How.RELATIVE_OFFSET:
        return value - 64
    if how is How.RELATIVE_SIGN:
        return value if value < 64 else 64 - value
    return value if value < 64 else value - 128


def _of_part(argument: Argument, part: float) -> Checked:
    """The value between an argument's ends, `part` 0..1."""
    if argument.kind is Kind.BOOL:
        return part >= 0.5
    if argument.kind is Kind.CHOICE:
        return argument.choices[round(part * (len(argument.choices) - 1))]
    value = argument.low + part * (argument.high - argument.low)
    return round(value) if argument.kind is Kind.INT else value
