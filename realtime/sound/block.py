"""What flows of sound, and the contract of what gives it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

JUMP = 0.1
"""Seconds that a file may be set back while its sound still goes with its pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class SoundBlock:
    """Consecutive samples.

    Attributes:
        time: s, of the first sample.
        rate: samples a second.
        samples: (N, C) int16, C channels.
    """

    time: float
    rate: int
    samples: NDArray[np.int16]

    @property
    def end(self) -> float:
        """When it is over, s."""
        return self.time + len(self.samples) / self.rate


class SoundSource(Protocol):
    """Gives sound in order. One thread reads.

    Attributes:
        rate: samples a second.
        channels: of each.
    """

    rate: int
    channels: int

    def until(self, time: float) -> Iterator[SoundBlock]:
        """Give the blocks that follow and begin before a time, s, as far as there are any yet."""
        ...

    def close(self) -> None:
        """Release it; a second call does nothing."""
        ...
