"""Whether what a network says it sees fits the crop that it was shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemodel import CROP_SIZE, Crop, ParameterLayout


@dataclass(frozen=True)
class ConsistencyCheck:
    """A crop is cut for a face of known place and size; an answer far from both is not to be believed.

    Attributes:
        max_shift: how far the face may lie from where the crop expected it, as a fraction of the crop's side.
        max_zoom: by what factor it may be larger or smaller than the crop expected.
    """

    max_shift: float = 0.3
    max_zoom: float = 1.6

    def __call__(self, layout: ParameterLayout, seen: NDArray[np.float32]) -> bool:
        """Judge parameters (P,) in crop pixels."""
        if not np.isfinite(seen).all():
            return False
        p = layout.view(seen)
        if p.scale <= 0.0:
            return False
        here = Crop.around_head(p.rotation, p.translation, p.scale)
        shift = np.hypot(here.centre[0] - CROP_SIZE / 2, here.centre[1] - CROP_SIZE / 2) / CROP_SIZE
        zoom = here.side / CROP_SIZE
        return bool(shift <= self.max_shift and 1.0 / self.max_zoom <= zoom <= self.max_zoom)
