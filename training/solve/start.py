"""Where a solve begins: the network's answer for every face of a picture, with MediaPipe's points of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facemodel import CROP_SIZE, Crop, FaceModel, ParameterLayout
from realtime.engines.base import Engine
from realtime.reconstruction import Reconstructor
from realtime.tracking.found_face import FaceFinder
from training.data.landmarker import LandmarkedFace
from training.data.storage import cut, stored_matrix
from training.evaluation.measures import landmarks478_px

_SAME_FACE = 0.25  # distance of two faces' points, in sizes of the face, below which they are one face
_WINDOW_SIDE, _WINDOW_EXTENT = 512, 1.5 * CROP_SIZE  # px, and px of the face's crop, of the window of a second look


@dataclass(frozen=True, eq=False)
class Start:
    """One face as the network sees it.

    Attributes:
        parameters: (P,) in px of the image.
        confidence: 0..1.
        landmarks: (478, 2) MediaPipe's points in px of the image; None where it found none.
    """

    parameters: NDArray[np.float32]
    confidence: float
    landmarks: NDArray[np.float64] | None


class NetworkStart:
    """Runs face finder, network and landmarker on pictures.

    Args:
        model, engine, finder: as `Reconstructor` takes them.
        landmarker: MediaPipe.
    """

    def __init__(self, model: FaceModel, engine: Engine, finder: FaceFinder, landmarker: FindsLandmarks) -> None:
        self._reconstruct = Reconstructor(model, engine, finder)
        self._landmarks = KnownFaceLandmarks(model, landmarker)

    def __call__(self, image: NDArray[np.uint8]) -> list[Start]:
        """Return the faces of an (H, W, 3) uint8 BGR image, the largest first; empty if there is none."""
        faces = self._reconstruct(image)
        landmarks = self._landmarks(image, [face.parameters for face in faces])
        return [Start(face.parameters, face.confidence, points) for face, points in zip(faces, landmarks, strict=True)]


class FindsLandmarks(Protocol):
    """What is asked of `training.data.landmarker.Landmarker`."""

    def find(self, image: NDArray[np.uint8]) -> list[LandmarkedFace]:
        """Return the faces of an (H, W, 3) uint8 BGR image."""
        ...


class KnownFaceLandmarks:
    """Finds MediaPipe's points of faces that the network has placed.

    MediaPipe misses small and turned faces in a whole picture: those it is shown again, upright and large.
    """

    def __init__(self, model: FaceModel, landmarker: FindsLandmarks) -> None:
        self._model, self._landmarker = model, landmarker

    def __call__(
        self, image: NDArray[np.uint8], faces: Sequence[NDArray[np.float32]]
    ) -> list[NDArray[np.float64] | None]:
        """Return the points (478, 2) of each of several faces, None where there are none.

        Args:
            image: (H, W, 3) BGR.
            faces: (P,) each, in px of the image.
        """
        found = self._landmarker.find(image) if faces else []
        points = [matching_landmarks(self._model, face, found) for face in faces]
        return [self._closer(image, face) if one is None else one for face, one in zip(faces, points, strict=True)]

    def _closer(self, image: NDArray[np.uint8], parameters: NDArray[np.float32]) -> NDArray[np.float64] | None:
        crop = crop_of(self._model.layout, parameters)
        matrix = stored_matrix(crop, _WINDOW_SIDE, _WINDOW_EXTENT)  # (2, 3) px of the window -> px of the image
        found = self._landmarker.find(cut(image, crop, size=_WINDOW_SIDE, extent=_WINDOW_EXTENT))
        lifted = [replace(face, landmarks=face.landmarks @ matrix[:, :2].T + matrix[:, 2]) for face in found]
        return matching_landmarks(self._model, parameters, lifted)


def crop_of(layout: ParameterLayout, vector: NDArray[np.float32]) -> Crop:
    """Return the crop that the network would look at for parameters (P,)."""
    p = layout.view(vector)
    return Crop.around_head(p.rotation, p.translation, p.scale)


def matching_landmarks(
    model: FaceModel, parameters: NDArray[np.float32], found: Sequence[LandmarkedFace]
) -> NDArray[np.float64] | None:
    """Return the points (478, 2) of the found face that parameters (P,) describe, both in px of one picture; None if
    none is."""
    points = landmarks478_px(model, parameters)

    def apart(face: LandmarkedFace) -> float:
        return float(np.linalg.norm(face.landmarks - points, axis=1).mean() / max(face.size, 1e-6))

    best = min(found, key=apart, default=None)
    return best.landmarks if best is not None and apart(best) < _SAME_FACE else None
