"""From frame to the network's input: one warp, into memory that is kept."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from facemodel import Crop
from realtime.opencv import cv2

_MOST_HALVINGS = 8
"""Of a frame whose face is hundreds of times as large as the input."""


class CropWarp:
    """Cuts a crop out of a frame as (resolution, resolution, 3) uint8 RGB.

    A face at least twice as large as the input is first halved by averaging, once or more, so that nothing aliases. Of
    the frame only what the crop shows is touched, as four channels, which OpenCV warps in less than half of the time of
    three.
    """

    def __init__(self, resolution: int) -> None:
        self.resolution = resolution
        self._rgba = np.empty((resolution, resolution, 4), np.uint8)
        self._rgb = np.empty((resolution, resolution, 3), np.uint8)
        self._part = np.empty(0, np.uint8)  # this and the halves grow to the largest that was needed
        self._halves = [np.empty(0, np.uint8)] * _MOST_HALVINGS

    def __call__(self, image: NDArray[np.uint8], crop: Crop, out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Return the crop of an (H, W, 3) BGR frame, outside of which is black, in `out` (R, R, 3) if that is given,
        else in memory that the next call uses again."""
        matrix = crop.to_frame(self.resolution)  # crop pixels -> frame pixels
        part, matrix = self._shown(image, matrix, crop)
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
        return cv2.cvtColor(self._rgba, cv2.COLOR_RGBA2RGB, dst=self._rgb if out is None else out)

    def _shown(self, image: NDArray[np.uint8], matrix: NDArray, crop: Crop) -> tuple[NDArray[np.uint8], NDArray]:
        """The part of the frame around the crop, halved as often as it takes, and the matrix that reads from it.

        Its sides are multiples of what they are divided by where the frame has room: OpenCV then averages two by two
        whole pixels, which takes it a fifth of the time of three by three.
        """
        height, width = image.shape[:2]
        halvings = min(max(0, int(crop.side / self.resolution).bit_length() - 1), _MOST_HALVINGS)
        step = 2**halvings
        reach = crop.side * 0.5 * (abs(math.cos(crop.angle)) + abs(math.sin(crop.angle))) + max(step, 2)
        left, right = _span(crop.centre[0], reach, width, step)
        top, bottom = _span(crop.centre[1], reach, height, step)
        part = image[top:bottom, left:right]
        matrix[:, 2] -= (left, top)
        if not halvings:
            return part, matrix
        for k in range(halvings):
            rows, columns = max(1, part.shape[0] // 2), max(1, part.shape[1] // 2)
            self._halves[k], half = _room(self._halves[k], rows, columns, 3)
            part = cv2.resize(part, (columns, rows), dst=half, interpolation=cv2.INTER_AREA)
        scale = np.array([[part.shape[1] / (right - left)], [part.shape[0] / (bottom - top)]])
        return part, matrix * scale


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
