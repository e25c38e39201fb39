"""Whether what a network says it sees fits the crop that it was shown."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemodel import Crop


@dataclass(frozen=True)
class ConsistencyCheck:
    """A crop is cut for a face of known place and size; an answer far from both is not to be believed.

    Attributes:
        max_shift: how far the face may lie from where the crop expected it, as a fraction of the crop's side.
        max_zoom: by what factor it may be larger or smaller than the crop expected.
    """

    max_shift: float = 0.3
    max_zoom: float = 1.6

    def __call__(self, vector: NDArray[np.float32], place: Crop, crop: Crop) -> bool:
        """Judge parameters (P,) in frame pixels that a network saw in a crop, and the crop around where they have the
        face."""
        shift, zoom = math.dist(place.centre, crop.centre) / crop.side, place.side / crop.side
        near = shift <= self.max_shift and 1.0 / self.max_zoom <= zoom <= self.max_zoom
        return near and bool(np.isfinite(vector).all())
