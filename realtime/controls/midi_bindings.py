"""What the knobs and keys of MIDI desks do, as a file that people can read and write."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from facemodel import LimelightError
from realtime.controls.table import Command, CommandTable, Kind


class How(Enum):
    """How a control acts on its command."""

    ABSOLUTE = "absolute"
    RELATIVE = "relative"
    """An endless knob: 1 to 63 are steps up, 127 to 65 steps down (two's complement)."""
    RELATIVE_OFFSET = "relative-offset"
    """An endless knob: steps up above 64, steps down below."""
    RELATIVE_SIGN = "relative-sign"
    """An endless knob: 1 to 63 are steps up, 65 to 127 steps down (sign and size)."""
    TOGGLE = "toggle"
    FLASH = "flash"
    TRIGGER = "trigger"


_KNOB = (How.ABSOLUTE, How.RELATIVE, How.RELATIVE_OFFSET, How.RELATIVE_SIGN)
_KEY = (How.TOGGLE, How.FLASH, How.TRIGGER)
_HOW = {"cc": _KNOB + _KEY, "cc14": (How.ABSOLUTE,), "note": _KEY, "program": (How.TRIGGER,)}
_HIGHEST = {"cc": 127, "cc14": 31, "note": 127}


@dataclass(frozen=True)
class Control:
    """A knob or a key.

    Attributes:
        kind: "cc", "cc14" (two controllers, `number` and 32 more, 14 bits together), "note" or "program".
        channel: 1..16.
        number: of the controller or note; 0 of a program change.
    """

    kind: str
    channel: int
    number: int = 0

    @classmethod
    def parse(cls, text: str) -> Control:
        """Return a control from `cc CHANNEL NUMBER`, `cc14 CHANNEL NUMBER`, `note CHANNEL NUMBER`, `program CHANNEL`.

        Raises:
            LimelightError: it is none.
        """
        kind, *numbers = text.split() or [""]
        if kind in _HOW and all(number.isdecimal() for number in numbers):
            found = cls(kind, *(int(number) for number in numbers)) if 1 <= len(numbers) <= 2 else None
            if (
                found is not None
                and len(numbers) == (1 if kind == "program" else 2)
                and 1 <= found.channel <= 16
                and found.number <= _HIGHEST.get(kind, 0)
            ):
                return found
        raise LimelightError(
            f"MIDI {text!r}: a control is cc CHANNEL NUMBER, cc14, note, or program CHANNEL; channels are 1 to 16"
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.channel}" + (f" {self.number}" if self.kind != "program" else "")


@dataclass(frozen=True)
class Binding:
    """What a control does.

    Attributes:
        control: that is moved.
        path: of the command.
        how: it acts.
        args: of a trigger; empty for a program change takes its number, 1 to 128.
        pickup: a knob that stands elsewhere than its value moves it only once it has come past it.
    """

    control: Control
    path: str
    how: How
    args: tuple[float | str | bool, ...] = ()
    pickup: bool = True

    def checked(self, table: CommandTable) -> Binding:
        """Return this binding, of which the table knows the command.

        Raises:
            LimelightError: it does not, or a control cannot do that.
        """
        command = table.find(self.path)
        where = f"MIDI {self.control}"
        if command is None or command.call is None:
            raise LimelightError(f"{where}: {self.path} is no command; `limelight show --addresses` lists them")
        if self.how not in _HOW[self.control.kind]:
            raise LimelightError(f"{where}: it can be {', '.join(h.value for h in _HOW[self.control.kind])}")
        if self.how is How.TRIGGER:
            if self.control.kind != "program" or self.args:
                command.checked(self.args)
            return self
        kind = one_argument(command)
        fits = {Kind.FLOAT, Kind.INT, Kind.BOOL, Kind.CHOICE} if self.how is How.ABSOLUTE else {Kind.FLOAT, Kind.INT}
        if self.how in _KEY:
            fits = {Kind.BOOL} if self.how is How.TOGGLE else {Kind.FLOAT, Kind.BOOL}
        if command.read is None or kind not in fits:
            raise LimelightError(f"{where}: {self.path} cannot be {self.how.value}")
        return self


def one_argument(command: Command) -> Kind | None:
    """Return what a command's one argument is; None where it does not take one."""
    return command.arguments[0].kind if len(command.arguments) == 1 else None


def usual(control: Control, command: Command) -> Binding:
    """Return how a control is bound where nobody says how."""
    kind = one_argument(command) if command.read is not None else None
    if control.kind == "program" or kind is None:
        how = How.TRIGGER
    elif control.kind == "note":
        how = How.TOGGLE if kind is Kind.BOOL else How.FLASH
    else:
        how = How.ABSOLUTE
    return Binding(control, command.path, how)


def read_bindings(path: Path, table: CommandTable) -> tuple[Binding, ...]:
    """Return the bindings of a file.

    Raises:
        LimelightError: it cannot be read, or says what cannot be.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise LimelightError(f"{path}: cannot be read ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise LimelightError(f"{path}: {error}") from error
    entries = content.pop("binding", [])
    if content or not isinstance(entries, list):
        raise LimelightError(f"{path}: holds [[binding]] alone, not {', '.join(content) or 'that'}")
    try:
        return tuple(_binding(entry).checked(table) for entry in entries)
    except LimelightError as error:
        raise LimelightError(f"{path}: {error}") from error


def write_bindings(path: Path, bindings: Iterable[Binding]) -> None:
    """Write bindings to a file, which is never seen half written.

    Raises:
        LimelightError: it cannot be written.
    """
    lines = ["# What MIDI does in Limelight: a control, a command (limelight show --addresses), and how.", ""]
    for binding in bindings:
        lines += [
            "[[binding]]",
            f'on = "{binding.control}"',
            f'does = "{binding.path}"',
            f'how = "{binding.how.value}"',
        ]
        if binding.args:
            lines.append(f"args = {json.dumps(list(binding.args))}")
        if not binding.pickup:
            lines.append("pickup = false")
        lines.append("")
    try:
        beside = path.with_name(f"{path.name}.part")
        beside.write_text("\n".join(lines), encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise LimelightError(f"{path}: cannot be written ({error.strerror or error})") from error


def _binding(entry: object) -> Binding:
    needs, may = {"on", "does", "how"}, {"args", "pickup"}
    if not isinstance(entry, dict) or not needs <= entry.keys() <= needs | may:
        raise LimelightError("a binding has on, does and how, and may have args and pickup")
    if not all(isinstance(entry[key], str) for key in needs):
        raise LimelightError("on, does and how are texts")
    args = entry.get("args", [])
    if not isinstance(args, list) or not all(isinstance(arg, int | float | str) for arg in args):
        raise LimelightError("args are numbers and texts in brackets")
    if not isinstance(pickup := entry.get("pickup", True), bool):
        raise LimelightError("pickup is true or false")
    try:
        how = How(entry["how"])
    except ValueError:
        raise LimelightError(f"how is one of {', '.join(h.value for h in How)}; got {entry['how']!r}") from None
    return replace(Binding(Control.parse(entry["on"]), entry["does"], how), args=tuple(args), pickup=pickup)
