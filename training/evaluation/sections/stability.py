"""Jitter of landmarks, angles and weights on the webcam clips, still and moving, raw and smoothed."""

from __future__ import annotations

import numpy as np

from training.evaluation.context import WEBCAM_CLIPS, Context
from training.evaluation.jitter import jitter, moving_frames
from training.evaluation.section import Findings, Measure, Section

_KINDS = ("landmarks", "angle", "weights")


def measure(context: Context) -> Findings:
    """Root mean squares of second differences, over the webcam clips by their frames, and clip by clip.

    Where clips were named instead of the data folder's, over all of them.
    """
    table: dict[str, dict[str, float]] = {}
    clips = context.tracked_clips
    for clip in [clip for clip in clips if clip.name in WEBCAM_CLIPS] or clips:
        moving = moving_frames(clip.landmarks, clip.fps)
        for stage, vectors in (("raw", clip.raw), ("smoothed", clip.smoothed)):
            known = [v if raw is not None else None for v, raw in zip(vectors, clip.raw, strict=True)]
            for part, figures in jitter(context.model, known, moving).items():
                table[f"{clip.name} {part} {stage}"] = figures
    figures = {}
    for part in ("still", "moving"):
        for stage in ("raw", "smoothed"):
            rows = [row for name, row in table.items() if name.endswith(f" {part} {stage}") and row["frames"] > 0]
            frames = np.array([row["frames"] for row in rows])
            for kind in _KINDS:
                squares = np.array([row[kind] ** 2 for row in rows])
                figures[f"{part}_{stage}_{kind}"] = (
                    float(np.sqrt((squares * frames).sum() / frames.sum())) if len(rows) else float("nan")
                )
    return Findings(figures, {"clips": table})


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
