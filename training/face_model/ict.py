"""ICT-FaceKit's light model: the shape and expression statistics that the default model learns from (MIT)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facemodel.errors import LimelightError

FACE = slice(0, 9409)
SKIN = slice(0, 11248)
MOUTH_SOCKET = slice(11248, 13294)
TONGUE_AND_GUMS = slice(14062, 17039)
TEETH = slice(17039, 21451)
LEFT_EYE = slice(21451, 23021)
RIGHT_EYE = slice(23021, 24591)
INNER_EYE_CORNERS = {"left_eye": 3742, "right_eye": 1528}
"""Vertices of ICT's own landmarks (iBUG 42 and 39)."""

_SPLIT = {"browInnerUp": ("browInnerUp_L", "browInnerUp_R"), "cheekPuff": ("cheekPuff_L", "cheekPuff_R")}


@dataclass(frozen=True)
class IctModel:
    """ICT-FaceKit in millimetres; +x the subject's left, +y up, +z front.

    Attributes:
        mean: (N, 3) mm.
        triangles: (T, 3) int, counter-clockwise seen from outside.
        identity: (100, N, 3) mm for N(0, 1) coefficients.
        expression: name as ICT spells it -> (N, 3) mm at weight 1.
    """

    mean: np.ndarray
    triangles: np.ndarray
    identity: np.ndarray
    expression: dict[str, np.ndarray]

    def part_triangles(self, part: slice) -> np.ndarray:
        """Return (K, 3) triangles whose three vertices lie in `part`."""
        inside = (self.triangles >= part.start) & (self.triangles < part.stop)
        return self.triangles[inside.all(axis=1)]

    def arkit_shape(self, name: str) -> np.ndarray | None:
        """Return the displacements (N, 3) mm of ARKit's shape `name`, or None where ICT has none (tongueOut)."""
        if name in _SPLIT:
            left, right = _SPLIT[name]
            return self.expression[left] + self.expression[right]
        for side in ("Left", "Right"):
            if name.endswith(side) and not name.startswith(("jaw", "mouthLeft", "mouthRight")):
                return self.expression[name.removesuffix(side) + "_" + side[0]]
        return self.expression.get(name)


def load_ict(folder: Path) -> IctModel:
    """Read `ict_basis.npz` from `folder`.

    Raises LimelightError: the file is missing.
    """
    path = folder / "ict_basis.npz"
    if not path.exists():
        raise LimelightError(f"{path} is missing: name the folder with ICT-FaceKit's basis")
    with np.load(path) as arrays:
        names = [str(name) for name in arrays["expr_names"]]
        expression = dict(zip(names, 10.0 * arrays["expression"].astype(np.float64), strict=True))
        return IctModel(
            mean=10.0 * arrays["mean"].astype(np.float64),
            triangles=arrays["tri"].astype(np.int64),
            identity=10.0 * arrays["identity"].astype(np.float64),
            expression=expression,
        )
