"""Intervals of figures by bootstrap: what other people, drawn the same way, would have given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

ROUNDS = 1000
"""How often the groups are drawn anew."""

_LEVEL = 0.95
_LEAST_FINITE = 0.9  # of the rounds, for an interval to be told

Figures = Callable[[NDArray[np.int64]], dict[str, float]]
"""Sample numbers (K,), some of them perhaps repeated, to the figures of these samples."""


@dataclass(frozen=True)
class Estimate:
    """Figures and how far they are known.

    Attributes:
        figures: of all samples.
        intervals: {figure: its 2.5th and 97.5th percentile over the rounds}; a figure that is undefined in a tenth
            of the rounds has none.
    """

    figures: dict[str, float]
    intervals: dict[str, tuple[float, float]]


def estimate(figures: Figures, groups: ArrayLike, rounds: int = ROUNDS, seed: int = 0) -> Estimate:
    """Return the figures of all samples, with 95 % intervals by drawing whole groups with replacement.

    Samples of one group (the pictures of one person) are alike, and so are drawn together: drawn one by one they
    would make the intervals too narrow.

    Args:
        figures: of sample numbers; called `rounds` times.
        groups: (N,) which group each sample is of; with fewer than two groups there are no intervals.
        rounds: how many draws.
        seed: of the draws; the same seed gives the same intervals.

    Source: Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13 (percentile intervals).
    """
    _, number = np.unique(np.asarray(groups), return_inverse=True)
    found = figures(np.arange(len(number)))
    members = [np.flatnonzero(number == g) for g in range(int(number.max(initial=-1)) + 1)]
    if len(members) < 2:
        return Estimate(found, {})
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
            tail = 50.0 * (1.0 - _LEVEL)
            low, high = np.percentile(values, (tail, 100.0 - tail))
            intervals[key] = (float(low), float(high))
    return Estimate(found, intervals)
