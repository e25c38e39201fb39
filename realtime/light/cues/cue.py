"""One cue: what moves, how long that takes, and what comes after it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from facemodel import LimelightError
from realtime.light.values import Category, Value, spec_of

MAX_NUMBER = 9_999_999
"""Thousandths; cues are numbered from 0.001 to 9999.999, as on Eos."""

MAX_SECONDS = 86_400.0
"""Longest of all times of a cue."""

_NUMBER = re.compile(r"(\d{1,4})(?:\.(\d{1,3}))?")


@dataclass(frozen=True, order=True)
class CueNumber:
    """The number of a cue: a decimal of up to three places, which says where in the list it stands.

    Attributes:
        thousandths: 1 to 9999999.
    """

    thousandths: int

    @classmethod
    def of(cls, number: CueNumber | str | int | float) -> CueNumber:
        """Return a number from what people and files write: `12`, `1.5`, `"0.125"`.

        Raises:
            LimelightError: it is none, or not from 0.001 to 9999.999.
        """
        if isinstance(number, CueNumber):
            return number
        match = None if isinstance(number, bool) else _NUMBER.fullmatch(f"{number}".strip())
        if match:
            whole, part = match.groups()
            thousandths = int(whole) * 1000 + int((part or "").ljust(3, "0"))
            if thousandths:
                return cls(thousandths)
        raise LimelightError(f"{number!r} is no cue's number; those are 0.001 to 9999.999, with up to three places")

    def __str__(self) -> str:
        """Return it as short as can be: `2`, `2.5`, `2.125`."""
        whole, part = divmod(self.thousandths, 1000)
        return f"{whole}.{part:03d}".rstrip("0").rstrip(".")


@dataclass(frozen=True)
class Times:
    """Seconds of a cue, by what they are for; those that are None are as `up`.

    Attributes:
        up: of intensities that rise, and of whatever is said nowhere else.
        down: of intensities that fall.
        focus, color, beam: of the values of these categories.
    """

    up: float = 5.0
    down: float | None = None
    focus: float | None = None
    color: float | None = None
    beam: float | None = None

    def __post_init__(self) -> None:
        for name, seconds in vars(self).items():
            if seconds is not None and not (math.isfinite(seconds) and 0.0 <= seconds <= MAX_SECONDS):
                raise LimelightError(f"{name}: times are 0 to {MAX_SECONDS:.0f} seconds, got {seconds}")

    def of(self, category: Category, falls: bool = False) -> float:
        """Return the seconds of values of a category; `falls` counts for intensities alone."""
        if category is Category.INTENSITY:
            own = self.down if falls else self.up
        else:
            own = {Category.FOCUS: self.focus, Category.COLOR: self.color, Category.BEAM: self.beam}[category]
        return self.up if own is None else own


@dataclass(frozen=True)
class Cue:
    """One cue of a list.

    Attributes:
        number: where in the list it stands.
        name, notes: for people.
        time: of its fades.
        delay: from its start until they begin.
        follow: seconds from its start until the next cue starts by itself, or None.
        hang: seconds from its completion until the next starts by itself, or None; negative: before it.
        link: the cue that comes after it instead of the next in the list, or None.
        blocks: edits of earlier cues do not track through it. It plays as if it did not block.
        asserts: it plays what is tracked too, not only what it moves.
        moves: values that it moves, by name; all others stay as earlier cues left them (tracking).
        effects: by name, whether it starts (True) or stops (False) them.
    """

    number: CueNumber
    name: str = ""
    notes: str = ""
    time: Times = Times()
    delay: Times = Times(0.0)
    follow: float | None = None
    hang: float | None = None
    link: CueNumber | None = None
    blocks: bool = False
    asserts: bool = False
    moves: Mapping[str, Value] = field(default_factory=dict)
    effects: Mapping[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.follow is not None and self.hang is not None:
            raise LimelightError(f"cue {self.number}: it may have a follow or a hang, not both")
        if self.follow is not None and not 0.0 <= self.follow <= MAX_SECONDS:
            raise LimelightError(f"cue {self.number}: follow is 0 to {MAX_SECONDS:.0f} seconds, got {self.follow}")
        if self.hang is not None and not -MAX_SECONDS <= self.hang <= MAX_SECONDS:
            raise LimelightError(f"cue {self.number}: hang is at most {MAX_SECONDS:.0f} seconds, got {self.hang}")
        moves = {name: spec_of(name).checked(value) for name, value in self.moves.items()}
        object.__setattr__(self, "moves", moves)
        object.__setattr__(self, "effects", dict(self.effects))
