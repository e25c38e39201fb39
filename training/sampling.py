"""Which of many samples are taken."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def spread_evenly(count: int, most: int) -> NDArray[np.int64]:
    """At most `most` of the numbers 0 to `count` - 1, spread evenly over them, first and last among them."""
    return np.linspace(0, count - 1, min(most, count)).astype(np.int64)


def shuffled_without_end(members: int, count: int, step: int, seed: tuple[int, ...]) -> NDArray[np.int64]:
    """Numbers step * count onward of an endless sequence of shuffles of 0 to `members` - 1, (count,).

    A pure function of its arguments, so that a resumed run draws the same; all members come before any comes again.

    Args:
        members: at least one, unless `count` is 0.
        count: numbers a step.
        step: of the run.
        seed: of the sequence.
    """
    taken: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    position, end = step * count, (step + 1) * count
    while position < end:
        round_, offset = divmod(position, members)
        order = np.random.default_rng((*seed, round_)).permutation(members)
        taken.append(order[offset : offset + end - position])
        position += len(taken[-1])
    return np.concatenate(taken)
