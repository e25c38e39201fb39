"""How well the live loop follows: its frames against MediaPipe and against truth, their jitter, the blinks it keeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks
from scipy.spatial.transform import Rotation

from facemodel import FaceModel
from facemodel.rotation import matrix_from_6d, matrix_to_6d
from training.evaluation.bootstrap import median, rms
from training.evaluation.measures import (
    ACTIVE_WEIGHT,
    errors_against_points,
    errors_against_truth,
    landmarks68_px,
    rotation_error,
    rotation_seen_along_view_ray,
)

_MAX_TRACKED_NME = 0.10
_BLINK_PROMINENCE = 0.25  # of a lid's way, by which it closes more than around it
_KEPT_SHARE, _KEPT_WITHIN = 0.7, 0.1  # of a blink's height; s
_MOVING_SPEED = 0.1  # face sizes a second: about 15 mm/s
_SPEED_WINDOW = 0.4  # s, long against noise and short against a turn


@dataclass
class ClipReport:
    """One clip against MediaPipe's points and head matrix.

    Attributes:
        frames, tracked: how many. A frame further than 10 % NME from MediaPipe's points is not tracked, whatever the
            tracker says.
        errors: (NME, the same without the jaw line, rotation in degrees) of each frame that both saw.
    """

    frames: int = 0
    tracked: int = 0
    errors: list[tuple[float, float, float]] = field(default_factory=list)

    def add(
        self, model: FaceModel, vector: NDArray | None, landmarks478: NDArray | None, matrix: NDArray | None
    ) -> None:
        """Take in one frame.

        Args:
            model: of the parameters.
            vector: (P,) in frame pixels; None where the tracker did not track.
            landmarks478, matrix: (478, 2) px and (4, 4), MediaPipe's; None where it found no face.
        """
        self.frames += 1
        if vector is None:
            return
        if landmarks478 is None or matrix is None:
            self.tracked += 1
            return
        nme, inner = errors_against_points(model, vector, landmarks478)
        self.tracked += nme < _MAX_TRACKED_NME
        self.errors.append((nme, inner, rotation_error(model, vector, rotation_seen_along_view_ray(matrix))))

    def summary(self) -> dict[str, float]:
        """Return counts, and medians over the frames that both saw; NME as a fraction, rotation in degrees."""
        columns = np.array(self.errors).reshape(-1, 3).T
        medians = zip(("nme68", "nme68_inner", "rotation_deg"), map(median, columns), strict=True)
        return {"frames": self.frames, "tracked": self.tracked / max(self.frames, 1), **dict(medians)}


def performer_report(model: FaceModel, pairs: Iterable[tuple[NDArray | None, NDArray]]) -> dict[str, dict[str, float]]:
    """Return errors against the synthetic performer's truth, beside those of the best constant answer.

    Args:
        model: of the parameters.
        pairs: (tracked (P,) or None, true (P,)) of each frame.

    Returns:
        {"tracked": ..., "mean": ...}: the mean of every measure of `errors_against_truth` over the tracked
        frames, for the tracker and for the mean of the truths on the mean person; expression_rmse is pooled over
        all active weights.
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
    return means | {"expression_rmse": rms((ours - theirs)[theirs > ACTIVE_WEIGHT])}


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

    Returns:
        {"still": ..., "moving": ...}, each with `landmarks` (68 points, mm on the head, by the clip's median scale),
        `angle` (degrees, all axes together), `weights` (expression, 0..1), and `frames`, how many of them counted:
        those between two tracked neighbours in the same part. NaN where there is none.
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


def count_blinks(
    raw: NDArray[np.floating], filtered: NDArray[np.floating], times: NDArray[np.floating]
) -> tuple[int, int]:
    """Count the blinks of one lid, and those of them that are in its filtered curve.

    A blink is a local maximum of the raw curve with a prominence (its height over the more closed of its two sides) of
    at least a quarter. It is kept if the filtered curve has a maximum with 70 % of that height within 0.1 s, which
    keeps one blink only.

    Args:
        raw, filtered: (T,) eyeBlinkLeft or eyeBlinkRight, 0..1; NaN where the face was not tracked.
        times: (T,) s.

    Returns:
        How many blinks the raw curve has, and how many of them are kept.
    """
    blinks = kept = 0
    tracked = np.isfinite(raw) & np.isfinite(filtered)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], tracked, [False]])))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        run = slice(start, stop)
        peaks, found = find_peaks(raw[run], prominence=_BLINK_PROMINENCE)
        places, answers = find_peaks(filtered[run], prominence=_KEPT_SHARE * _BLINK_PROMINENCE)
        free = np.ones(len(places), bool)
        for time, height in zip(times[run][peaks], found["prominences"], strict=True):
            high = answers["prominences"] >= _KEPT_SHARE * height
            near = free & high & (np.abs(times[run][places] - time) <= _KEPT_WITHIN)
            if near.any():
                free[np.argmax(near)] = False
                kept += 1
        blinks += len(peaks)
    return blinks, kept
