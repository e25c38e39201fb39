"""Measures a mean face, its pose alone fitted, by people's points: `python -m training.evaluation.pose_alone`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, fit_pose, project
from training.evaluation.people_points import POINTS68, MarkedFace, places, read_people_points


def pose_alone(shape: NDArray, faces: list[MarkedFace]) -> dict[str, float]:
    """Fit the weak-perspective pose of a rigid shape to each face and measure what is left.

    Args:
        shape: (13, 3) mm, the points of `POINTS68` on the face model, +y up.
        faces: as people marked them.

    Returns:
        Means over the faces, % of the distance between the outer eye corners as people placed them. every: distance,
        all 13 points; eyes_and_nose: distance, eye corners and nose alone; inner_corners, outer_corners: offset
        sideways, positive where ours lie too far out.
    """
    projected = [project(shape, *fit_pose(shape, face.points)) for face in faces]
    offsets = 100 * np.stack([face.offsets(points) for face, points in zip(faces, projected, strict=True)])
    distance = np.linalg.norm(offsets, axis=2)  # (N, 13)
    right_outer, right_inner, left_inner, left_outer = offsets[..., 0].mean(axis=0)[places(36, 39, 42, 45)]
    return {
        "every": float(distance.mean()),
        "eyes_and_nose": float(distance[:, places(30, 33, 36, 39, 42, 45)].mean()),
        "inner_corners": float(left_inner - right_inner) / 2,
        "outer_corners": float(left_outer - right_outer) / 2,
    }


def main() -> None:
    """Print the measure for a face model file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--face-model", type=Path, metavar="FILE", help="default: the embedded model")
    parser.add_argument("--points", type=Path, required=True, metavar="DIR", help="holds points13.csv")
    args = parser.parse_args()
    model = FaceModel.load(args.face_model)
    shape = model.landmarks68(model.mean)[list(POINTS68)].astype(float)
    for name, value in pose_alone(shape, read_people_points(args.points)).items():
        print(f"{name.replace('_', ' '):<14} {value:5.2f} %")


if __name__ == "__main__":
    main()
