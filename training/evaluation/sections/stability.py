"""Jitter of landmarks, angles and weights on the webcam clips, still and moving, raw and smoothed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.evaluation.bootstrap import estimate
from training.evaluation.context import WEBCAM_CLIPS, Context
from training.evaluation.live import jitter, moving_frames
from training.evaluation.section import Findings, Measure, Section

_KINDS = ("landmarks", "angle", "weights")


def measure(context: Context) -> Findings:
    """Find root mean squares of second differences, over the webcam clips by their frames, and clip by clip.

    Where clips were named instead of the data folder's, over all of them.
    """
    clips = [clip for clip in context.tracked_clips if clip.name in WEBCAM_CLIPS] or context.tracked_clips
    table: dict[str, dict[str, float]] = {}
    for clip in clips:
        moving = moving_frames(clip.landmarks, clip.fps)
        for stage, vectors in (("raw", clip.raw), ("smoothed", clip.smoothed)):
            known = [v if raw is not None else None for v, raw in zip(vectors, clip.raw, strict=True)]
            for part, row in jitter(context.model, known, moving).items():
                table[f"{clip.name} {part} {stage}"] = row

    def figures(index: NDArray[np.int64]) -> dict[str, float]:
        found = {}
        for part in ("still", "moving"):
            for stage in ("raw", "smoothed"):
                rows = [table[f"{clips[i].name} {part} {stage}"] for i in index]
                rows = [row for row in rows if row["frames"] > 0]
                frames = sum(row["frames"] for row in rows)
                for kind in _KINDS:
                    squares = sum(row[kind] ** 2 * row["frames"] for row in rows)
                    found[f"{part}_{stage}_{kind}"] = float(np.sqrt(squares / frames)) if rows else float("nan")
        return found

    estimated = estimate(figures, np.arange(len(clips)))
    return Findings(estimated.figures, {"clips": table}, intervals=estimated.intervals)


_TITLES = {"landmarks": ("landmarks", "mm"), "angle": ("head angle", "degrees"), "weights": ("weights", "")}

SECTION = Section(
    "stability",
    "Stability on clips",
    "Root mean square of second differences from frame to frame; white noise of deviation s has 2.4 s. A head moves "
    "where MediaPipe's points go faster than about 15 mm/s.",
    tuple(
        Measure(f"{part}_{stage}_{kind}", f"{part}, {stage}: {_TITLES[kind][0]}", _TITLES[kind][1], digits=3)
        for part in ("still", "moving")
        for stage in ("raw", "smoothed")
        for kind in _KINDS
    ),
    measure,
)
