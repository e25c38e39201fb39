"""Stability over a clip: root mean square of second differences, while the head is still and while it moves.

Steady motion has none; white noise of deviation s has sqrt(6) s. Values are per frame squared, so that clips of
different frame rates do not compare.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from facemodel import FaceModel
from training.evaluation.measures import landmarks68_px

MOVING_SPEED = 0.1
"""Face sizes a second above which a head moves: about 15 mm/s."""

_WINDOW = 0.4  # s over which speed is taken, long against noise and short against a turn


def moving_frames(points: NDArray[np.floating], fps: float, threshold: float = MOVING_SPEED) -> NDArray[np.bool_]:
    """Whether the head moves, by reference points such as MediaPipe's, not by what is judged.

    Args:
        points: (T, K, 2) px; NaN where there is none.
        fps: frames a second.
        threshold: mean speed of the points, in face sizes (square root of their box's area) a second.

    Returns:
        (T,) bool; False where the speed is unknown.
    """
    half = max(1, round(0.5 * _WINDOW * fps))
    size = np.sqrt(np.prod(np.ptp(points, axis=1), axis=1))  # (T,)
    moving = np.zeros(len(points), bool)
    before, after = points[: -2 * half], points[2 * half :]
    speed = np.linalg.norm(after - before, axis=2).mean(axis=1) * fps / (2 * half)  # (T - 2 half,) px/s
    moving[half : len(points) - half] = speed > threshold * size[half : len(points) - half]  # NaN compares False
    return moving


def jitter(
    model: FaceModel, vectors: Sequence[NDArray[np.floating] | None], moving: NDArray[np.bool_]
) -> dict[str, dict[str, float]]:
    """Jitter of a clip's parameters.

    Args:
        model: of the parameters.
        vectors: T frames in order, each (P,) in frame px, or None where nothing was tracked.
        moving: (T,) which part a frame belongs to.

    Returns:
        {"still": ..., "moving": ...}, each with `landmarks` (68 points, mm on the head, by the clip's median scale),
        `angle` (degrees, all axes together), `weights` (expression, 0..1), root mean squares of second differences;
        and `frames`, how many of them counted: those between two tracked neighbours in the same part. NaN where
        there is none.
    """
    tracked = np.array([vector is not None for vector in vectors], bool)
    known = [vector for vector in vectors if vector is not None]
    if not known:
        nothing = {"landmarks": np.nan, "angle": np.nan, "weights": np.nan, "frames": 0.0}
        return {"still": dict(nothing), "moving": dict(nothing)}
    filled = np.stack([known[0] if vector is None else vector for vector in vectors])  # (T, P); gaps do not count
    views = [model.layout.view(vector) for vector in filled]
    points = np.stack([landmarks68_px(model, vector) for vector in filled])  # (T, 68, 2)
    scale = float(np.median([view.scale for view, t in zip(views, tracked, strict=True) if t]))
    turn = _turns(np.stack([view.rotation for view in views]))  # (T - 1, 3)
    weights = filled[:, model.layout.slices["expression"]].astype(np.float64)

    landmark = np.linalg.norm(_second(points), axis=2) / scale  # (T - 2, 68)
    angle = np.degrees(np.linalg.norm(np.diff(turn, axis=0), axis=1))  # (T - 2,)
    weight = _second(weights)  # (T - 2, Ne)
    result = {}
    for name, part in (("still", tracked & ~moving), ("moving", tracked & moving)):
        chosen = part[:-2] & part[1:-1] & part[2:]
        result[name] = {
            "landmarks": _rms(landmark[chosen]),
            "angle": _rms(angle[chosen]),
            "weights": _rms(weight[chosen]),
            "frames": float(chosen.sum()),
        }
    return result


def _second(values: NDArray) -> NDArray:
    """Second differences (T - 2, ...) of (T, ...)."""
    return values[2:] - 2.0 * values[1:-1] + values[:-2]


def _turns(rotations: NDArray) -> NDArray[np.float64]:
    """(T - 1, 3) rotation vectors, radians, from each (3, 3) rotation to the next, in the camera's frame."""
    return Rotation.from_matrix(rotations[1:] @ rotations[:-1].transpose(0, 2, 1)).as_rotvec()


def _rms(values: NDArray) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else float("nan")
