"""The .mat files of 300W-LP and AFLW2000-3D: 3DDFA's fitted parameters."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from facemodel import LimelightError
from training.data.datasets.base import HeadPose

_DAMAGED = (MatReadError, OSError, ValueError, KeyError, TypeError, IndexError, EOFError, NotImplementedError)
_UM_PER_MM = 1000.0  # 3DDFA's Basel model is in micrometres
_FIRST_CENTRE = 0.5  # MATLAB's pixel 1 is ours from 0 to 1


def read_mat(path: Path) -> dict[str, Any]:
    """All variables of a .mat file.

    Raises:
        LimelightError: it is missing or unreadable.
    """
    if not path.is_file():
        raise LimelightError(f"annotation {path}: no such file")
    try:
        return loadmat(path)
    except (*_DAMAGED, zlib.error, struct.error, OverflowError, MemoryError) as error:
        raise LimelightError(f"annotation {path}: unreadable or truncated ({error})") from error


def points_of(path: Path, values: dict[str, Any], name: str) -> NDArray[np.float32]:
    """(68, 2) px of a variable of shape (2 or 3, 68) or (68, 2 or 3) in MATLAB's pixels.

    Raises:
        LimelightError: there is no such variable, or not 68 finite points.
    """
    points = _numbers(path, values, name)
    if points.ndim == 2 and points.shape[0] in (2, 3):
        points = points.T
    if points.ndim != 2 or points.shape[0] != 68 or points.shape[1] not in (2, 3) or not np.isfinite(points).all():
        raise LimelightError(f"annotation {path}: '{name}' is not 68 finite points but of shape {points.shape}")
    return (points[:, :2] - _FIRST_CENTRE).astype(np.float32)


def pose_of(path: Path, values: dict[str, Any]) -> HeadPose:
    """Pose_Para (1, 7): pitch, -yaw and roll in radians with our signs, a translation, the scale in px/um.

    3DDFA rotates by R = Rx(-a) Ry(-b) Rz(-c) in a y-up frame, ours is Rx(-pitch) Ry(yaw) Rz(-roll).

    Raises:
        LimelightError: it is missing, or not 7 finite numbers.
    """
    numbers = _numbers(path, values, "Pose_Para").ravel()
    if numbers.shape != (7,) or not np.isfinite(numbers).all():
        raise LimelightError(f"annotation {path}: 'Pose_Para' is not 7 finite numbers")
    pitch, negative_yaw, roll, _, _, _, scale = (float(number) for number in numbers)
    return HeadPose(-negative_yaw, pitch, roll, scale * _UM_PER_MM)


def _numbers(path: Path, values: dict[str, Any], name: str) -> NDArray[np.float64]:
    if name not in values:
        raise LimelightError(f"annotation {path}: '{name}' is missing")
    try:
        return np.asarray(values[name], np.float64)
    except (TypeError, ValueError) as error:
        raise LimelightError(f"annotation {path}: '{name}' holds no numbers") from error
