"""From frame to the network's input: one warp, into memory that is kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facemodel import Crop
from realtime.opencv import cv2


class CropWarp:
    """Cuts a crop out of a frame as (resolution, resolution, 3) uint8 RGB.

    A face much larger than the input is first shrunk by area averaging, so that nothing aliases.
    """

    def __init__(self, resolution: int) -> None:
        self.resolution = resolution
        self._bgr = np.empty((resolution, resolution, 3), np.uint8)
        self._rgb = np.empty((resolution, resolution, 3), np.uint8)

    def __call__(self, image: NDArray[np.uint8], crop: Crop) -> NDArray[np.uint8]:
        """The crop of an (H, W, 3) BGR frame; outside the frame is black. The result is reused by the next call."""
        matrix = crop.to_frame(self.resolution)  # crop pixels -> frame pixels
        reduction = int(crop.side / self.resolution)
        if reduction >= 2:
            image, matrix = _shrink(image, matrix, crop, reduction)
        matrix = _pixel_centres(matrix)
        cv2.warpAffine(
            image,
            matrix,
            (self.resolution, self.resolution),
            dst=self._bgr,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
        )
        return cv2.cvtColor(self._bgr, cv2.COLOR_BGR2RGB, dst=self._rgb)


def _shrink(image: NDArray[np.uint8], matrix: NDArray, crop: Crop, reduction: int) -> tuple[NDArray[np.uint8], NDArray]:
    """The part of the frame around the crop, `reduction` times smaller, and the matrix that reads from it."""
    height, width = image.shape[:2]
    reach = crop.side * 0.5 * (abs(np.cos(crop.angle)) + abs(np.sin(crop.angle))) + reduction
    left = int(np.clip(crop.centre[0] - reach, 0, width - 1))
    top = int(np.clip(crop.centre[1] - reach, 0, height - 1))
    right = int(np.clip(crop.centre[0] + reach, left + 1, width))
    bottom = int(np.clip(crop.centre[1] + reach, top + 1, height))
    small_size = (max(1, (right - left) // reduction), max(1, (bottom - top) // reduction))
    small = cv2.resize(image[top:bottom, left:right], small_size, interpolation=cv2.INTER_AREA)
    factor = np.array([small_size[0] / (right - left), small_size[1] / (bottom - top)])
    moved = matrix.copy()
    moved[:, 2] -= (left, top)
    return small, moved * factor[:, None]


def _pixel_centres(matrix: NDArray) -> NDArray:
    """The same map between indices of pixels, whose centres lie half a pixel in."""
    shifted = matrix.copy()
    shifted[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return shifted
