"""Expression weights on renders, beside the answer that is always zero, and which units follow the truth."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from training.evaluation.bootstrap import estimate
from training.evaluation.context import Context
from training.evaluation.measures import ACTIVE_WEIGHT
from training.evaluation.section import Findings, Measure, Section, ranked_cases

FOLLOWS = 0.5
"""A unit whose prediction rises by at least this when the truth rises by 1 follows it."""


def measure(context: Context) -> Findings:
    """Root mean square errors and slopes over all units on random expressions; over active ones on both sets."""
    layout, material = context.model.layout, context.material
    span = layout.slices["expression"]
    figures: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    by_name: dict[str, dict[str, float]] = {}
    cases = {}
    for key, renders, answers in (
        ("random", material.random_renders, context.random_answers),
        ("renders", material.renders, context.render_answers),
    ):
        own, true = answers[:, span].astype(np.float64), renders.parameters[:, span].astype(np.float64)
        active = true > ACTIVE_WEIGHT
        found = estimate(partial(_figures, key, own, true), renders.person)
        figures |= found.figures
        intervals |= found.intervals
        single = np.array([_rms((o - t)[a]) for o, t, a in zip(own, true, active, strict=True)])
        prefix = "render" if key == "renders" else "random"
        cases[f"{key}_active"] = ranked_cases(single, [f"{prefix}:{i}" for i in range(len(single))], list(answers))
        if key == "random":
            slope = slopes(own, true)
            for j, name in enumerate(layout.expression_names):
                if active[:, j].any():
                    by_name[name] = {
                        "slope": float(slope[j]),
                        "all": _rms(own[:, j] - true[:, j]),
                        "rmse": _rms((own - true)[active[:, j], j]),
                        "zero": _rms(true[active[:, j], j]),
                        "inactive": _rms((own - true)[~active[:, j], j]),
                        "count": float(active[:, j].sum()),
                    }
    return Findings(figures, {"units": by_name}, cases, [], intervals)


def slopes(weights: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much each unit's prediction rises with its truth, of the least-squares line with an intercept.

    Args:
        weights, truth: (N, Ne).

    Returns:
        (Ne,): 1 for the truth, 0 for a constant and, but for chance, for the truth of other pictures; NaN for a unit
        whose truth does not change.
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
    return (_all_units(own, true) if key == "random" else {}) | {
        f"{key}_active": _rms((own - true)[active]),
        f"{key}_zero": _rms(true[active]),
        f"{key}_inactive": _rms((own - true)[~active]),
    }


def _all_units(own: NDArray[np.float64], true: NDArray[np.float64]) -> dict[str, float]:
    slope = slopes(own, true)
    return {
        "all": _rms(own - true),
        "all_zero": _rms(true),
        "all_mean": _rms(true - true.mean(axis=0)),
        "rest": float(own[true == 0.0].mean()) if (true == 0.0).any() else float("nan"),
        "follow": float((slope >= FOLLOWS).sum()),
        "units": float(np.isfinite(slope).sum()),
        "slope": float(np.nanmean(slope)) if np.isfinite(slope).any() else float("nan"),
    }


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else float("nan")


_ACTIVE_ALONE = (
    "over active weights alone a network gains by reading every weight too high, as it then does in a face at rest"
)

SECTION = Section(
    "expression",
    "Expression weights on held-out renders",
    "Root mean square error of the weights (0..1) over all units on random expressions; by how much a unit's "
    f"prediction rises when its truth rises by 1 (it follows from {FOLLOWS:.1f} on); and the mean weight of units that "
    "are truly 0. Older: errors over the weights that are truly above 0.1, and over the others, on random expressions "
    "and on neutral, mouth stretch and grin. Many units look alike: the errors in mm say more.",
    (
        Measure("all", "random expressions: all weights", digits=3),
        Measure("all_zero", "the same, always zero", larger_is_better=None, digits=3),
        Measure("all_mean", "the same, the mean expression", larger_is_better=None, digits=3),
        Measure("rest", "mean weight of units at rest", digits=3),
        Measure("follow", "units that follow", digits=0, larger_is_better=True),
        Measure("units", "of units", digits=0, larger_is_better=None),
        Measure("slope", "mean slope", larger_is_better=True),
        Measure("random_active", "random expressions: active weights", limit=0.12, digits=3, fault=_ACTIVE_ALONE),
        Measure("random_zero", "the same, always zero", larger_is_better=None, digits=3),
        Measure("random_inactive", "random expressions: inactive weights", digits=3),
        Measure("renders_active", "stretch and grin: active weights", limit=0.12, digits=3, fault=_ACTIVE_ALONE),
        Measure("renders_zero", "the same, always zero", larger_is_better=None, digits=3),
        Measure("renders_inactive", "three expressions: inactive weights", digits=3),
    ),
    measure,
)
