"""Where a solve begins: the network's answer for every face of a picture, with MediaPipe's points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, project
from realtime.engines.base import Engine
from realtime.face_finder import FaceFinder, FoundFace
from realtime.reconstruction import Reconstruction, Reconstructor

_SAME_FACE = 0.25
"""Distance of two faces' points, in sizes of the face, below which they are one face."""


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
    """Runs face finder and network on pictures.

    Args:
        model, engine, finder: as `Reconstructor` takes them.
    """

    def __init__(self, model: FaceModel, engine: Engine, finder: FaceFinder) -> None:
        self.model = model
        self._finder = RememberingFinder(finder)
        self._reconstruct = Reconstructor(model, engine, self._finder)

    def __call__(self, image: NDArray[np.uint8]) -> list[Start]:
        """Faces of an (H, W, 3) uint8 BGR image, the largest first; empty if there is none."""
        faces: list[Reconstruction] = self._reconstruct(image)
        return [
            Start(face.parameters, face.confidence, matching_landmarks(self.model, face.parameters, self._finder.found))
            for face in faces
        ]


class RememberingFinder:
    """A face finder that keeps what it found last.

    Attributes:
        found: faces of the last picture.
    """

    def __init__(self, finder: FaceFinder) -> None:
        self._finder = finder
        self.found: list[FoundFace] = []

    def find(self, image: NDArray[np.uint8]) -> list[FoundFace]:
        """As the finder that it was made from."""
        self.found = self._finder.find(image)
        return self.found


def matching_landmarks(
    model: FaceModel, parameters: NDArray[np.float32], found: Sequence[FoundFace]
) -> NDArray[np.float64] | None:
    """Points (478, 2) of the found face that parameters (P,) describe, both in px of one picture; None if none is."""
    p = model.layout.view(parameters)
    points = project(model.landmarks478(model.shape(p.identity, p.expression)), p.rotation, p.translation, p.scale)
    best, distance = None, _SAME_FACE
    for face in found:
        apart = float(np.linalg.norm(face.landmarks - points, axis=1).mean() / max(face.size, 1e-6))
        if apart < distance:
            best, distance = face, apart
    return None if best is None else best.landmarks
