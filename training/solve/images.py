"""Solving the faces of photographs, each for itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from facemodel import Crop, FaceModel
from realtime.reconstruction import Reconstruction
from training.solve.config import SolveConfig
from training.solve.observation import Observation, Observer
from training.solve.solver import Solver
from training.solve.start import NetworkStart, Start

_TOGETHER = 4  # faces of one picture


@dataclass(frozen=True)
class SolvedFace:
    """One face of an image.

    Attributes:
        face: the solved parameters in px of the image.
        network: those of the network.
        residual, network_residual: mean colour difference in the face, sRGB 0..1.
        landmarks, network_landmarks: mean distance to MediaPipe's points, px of the 224 crop; NaN without them.
    """

    face: Reconstruction
    network: Reconstruction
    residual: float
    network_residual: float
    landmarks: float
    network_landmarks: float


class ImageSolver:
    """Finds the faces of an image, lets the network begin, and solves each.

    Args:
        model: the face model.
        start: what begins.
        config: of the solve.
        observer: what looks; made if None.
    """

    def __init__(
        self, model: FaceModel, start: NetworkStart, config: SolveConfig | None = None, observer: Observer | None = None
    ) -> None:
        self.model = model
        self.config = config or SolveConfig()
        self._start = start
        self._observe = observer or Observer(model)
        self._solver = Solver(model, self.config)

    def __call__(self, image: NDArray[np.uint8], tick: Callable[[], object] | None = None) -> list[SolvedFace]:
        """Faces of an (H, W, 3) uint8 BGR image, the largest first; empty if there is none.

        Args:
            image: the picture.
            tick: called after every step of every few faces.
        """
        starts = self._start(image)
        solved: list[SolvedFace] = []
        for first in range(0, len(starts), _TOGETHER):
            solved += self._solve(image, starts[first : first + _TOGETHER], tick)
        return solved

    def _solve(
        self, image: NDArray[np.uint8], starts: list[Start], tick: Callable[[], object] | None
    ) -> list[SolvedFace]:
        layout = self.model.layout
        crops = []
        for start in starts:
            p = layout.view(start.parameters)
            crops.append(Crop.around_head(p.rotation, p.translation, p.scale))
        seen = Observation.cat(
            [
                self._observe(image, crop, start.parameters, start.landmarks)
                for crop, start in zip(crops, starts, strict=True)
            ]
        )
        lowered = [crop.lower(layout, start.parameters) for crop, start in zip(crops, starts, strict=True)]
        solution = self._solver.solve(torch.from_numpy(np.stack(lowered)), seen, self.config.steps, tick=tick)
        faces = []
        for row, (crop, start) in enumerate(zip(crops, starts, strict=True)):
            vector = layout.constrain(crop.lift(layout, solution.parameters[row].numpy()))
            faces.append(
                SolvedFace(
                    Reconstruction(vector, start.confidence),
                    Reconstruction(start.parameters, start.confidence),
                    float(solution.after.residual[row]),
                    float(solution.before.residual[row]),
                    float(solution.after.landmarks[row]),
                    float(solution.before.landmarks[row]),
                )
            )
        return faces
