"""Unity's rotations, written from its documentation: left-handed, quaternions x, y, z, w."""

from __future__ import annotations

import numpy as np

MIRROR = np.diag([-1.0, 1.0, 1.0])
"""Ours (+x to the subject's left) to Unity's (+x to the avatar's right) and back."""


def rotation(quaternion) -> np.ndarray:
    """The matrix of a quaternion."""
    x, y, z, w = quaternion
    assert abs(x * x + y * y + z * z + w * w - 1.0) < 1e-5
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
