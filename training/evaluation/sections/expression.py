"""Expression weights on renders, beside the answer that is always zero, and which units follow the truth."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from training.evaluation.bootstrap import Estimate, estimate, mean, rms
from training.evaluation.context import Context
from training.evaluation.measures import ACTIVE_WEIGHT
from training.evaluation.section import Findings, Measure, Section, count, ranked_cases

FOLLOWS = 0.5
"""How much a unit's prediction rises at least when the truth rises by 1, if it follows."""


def measure(context: Context) -> Findings:
    """Find errors and slopes over all units on random expressions, and errors over active ones on both sets."""
    span, found, cases, units = context.model.layout.slices["expression"], Estimate(), {}, {}
    for answered in (context.random, context.posed):
        key, _, renders, answers = answered
        own, true = answers[:, span].astype(np.float64), renders.parameters[:, span].astype(np.float64)
        active = np.where(true > ACTIVE_WEIGHT, own - true, np.nan)
        found = found | estimate(partial(_figures, key, own, true), renders.person)
        single = np.sqrt([mean(row) for row in active**2])
        cases[f"{key}_active"] = ranked_cases(single, answered.names, answers)
        if key == "random":
            units = _units(context.model.layout.expression_names, own, true)
    return Findings(found.figures, {"units": units}, cases, [], found.intervals)


def _units(names: tuple[str, ...], own: NDArray, true: NDArray) -> dict[str, dict[str, float]]:
    """Figures of every unit that is ever active."""
    error, active, slope = own - true, true > ACTIVE_WEIGHT, slopes(own, true)
    return {
        name: {
            "slope": float(slope[j]),
            "all": rms(error[:, j]),
            "rmse": rms(error[active[:, j], j]),
            "zero": rms(true[active[:, j], j]),
            "inactive": rms(error[~active[:, j], j]),
            "count": float(active[:, j].sum()),
        }
        for j, name in enumerate(names)
        if active[:, j].any()
    }


def slopes(weights: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much each unit's prediction rises with its truth, of the least-squares line with an intercept.

    Args:
        weights, truth: (N, Ne).
    Returns: (Ne,): 1 for the truth, 0 for a constant and, but for chance, for the truth of other pictures; NaN for a
        unit whose truth does not change.
    """
    spread = truth - truth.mean(axis=0)
    power = (spread**2).sum(axis=0)
    return (spread * weights).sum(axis=0) / np.where(power > 1e-9, power, np.nan)


def _figures(
    key: str, weights: NDArray[np.float64], truth: NDArray[np.float64], index: NDArray[np.int64]
) -> dict[str, float]:
    """Figures of the set `key` over its pictures at `index`; of the random expressions those of all units too."""
    own, true = weights[index], truth[index]
    active = true > ACTIVE_WEIGHT
    figures = {
        f"{key}_active": rms((own - true)[active]),
        f"{key}_zero": rms(true[active]),
        f"{key}_inactive": rms((own - true)[~active]),
    }
    if key != "random":
        return figures
    slope = slopes(own, true)
    return figures | {
        "all": rms(own - true),
        "all_zero": rms(true),
        "all_mean": rms(true - true.mean(axis=0)),
        "rest": mean(own[true == 0.0]),
        "follow": float((slope >= FOLLOWS).sum()),
        "units": float(np.isfinite(slope).sum()),
        "slope": mean(slope),
    }


ACTIVE_ALONE = (
    "over active weights alone a network gains by reading every weight too high, as it then does in a face at rest"
)

SECTION = Section(
    "expression",
    "Expression weights on held-out renders",
    "Root mean square error of the weights (0..1) over all units on random expressions; by how much a unit's "
    f"prediction rises when its truth rises by 1 (it follows from {FOLLOWS:.1f} on); and the mean weight of units "
    "that are truly 0. Older: errors over the weights that are truly above 0.1, and over the others, on random "
    "expressions and on neutral, mouth stretch and grin. Many units look alike: the errors in mm say more.",
    (
        Measure("all", "random expressions: all weights", digits=3),
        Measure("all_zero", "the same, always zero", larger_is_better=None, digits=3),
        Measure("all_mean", "the same, the mean expression", larger_is_better=None, digits=3),
        Measure("rest", "mean weight of units at rest", digits=3),
        Measure("follow", "units that follow", digits=0, larger_is_better=True),
        count("units", "of units"),
        Measure("slope", "mean slope", larger_is_better=True),
        Measure("random_active", "random expressions: active weights", limit=0.12, digits=3, fault=ACTIVE_ALONE),
        Measure("random_zero", "the same, always zero", larger_is_better=None, digits=3),
        Measure("random_inactive", "random expressions: inactive weights", digits=3),
        Measure("renders_active", "stretch and grin: active weights", limit=0.12, digits=3, fault=ACTIVE_ALONE),
        Measure("renders_zero", "the same, always zero", larger_is_better=None, digits=3),
        Measure("renders_inactive", "three expressions: inactive weights", digits=3),
    ),
    measure,
)
