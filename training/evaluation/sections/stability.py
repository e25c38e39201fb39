"""Jitter of landmarks, angles and weights on the webcam clips, still and moving, raw and smoothed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from facemodel import FaceModel
from training.evaluation.bootstrap import estimate, rms
from training.evaluation.context import WEBCAM_CLIPS, Context
from training.evaluation.measures import landmarks68_px
from training.evaluation.section import Findings, Measure, Section

_MOVING_SPEED = 0.1  # face sizes a second: about 15 mm/s
_SPEED_WINDOW = 0.4  # s, long against noise and short against a turn
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


def moving_frames(points: NDArray[np.floating], fps: float) -> NDArray[np.bool_]:
    """Return (T,) whether the head moves, False where its speed is unknown.

    Args:
        points: (T, K, 2) px of reference points such as MediaPipe's, not of what is judged; NaN where there is none.
        fps: frames a second.
    """
    half = max(1, round(0.5 * _SPEED_WINDOW * fps))
    size = np.sqrt(np.prod(np.ptp(points, axis=1), axis=1))  # (T,)
    moving = np.zeros(len(points), bool)
    speed = np.linalg.norm(points[2 * half :] - points[: -2 * half], axis=2).mean(axis=1) * fps / (2 * half)  # px/s
    moving[half : len(points) - half] = speed > _MOVING_SPEED * size[half : len(points) - half]  # NaN compares False
    return moving


def jitter(
    model: FaceModel, vectors: Sequence[NDArray[np.floating] | None], moving: NDArray[np.bool_]
) -> dict[str, dict[str, float]]:
    """Return the jitter of a clip's parameters: root mean squares of second differences.

    Steady motion has none; white noise of deviation s has sqrt(6) s. Clips of different frame rates do not compare.

    Args:
        model: of the parameters.
        vectors: T frames in order, each (P,) in frame px, or None where nothing was tracked.
        moving: (T,) which part a frame belongs to.
    Returns: {"still": ..., "moving": ...}, each with `landmarks` (68 points, mm on the head, by the clip's median
        scale), `angle` (degrees, all axes together), `weights` (expression, 0..1), and `frames`, how many of them
        counted: those between two tracked neighbours in the same part. NaN where there is none.
    """
    tracked = np.array([vector is not None for vector in vectors], bool)
    known = [vector for vector in vectors if vector is not None] or [model.layout.neutral()]
    filled = np.stack([known[0] if vector is None else vector for vector in vectors])  # (T, P); gaps do not count
    rotations = np.stack([model.layout.view(vector).rotation for vector in filled])
    turns = Rotation.from_matrix(rotations[1:] @ rotations[:-1].transpose(0, 2, 1)).as_rotvec()  # (T - 1, 3)
    scale = float(np.median([model.layout.view(vector).scale for vector in known]))
    points = np.stack([landmarks68_px(model, vector) for vector in filled])  # (T, 68, 2)
    second = {
        "landmarks": np.linalg.norm(np.diff(points, 2, axis=0), axis=2) / scale,  # (T - 2, 68)
        "angle": np.degrees(np.linalg.norm(np.diff(turns, axis=0), axis=1)),  # (T - 2,)
        "weights": np.diff(filled[:, model.layout.slices["expression"]].astype(np.float64), 2, axis=0),  # (T - 2, Ne)
    }
    result = {}
    for name, part in (("still", tracked & ~moving), ("moving", tracked & moving)):
        chosen = part[:-2] & part[1:-1] & part[2:]
        figures = {key: rms(values[chosen]) for key, values in second.items()}
        result[name] = figures | {"frames": float(chosen.sum())}
    return result


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
