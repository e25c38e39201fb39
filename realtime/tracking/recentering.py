"""Re-centring: the pose of one moment becomes straight ahead, for a head that is shown alone or streamed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facemodel.parameters import ParameterLayout


class Recentering:
    """Takes a reference pose out of parameters: R R0^T, and the head centre back to the middle of the frame.

    An overlay must not use this: there the mesh has to sit on the face.
    """

    def __init__(self, layout: ParameterLayout) -> None:
        self._layout = layout
        self._rotation: NDArray | None = None
        self._translation = np.zeros(2)

    @property
    def active(self) -> bool:
        return self._rotation is not None

    def set(self, vector: NDArray) -> None:
        """Make the pose of `vector` (P,) straight ahead."""
        p = self._layout.view(vector)
        self._rotation = p.rotation.T.copy()
        self._translation = p.translation.astype(float)

    def rescale(self, factor: float) -> None:
        """Take in that the frames are `factor` times as large from now on."""
        self._translation *= factor

    def apply(self, vector: NDArray, width: int, height: int) -> NDArray:
        """A new (P,) vector with the reference taken out; `vector` itself while no reference is set."""
        if self._rotation is None:
            return vector
        out = vector.copy()
        p = self._layout.view(out)
        p.rotation = p.rotation @ self._rotation
        p.translation[:] += (width / 2, height / 2) - self._translation
        return out
