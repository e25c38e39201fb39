"""A stand-in for the face finder: it finds heads where it is told that they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facemodel import Crop, FaceModel, ParameterLayout
from realtime.tracking.found_face import FoundFace


class HeadFinder:
    """Finds heads, the largest first, and knows their poses.

    Attributes:
        heads: (P,) each in frame pixels; what is found next.
        standing: what `upright` answers.
        searches: pictures that were searched so far.
        votes: crops that were asked about so far.
    """

    rounds = 0

    def __init__(self, layout: ParameterLayout, heads: Sequence[NDArray[np.float32]] = ()) -> None:
        self.heads = list(heads)
        self.standing = True
        self.searches = 0
        self.votes: list[Crop] = []
        self._layout = layout
        self._known: list[tuple[FoundFace, tuple[NDArray, NDArray, float]]] = []

    def find(self, image: NDArray[np.uint8]) -> list[FoundFace]:
        self.searches += 1
        self._known = []
        for head in self.heads:
            p = self._layout.view(head.copy())
            crop = Crop.around_head(p.rotation, p.translation, p.scale)
            middle, half = np.array(crop.centre), 0.25 * crop.side
            face = FoundFace(np.concatenate([middle - half, middle + half]), np.tile(middle, (6, 1)), 0.9)
            self._known.append((face, (p.rotation, p.translation, p.scale)))
        self._known.sort(key=lambda one: -one[0].size)
        return [face for face, _ in self._known]

    def look(self, image: NDArray[np.uint8], seconds: float = 0.003, known: Sequence[Crop] = ()) -> list[FoundFace]:
        return self.find(image)

    def pose(self, face: FoundFace, model: FaceModel) -> tuple[NDArray, NDArray, float]:
        return next(pose for known, pose in self._known if known is face)

    def upright(self, image: NDArray[np.uint8], crop: Crop) -> bool:
        self.votes.append(crop)
        return self.standing
