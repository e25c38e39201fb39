"""From frame to the network's input: one warp, into memory that is kept."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from facemodel import Crop
from realtime.opencv import cv2


class CropWarp:
    """Cuts a crop out of a frame as (resolution, resolution, 3) uint8 RGB.

    A face much larger than the input is first shrunk by area averaging, so that nothing aliases. Of the frame only what
    the crop shows is touched, as four channels, which OpenCV warps in less than half of the time of three.
    """

    def __init__(self, resolution: int) -> None:
        self.resolution = resolution
        self._rgba = np.empty((resolution, resolution, 4), np.uint8)
        self._rgb = np.empty((resolution, resolution, 3), np.uint8)
        self._small, self._part = np.empty(0, np.uint8), np.empty(0, np.uint8)  # grow to the largest that was needed

    def __call__(self, image: NDArray[np.uint8], crop: Crop) -> NDArray[np.uint8]:
        """The crop of an (H, W, 3) BGR frame; outside the frame is black. The result is reused by the next call."""
        matrix = crop.to_frame(self.resolution)  # crop pixels -> frame pixels
        reduction = max(1, int(crop.side / self.resolution))
        part, matrix = self._shown(image, matrix, crop, reduction)
        self._part, four = _room(self._part, *part.shape[:2], 4)
        cv2.cvtColor(part, cv2.COLOR_BGR2RGBA, dst=four)
        cv2.warpAffine(
            four,
            _pixel_centres(matrix),
            (self.resolution, self.resolution),
            dst=self._rgba,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
        )
        return cv2.cvtColor(self._rgba, cv2.COLOR_RGBA2RGB, dst=self._rgb)

    def _shown(
        self, image: NDArray[np.uint8], matrix: NDArray, crop: Crop, reduction: int
    ) -> tuple[NDArray[np.uint8], NDArray]:
        """The part of the frame around the crop, `reduction` times smaller, and the matrix that reads from it.

        Its sides are multiples of `reduction` where the frame has room: for those OpenCV averages whole pixels, up to
        seventeen times as fast.
        """
        height, width = image.shape[:2]
        reach = crop.side * 0.5 * (abs(math.cos(crop.angle)) + abs(math.sin(crop.angle))) + max(reduction, 2)
        left, right = _span(crop.centre[0], reach, width, reduction)
        top, bottom = _span(crop.centre[1], reach, height, reduction)
        part = image[top:bottom, left:right]
        matrix[:, 2] -= (left, top)
        if reduction == 1:
            return part, matrix
        columns, rows = max(1, (right - left) // reduction), max(1, (bottom - top) // reduction)
        self._small, small = _room(self._small, rows, columns, 3)
        cv2.resize(part, (columns, rows), dst=small, interpolation=cv2.INTER_AREA)
        return small, matrix * np.array([[columns / (right - left)], [rows / (bottom - top)]])


def _room(memory: NDArray[np.uint8], *shape: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Memory that is large enough, the same one if it is, and its beginning in this shape."""
    size = math.prod(shape)
    if memory.size < size:
        memory = np.empty(size, np.uint8)
    return memory, memory[:size].reshape(shape)


def _span(centre: float, reach: float, size: int, step: int) -> tuple[int, int]:
    """First and last + 1 of the pixels of 0..size within `reach` of the centre, a multiple of `step` apart if there are
    so many."""
    first = int(min(max(centre - reach, 0), size - 1))
    last = int(min(max(centre + reach, first + 1), size))
    short = -(last - first) % step  # to the next multiple
    last = min(last + short, size)
    first = max(first - (-(last - first) % step), 0)
    return first, last


def _pixel_centres(matrix: NDArray) -> NDArray:
    """The same map between indices of pixels, whose centres lie half a pixel in."""
    shifted = matrix.copy()
    shifted[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return shifted
