"""Frame rates of film and television, and their timecode (SMPTE ST 12-1), in exact arithmetic."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from facemodel import LimelightError

_TIMECODE = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.])(\d{2,3})")


@dataclass(frozen=True)
class FrameRate:
    """How many frames there are in a second, and how they are counted.

    Attributes:
        name: as people write it, such as "29.97df".
        exact: frames a second, such as 30000/1001.
        base: frames that timecode counts in one of its seconds, such as 30.
        drop: drop-frame: frame numbers 0 and 1 (at 59.94: 0 to 3) are left out at the start of each minute, but for
            every tenth, so that timecode keeps up with the clock on the wall.
    """

    name: str
    exact: Fraction
    base: int
    drop: bool = False

    @classmethod
    def parse(cls, text: str) -> FrameRate:
        """Return a rate by its name: 23.976, 24, 25, 29.97 (or 29.97ndf), 29.97df, 30, 48, 50, 59.94, 59.94df, 60.

        Raises:
            LimelightError: there is no such rate.
        """
        name = text.strip().lower().removesuffix("ndf").removesuffix("fps").strip()
        for rate in RATES:
            if rate.name == {"23.98": "23.976", "29.970": "29.97"}.get(name, name):
                return rate
        raise LimelightError(f"{text} is no frame rate of film or television; there are {', '.join(map(str, RATES))}")

    @classmethod
    def nearest(cls, fps: float) -> FrameRate:
        """Return the rate, counted without drops, that is nearest to so many frames a second."""
        return min((rate for rate in RATES if not rate.drop), key=lambda rate: abs(float(rate.exact) - fps))

    def __str__(self) -> str:
        return self.name

    @property
    def frames_a_day(self) -> int:
        """Frames after which timecode begins at 00:00:00:00 again."""
        return self._number_of(24, 0, 0, 0)

    def _number_of(self, hours: int, minutes: int, seconds: int, frames: int) -> int:
        """The frame's number since 00:00:00:00."""
        minutes += 60 * hours
        number = (60 * minutes + seconds) * self.base + frames
        return number - self._dropped * (minutes - minutes // 10)

    @property
    def _dropped(self) -> int:
        """Numbers that are left out at the start of a minute."""
        return self.base // 15 if self.drop else 0


RATES: tuple[FrameRate, ...] = (
    FrameRate("23.976", Fraction(24000, 1001), 24),
    FrameRate("24", Fraction(24), 24),
    FrameRate("25", Fraction(25), 25),
    FrameRate("29.97", Fraction(30000, 1001), 30),
    FrameRate("29.97df", Fraction(30000, 1001), 30, drop=True),
    FrameRate("30", Fraction(30), 30),
    FrameRate("48", Fraction(48), 48),
    FrameRate("50", Fraction(50), 50),
    FrameRate("59.94", Fraction(60000, 1001), 60),
    FrameRate("59.94df", Fraction(60000, 1001), 60, drop=True),
    FrameRate("60", Fraction(60), 60),
)
"""The rates that there are."""


_ROUNDING = Fraction(1, 1000)
"""Frames by which a number that was computed from seconds may be too small."""


@dataclass(frozen=True)
class Timecode:
    """One moment in timecode.

    Attributes:
        number: frames since 00:00:00:00; may have a part of a frame. Taken modulo a day.
        rate: see `FrameRate`.
    """

    number: Fraction
    rate: FrameRate

    def __post_init__(self) -> None:
        object.__setattr__(self, "number", Fraction(self.number) % self.rate.frames_a_day)

    @classmethod
    def of(cls, hours: int, minutes: int, seconds: int, frames: int, rate: FrameRate) -> Timecode:
        """Return the timecode of a frame.

        Raises:
            ValueError: there is no such frame; drop-frame leaves some out.
        """
        if not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 60 and 0 <= frames < rate.base):
            raise ValueError(f"{hours:02d}:{minutes:02d}:{seconds:02d}:{frames:02d} is no time at {rate}")
        if rate.drop and seconds == 0 and frames < rate._dropped and minutes % 10:
            raise ValueError(f"{hours:02d}:{minutes:02d}:00;{frames:02d} is left out at {rate}")
        return cls(Fraction(rate._number_of(hours, minutes, seconds, frames)), rate)

    @classmethod
    def parse(cls, text: str, rate: FrameRate) -> Timecode:
        """Read HH:MM:SS:FF, or HH:MM:SS;FF of drop-frame.

        Raises:
            LimelightError: it is not timecode, or there is no such frame at this rate.
        """
        match = _TIMECODE.fullmatch(text.strip())
        if match is None:
            raise LimelightError(f"timecode {text}: it must look like 01:02:03:04")
        hours, minutes, seconds, _, frames = match.groups()
        try:
            return cls.of(int(hours), int(minutes), int(seconds), int(frames), rate)
        except ValueError as error:
            raise LimelightError(f"timecode {text}: {error}") from error

    @classmethod
    def at(cls, seconds: float | Fraction, rate: FrameRate) -> Timecode:
        """Return the timecode that began at 00:00:00:00 so many seconds ago."""
        return cls(Fraction(seconds) * rate.exact, rate)

    def plus(self, seconds: float | Fraction) -> Timecode:
        """Return the timecode so many seconds later."""
        return Timecode(self.number + Fraction(seconds) * self.rate.exact, self.rate)

    def minus(self, other: Timecode) -> Fraction:
        """Return the seconds since another one of the same rate, the shorter way around the day."""
        day = self.rate.frames_a_day
        frames = (self.number - other.number) % day
        return (frames - day if 2 * frames > day else frames) / self.rate.exact

    @property
    def whole(self) -> int:
        """The frame's number since 00:00:00:00; what a thousandth of a frame lacks is the next one already."""
        return int(self.number + _ROUNDING) % self.rate.frames_a_day

    @property
    def fields(self) -> tuple[int, int, int, int]:
        """Hours, minutes, seconds and frames."""
        rate, number = self.rate, self.whole
        if rate.drop:
            dropped, ten_minutes = rate._dropped, rate._number_of(0, 10, 0, 0)
            tens, rest = divmod(number, ten_minutes)
            number += 9 * dropped * tens
            if rest >= 60 * rate.base:
                number += dropped * (1 + (rest - 60 * rate.base) // (60 * rate.base - dropped))
        seconds, frames = divmod(number, rate.base)
        return seconds // 3600, seconds // 60 % 60, seconds % 60, frames

    @property
    def subframe(self) -> float:
        """The part of a frame that has passed, 0 to 1."""
        return max(0.0, float(self.number - int(self.number + _ROUNDING)))

    def __str__(self) -> str:
        hours, minutes, seconds, frames = self.fields
        return f"{hours:02d}:{minutes:02d}:{seconds:02d}{';' if self.rate.drop else ':'}{frames:02d}"
