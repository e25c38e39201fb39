"""Inner-mouth landmarks in mm, as Table 5: on AFLW2000, and on renders against truth."""

from __future__ import annotations

import numpy as np

from facemodel import LimelightError
from training.evaluation.aflw import measure_photos
from training.evaluation.bootstrap import estimate
from training.evaluation.context import Context
from training.evaluation.labelled_photos import read_aflw2000
from training.evaluation.measures import landmarks68_px
from training.evaluation.mouth_error import inner_mouth_error, mouth_gap_error
from training.evaluation.render_set import EXPRESSIONS
from training.evaluation.section import Findings, Measure, Section, ranked_cases
from training.evaluation.sections.poses import AFLW2000


def measure(context: Context) -> Findings:
    """Mean and standard deviation; on renders beside a mouth that is always shut."""
    model, renders, answers = context.model, context.material.renders, context.render_answers
    layout = model.layout
    errors, gaps, shut_gaps = np.zeros((3, len(renders)))
    for i, (vector, truth) in enumerate(zip(answers, renders.parameters, strict=True)):
        scale = layout.view(truth).scale
        shut = truth.copy()
        layout.view(shut).expression[:] = 0.0
        true = landmarks68_px(model, truth)
        points = landmarks68_px(model, vector)
        errors[i], gaps[i] = inner_mouth_error(points, true, scale), mouth_gap_error(points, true, scale)
        shut_gaps[i] = mouth_gap_error(landmarks68_px(model, shut), true, scale)
    table = {
        name: {
            "inner_mouth": float(errors[renders.expression == name].mean()),
            "inner_mouth_std": float(errors[renders.expression == name].std()),
            "gap": float(gaps[renders.expression == name].mean()),
            "gap_of_shut_mouth": float(shut_gaps[renders.expression == name].mean()),
        }
        for name in EXPRESSIONS
    }
    found = estimate(
        lambda index: {
            "renders_mm": float(errors[index].mean()),
            "renders_std": float(errors[index].std()),
            "renders_gap": float(gaps[index].mean()),
            "renders_shut_gap": float(shut_gaps[index].mean()),
        },
        renders.person,
    )
    figures, intervals = found.figures, found.intervals
    notes = []
    try:
        photos = read_aflw2000(context.material.folder(*AFLW2000))
        results = [r for r in measure_photos(model, photos, context.live.find) if r is not None]
        if results:
            values = np.array([result["inner_mouth_mm"] for result in results])
            labelled = estimate(
                lambda index: {"aflw2000_mm": float(values[index].mean()), "aflw2000_std": float(values[index].std())},
                np.arange(len(values)),
            )
            figures |= {"aflw2000_photos": float(len(values))} | labelled.figures
            intervals |= labelled.intervals
    except LimelightError as error:
        notes.append(f"aflw2000 is left out: {error}")
    pictures = [f"render:{i}" for i in range(len(renders))]
    return Findings(
        figures,
        {"expressions": table},
        {"renders_mm": ranked_cases(errors, pictures, list(answers))},
        notes,
        intervals,
    )


SECTION = Section(
    "mouth",
    "Inner mouth",
    "Distance of the eight inner-mouth landmarks in the picture, mm by the truth's scale (Table 5); nothing is "
    "aligned. gap: error of the opening alone, beside a mouth that is always shut.",
    (
        Measure("aflw2000_photos", "AFLW2000: photos found", digits=0, larger_is_better=None),
        Measure("aflw2000_mm", "AFLW2000: inner-mouth landmarks", "mm"),
        Measure("aflw2000_std", "AFLW2000: standard deviation", "mm", larger_is_better=None),
        Measure("renders_mm", "renders: inner-mouth landmarks", "mm"),
        Measure("renders_std", "renders: standard deviation", "mm", larger_is_better=None),
        Measure("renders_gap", "renders: opening", "mm"),
        Measure("renders_shut_gap", "renders: opening, always shut", "mm", larger_is_better=None),
    ),
    measure,
)
