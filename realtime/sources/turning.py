"""Turning pictures by quarters of a circle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime.opencv import cv2

_CODES = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def turn_picture(picture: NDArray[np.uint8], turn: int, out: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn a picture into other memory.

    Args:
        picture: (H, W, 3) uint8.
        turn: degrees clockwise: 0, 90, 180 or 270.
        out: to write to: (H, W, 3), or (W, H, 3) for 90 and 270.

    Returns:
        `out`.
    """
    if turn == 0:
        np.copyto(out, picture)
        return out
    return cv2.rotate(picture, _CODES[turn], dst=out)
