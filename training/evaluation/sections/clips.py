"""Clips through the live loop, against MediaPipe's points on the same frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel
from training.evaluation.blinks import count_blinks
from training.evaluation.context import Context, TrackedClip
from training.evaluation.live import ClipReport
from training.evaluation.section import Findings, Measure, Section


def measure(context: Context) -> Findings:
    """`clip_figures` of every clip, the means of the raw ones over the clips, and the blinks of all together.

    Without a blink there is no figure of how many are kept.
    """
    table: dict[str, dict[str, float]] = {}
    for clip in context.tracked_clips:
        for stage, figures in clip_figures(context.model, clip).items():
            table[f"{clip.name} {stage}"] = figures
    raw = [figures for name, figures in table.items() if name.endswith(" raw")]
    keys = ("tracked", "nme68", "nme68_inner", "rotation_deg")
    means = {key: float(np.mean([figures[key] for figures in raw])) for key in keys}
    figures = {"frames": float(sum(row["frames"] for row in raw)), **means}
    figures["blinks"] = sum(row["blinks"] for row in raw)
    if figures["blinks"]:
        kept = sum(row["blinks"] for name, row in table.items() if name.endswith(" smoothed"))
        figures["blinks_kept"] = kept / figures["blinks"]
    return Findings(figures, {"clips": table})


def clip_figures(model: FaceModel, clip: TrackedClip) -> dict[str, dict[str, float]]:
    """{"raw": ..., "smoothed": ...}: `ClipReport.summary` of both; smoothed only where raw was tracked.

    `blinks` of raw are those of both lids, each counted by itself; of smoothed, those of them that it keeps.
    """
    raw, smoothed = ClipReport(), ClipReport()
    for t, vector in enumerate(clip.raw):
        found = bool(np.isfinite(clip.matrices[t]).all())
        points, matrix = (clip.landmarks[t], clip.matrices[t]) if found else (None, None)
        raw.add(model, vector, points, matrix)
        smoothed.add(model, clip.smoothed[t] if vector is not None else None, points, matrix)
    times = np.arange(len(clip.raw)) / clip.fps
    counts = [count_blinks(*curves, times) for curves in _lids(model, clip)]
    blinks, kept = (float(sum(count[i] for count in counts)) for i in (0, 1))
    return {"raw": raw.summary() | {"blinks": blinks}, "smoothed": smoothed.summary() | {"blinks": kept}}


def _lids(model: FaceModel, clip: TrackedClip) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Raw and smoothed curve (T,) of each lid, NaN where the face was not tracked; none if the model has no lids."""
    names = model.layout.expression_names
    lids = [names.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight") if name in names]
    nothing = np.full(len(lids), np.nan)
    span = model.layout.slices["expression"]
    raw, smoothed = (
        np.array(
            [nothing if seen is None or v is None else v[span][lids] for v, seen in zip(vectors, clip.raw, strict=True)]
        )
        for vectors in (clip.raw, clip.smoothed)
    )  # (T, lids)
    return list(zip(raw.T, smoothed.T, strict=True))


SECTION = Section(
    "clips",
    "Clips in the live loop",
    "Medians over the frames that both saw, means over the clips. A frame further than 10 % NME from MediaPipe's "
    "points is not tracked, whatever the tracker says. A lid that closes by a quarter more than around it blinks; the "
    "blink is kept if the smoothed lid closes by 70 % of that within 0.1 s.",
    (
        Measure("frames", "frames", digits=0, larger_is_better=None),
        Measure("tracked", "tracked", "%", larger_is_better=True, digits=1),
        Measure("nme68", "68-landmark NME", "%"),
        Measure("nme68_inner", "the same without the jaw line", "%"),
        Measure("rotation_deg", "head rotation", "degrees"),
        Measure("blinks", "blinks of the raw lids, each by itself", digits=0, larger_is_better=None),
        Measure("blinks_kept", "of them in the smoothed lids", "%", limit=0.95, larger_is_better=True, digits=1),
    ),
    measure,
)
