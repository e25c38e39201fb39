"""An engine that goes on with another one when it fails in the middle of a performance."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from realtime.engines.base import Engine


class FallbackEngine:
    """Runs one engine until it fails, then the next one that opens and takes the same crops; see `Engine`.

    A GPU may be taken away or run out of memory while somebody performs: the frame is looked at again by the next
    engine, and the user is told in one line.

    Args:
        engine: in use.
        others: open further engines for the same network, in order; called only when needed.
        say: takes one line for the user.
    """

    def __init__(self, engine: Engine, others: Iterable[Callable[[], Engine]], say: Callable[[str], None]) -> None:
        self._engine = engine
        self._others = iter(others)
        self._say = say
        self.name = engine.name
        self.resolution = engine.resolution
        self.model_digest = engine.model_digest

    def infer(
        self, crops: NDArray[np.uint8], poses: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what the engine in use does.

        Raises:
            LimelightError: it failed, and no other one could take its place.
        """
        try:
            return self._engine.infer(crops, poses)
        except LimelightError as error:
            problem = error
        for opener in self._others:
            try:
                candidate = opener()
            except LimelightError:
                continue
            if candidate.resolution == self.resolution and candidate.model_digest == self.model_digest:
                self._engine, self.name = candidate, candidate.name
                self._say(f"{problem}; going on with {candidate.name}")
                return self.infer(crops, poses)
        raise problem
