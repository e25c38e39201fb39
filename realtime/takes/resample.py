"""A clip at even times: what lies between two frames is made from both, and gaps stay gaps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from facemodel import ParameterLayout
from realtime.takes.rows import BLOCK, SAME_TIME, Rows, between, nobody

LONGEST_STEP = 0.2
"""Seconds between two frames that are still joined, if that is at least two and a half frames; more is a gap."""


@dataclass(frozen=True)
class EvenTimes:
    """Times at an even distance.

    Attributes:
        start: of the first one, s.
        rate: times a second.
        count: of times.
    """

    start: float
    rate: Fraction
    count: int

    @classmethod
    def within(cls, start: float, end: float, rate: Fraction) -> EvenTimes:
        """Return all times from `start` to `end`, both included; at least one."""
        return cls(start, rate, 1 + int(Fraction(max(0.0, end - start) + SAME_TIME) * rate))

    def __getitem__(self, span: slice) -> NDArray[np.float64]:
        """Return some of them; each is as exact as a float can be, however many come before."""
        numbers = np.arange(*span.indices(self.count), dtype=np.int64)
        whole, rest = np.divmod(numbers * self.rate.denominator, self.rate.numerator)
        return self.start + whole + rest / self.rate.numerator

    def before(self, time: float) -> int:
        """Return how many of them lie before a time."""
        number = int(np.ceil(float(Fraction(time - self.start) * self.rate)))
        return min(max(number, 0), self.count)


def resample(blocks: Iterator[Rows], times: EvenTimes, layout: ParameterLayout, fps: float) -> Iterator[Rows]:
    """Yield the rows at even times, `times.count` in all, at most `BLOCK` at once.

    Parameters, confidence and crop lie in a line between the two frames around each time, the head's rotation on the
    shortest way; state, person and size are those of the nearer frame. Where only one of the two frames has the face,
    or they are not of one person, or of one size, the nearer one counts alone. Between frames further apart than
    `LONGEST_STEP` nobody is there, but for half a nominal frame beside each.

    Args:
        blocks: rows in order; times outside of them are those of the first or the last row.
        times: see `EvenTimes`.
        layout: of the parameters.
        fps: nominal frames a second of the rows, more than 0.
    """
    done = 0
    kept: Rows | None = None
    for block in blocks:
        rows = block if kept is None else Rows.join([kept, block])
        until = times.before(float(rows.time[-1]))
        yield from _pieces(rows, times, range(done, until), layout, fps)
        done = max(done, until)
        kept = rows.choose(slice(-1, None))
    if kept is not None:
        yield from _pieces(kept, times, range(done, times.count), layout, fps)


def _pieces(rows: Rows, times: EvenTimes, span: range, layout: ParameterLayout, fps: float) -> Iterator[Rows]:
    """The rows at some of the times: a gap of hours has many, and two frames around it."""
    for start in span[::BLOCK]:
        until = min(start + BLOCK, span.stop)
        yield _at(rows, times[start:until], np.arange(start, until), layout, fps)


def _at(rows: Rows, time: NDArray, index: NDArray, layout: ParameterLayout, fps: float) -> Rows:
    """The rows at times (N,), all of them between the first and the last of `rows`, or nearly so."""
    after = np.clip(np.searchsorted(rows.time, time, side="right"), 1, max(1, len(rows) - 1))
    first, second = after - 1, np.minimum(after, len(rows) - 1)
    step = rows.time[second] - rows.time[first]
    part = np.clip((time - rows.time[first]) / np.where(step > 0.0, step, 1.0), 0.0, 1.0)
    nearer = np.where(part < 0.5, first, second)
    found = rows.choose(nearer)
    there = rows.there
    joined = there[first] & there[second] & (rows.person[first] == rows.person[second])
    joined &= (rows.size[first] == rows.size[second]).all(axis=1)
    gap = step > max(LONGEST_STEP, 2.5 / fps) + SAME_TIME
    joined &= ~gap & (part > 0.0) & (part < 1.0)
    a, b, weight = first[joined], second[joined], part[joined]
    found.vectors[joined] = between(rows.vectors[a], rows.vectors[b], weight, layout)
    found.confidence[joined] = rows.confidence[a] + (rows.confidence[b] - rows.confidence[a]) * weight
    crop = rows.crop[a] + (rows.crop[b] - rows.crop[a]) * weight[:, None]
    found.crop[joined] = np.where(np.isnan(crop), rows.crop[nearer[joined]], crop)
    nobody(found, gap & (np.abs(time - rows.time[nearer]) > 0.5 / fps))
    return Rows(
        index, time, *(getattr(found, name) for name in ("size", "state", "person", "confidence", "crop", "vectors"))
    )
