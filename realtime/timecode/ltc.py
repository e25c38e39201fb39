"""Linear timecode: reads SMPTE ST 12-1 LTC from sound.

A frame is 80 bits in biphase mark code: the level changes at the start of every bit, and once more in the middle of a
1. The last 16 bits are the sync word.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_BITS = 80
_SYNC = 0b1011111111111100  # the sync word 0011 1111 1111 1101, its first bit the lowest
_WORD = (1 << _BITS) - 1

_SLOWEST, _FASTEST = 20.0, 70.0
"""Frames a second that are believed."""
_HYSTERESIS = 0.25
"""Share of the sound's newest amplitude that a level must pass to count as changed."""
_QUIET = 1e-4
"""Amplitude, 1 is full scale, below which there is nothing to hear."""


@dataclass(frozen=True)
class LtcFrame:
    """One frame of LTC.

    Attributes:
        start: s, when its first bit began, on the clock of the sound.
        hours, minutes, seconds, frames: what it says.
        drop: whether it is counted as drop-frame.
        length: s, how long its 80 bits took.
    """

    start: float
    hours: int
    minutes: int
    seconds: int
    frames: int
    drop: bool
    length: float


class LtcDecoder:
    """Reads LTC from blocks of sound, of any loudness, polarity and speed between 20 and 70 frames a second.

    Only forwards: sound that plays backwards is not understood.
    """

    def __init__(self, sample_rate: float) -> None:
        """
        Args:
            sample_rate: samples a second.
        """
        self._rate = sample_rate
        self._samples = 0  # read so far
        self._last_sample = 0.0
        self._high = False
        self._amplitude = 0.0
        self._half: float | None = None  # a half bit's length, samples
        self._edge = 0.0  # sample at which the level changed last
        self._short = False  # half of a 1 has passed,
        self._one_began = 0.0  # and when it began, samples
        self._word = 0
        self._bits = 0
        self._starts: deque[float] = deque(maxlen=_BITS)  # samples, of the newest bits

    def read(self, samples: ArrayLike) -> Iterator[LtcFrame]:
        """Read the next block of sound and give each frame that it completes.

        Args:
            samples: (N,) one channel, full scale is 1.
        """
        block = np.asarray(samples, float)
        for edge in self._edges(block):
            frame = self._step(edge)
            if frame is not None:
                yield frame

    def _edges(self, block: NDArray[np.float64]) -> list[float]:
        """When, in samples since the beginning, the level changed for good; each is where it crossed zero."""
        if not len(block):
            return []
        loudest = float(np.abs(block).max())
        self._amplitude = max(loudest, self._amplitude * 0.5 ** (len(block) / (0.2 * self._rate)))
        threshold = max(_HYSTERESIS * self._amplitude, _QUIET)
        level = np.where(block > threshold, 1, np.where(block < -threshold, -1, 0))
        decided = np.flatnonzero(level)
        signal = np.concatenate([[self._last_sample], block])
        first, self._samples = self._samples, self._samples + len(block)
        self._last_sample = float(block[-1])
        if not len(decided):
            return []
        high = level[decided] > 0
        changed = np.flatnonzero(high != np.concatenate([[self._high], high[:-1]]))
        self._high = bool(high[-1])
        edges = []
        for i in decided[changed]:
            before = i  # of the pair of samples that has the crossing, in `signal`, which is one ahead
            rising = block[i] > 0
            while before > 0 and (signal[before] > 0) == rising:
                before -= 1
            a, b = signal[before], signal[before + 1]
            part = a / (a - b) if a != b else 0.0
            edges.append(float(first + before - 1 + min(max(part, 0.0), 1.0)))
        return edges

    def _step(self, edge: float) -> LtcFrame | None:
        """Take in that the level changed; return the frame that ends with it."""
        length, began = edge - self._edge, self._edge
        self._edge = edge
        shortest, longest = 0.5 * self._rate / (_FASTEST * _BITS), 0.5 * self._rate / (_SLOWEST * _BITS)
        if not 0.6 * shortest <= length <= 2.6 * longest:
            self._forget()
            return None
        if self._half is None:
            self._half = min(max(0.5 * length, shortest), longest)
        if length > 3.0 * self._half or length < 0.5 * self._half:  # another speed: what is long is not known yet
            self._half = min(max(0.5 * length if length > self._half else length, shortest), longest)
            self._bits, self._short = 0, False
            return None
        if length > 1.5 * self._half:
            self._half += 0.1 * (0.5 * length - self._half)
            if self._short:  # half a 1 before a whole 0: the bits lie half a bit off
                self._bits, self._short = 0, False
            return self._bit(0, began, edge)
        self._half += 0.1 * (length - self._half)
        self._short = not self._short
        if self._short:
            self._one_began = began
            return None
        return self._bit(1, self._one_began, edge)

    def _bit(self, bit: int, began: float, ended: float) -> LtcFrame | None:
        self._word = (self._word >> 1) | (bit << (_BITS - 1))
        self._bits += 1
        self._starts.append(began)
        if self._bits < _BITS or self._word >> 64 != _SYNC:
            return None
        return _frame(self._word, self._starts[0] / self._rate, (ended - self._starts[0]) / self._rate)

    def _forget(self) -> None:
        self._half, self._bits, self._short, self._word = None, 0, False, 0


def _frame(word: int, start: float, length: float) -> LtcFrame | None:
    """What 80 bits say, the first one the lowest; None if it is no time."""

    def digits(units: int, tens: int, width: int) -> int:
        low, high = (word >> units) & 15, (word >> tens) & ((1 << width) - 1)
        return 10 * high + low if low < 10 else 99

    hours, minutes, seconds, frames = digits(48, 56, 2), digits(32, 40, 3), digits(16, 24, 3), digits(0, 8, 2)
    if hours > 23 or minutes > 59 or seconds > 59 or frames > 59:
        return None
    return LtcFrame(start, hours, minutes, seconds, frames, bool(word >> 10 & 1), length)
