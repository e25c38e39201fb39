"""Expression weights on renders, beside the answer that is always zero."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.evaluation.context import Context
from training.evaluation.measures import ACTIVE_WEIGHT
from training.evaluation.section import Findings, Measure, Section, ranked_cases


def measure(context: Context) -> Findings:
    """Root mean square errors over active weights, on random expressions and on the render set's three."""
    layout, material = context.model.layout, context.material
    span = layout.slices["expression"]
    figures: dict[str, float] = {}
    by_name: dict[str, dict[str, float]] = {}
    cases = {}
    for key, renders, answers in (
        ("random", material.random_renders, context.random_answers),
        ("renders", material.renders, context.render_answers),
    ):
        own, true = answers[:, span].astype(np.float64), renders.parameters[:, span].astype(np.float64)
        active = true > ACTIVE_WEIGHT
        figures |= {
            f"{key}_active": _rms((own - true)[active]),
            f"{key}_zero": _rms(true[active]),
            f"{key}_inactive": _rms((own - true)[~active]),
        }
        single = np.array([_rms((o - t)[a]) for o, t, a in zip(own, true, active, strict=True)])
        prefix = "render" if key == "renders" else "random"
        cases[f"{key}_active"] = ranked_cases(single, [f"{prefix}:{i}" for i in range(len(single))], list(answers))
        if key == "random":
            for j, name in enumerate(layout.expression_names):
                if active[:, j].any():
                    by_name[name] = {
                        "rmse": _rms((own - true)[active[:, j], j]),
                        "zero": _rms(true[active[:, j], j]),
                        "inactive": _rms((own - true)[~active[:, j], j]),
                        "count": float(active[:, j].sum()),
                    }
    return Findings(figures, {"units": by_name}, cases)


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else float("nan")


SECTION = Section(
    "expression",
    "Expression on held-out renders",
    "Root mean square error over the weights (0..1) that are truly above 0.1, and of those that are not: on random "
    "expressions, and on neutral, mouth stretch and grin.",
    (
        Measure("random_active", "random expressions: active weights", limit=0.12, digits=3),
        Measure("random_zero", "the same, always zero", larger_is_better=None, digits=3),
        Measure("random_inactive", "random expressions: inactive weights", digits=3),
        Measure("renders_active", "stretch and grin: active weights", limit=0.12, digits=3),
        Measure("renders_zero", "the same, always zero", larger_is_better=None, digits=3),
        Measure("renders_inactive", "three expressions: inactive weights", digits=3),
    ),
    measure,
)
