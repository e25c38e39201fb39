"""Clips through the live loop, against MediaPipe's points on the same frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel
from training.evaluation.bootstrap import estimate
from training.evaluation.context import Context, TrackedClip
from training.evaluation.live import ClipReport, count_blinks
from training.evaluation.section import Findings, Measure, Section, count

_KEYS = ("tracked", "nme68", "nme68_inner", "rotation_deg")


def measure(context: Context) -> Findings:
    """Find `clip_figures` of every clip, means of the raw ones over the clips, and the blinks of all together.

    Without a blink there is no figure of how many are kept.
    """
    clips = [(clip.name, clip_figures(context.model, clip)) for clip in context.tracked_clips]
    raw, smoothed = ([figures[stage] for _, figures in clips] for stage in ("raw", "smoothed"))

    def figures(index: NDArray[np.int64]) -> dict[str, float]:
        blinks, kept = (sum(rows[i]["blinks"] for i in index) for rows in (raw, smoothed))
        means = {key: float(np.mean([raw[i][key] for i in index])) for key in _KEYS}
        return means | {"blinks": blinks} | ({"blinks_kept": kept / blinks} if blinks else {})

    found = estimate(figures, np.arange(len(clips)))
    total = {"frames": float(sum(row["frames"] for row in raw))}
    table = {f"{name} {stage}": row for name, stages in clips for stage, row in stages.items()}
    return Findings(total | found.figures, {"clips": table}, intervals=found.intervals)


def clip_figures(model: FaceModel, clip: TrackedClip) -> dict[str, dict[str, float]]:
    """Return {"raw": ..., "smoothed": ...}: `ClipReport.summary` of both; smoothed only where raw was tracked.

    `blinks` of raw are those of both lids, each counted by itself; of smoothed, those of them that it keeps.
    """
    reports = {"raw": ClipReport(), "smoothed": ClipReport()}
    names, span = model.layout.expression_names, model.layout.slices["expression"]
    lids = [span.start + names.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight") if name in names]
    curves = np.full((2, len(clip.raw), len(lids)), np.nan)  # of raw and smoothed
    for t, tracked in enumerate(clip.raw):
        found = bool(np.isfinite(clip.matrices[t]).all())
        points, matrix = (clip.landmarks[t], clip.matrices[t]) if found else (None, None)
        for curve, report, vectors in zip(curves, reports.values(), (clip.raw, clip.smoothed), strict=True):
            vector = None if tracked is None else vectors[t]
            report.add(model, vector, points, matrix)
            if vector is not None:
                curve[t] = vector[lids]
    times = np.arange(len(clip.raw)) / clip.fps
    counts = [count_blinks(raw, smoothed, times) for raw, smoothed in curves.transpose(2, 0, 1)]
    return {
        stage: report.summary() | {"blinks": float(sum(each[i] for each in counts))}
        for i, (stage, report) in enumerate(reports.items())
    }


SECTION = Section(
    "clips",
    "Clips in the live loop",
    "Medians over the frames that both saw, means over the clips. A frame further than 10 % NME from MediaPipe's "
    "points is not tracked, whatever the tracker says. A lid that closes by a quarter more than around it blinks; the "
    "blink is kept if the smoothed lid closes by 70 % of that within 0.1 s.",
    (
        count("frames", "frames"),
        Measure("tracked", "tracked", "%", larger_is_better=True, digits=1),
        Measure("nme68", "68-landmark NME", "%"),
        Measure("nme68_inner", "the same without the jaw line", "%"),
        Measure("rotation_deg", "head rotation", "degrees"),
        count("blinks", "blinks of the raw lids, each by itself"),
        Measure("blinks_kept", "of them in the smoothed lids", "%", limit=0.95, larger_is_better=True, digits=1),
    ),
    measure,
)
