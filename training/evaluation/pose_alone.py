"""Measures a mean face, its pose alone fitted, by people's points: `python -m training.evaluation.pose_alone`."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel
from training.evaluation.people_points import POINTS68, MarkedFace, places, read_people_points


@dataclass(frozen=True)
class PoseAlone:
    """How far a rigid face lies from people's points once its pose fits, means over all photographs.

    All in % of the distance between the outer eye corners as people placed them.

    Attributes:
        every: distance, all 13 points. eyes_and_nose: distance, eye corners and nose alone.
        inner_corners, outer_corners: offset sideways, positive where ours lie too far out.
    """

    every: float
    eyes_and_nose: float
    inner_corners: float
    outer_corners: float


def pose_alone(shape: NDArray, faces: list[MarkedFace]) -> PoseAlone:
    """Fit the weak-perspective pose of a rigid shape to each face and measure what is left.

    Args:
        shape: (13, 3) mm, the points of `POINTS68` on the face model, +y up.
    """
    offsets = 100 * np.stack([face.offsets(fit_pose(shape, face.points)) for face in faces])  # (N, 13, 2)
    distance = np.linalg.norm(offsets, axis=2)
    to_the_left = offsets[..., 0].mean(axis=0)  # (13,)
    right_outer, right_inner, left_inner, left_outer = to_the_left[places(36, 39, 42, 45)]
    return PoseAlone(
        every=float(distance.mean()),
        eyes_and_nose=float(distance[:, places(30, 33, 36, 39, 42, 45)].mean()),
        inner_corners=float(left_inner - right_inner) / 2,
        outer_corners=float(left_outer - right_outer) / 2,
    )


def fit_pose(shape: NDArray, points: NDArray) -> NDArray[np.float64]:
    """Return the projection (P, 2) px of `shape` (P, 3) mm in a weak-perspective pose near `points` (P, 2) px.

    The pose is the scaled rotation nearest to the affine camera of least squares.
    """
    centred, target = shape - shape.mean(axis=0), points - points.mean(axis=0)
    affine = np.linalg.lstsq(centred, target, rcond=None)[0].T  # (2, 3)
    u, stretch, vt = np.linalg.svd(affine, full_matrices=False)
    return stretch.mean() * centred @ (u @ vt).T + points.mean(axis=0)


def main() -> None:
    """Print the measure for a face model file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--face-model", type=Path, metavar="FILE", help="default: the embedded model")
    parser.add_argument("--points", type=Path, required=True, metavar="DIR", help="holds points13.csv")
    args = parser.parse_args()
    model = FaceModel.load(args.face_model)
    shape = model.landmarks68(model.mean)[list(POINTS68)].astype(float)
    for name, value in asdict(pose_alone(shape, read_people_points(args.points))).items():
        print(f"{name.replace('_', ' '):<14} {value:5.2f} %")


if __name__ == "__main__":
    main()
