"""How far an engine is from one that is right, on the same crops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, project
from facemodel.rotation import matrix_to_6d
from realtime.engines.base import MAX_FACES, Engine

LARGEST_SHIFT = {"fp32": 0.01, "fp16": 0.1, "int8": 0.5}
"""Mean landmark shift, px of the 224 px crop, that a precision may cost."""

LARGEST_DIFFERENCE = {"fp32": 1e-4}
"""Largest difference in a group of parameters, relative to 1 + its largest value, that a precision may cost."""

CROPS = 200
"""How many an artefact is compared on."""


@dataclass(frozen=True)
class Parity:
    """How far an engine is from the one that is right.

    Attributes:
        crops: how many were compared.
        groups: by group of parameters, the largest difference relative to 1 + the group's largest value.
        mean_shift: of 68 landmarks, px of the 224 px crop.
        largest_shift: of one landmark, px.
    """

    crops: int
    groups: dict[str, float]
    mean_shift: float
    largest_shift: float

    def problem(self, precision: str) -> str:
        """What is not as it must be; empty if nothing is."""
        group = max(self.groups, key=lambda name: self.groups[name])
        allowed = LARGEST_DIFFERENCE.get(precision, np.inf)
        if not self.groups[group] <= allowed:
            return f"{group} differs by {self.groups[group]:.1e} (at most {allowed:.0e})"
        if not self.mean_shift <= LARGEST_SHIFT[precision]:
            return (
                f"landmarks shift by {self.mean_shift:.3f} px (at most {LARGEST_SHIFT[precision]} px), "
                f"most of all {group} differs, by {self.groups[group]:.1e}"
            )
        return ""


def parity(
    model: FaceModel, reference: Engine, engine: Engine, crops: NDArray[np.uint8], following: bool = False
) -> Parity:
    """Compare two engines: the one that is right looks at one crop at a time, the other at 1 to `MAX_FACES` in turn.

    Args:
        model: the face model.
        reference: the engine that is right.
        engine: the one to judge.
        crops: (N, R, R, 3) uint8 RGB.
        following: tell both the pose that the reference finds.
    """
    groups = dict.fromkeys((name for name, span in model.layout.slices.items() if span.start < span.stop), 0.0)
    shifts = []
    for batch in _batches(crops):
        right = np.stack([reference.infer(crop[None])[0][0].copy() for crop in batch])
        poses = None
        if following:
            poses = np.stack([_pose_of(model, vector) for vector in right])
            pairs = zip(batch, poses, strict=True)
            right = np.stack([reference.infer(crop[None], pose[None])[0][0].copy() for crop, pose in pairs])
        for expected, found in zip(right, engine.infer(batch, poses)[0], strict=True):
            for name in groups:
                span = model.layout.slices[name]
                size = 1.0 + np.abs(expected[span]).max()
                difference = np.abs(found[span] - expected[span]).max() / size
                groups[name] = float(np.fmax(groups[name], difference if np.isfinite(difference) else np.inf))
            shifts.append(np.linalg.norm(landmarks_of(model, found) - landmarks_of(model, expected), axis=1))
    return Parity(len(crops), groups, float(np.mean(shifts)), float(np.max(shifts)))


def _batches(crops: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield all crops, 1, 2, ..., `MAX_FACES`, 1, 2, ... at a time."""
    start = 0
    for size in cycle(range(1, MAX_FACES + 1)):
        if start >= len(crops):
            return
        yield crops[start : start + size]
        start += size


def _pose_of(model: FaceModel, vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the pose (9,) of a parameter vector (P,), as engines take it."""
    p = model.layout.view(vector)
    return np.concatenate([matrix_to_6d(p.rotation), p.translation, [p.scale]]).astype(np.float32)


def landmarks_of(model: FaceModel, vector: NDArray) -> NDArray:
    """(68, 2) px of the 224 px crop, of a parameter vector (P,)."""
    p = model.layout.view(vector)
    points = model.landmarks68(model.shape(p.identity, p.expression))
    return project(points, p.rotation, p.translation, p.scale)
