"""Figures over samples, and their intervals by bootstrap: what other people, drawn alike, would have given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

_ROUNDS = 1000
_TAIL = 2.5  # % of the rounds that lie beyond either end of an interval
_LEAST_FINITE = 0.9  # of the rounds, for an interval to be told

Figures = Callable[[NDArray[np.int64]], dict[str, float]]
"""Sample numbers (K,), some of them perhaps repeated, to the figures of these samples."""


@dataclass(frozen=True)
class Estimate:
    """Figures and how far they are known.

    Attributes:
        figures: of all samples.
        intervals: {figure: (low, high)} of 95 %; a figure that is undefined in a tenth of the rounds has none.
    """

    figures: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)

    def __or__(self, other: Estimate) -> Estimate:
        return Estimate(self.figures | other.figures, self.intervals | other.intervals)

    def named(self, prefix: str) -> Estimate:
        """Return the same with `prefix` before every figure's name."""
        return Estimate(
            {prefix + key: value for key, value in self.figures.items()},
            {prefix + key: interval for key, interval in self.intervals.items()},
        )


def estimate(figures: Figures, groups: ArrayLike, rounds: int = _ROUNDS, seed: int = 0) -> Estimate:
    """Return the figures of all samples, with 95 % intervals by drawing whole groups with replacement.

    The pictures of one person are alike: drawn one by one they would make the intervals too narrow.

    Args:
        figures: is called once for all samples, and `rounds` times for those that were drawn.
        groups: (N,) which group each sample is of; with fewer than two groups there are no intervals.
        rounds: how many draws.
        seed: of the draws.

    Source: Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13 (percentile intervals).
    """
    _, number = np.unique(np.asarray(groups), return_inverse=True)
    found = figures(np.arange(len(number)))
    members = [np.flatnonzero(number == g) for g in range(int(number.max(initial=-1)) + 1)]
    if len(members) < 2:
        return Estimate(found)
    rng = np.random.default_rng(seed)
    drawn = [
        figures(np.concatenate([members[g] for g in rng.integers(0, len(members), len(members))]))
        for _ in range(rounds)
    ]
    intervals = {}
    for key in found:
        values = np.array([one.get(key, np.nan) for one in drawn])
        values = values[np.isfinite(values)]
        if len(values) >= _LEAST_FINITE * rounds:
            low, high = np.percentile(values, (_TAIL, 100.0 - _TAIL))
            intervals[key] = (float(low), float(high))
    return Estimate(found, intervals)


def mean(values: NDArray) -> float:
    """Return the mean of what is finite, NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def median(values: NDArray) -> float:
    """Return the median of what is finite, NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


def rms(values: NDArray) -> float:
    """Return the root mean square, NaN of nothing."""
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else float("nan")
