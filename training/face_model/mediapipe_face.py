"""MediaPipe's canonical face: mirror pairs, lips, and the weighted points that define pose zero."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facemodel.errors import LimelightError
from training.face_model.makehuman import read_obj

UPPER_INNER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_INNER_LIP = (95, 88, 178, 87, 14, 317, 402, 318, 324)
UPPER_OUTER_LIP = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LOWER_OUTER_LIP = (146, 91, 181, 84, 17, 314, 405, 321, 375)
RIGHT_LIDS = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
LEFT_LIDS = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
"""Points of each eye's lids: the outer corner, the upper lid, the inner corner, the lower lid."""
RIGHT_IRIS, LEFT_IRIS = slice(468, 473), slice(473, 478)
IRIS_DIRECTIONS = np.array([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]], dtype=float)
"""Centre, +x, +y, -x, -y: the order of each iris's five points."""


@dataclass(frozen=True)
class CanonicalFace:
    """MediaPipe's canonical face in millimetres.

    Attributes:
        points: (478, 3) mm, pose zero. mirror: (478,) index of each point's mirror image.
        pose_weights: (468,) weights of the Procrustes fit that defines MediaPipe's head pose.
    """

    points: np.ndarray
    mirror: np.ndarray
    pose_weights: np.ndarray

    def symmetrize(self, points: np.ndarray) -> np.ndarray:
        """Return the mean of points (478, 3) and their mirror image in x."""
        return 0.5 * (points + points[self.mirror] * [-1, 1, 1])


def load_canonical_face(folder: Path) -> CanonicalFace:
    """Read the face with irises and the geometry metadata from `folder`.

    Raises LimelightError: a file is missing.
    """
    metadata = folder / "geometry_pipeline_metadata_landmarks.pbtxt"
    if not metadata.is_file():
        raise LimelightError(f"{metadata} is missing: name the folder with MediaPipe's canonical face")
    points = 10.0 * read_obj(folder / "face_model_with_iris.obj").vertices
    mirrored = np.linalg.norm(points[:, None] * [-1, 1, 1] - points[None], axis=2).argmin(axis=1)
    weights = np.zeros(468)
    for index, weight in re.findall(r"landmark_id: (\d+) weight: ([\d.]+)", metadata.read_text()):
        weights[int(index)] = float(weight)
    return CanonicalFace(points, mirrored, weights)
