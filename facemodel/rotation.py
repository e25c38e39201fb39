"""Head rotation: matrices, the 6-D form that the network regresses, and Euler angles for people.

Frame: +x image right, +y up, +z toward the camera. R = Rx(-pitch) Ry(yaw) Rz(-roll): yaw > 0 turns the nose
to image right, pitch > 0 turns it up, roll > 0 is clockwise in the picture. Roll is the innermost rotation.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray


def matrix_from_6d(six: ArrayLike) -> NDArray[np.floating]:
    """Rotation matrices from their first two columns, orthonormalised by Gram-Schmidt.

    Args:
        six: (..., 6), column 0 then column 1 of R; need not be orthonormal, must not be parallel.

    Returns:
        (..., 3, 3) rotation matrices.

    Source: Zhou et al., "On the Continuity of Rotation Representations in Neural Networks", CVPR 2019.
    """
    six = np.asarray(six)
    if six.shape == (6,):
        return _one_matrix_from_6d(six)
    a, b = six[..., :3], six[..., 3:]
    x = a / np.linalg.norm(a, axis=-1, keepdims=True)
    y = b - (x * b).sum(-1, keepdims=True) * x
    y = y / np.linalg.norm(y, axis=-1, keepdims=True)
    return np.stack([x, y, np.cross(x, y)], axis=-1)  # (..., 3, 3), vectors as columns


def _one_matrix_from_6d(six: NDArray) -> NDArray[np.floating]:
    """The same for one vector, as the live loop needs it several times a frame: NumPy's calls would be most of it."""
    a0, a1, a2, b0, b1, b2 = six.tolist()
    length = math.sqrt(a0 * a0 + a1 * a1 + a2 * a2) or math.nan
    a0, a1, a2 = a0 / length, a1 / length, a2 / length
    along = a0 * b0 + a1 * b1 + a2 * b2
    b0, b1, b2 = b0 - along * a0, b1 - along * a1, b2 - along * a2
    length = math.sqrt(b0 * b0 + b1 * b1 + b2 * b2) or math.nan
    b0, b1, b2 = b0 / length, b1 / length, b2 / length
    c0, c1, c2 = a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0
    return np.array([[a0, b0, c0], [a1, b1, c1], [a2, b2, c2]], np.result_type(six, np.float32))


def matrix_to_6d(rotation: ArrayLike) -> NDArray[np.floating]:
    """First two columns of R, (..., 3, 3) to (..., 6)."""
    rotation = np.asarray(rotation)
    if rotation.shape == (3, 3):
        return rotation.T[:2].flatten()
    return np.concatenate([rotation[..., :, 0], rotation[..., :, 1]], axis=-1)


def matrix_from_euler(yaw: ArrayLike, pitch: ArrayLike, roll: ArrayLike) -> NDArray[np.floating]:
    """R = Rx(-pitch) Ry(yaw) Rz(-roll); angles in radians, any broadcastable shape to (..., 3, 3)."""
    yaw, pitch, roll = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (yaw, pitch, roll)))
    cy, sy = np.cos(yaw), np.sin(yaw)
    cp, sp = np.cos(-pitch), np.sin(-pitch)
    cr, sr = np.cos(-roll), np.sin(-roll)
    zero, one = np.zeros_like(cy), np.ones_like(cy)

    def stack(*entries: NDArray) -> NDArray:
        return np.stack(entries, axis=-1).reshape(*entries[0].shape, 3, 3)

    rx = stack(one, zero, zero, zero, cp, -sp, zero, sp, cp)
    ry = stack(cy, zero, sy, zero, one, zero, -sy, zero, cy)
    rz = stack(cr, -sr, zero, sr, cr, zero, zero, zero, one)
    return rx @ ry @ rz


