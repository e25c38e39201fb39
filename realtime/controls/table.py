"""The table of commands: the one way in which anything changes the show, and a log that it can be replayed from."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from facemodel import LimelightError
from realtime.light.cues.cue import CueNumber

Checked = float | int | bool | str | tuple[float, float, float]
"""What an argument is once it was checked: a number, a truth value, a text, or linear RGB."""


class Kind(Enum):
    """What an argument is."""

    FLOAT = "number"
    INT = "whole number"
    BOOL = "true or false"
    TEXT = "text"
    CHOICE = "choice"
    COLOR = "red green blue"
    CUE = "cue number"


@dataclass(frozen=True)
class Argument:
    """One argument of a command.

    Attributes:
        name: of it, for people.
        kind: what it is. A color is three numbers, one after another or together; a cue number has up to three decimals
            and comes as a number or as a text.
        low, high: of numbers; a number beyond is taken as the nearest that is allowed.
        unit: of numbers; "" for a factor.
        choices: that a choice is one of.
        default: where it is left out; None where it must be given.
    """

    name: str
    kind: Kind = Kind.FLOAT
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    choices: tuple[str, ...] = ()
    default: Checked | None = None

    @property
    def width(self) -> int:
        """How many OSC arguments it is."""
        return 3 if self.kind is Kind.COLOR else 1

    def checked(self, value: object) -> Checked:
        """Return what was given, as the command takes it.

        Raises:
            LimelightError: it is of another type, not finite, or none of the choices.
        """
        if self.kind is Kind.COLOR:
            if not isinstance(value, tuple | list) or len(value) != 3:
                raise LimelightError(f"{self.name} must be red, green and blue, got {value!r}")
            red, green, blue = (self._number(part) for part in value)
            return red, green, blue
        if self.kind is Kind.FLOAT:
            return self._number(value)
        if self.kind is Kind.INT:
            number = self._number(value)
            if number != int(number):
                raise LimelightError(f"{self.name} must be a whole number, got {value!r}")
            return int(number)
        if self.kind is Kind.BOOL:
            if isinstance(value, int | float) and value in (0, 1):  # true and false are such, too
                return bool(value)
            raise LimelightError(f"{self.name} must be true or false, got {value!r}")
        if self.kind is Kind.CUE:
            return cue_number(value)
        if not isinstance(value, str):
            raise LimelightError(f"{self.name} must be a text, got {value!r}")
        if self.kind is Kind.CHOICE and value not in self.choices:
            raise LimelightError(f"{self.name} must be one of {', '.join(self.choices)}; got {value!r}")
        return value

    def describe(self) -> str:
        """Return its type, range and unit, for people."""
        if self.kind is Kind.CHOICE:
            text = " | ".join(choice or '""' for choice in self.choices)
        elif self.kind in (Kind.FLOAT, Kind.INT):
            text = f"{self.low:g}..{self.high:g} {self.unit}".rstrip()
        elif self.kind is Kind.COLOR:
            text = f"3 numbers {self.low:g}..{self.high:g}"
        else:
            text = self.kind.value
        return text if self.default is None else f"[{text}]"

    def _number(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise LimelightError(f"{self.name} must be a number, got {value!r}")
        return min(max(float(value), self.low), self.high)


def cue_number(value: object) -> str:
    """Return a cue number as a text without needless zeros: "12", "12.5".

    Raises:
        LimelightError: it is none.
    """
    if isinstance(value, float) and math.isfinite(value):
        value = f"{value:.3f}"  # OSC's floats are not exact
    if not isinstance(value, int | str):
        raise LimelightError(f"a cue's number looks like 12 or 12.5, got {value!r}")
    return str(CueNumber.of(value))


@dataclass(frozen=True)
class Command:
    """One thing that can be done.

    Attributes:
        path: its name, such as `light/2/azimuth` or `cue/go`.
        help: what it does, for people.
        call: does it, given the time, s on the table's clock, and the arguments; None for what can only be read.
        arguments: that it takes; those with a default may be left out at the end.
        read: returns the arguments that it was as if called with, which is how feedback tells where things stand; None
            where there is no such state. Of what can be read the newest call alone counts.
        slow: it may take seconds, and holds up no other command.
    """

    path: str
    help: str
    call: Callable[..., object] | None
    arguments: tuple[Argument, ...] = ()
    read: Callable[[], tuple[Checked, ...]] | None = None
    slow: bool = False

    def checked(self, args: tuple[object, ...]) -> tuple[Checked, ...]:
        """Return one value for each argument.

        Raises:
            LimelightError: there are too few or too many, or one cannot be so.
        """
        if self.call is None:
            raise LimelightError(f"{self.path}: it can only be read")
        values = list(args)
        found: list[Checked] = []
        for argument in self.arguments:
            if not values and argument.default is not None:
                found.append(argument.default)
                continue
            if argument.width == 3 and values and not isinstance(values[0], tuple | list):
                values[:3] = [tuple(values[:3])]
            if not values:
                raise LimelightError(f"{self.path}: {argument.name} is missing ({argument.describe()})")
            try:
                found.append(argument.checked(values.pop(0)))
            except LimelightError as error:
                raise LimelightError(f"{self.path}: {error}") from None
        if values:
            takes = " ".join(argument.name for argument in self.arguments) or "nothing"
            raise LimelightError(f"{self.path} takes {takes}, got {len(args)} arguments")
        return tuple(found)

    def describe(self) -> str:
        """Return what it takes, for people."""
        return ", ".join(f"{argument.name}: {argument.describe()}" for argument in self.arguments)


@dataclass(frozen=True)
class Call:
    """A call that was made.

    Attributes:
        time: s, on the table's clock.
        path: of the command.
        args: as they were checked.
        who: made it, such as "osc 127.0.0.1"; "" for this program.
    """

    time: float
    path: str
    args: tuple[Checked, ...]
    who: str = ""


State = Callable[[], Mapping[str, tuple[Checked, ...]]]


class CommandTable:
    """The commands by their paths. All methods may be called from any thread; calls are made one at a time."""

    def __init__(self, commands: Iterable[Command] = (), clock: Callable[[], float] = time.perf_counter) -> None:
        """
        Args:
            commands: to begin with.
            clock: that calls are timed by, s.

        Raises:
            LimelightError: two have one path.
        """
        self._clock = clock
        self._commands: dict[str, Command] = {}
        self._states: list[State] = []
        self._listeners: tuple[Callable[[Call], None], ...] = ()
        self._lock = threading.RLock()
        self.register(commands)

    def register(self, commands: Iterable[Command], state: State | None = None) -> None:
        """Add commands.

        Args:
            commands: to add.
            state: returns at once what many of them would one by one, by path; None asks each.

        Raises:
            LimelightError: there is one of that path already.
        """
        with self._lock:
            for command in commands:
                if command.path in self._commands:
                    raise LimelightError(f"{command.path}: there is such a command already")
                self._commands[command.path] = command
            if state is not None:
                self._states.append(state)

    def commands(self) -> tuple[Command, ...]:
        """Return all commands, in the order that they were registered in."""
        with self._lock:
            return tuple(self._commands.values())

    def find(self, path: str) -> Command | None:
        """Return the command of a path; None where there is none."""
        return self._commands.get(path)

    def call(self, path: str, *args: object, who: str = "") -> None:
        """Do something.

        Args:
            path: of the command.
            *args: its arguments; a color is a tuple, or three numbers.
            who: asks for it, for the log.

        Raises:
            LimelightError: there is no such command, the arguments cannot be so, or it cannot be done; nothing changes.
        """
        self._make(path, args, who, None)

    def replay(self, calls: Iterable[Call]) -> None:
        """Make calls again, in their order and at their times, as a listener took them down.

        Raises:
            LimelightError: one cannot be made here.
        """
        for call in calls:
            self._make(call.path, call.args, call.who, call.time)

    def _make(self, path: str, args: tuple[object, ...], who: str, at: float | None) -> None:
        command = self._commands.get(path)
        if command is None:
            raise LimelightError(f"{path}: there is no such command; `limelight show --addresses` lists them")
        checked = command.checked(args)
        assert command.call is not None
        if command.slow:
            command.call(self._clock() if at is None else at, *checked)
        with self._lock:
            call = Call(self._clock() if at is None else at, path, checked, who)
            if not command.slow:
                command.call(call.time, *checked)
            for listener in self._listeners:
                listener(call)

    def state(self) -> dict[str, tuple[Checked, ...]]:
        """Return where everything that can be read stands, by path."""
        state: dict[str, tuple[Checked, ...]] = {}
        for read in self._states:
            state.update(read())
        for command in self.commands():
            if command.read is not None and command.path not in state:
                state[command.path] = command.read()
        return state

    def listen(self, listener: Callable[[Call], None]) -> None:
        """Call `listener` with each call that was made, on the thread that made it, in their order."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

    def unlisten(self, listener: Callable[[Call], None]) -> None:
        """Call `listener` no more."""
        with self._lock:
            self._listeners = tuple(other for other in self._listeners if other != listener)


def describe(commands: Iterable[Command], prefix: str = "/limelight/") -> str:
    """Return a table of commands in Markdown; the eight lights are one, `light/N`."""
    lines = ["| address | arguments | what it does |", "|---|---|---|"]
    for command in commands:
        first, _, rest = command.path.partition("/")
        number, _, name = rest.partition("/")
        if first == "light" and number.isdigit() and number != "1":
            continue
        path = f"light/N/{name}" if first == "light" and number == "1" else command.path
        takes = command.describe().replace("|", "\\|")
        lines.append(f"| `{prefix}{path}` | {takes if command.call else 'to be read alone'} | {command.help} |")
    return "\n".join(lines) + "\n"


def as_numbers(args: Iterable[Checked]) -> list[float | int | bool | str]:
    """Return arguments one after another as OSC sends them: a color as three numbers."""
    flat: list[float | int | bool | str] = []
    for arg in args:
        flat.extend(arg) if isinstance(arg, tuple) else flat.append(arg)
    return flat
