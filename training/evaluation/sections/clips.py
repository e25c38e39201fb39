"""Clips through the live loop, against MediaPipe's points on the same frames."""

from __future__ import annotations

import numpy as np

from facemodel import FaceModel
from training.evaluation.context import Context, TrackedClip
from training.evaluation.live import ClipReport
from training.evaluation.section import Findings, Measure, Section


def measure(context: Context) -> Findings:
    """`clip_figures` of every clip, and the means of the raw ones over the clips."""
    table = {}
    for clip in context.tracked_clips:
        for stage, figures in clip_figures(context.model, clip).items():
            table[f"{clip.name} {stage}"] = figures
    raw = [figures for name, figures in table.items() if name.endswith(" raw")]
    keys = ("tracked", "nme68", "nme68_inner", "rotation_deg")
    means = {key: float(np.mean([figures[key] for figures in raw])) for key in keys}
    return Findings({"frames": float(sum(figures["frames"] for figures in raw)), **means}, {"clips": table})


def clip_figures(model: FaceModel, clip: TrackedClip) -> dict[str, dict[str, float]]:
    """{"raw": ..., "smoothed": ...}: `ClipReport.summary` of both; smoothed only where raw was tracked."""
    raw, smoothed = ClipReport(), ClipReport()
    for t, vector in enumerate(clip.raw):
        found = bool(np.isfinite(clip.matrices[t]).all())
        points, matrix = (clip.landmarks[t], clip.matrices[t]) if found else (None, None)
        raw.add(model, vector, points, matrix)
        smoothed.add(model, clip.smoothed[t] if vector is not None else None, points, matrix)
    return {"raw": raw.summary(), "smoothed": smoothed.summary()}


SECTION = Section(
    "clips",
    "Clips in the live loop",
    "Medians over the frames that both saw, means over the clips. A frame further than 10 % NME from MediaPipe's "
    "points is not tracked, whatever the tracker says.",
    (
        Measure("frames", "frames", digits=0, larger_is_better=None),
        Measure("tracked", "tracked", "%", larger_is_better=True, digits=1),
        Measure("nme68", "68-landmark NME", "%"),
        Measure("nme68_inner", "the same without the jaw line", "%"),
        Measure("rotation_deg", "head rotation", "degrees"),
    ),
    measure,
)