def matrix_to_euler(rotation: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
    """Yaw, pitch and roll in radians of (..., 3, 3); yaw in -pi/2..pi/2, degenerate at exactly profile."""
    rotation = np.asarray(rotation, dtype=float)
    yaw = np.arcsin(np.clip(rotation[..., 0, 2], -1.0, 1.0))
    pitch = np.arctan2(rotation[..., 1, 2], rotation[..., 2, 2])
    roll = np.arctan2(rotation[..., 0, 1], rotation[..., 0, 0])
    return yaw, pitch, roll


def matrix_to_quaternion(rotation: ArrayLike) -> NDArray[np.float64]:
    """Return unit quaternions x, y, z, w, (..., 4), of rotations (..., 3, 3); the largest of the four is positive.

    Source: Shepperd, "Quaternion from Rotation Matrix", 1978, right at half turns too.
    """
    rotation = np.asarray(rotation, dtype=float)
    r = rotation.reshape(-1, 3, 3)
    products = np.empty((len(r), 4, 4))  # of every two of the quaternion's numbers, four times each
    products[:, :3, :3] = r + r.transpose(0, 2, 1)
    products[:, 3, :3] = products[:, :3, 3] = r[:, (2, 0, 1), (1, 2, 0)] - r[:, (1, 2, 0), (2, 0, 1)]
    diagonal = products.reshape(-1, 16)[:, ::5]
    trace = 0.5 * diagonal[:, :3].sum(axis=1)
    diagonal[:, 3] = 2.0 * trace
    diagonal += (1.0 - trace)[:, None]
    multiple = products[np.arange(len(r)), diagonal.argmax(axis=1)]
    multiple /= np.sqrt((multiple * multiple).sum(axis=1))[:, None]
    return multiple.reshape(*rotation.shape[:-2], 4)


def nearest_rotation(matrix: ArrayLike) -> NDArray[np.floating]:
    """Return the rotations that are nearest to matrices (..., 3, 3), least squares; NaN for a matrix with NaN."""
    matrix = np.asarray(matrix, dtype=float)
    unknown = np.isnan(matrix).any(axis=(-2, -1))
    u, _, vt = np.linalg.svd(np.where(unknown[..., None, None], 0.0, matrix))
    u[..., 2] *= np.linalg.det(u @ vt)[..., None]
    return np.where(unknown[..., None, None], np.nan, u @ vt)


def angle_between(a: ArrayLike, b: ArrayLike) -> NDArray[np.floating]:
    """Geodesic angle in radians between rotations, (..., 3, 3) each to (...)."""
    relative = np.swapaxes(np.asarray(a, dtype=float), -1, -2) @ np.asarray(b, dtype=float)
    sine = 0.5 * np.linalg.norm(
        np.stack(
            [
                relative[..., 2, 1] - relative[..., 1, 2],
                relative[..., 0, 2] - relative[..., 2, 0],
                relative[..., 1, 0] - relative[..., 0, 1],
            ],
            axis=-1,
        ),
        axis=-1,
    )
    cosine = 0.5 * (np.trace(relative, axis1=-2, axis2=-1) - 1.0)
    return np.arctan2(sine, cosine)


def in_plane(angle: float | NDArray) -> NDArray[np.floating]:
    """Rotation about the view axis, counter-clockwise in the picture, radians, (...) to (..., 3, 3)."""
    angle = np.asarray(angle, dtype=float)
    rotation = np.zeros((*angle.shape, 3, 3))
    rotation[..., 0, 0] = rotation[..., 1, 1] = np.cos(angle)
    rotation[..., 1, 0] = np.sin(angle)
    rotation[..., 0, 1] = -rotation[..., 1, 0]
    rotation[..., 2, 2] = 1.0
    return rotation


def matrix_to_yxz(rotation: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
    """Angles in radians about +y, +x and +z of (..., 3, 3), R = Ry Rx Rz; about x in -pi/2..pi/2.

    Of a head they turn the nose to image right, down, and the crown to image left, and are degenerate only where it
    looks straight up or down. Animation programs and ARKit take rotations apart in this order.
    """
    rotation = np.asarray(rotation, dtype=float)
    about_x = -np.arcsin(np.clip(rotation[..., 1, 2], -1.0, 1.0))
    about_y = np.arctan2(rotation[..., 0, 2], rotation[..., 2, 2])
    about_z = np.arctan2(rotation[..., 1, 0], rotation[..., 1, 1])
    return about_y, about_x, about_z


def slerp(a: ArrayLike, b: ArrayLike, part: ArrayLike) -> NDArray[np.floating]:
    """Return rotations on the shortest way from `a` to `b`, at even speed.

    Args:
        a, b: (..., 3, 3); half a turn apart there is no shortest way, and the nearer one of the two is returned.
        part: (...) of the way, 0..1.
    """
    a, b, part = np.asarray(a, dtype=float), np.asarray(b, dtype=float), np.asarray(part, dtype=float)
    turn = np.swapaxes(a, -1, -2) @ b
    skew = 0.5 * (turn - np.swapaxes(turn, -1, -2))  # the axis times the sine of the angle, as a matrix
    angle = angle_between(a, b)
    sine = np.sin(angle)
    small, opposite = angle < 1e-4, sine < 1e-4
    sine = np.where(opposite, 1.0, sine)
    along = np.where(small, part, np.sin(part * angle) / sine)[..., None, None]
    across = np.where(small, 0.5 * part**2, (1.0 - np.cos(part * angle)) / sine**2)[..., None, None]
    between = a @ (np.eye(3) + along * skew + across * (skew @ skew))
    nearer = np.where((part < 0.5)[..., None, None], a, b)
    return np.where((opposite & ~small)[..., None, None], nearer, between)
