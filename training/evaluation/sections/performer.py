"""The synthetic performer through the live loop, against its truth."""

from __future__ import annotations

from training.evaluation.context import Context
from training.evaluation.live import performer_report
from training.evaluation.section import Findings, Measure, Section, UnmeasuredError, count


def measure(context: Context) -> Findings:
    """Find means over the tracked frames, beside the best constant answer on the mean person."""
    frames = context.material.extent.performer_frames
    if frames <= 0:
        raise UnmeasuredError("no frames asked for")
    report = performer_report(context.model, context.live.performer(frames))
    figures = report["tracked"] | {f"mean_{key}": value for key, value in report["mean"].items()}
    return Findings(figures, {"performer": {"network": report["tracked"], "constant answer": report["mean"]}})


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
        Measure("expression_rmse", "expression: active weights", digits=3),
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
