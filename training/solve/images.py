"""Solving the faces of photographs, each for itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from facemodel import FaceModel
from realtime.reconstruction import Reconstruction
from training.solve.config import SolveConfig
from training.solve.observation import Observation, Observer
from training.solve.solver import FaceFit, Solver
from training.solve.start import NetworkStart, Start, crop_of

_TOGETHER = 4  # faces of one picture


@dataclass(frozen=True)
class SolvedFace:
    """One face of an image: the solved parameters in px of the image, and how well they and the network's fit."""

    face: Reconstruction
    fit: FaceFit


class ImageSolver:
    """Finds the faces of an image, lets the network begin, and solves each.

    Args:
        model: the face model.
        start: what begins.
        config: of the solve.
    """

    def __init__(self, model: FaceModel, start: NetworkStart, config: SolveConfig | None = None) -> None:
        self.model, self.config = model, config or SolveConfig()
        self._start, self._observe = start, Observer(model)
        self._solver = Solver(model, self.config)

    def __call__(self, image: NDArray[np.uint8], tick: Callable[[], object] | None = None) -> list[SolvedFace]:
        """Return the faces of an (H, W, 3) uint8 BGR image, the largest first; empty if there is none.

        Args:
            image: the picture.
            tick: is called after every step of every few faces.
        """
        starts = self._start(image)
        groups = [starts[first : first + _TOGETHER] for first in range(0, len(starts), _TOGETHER)]
        return [face for group in groups for face in self._solve(image, group, tick)]

    def _solve(
        self, image: NDArray[np.uint8], starts: list[Start], tick: Callable[[], object] | None
    ) -> list[SolvedFace]:
        layout = self.model.layout
        crops = [crop_of(layout, start.parameters) for start in starts]
        pairs = list(zip(crops, starts, strict=True))
        seen = Observation.cat([self._observe(image, crop, s.parameters, s.landmarks) for crop, s in pairs])
        lowered = np.stack([crop.lower(layout, start.parameters) for crop, start in pairs])
        solution = self._solver.solve(torch.from_numpy(lowered), seen, self.config.steps, tick=tick)
        vectors = [
            layout.constrain(crop.lift(layout, solved.numpy()))
            for crop, solved in zip(crops, solution.parameters, strict=True)
        ]
        return [
            SolvedFace(Reconstruction(vector, start.confidence), fit)
            for vector, start, fit in zip(vectors, starts, solution.fits(), strict=True)
        ]
