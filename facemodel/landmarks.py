"""Landmark sets and the one table that maps MediaPipe's 478 points to iBUG's 68."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_JAW = [127, 234, 132, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 361, 454, 356]
_BROWS = [70, 63, 105, 66, 107, 336, 296, 334, 293, 300]
_NOSE = [168, 197, 5, 4, 98, 97, 2, 326, 327]
_EYES = [33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380]
_OUTER_LIPS = [61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181]
_INNER_LIPS = [78, 81, 13, 311, 308, 402, 14, 178]

MEDIAPIPE_TO_IBUG68: NDArray[np.int64] = np.array(_JAW + _BROWS + _NOSE + _EYES + _OUTER_LIPS + _INNER_LIPS)
"""(68,) indices into MediaPipe's 478 points, in iBUG order (0 = jaw at the subject's right ear)."""

N_MEDIAPIPE = 478
"""How many points MediaPipe's mesh of a face has, irises and all."""

JAW68 = slice(0, 17)

_DETECTOR_GROUPS = (
    (*(33, 133), *(159, 145)),  # the subject's right eye
    (*(263, 362), *(386, 374)),
    (4,),  # nose tip
    (*(61, 291), *(13, 14)),
    (234, 127),  # the cheek's end before the right ear
    (454, 356),
)
"""Which of MediaPipe's 478 points surround each of the six that its face detectors give."""


def detector_points(landmarks478: NDArray) -> NDArray:
    """Return the six points of MediaPipe's face detectors from its 478: (..., 478, D) to (..., 6, D).

    Their order: the subject's right eye, left eye, nose tip, mouth, right ear, left ear.
    """
    return np.stack([landmarks478[..., list(group), :].mean(axis=-2) for group in _DETECTOR_GROUPS], axis=-2)


def normalized_mean_error(points: ArrayLike, reference: ArrayLike) -> float:
    """Mean point distance over the square root of the area of the reference's tight box.

    Args:
        points, reference: (N, 2) in the same pixels.

    Returns:
        The error as a fraction (0.05 is 5 %).
    """
    points, reference = np.asarray(points, dtype=float), np.asarray(reference, dtype=float)
    extent = reference.max(axis=0) - reference.min(axis=0)
    return float(np.linalg.norm(points - reference, axis=1).mean() / np.sqrt(extent[0] * extent[1]))
