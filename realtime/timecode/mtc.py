"""MIDI timecode: reads quarter frames and full-frame messages (MMA RP004/RP008)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_RATES = ("24", "25", "29.97df", "30")
"""By the number that a message has for them."""

_PIECES = 8


@dataclass(frozen=True)
class MtcTime:
    """A time that MIDI timecode told.

    Attributes:
        at: s, when it was that time, on the clock of the messages.
        hours, minutes, seconds, frames: the time.
        rate: by its name, see `FrameRate.parse`.
    """

    at: float
    hours: int
    minutes: int
    seconds: int
    frames: int
    rate: str


class MtcDecoder:
    """Puts times together from MIDI messages; forwards only.

    A time comes in eight quarter frames, and is that of the first of them.
    """

    def __init__(self) -> None:
        self._values = [0] * _PIECES
        self._next = 0
        self._began = 0.0

    def read(self, message: Sequence[int], at: float) -> MtcTime | None:
        """Take in one MIDI message, its bytes, that came at a time in s; return the time that it completes.

        Messages that are not timecode, or malformed, are passed over.
        """
        if len(message) == 2 and message[0] == 0xF1:
            return self._quarter(message[1] >> 4 & 7, message[1] & 15, at)
        full = len(message) == 10 and message[0] == 0xF0 and message[1] == 0x7F and message[9] == 0xF7
        if full and tuple(message[3:5]) == (1, 1):
            self._next = 0
            hours, minutes, seconds, frames = message[5:9]
            return _time(at, hours >> 5 & 3, hours & 31, minutes, seconds, frames)
        return None

    def _quarter(self, piece: int, value: int, at: float) -> MtcTime | None:
        if piece == 0:
            self._began, self._next = at, 0
        if piece != self._next:  # some were lost, or it runs backwards
            self._next = _PIECES
            return None
        self._values[piece] = value
        self._next += 1
        if piece < _PIECES - 1:
            return None
        frames, seconds, minutes, hours = (low | high << 4 for low, high in zip(*[iter(self._values)] * 2, strict=True))
        return _time(self._began, hours >> 5 & 3, hours & 31, minutes, seconds, frames & 31)


def _time(at: float, rate: int, hours: int, minutes: int, seconds: int, frames: int) -> MtcTime | None:
    if hours > 23 or minutes > 59 or seconds > 59 or frames > 29:
        return None
    return MtcTime(at, hours, minutes, seconds, frames, _RATES[rate])
