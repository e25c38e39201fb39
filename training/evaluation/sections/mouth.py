"""Inner-mouth landmarks in mm, as Table 5: on AFLW2000, and on renders against truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from training.evaluation.bootstrap import Estimate, estimate
from training.evaluation.context import Context
from training.evaluation.labelled_photos import read_aflw2000
from training.evaluation.measures import inner_mouth_error, landmarks68_px, mouth_gap_error
from training.evaluation.render_set import EXPRESSIONS
from training.evaluation.section import Findings, Measure, Section, count, ranked_cases
from training.evaluation.sections.poses import AFLW2000, measure_photos


def measure(context: Context) -> Findings:
    """Find mean and standard deviation; on renders beside a mouth that is always shut."""
    model, (_, _, renders, answers) = context.model, context.posed
    layout = model.layout
    errors, gaps, shut_gaps = np.zeros((3, len(renders)))
    for i, (vector, truth) in enumerate(zip(answers, renders.parameters, strict=True)):
        scale = layout.view(truth).scale
        shut = truth.copy()
        layout.view(shut).expression[:] = 0.0
        points, true, shut_points = (landmarks68_px(model, each) for each in (vector, truth, shut))
        errors[i], gaps[i] = inner_mouth_error(points, true, scale), mouth_gap_error(points, true, scale)
        shut_gaps[i] = mouth_gap_error(shut_points, true, scale)

    def figures(index: NDArray[np.int64]) -> dict[str, float]:
        return {
            "mm": float(errors[index].mean()),
            "std": float(errors[index].std()),
            "gap": float(gaps[index].mean()),
            "shut_gap": float(shut_gaps[index].mean()),
        }

    found = estimate(figures, renders.person).named("renders_")
    table = {name: figures(np.flatnonzero(renders.expression == name)) for name in EXPRESSIONS}
    notes = []
    try:
        found = found | _aflw2000(context)
    except LimelightError as error:
        notes.append(f"aflw2000 is left out: {error}")
    cases = {"renders_mm": ranked_cases(errors, context.posed.names, answers)}
    return Findings(found.figures, {"expressions": table}, cases, notes, found.intervals)


def _aflw2000(context: Context) -> Estimate:
    photos = read_aflw2000(context.material.folder(*AFLW2000))
    results, _ = measure_photos(context.model, photos, context.live.find)
    values = np.array([result["inner_mouth_mm"] for result in results if result is not None])
    if not len(values):
        return Estimate()
    found = estimate(
        lambda index: {"mm": float(values[index].mean()), "std": float(values[index].std())}, np.arange(len(values))
    )
    return Estimate({"aflw2000_photos": float(len(values))}) | found.named("aflw2000_")


SECTION = Section(
    "mouth",
    "Inner mouth",
    "Distance of the eight inner-mouth landmarks in the picture, mm by the truth's scale (Table 5); nothing is "
    "aligned. gap: error of the opening alone, beside a mouth that is always shut.",
    (
        count("aflw2000_photos", "AFLW2000: photos found"),
        Measure("aflw2000_mm", "AFLW2000: inner-mouth landmarks", "mm"),
        Measure("aflw2000_std", "AFLW2000: standard deviation", "mm", larger_is_better=None),
        Measure("renders_mm", "renders: inner-mouth landmarks", "mm"),
        Measure("renders_std", "renders: standard deviation", "mm", larger_is_better=None),
        Measure("renders_gap", "renders: opening", "mm"),
        Measure("renders_shut_gap", "renders: opening, always shut", "mm", larger_is_better=None),
    ),
    measure,
)
