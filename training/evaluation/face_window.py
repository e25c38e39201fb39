"""The part of a photo around one labelled face: so that figures are of points, and less of finding."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel

_WINDOW, _LEAST_SIDE = 2.5, 320  # of a face's box; px


@dataclass(frozen=True, eq=False)
class FaceWindow:
    """A window of a photo, enlarged to 320 px where it is smaller.

    Attributes:
        picture: (H, W, 3) uint8 BGR.
        corner: (2,) px of the photo, of its top-left corner.
        zoom: px of the window for one of the photo.
    """

    picture: NDArray[np.uint8]
    corner: NDArray[np.float64]
    zoom: float

    @classmethod
    def around(cls, image: NDArray[np.uint8], landmarks: NDArray) -> FaceWindow:
        """Return the window of a photo (H, W, 3) around the face that landmarks (N, 2) px mark."""
        low, high = landmarks.min(axis=0), landmarks.max(axis=0)
        half = 0.5 * _WINDOW * float((high - low).max())
        left, top = np.maximum(np.floor(0.5 * (low + high) - half), 0).astype(int)
        right, bottom = np.ceil(0.5 * (low + high) + half).astype(int)
        window = image[top:bottom, left:right]
        zoom = max(1.0, _LEAST_SIDE / max(window.shape[:2]))
        size = (round(window.shape[1] * zoom), round(window.shape[0] * zoom))
        if zoom > 1.0:
            window = np.asarray(cv2.resize(window, size, interpolation=cv2.INTER_CUBIC), np.uint8)
        return cls(np.ascontiguousarray(window), np.array((left, top), float), zoom)

    def points_in_photo(self, points: NDArray) -> NDArray[np.float64]:
        """Return points (N, 2) px of the window in px of the photo."""
        return np.asarray(points, np.float64) / self.zoom + self.corner

    def in_photo(self, model: FaceModel, vector: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return parameters (P,) in px of the window as those in px of the photo."""
        moved = np.array(vector)
        p = model.layout.view(moved)
        p.translation[:] = self.points_in_photo(p.translation)
        p.scale = p.scale / self.zoom
        return moved


def is_same_face(points: NDArray, truth: NDArray) -> bool:
    """Return whether the middle of points (N, 2) lies in the tight box of the true ones: else they are another's."""
    middle = points.mean(axis=0)
    return bool((middle >= truth.min(axis=0)).all() and (middle <= truth.max(axis=0)).all())
