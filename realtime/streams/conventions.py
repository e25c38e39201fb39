"""How other programs write rotations, colours and the like, from our channels.

Ours: +x image right, which is the side of the subject's left, +y up, +z toward the camera; angles in degrees.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facemodel import FaceModel
from facemodel.channels import Channels
from facemodel.rotation import matrix_from_euler, matrix_to_quaternion, matrix_to_yxz


def head_yaw_pitch_roll(channels: Channels) -> tuple[float, float, float]:
    """Return the head's angles in the order of game engines: roll innermost, then pitch, yaw about the upright axis.

    Our own angles have pitch outermost. Degrees; yaw > 0 to the subject's left, pitch > 0 up, roll > 0 the top of the
    head to the subject's left.
    """
    about_y, about_x, about_z = np.degrees(matrix_to_yxz(channels.head_rotation)).tolist()
    return about_y, -about_x, -about_z


def eyes_yaw_pitch(channels: Channels) -> tuple[float, float, float, float]:
    """Return the left eye's yaw and pitch, then the right one's, in the order of game engines, in the head's frame.

    Degrees; yaw > 0 to the subject's left, pitch > 0 up.
    """
    left, right = (_yaw_then_pitch(*angles) for angles in channels.eye_angles.tolist())
    return *left, *right


def _yaw_then_pitch(yaw: float, pitch: float) -> tuple[float, float]:
    """Return the yaw and pitch, yaw outermost, of the direction that has these with pitch outermost; degrees."""
    yaw, pitch = math.radians(yaw), math.radians(pitch)
    x, y, z = math.sin(yaw), math.sin(pitch) * math.cos(yaw), math.cos(pitch) * math.cos(yaw)
    return math.degrees(math.atan2(x, z)), math.degrees(math.asin(min(max(y, -1.0), 1.0)))


def unity_quaternions(yaw: ArrayLike, pitch: ArrayLike, roll: ArrayLike = 0.0) -> NDArray[np.float64]:
    """Return rotations as Unity's quaternions x, y, z, w, (..., 4).

    Unity is left-handed, +y up; an avatar faces +z, so that its left is -x.

    Args:
        yaw, pitch, roll: (...) degrees, as in `Channels`, pitch outermost.
    """
    return matrix_to_quaternion(matrix_from_euler(*map(np.radians, (yaw, pitch, roll)))) * (1.0, -1.0, -1.0, 1.0)


class SkinTone:
    """The mean diffuse albedo of a person's face, (3,) linear RGB."""

    def __init__(self, model: FaceModel) -> None:
        """
        Args:
            model: the face model that albedo coefficients are of.
        """
        face = model.region_vertices("face")
        self._mean = model.diffuse_mean[face].mean(axis=0)  # (3,)
        self._basis = model.diffuse_basis[:, face].mean(axis=1)  # (Na, 3)

    def of(self, albedo: NDArray) -> NDArray:
        """Return the tone of albedo coefficients (Na,)."""
        return np.maximum(self._mean + albedo @ self._basis, 0.0)
