"""What a finder says of a face in a frame: a box and six points, enough for a first crop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facemodel import Crop, FaceModel


@dataclass(frozen=True, eq=False)
class FoundFace:
    """One face in a frame.

    Attributes:
        box: (4,) left, top, right, bottom, frame pixels, upright in the frame.
        points: (6, 2) frame pixels: the subject's right eye, left eye, nose tip, mouth, right ear, left ear.
        score: 0..1, the detector's.
    """

    box: NDArray[np.float64]
    points: NDArray[np.float64]
    score: float

    @property
    def size(self) -> float:
        """Square root of the area of the box, px."""
        return float(np.sqrt(np.prod(self.box[2:] - self.box[:2])))

    @property
    def centre(self) -> NDArray[np.float64]:
        """(2,) of the box, frame pixels."""
        return 0.5 * (self.box[:2] + self.box[2:])


class FaceFinder(Protocol):
    """Finds the faces of a frame, at any size from 24 px on and turned by any angle. For one thread at a time.

    Attributes:
        rounds: how often `look` has searched the whole picture, and some more.
    """

    rounds: int

    def find(self, image: NDArray[np.uint8]) -> list[FoundFace]:
        """Every face of an (H, W, 3) uint8 BGR image, the largest first: all turns and all tiles are searched."""
        ...

    def look(self, image: NDArray[np.uint8], seconds: float = 0.003, known: Sequence[Crop] = ()) -> list[FoundFace]:
        """The first face that the next pieces of a search find, or none.

        A search is cut into pieces, one a turn and tile; a call does as many as fit into `seconds`, and the next call
        goes on from there, so that looking costs a live loop no more than that on average. What lies in a `known` crop
        is not looked for, so that more people can be looked for while some are followed.
        """
        ...

    def pose(self, face: FoundFace, model: FaceModel) -> tuple[NDArray, NDArray, float]:
        """Weak-perspective pose of the mean face on a face's points: rotation, translation (px), scale (px/mm)."""
        ...

    def upright(self, image: NDArray[np.uint8], crop: Crop) -> bool:
        """Whether a crop that is to be believed holds an upright face: the vote of a detector on the crop itself."""
        ...
