"""The synthetic performer through the live loop, against its truth."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel
from facemodel.rotation import matrix_from_6d, matrix_to_6d
from training.evaluation.bootstrap import rms
from training.evaluation.context import Context
from training.evaluation.measures import ACTIVE_WEIGHT, errors_against_truth
from training.evaluation.section import Findings, Measure, Section, UnmeasuredError, count
from training.evaluation.sections.expression import ACTIVE_ALONE
from training.evaluation.sections.movement import movement_errors


def measure(context: Context) -> Findings:
    """Find means over the tracked frames, beside the best constant answer on the mean person."""
    frames = context.material.extent.performer_frames
    if frames <= 0:
        raise UnmeasuredError("no frames asked for")
    report = performer_report(context.model, context.live.performer(frames))
    figures = report["tracked"] | {f"mean_{key}": value for key, value in report["mean"].items()}
    return Findings(figures, {"performer": {"network": report["tracked"], "constant answer": report["mean"]}})


def performer_report(model: FaceModel, pairs: Iterable[tuple[NDArray | None, NDArray]]) -> dict[str, dict[str, float]]:
    """Return errors against the synthetic performer's truth, beside those of the best constant answer.

    Args:
        model: of the parameters.
        pairs: (tracked (P,) or None, true (P,)) of each frame.
    Returns: {"tracked": ..., "mean": ...}: the mean of every measure of `errors_against_truth` over the tracked frames,
        for the tracker and for the mean of the truths on the mean person; expression_rmse is pooled over all active
        weights. Beside these the errors that `movement_errors` finds of the expression: lips, lids, brows, mm.
    """
    pairs = list(pairs)
    constant = np.array([truth for _, truth in pairs]).mean(axis=0)
    rotation = constant[model.layout.slices["rotation"]]
    rotation[:] = matrix_to_6d(matrix_from_6d(rotation))
    for group in ("identity", "albedo"):  # one performer: the mean of the truths would be the truth
        constant[model.layout.slices[group]] = 0.0
    tracked = [(vector, truth) for vector, truth in pairs if vector is not None]
    return {
        "tracked": _mean_errors(model, tracked) | {"frames": float(len(pairs)), "tracked": len(tracked) / len(pairs)},
        "mean": _mean_errors(model, [(constant, truth) for _, truth in tracked]),
    }


def _mean_errors(model: FaceModel, pairs: list[tuple[NDArray, NDArray]]) -> dict[str, float]:
    errors = [errors_against_truth(model, vector, truth) for vector, truth in pairs]
    if not errors:
        return {}
    ours, theirs = (np.array([pair[i][model.layout.slices["expression"]] for pair in pairs]) for i in (0, 1))
    means = {key: float(np.nanmean([e[key] for e in errors])) for key in errors[0] if key != "expression_rmse"}
    moved = movement_errors(model, ours, theirs)
    means |= {part: float(values.mean()) for part, values in moved.items()}
    return means | {"expression_rmse": rms((ours - theirs)[theirs > ACTIVE_WEIGHT])}


SECTION = Section(
    "performer",
    "The synthetic performer",
    "Means over the tracked frames; the constant answer is the mean of the truths on the mean face.",
    (
        count("frames", "frames"),
        Measure("tracked", "tracked", "%", larger_is_better=True, digits=1),
        Measure("nme68", "68-landmark NME", "%"),
        Measure("nme68_inner", "the same without the jaw line", "%"),
        Measure("rotation_deg", "head rotation", "degrees"),
        Measure("position_mm", "head position", "mm"),
        Measure("lips", "expression: lips", "mm"),
        Measure("mean_lips", "the same, constant answer", "mm", larger_is_better=None),
        Measure("lids", "expression: lids", "mm"),
        Measure("mean_lids", "the same, constant answer", "mm", larger_is_better=None),
        Measure("brows", "expression: brows", "mm"),
        Measure("mean_brows", "the same, constant answer", "mm", larger_is_better=None),
        Measure("expression_rmse", "expression: active weights", digits=3, fault=ACTIVE_ALONE),
        Measure("mean_expression_rmse", "the same, constant answer", larger_is_better=None, digits=3),
        Measure("identity_mm", "neutral shape", "mm"),
        Measure("mean_identity_mm", "the same, mean face", "mm", larger_is_better=None),
        Measure("albedo_srgb", "diffuse albedo", digits=3),
        Measure("sh_srgb", "SH light on a grey head", digits=3),
        Measure("key_deg", "key light: angle", "degrees", digits=1),
        Measure("shininess_log2", "shininess: |log2 ratio|"),
    ),
    measure,
)
