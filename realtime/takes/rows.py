"""Rows: what consecutive moments of a clip say of one face, before channels are read from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from facemodel import ParameterLayout
from facemodel.rotation import matrix_from_6d, matrix_to_6d, slerp
from realtime.frame import TrackingState

BLOCK = 512
"""Rows in a block."""

SAME_TIME = 1e-6
"""Seconds by which times may differ for want of digits."""


@dataclass(frozen=True, eq=False)
class Rows:
    """N moments of one face; P parameters.

    Attributes:
        index: (N,) int64, of each frame in its source, or in the clip once it was resampled.
        time: (N,) float64 seconds, on the clock of the feed; never falls.
        size: (N, 2) int64 width and height of each frame, px.
        state: (N,) `TrackingState`; SEARCHING where the face is not there.
        person: (N,) int64 key of whose face it is; 0 where it is not there.
        confidence: (N,) float32, 0..1.
        crop: (N, 4) float64: centre x, y, side (frame pixels), angle (radians); NaN without a crop.
        vectors: (N, P) float32 parameters, NaN where the take has none.
    """

    index: NDArray[np.int64]
    time: NDArray[np.float64]
    size: NDArray[np.int64]
    state: NDArray[np.object_]
    person: NDArray[np.int64]
    confidence: NDArray[np.float32]
    crop: NDArray[np.float64]
    vectors: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.index)

    @property
    def there(self) -> NDArray[np.bool_]:
        """(N,) whether there are parameters."""
        return ~np.isnan(self.vectors[:, 0])

    def choose(self, which: slice | NDArray) -> Rows:
        """Return some of them; of a slice a view, else a copy."""
        return Rows(**{name: getattr(self, name)[which] for name in _COLUMNS})

    @classmethod
    def join(cls, parts: Iterable[Rows]) -> Rows:
        """Return one behind the other."""
        parts = list(parts)
        if len(parts) == 1:
            return parts[0]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS})


_COLUMNS = tuple(field.name for field in fields(Rows))


def between(a: NDArray, b: NDArray, part: NDArray, layout: ParameterLayout) -> NDArray[np.float32]:
    """Return parameters on the way from one moment to another: the head's rotation by slerp, the rest in a line.

    Args:
        a, b: (N, P).
        part: (N,) of the way, 0..1.
        layout: of the parameters.
    """
    vectors = a + (b - a) * part[:, None].astype(np.float32)
    rotation = layout.slices["rotation"]
    first, last = (matrix_from_6d(each[:, rotation].astype(float)) for each in (a, b))
    vectors[:, rotation] = matrix_to_6d(slerp(first, last, part))
    return vectors


def nobody(rows: Rows, where: NDArray[np.bool_]) -> None:
    """Take the face out of rows where `where` (N,) says so, in place."""
    rows.state[where] = TrackingState.SEARCHING
    rows.person[where] = 0
    rows.confidence[where] = 0.0
    rows.crop[where] = np.nan
    rows.vectors[where] = np.nan
