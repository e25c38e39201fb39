"""Finds the face on a photo that its data set means."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from facemodel import MEDIAPIPE_TO_IBUG68, LimelightError
from facemodel.landmarks import normalized_mean_error
from training.data.datasets import FaceSample

MainFaceLandmarker = Callable[[NDArray[np.uint8]], tuple[NDArray, NDArray, NDArray] | None]
"""From a picture (H, W, 3) to landmarks (478, 3) px, scores (52,) and matrix (4, 4) of its main face, or None."""

_FIVE = np.array([468, 473, 4, 61, 291])  # MediaPipe's indices of `FaceSample.landmarks5`
_WINDOW68, _WINDOW5 = 2.2, 5.0  # side of what is searched, in sizes of the labelled points' box
_SAME = 0.2  # largest NME of a face that is the labelled one


def find_labelled_face(
    landmarker: MainFaceLandmarker, sample: FaceSample, picture: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Landmarks (478, 3) px and scores (52,) of the face that a sample's own points mark, else of the main face.

    With points, only a window around them is searched, so that nobody else is found, nor a small face missed.

    Raises:
        LimelightError: there is no face, or only another one.
    """
    if sample.landmarks68 is not None:
        labelled, chosen, side = sample.landmarks68, MEDIAPIPE_TO_IBUG68, _WINDOW68
    elif sample.landmarks5 is not None:
        labelled, chosen, side = sample.landmarks5, _FIVE, _WINDOW5
    else:
        found = landmarker(picture)
        if found is None:
            raise LimelightError(f"photo {sample.name}: no face found")
        return found[0], found[1]
    low, high = labelled.min(axis=0), labelled.max(axis=0)
    half = 0.5 * side * float((high - low).max())
    left, top = np.maximum((low + high) / 2 - half, 0).astype(int)
    right, bottom = np.ceil((low + high) / 2 + half).astype(int)
    window = picture[top:bottom, left:right]
    found = landmarker(np.ascontiguousarray(window)) if min(window.shape) > 0 else None
    if found is None:
        raise LimelightError(f"photo {sample.name}: no face found where its points are")
    landmarks = found[0] + np.array([left, top, 0], np.float32)
    if normalized_mean_error(landmarks[chosen, :2], labelled) > _SAME:
        raise LimelightError(f"photo {sample.name}: the face that was found is not where its points are")
    return landmarks, found[1]
