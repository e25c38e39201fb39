"""How a face moves: weights, head and eyes of frames, as takes and streams have them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Motion:
    """N frames of a face, K expressions.

    The camera's frame: +x image right, +y up, +z toward the camera. Quaternions are w, x, y, z as Blender's.

    Attributes:
        names: of the expressions.
        time: (N,) seconds, increasing.
        weights: (N, K).
        head_position: (N, 3) metres in the camera's frame.
        head_rotation: (N, 4) in the camera's frame.
        eye_rotations: (N, 2, 4) in the head's frame, the subject's left eye first.
    """

    names: tuple[str, ...]
    time: np.ndarray
    weights: np.ndarray
    head_position: np.ndarray
    head_rotation: np.ndarray
    eye_rotations: np.ndarray


def head_quaternions(angles: np.ndarray) -> np.ndarray:
    """Return quaternions (N, 4) of yaw, pitch and roll (N, 3), degrees: R = Rx(-pitch) Ry(yaw) Rz(-roll)."""
    yaw, pitch, roll = np.radians(np.asarray(angles, float)).T
    return _product(_product(_about(0, -pitch), _about(1, yaw)), _about(2, -roll))


def eye_quaternions(angles: np.ndarray) -> np.ndarray:
    """Return quaternions (N, 2, 4) of yaw and pitch (N, 2, 2), degrees."""
    yaw, pitch = np.moveaxis(np.radians(np.asarray(angles, float)), -1, 0)
    return _product(_about(0, -pitch), _about(1, yaw))


def blender_vectors(vectors: np.ndarray) -> np.ndarray:
    """Return vectors (..., 3) of the camera's frame as Blender's, whose z is up and whose faces look along -y."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.stack([x, -z, y], axis=-1)


def blender_quaternions(quaternions: np.ndarray) -> np.ndarray:
    """Return quaternions (..., 4) of turns in the camera's frame as of turns in Blender's."""
    w, x, y, z = np.moveaxis(quaternions, -1, 0)
    return np.stack([w, x, -z, y], axis=-1)


def _about(axis: int, angle: np.ndarray) -> np.ndarray:
    quaternion = np.zeros((*angle.shape, 4))
    quaternion[..., 0] = np.cos(0.5 * angle)
    quaternion[..., 1 + axis] = np.sin(0.5 * angle)
    return quaternion


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamilton's product of (..., 4) and (..., 4)."""
    u, v = a[..., 1:], b[..., 1:]
    real = a[..., :1] * b[..., :1] - (u * v).sum(axis=-1, keepdims=True)
    return np.concatenate([real, a[..., :1] * v + b[..., :1] * u + np.cross(u, v)], axis=-1)
