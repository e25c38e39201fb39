"""Weak-perspective camera (Eq. 3) and the crop that a network sees.

x = f (R v)_x + tx, y = -f (R v)_y + ty; v in mm, f in px/mm; pixels x right, y down, (0, 0) the outer corner
of the top-left pixel. Eq. 3 as printed translates before it rotates and its three translations feed two
observable numbers; tx, ty and f are what an image determines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facemodel.lighting import turn_sh
from facemodel.parameters import ParameterLayout

CROP_SIZE = 224
"""Side of the crop in crop pixels. Every network's parameters are in these, whatever its input resolution."""

_FACE_CENTRE = (0.0, -30.0, 45.0)
"""Model point (mm) that the crop is centred on: between eyes and mouth, half-way into the face."""

_CROP_SIDE_MM = 215.0
"""Side of the crop on the head: hairline to an open jaw, temples and ears."""


def project(points: ArrayLike, rotation: ArrayLike, translation: ArrayLike, scale: float) -> NDArray[np.floating]:
    """Model points to pixels, Eq. 3.

    Args:
        points: (N, 3) mm.
        rotation: (3, 3).
        translation: (2,) px.
        scale: f, px/mm.

    Returns:
        (N, 2) pixels.
    """
    rotated = np.asarray(points) @ np.asarray(rotation).T  # (N, 3)
    return rotated[:, :2] * (scale, -scale) + np.asarray(translation)


def fit_pose(points: ArrayLike, pixels: ArrayLike) -> tuple[NDArray, NDArray, float]:
    """Weak-perspective pose from 2D-3D pairs: least squares, then the nearest scaled rotation.

    Args:
        points: (N, 3) mm, N >= 4 and not in one plane.
        pixels: (N, 2).

    Returns:
        rotation (3, 3), translation (2,) px, scale px/mm.
    """
    points, pixels = np.asarray(points, dtype=float), np.asarray(pixels, dtype=float)
    centre, middle = points.mean(axis=0), pixels.mean(axis=0)
    affine, *_ = np.linalg.lstsq(points - centre, (pixels - middle) * (1.0, -1.0), rcond=None)  # (3, 2)
    u, singular, vt = np.linalg.svd(affine.T, full_matrices=False)  # (2, 2), (2,), (2, 3)
    first, second = u @ vt
    rotation = np.stack([first, second, np.cross(first, second)])
    scale = float(singular.mean())
    translation = middle - (rotation[:2] @ centre) * (scale, -scale)
    return rotation, translation, scale


@dataclass(frozen=True)
class Crop:
    """A square of the frame, upright with the head, that becomes the network's input.

    Attributes:
        centre: (x, y) in frame pixels.
        side: in frame pixels.
        angle: radians, clockwise in the picture; the crop's up axis leans this far to the right in the frame.
    """

    centre: tuple[float, float]
    side: float
    angle: float = 0.0

    @classmethod
    def around_head(cls, rotation: ArrayLike, translation: ArrayLike, scale: float) -> Crop:
        """The crop for a head pose in the frame: centred on the face, scaled by f, turned by its in-plane roll."""
        (xx, xy, xz), (yx, yy, yz), _ = np.asarray(rotation).tolist()
        across, up, out = _FACE_CENTRE
        right, down = np.asarray(translation).tolist()
        scale = float(scale)
        centre = (
            scale * (xx * across + xy * up + xz * out) + right,
            -scale * (yx * across + yy * up + yz * out) + down,
        )
        return cls(centre, _CROP_SIDE_MM * scale, math.atan2(xy, yy))

    def to_frame(self, size: float = CROP_SIZE) -> NDArray[np.float64]:
        """(2, 3) matrix from crop pixels (0..size) to frame pixels."""
        scale, half = self.side / size, 0.5 * size
        c, s = scale * math.cos(self.angle), scale * math.sin(self.angle)
        x, y = self.centre
        return np.array([[c, -s, x - half * (c - s)], [s, c, y - half * (s + c)]])

    def from_frame(self, size: float = CROP_SIZE) -> NDArray[np.float64]:
        """(2, 3) matrix from frame pixels to crop pixels (0..size)."""
        scale, half = size / self.side, 0.5 * size
        c, s = scale * math.cos(self.angle), scale * math.sin(self.angle)
        x, y = self.centre
        return np.array([[c, s, half - (c * x + s * y)], [-s, c, half - (c * y - s * x)]])

    def lower_points(self, points: ArrayLike) -> NDArray[np.floating]:
        """Points (..., 2) of the frame in crop pixels."""
        matrix = self.from_frame()
        return np.asarray(points) @ matrix[:, :2].T + matrix[:, 2]

    def lower_pose(self, rotation: ArrayLike, translation: ArrayLike, scale: float) -> NDArray[np.float32]:
        """A head pose of the frame as this crop sees it: (9,) rotation (6-D), translation (px), scale (px/mm).

        What `lower` does to the pose alone.
        """
        columns = _turned(np.asarray(rotation).tolist(), self.angle)
        place = _moved(np.asarray(translation).tolist(), self.from_frame().tolist())
        return np.array([*columns, *place, scale * CROP_SIZE / self.side], np.float32)

    def lift(self, layout: ParameterLayout, vector: NDArray, out: NDArray | None = None) -> NDArray:
        """Parameters seen in this crop, as parameters of the frame; pose and light turn with the crop.

        Args:
            layout: of the vector.
            vector: (size,) with pose in crop pixels.
            out: (size,) to write to; a new vector if None.
        """
        return _change_view(layout, vector, self.to_frame(), self.side / CROP_SIZE, -self.angle, out)

    def lower(self, layout: ParameterLayout, vector: NDArray, out: NDArray | None = None) -> NDArray:
        """The inverse of `lift`: parameters of the frame, as this crop sees them."""
        return _change_view(layout, vector, self.from_frame(), CROP_SIZE / self.side, self.angle, out)


def _change_view(
    layout: ParameterLayout,
    vector: NDArray,
    matrix: NDArray,
    magnification: float,
    turn: float,
    out: NDArray | None,
) -> NDArray:
    """Parameters after the picture went through the similarity `matrix`, which turns it by `turn` (ccw)."""
    if out is None:
        out = np.empty_like(vector)
    out[:] = vector
    p = layout.view(vector)
    x, y, z = p.key_position.tolist()
    c, s = math.cos(turn), math.sin(turn)
    out[layout.slices["rotation"].start : layout.slices["key_position"].stop] = [
        *_turned(p.rotation.tolist(), turn),
        *_moved(p.translation.tolist(), matrix.tolist()),
        p.scale * magnification,
        *turn_sh(turn, p.sh).ravel().tolist(),
        *(c * x - s * y, s * x + c * y, z),
    ]
    return out


def _turned(rotation: list[list[float]], turn: float) -> tuple[float, ...]:
    """The 6-D form of a rotation (3, 3) after a turn in the picture (ccw)."""
    (xx, xy, _), (yx, yy, _), (zx, zy, _) = rotation
    c, s = math.cos(turn), math.sin(turn)
    return c * xx - s * yx, s * xx + c * yx, zx, c * xy - s * yy, s * xy + c * yy, zy


def _moved(place: list[float], matrix: list[list[float]]) -> tuple[float, float]:
    """Where a similarity (2, 3) takes a place (2,)."""
    (a, b, c), (d, e, f) = matrix
    x, y = place
    return a * x + b * y + c, d * x + e * y + f
