"""The labelled inner mouth of Eq. 11: the area between MediaPipe's inner lips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facemodel.mediapipe_outlines import INNER_LIPS

_ROWS = 8  # lines that a pixel is sampled along


def inner_mouth_area(landmarks: NDArray, size: int) -> NDArray[np.float32]:
    """Return the share of each pixel (size, size) that lies between the lips of an upright face, 0..1.

    Where the upper lip's line lies below the lower one's, as it may on a closed mouth, nothing is between them.

    Args:
        landmarks: (478, 2) px of a picture (size, size).
        size: its side.
    """
    start = np.asarray(landmarks, np.float64)[list(INNER_LIPS)]  # (E, 2)
    end = np.roll(start, -1, axis=0)
    area = np.zeros((size, size), np.float32)
    top, bottom = np.clip((np.floor(start[:, 1].min()), np.ceil(start[:, 1].max())), 0, size).astype(int)
    if bottom <= top:
        return area
    lines = top + (np.arange((bottom - top) * _ROWS) + 0.5) / _ROWS  # (R,) y
    row, edge = np.nonzero((start[:, 1] <= lines[:, None]) != (end[:, 1] <= lines[:, None]))  # (K,) crossings
    along = (end - start)[edge]  # (K, 2)
    x = start[edge, 0] + (lines[row] - start[edge, 1]) * along[:, 0] / along[:, 1]  # (K,)
    right_of = np.clip(np.arange(1, size + 1) - x[:, None], 0.0, 1.0)  # (K, size) share of a pixel
    covered = np.zeros((len(lines), size))
    np.add.at(covered, row, np.sign(along[:, 1:]) * right_of)  # an edge that runs down has the inside on its right
    area[top:bottom] = covered.clip(0.0, 1.0).reshape(-1, _ROWS, size).mean(axis=1)
    return area
