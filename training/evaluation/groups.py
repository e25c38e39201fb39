"""One measure split by groups of people: by skin tone, by age."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def by_group(values: NDArray[np.floating], groups: ArrayLike) -> dict[str, dict[str, float]]:
    """{group: {"mean", "median", "count"}} of values (N,) by their groups (N,), in the order of first appearance.

    NaN values do not count; a group of nothing else has count 0.
    """
    groups = np.asarray(groups)
    result = {}
    for group in dict.fromkeys(groups.tolist()):
        members = values[(groups == group) & np.isfinite(values)]
        mean, median = (float(f(members)) if len(members) else float("nan") for f in (np.mean, np.median))
        result[str(group)] = {"mean": mean, "median": median, "count": float(len(members))}
    return result


def worst_ratio(groups: dict[str, dict[str, float]], least: int = 1) -> tuple[str, float]:
    """The group with the largest mean, and that mean over the average of everybody; 1 where nobody has an error.

    Args:
        groups: of `by_group`.
        least: groups with fewer members are left out.

    Raises:
        ValueError: no group is left.
    """
    filled = {name: group for name, group in groups.items() if group["count"] >= max(least, 1)}
    if not filled:
        raise ValueError(f"no group has {least} members")
    worst = max(filled, key=lambda name: filled[name]["mean"])
    members = sum(group["count"] for group in filled.values())
    average = sum(group["mean"] * group["count"] for group in filled.values()) / members
    return worst, filled[worst]["mean"] / average if average else 1.0
