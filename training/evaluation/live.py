"""How well the live loop follows: its frames against MediaPipe on clips, and against truth on the performer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel
from facemodel.rotation import matrix_from_6d, matrix_to_6d
from training.evaluation.measures import (
    ACTIVE_WEIGHT,
    errors_against_points,
    errors_against_truth,
    rotation_error,
    rotation_seen_along_view_ray,
)

MAX_TRACKED_NME = 0.10
"""A frame further than this from MediaPipe's points is not tracked, whatever the tracker says."""


@dataclass
class ClipReport:
    """One clip against MediaPipe's points and head matrix."""

    frames: int = 0
    tracked: int = 0
    nme: list[float] = field(default_factory=list)
    nme_inner: list[float] = field(default_factory=list)
    rotation: list[float] = field(default_factory=list)

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
        self.tracked += nme < MAX_TRACKED_NME
        self.nme.append(nme)
        self.nme_inner.append(inner)
        self.rotation.append(rotation_error(model, vector, rotation_seen_along_view_ray(matrix)))

    def summary(self) -> dict[str, float]:
        """Counts, and medians over the frames that both saw; NME as a fraction, rotation in degrees."""

        def median(values: list[float]) -> float:
            return float(np.median(values)) if values else float("nan")

        return {
            "frames": self.frames,
            "tracked": self.tracked / max(self.frames, 1),
            "nme68": median(self.nme),
            "nme68_inner": median(self.nme_inner),
            "rotation_deg": median(self.rotation),
        }


def performer_report(model: FaceModel, pairs: Iterable[tuple[NDArray | None, NDArray]]) -> dict[str, dict[str, float]]:
    """Errors against the synthetic performer's truth, beside those of the best constant answer.

    Args:
        model: of the parameters.
        pairs: (tracked (P,) or None, true (P,)) of each frame.

    Returns:
        {"tracked": ..., "mean": ...}: the mean of every measure of `errors_against_truth` over the tracked
        frames, for the tracker and for the mean of the truths on the mean person; expression_rmse is pooled over
        all active weights.
    """
    pairs = list(pairs)
    truths = np.array([truth for _, truth in pairs])
    constant = truths.mean(axis=0)
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
    means = {key: float(np.nanmean([e[key] for e in errors])) for key in errors[0]}
    span = model.layout.slices["expression"]
    ours, theirs = (np.array([pair[i][span] for pair in pairs]) for i in (0, 1))
    active = theirs > ACTIVE_WEIGHT
    means["expression_rmse"] = float(np.sqrt(np.mean((ours - theirs)[active] ** 2)))
    return means
