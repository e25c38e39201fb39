"""Brings parameters and pictures together: Adam, from coarse pictures to fine ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facemodel import FaceModel, ParameterLayout
from realtime.reconstruction import Reconstruction
from training.networks.decoder import ParameterDecoder
from training.solve.config import Deviations, SolveConfig
from training.solve.objective import Fit, Objective
from training.solve.observation import Observation, Observer
from training.solve.start import NetworkStart, Start, crop_of

PERSON = ("identity", "albedo")
"""Groups that belong to the person and not to the picture."""


class Unknowns(nn.Module):
    """Parameter vectors (B, P) that any step leaves valid, in units in which steps of all groups are alike.

    Attributes:
        offsets: (B, P) what an optimiser changes: deviation from the start, in units of `Deviations`.

    Args:
        start: (B, P) where to begin, pose in crop px.
        deviations: the units.
        shared: groups that are one for all rows; they begin at the rows' mean.
        fixed: groups that stay.
    """

    start: Tensor
    units: Tensor

    def __init__(
        self,
        layout: ParameterLayout,
        start: Tensor,
        deviations: Deviations,
        shared: Sequence[str] = (),
        fixed: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.layout = layout
        self._decoder = ParameterDecoder(layout)
        raw = self._decoder.raw(start.float())
        for name in shared:
            span = layout.slices[name]
            raw[:, span] = raw[:, span].mean(dim=0)
        self._shared, self._fixed = ([layout.slices[name] for name in names] for names in (shared, fixed))
        self.register_buffer("start", raw)
        self.register_buffer("units", unit_vector(layout, deviations))
        self.offsets = nn.Parameter(torch.zeros_like(raw))

    def forward(self) -> Tensor:
        """Return the parameters (B, P)."""
        return self._decoder(self._raw() - self._decoder.mean)

    def at_start(self) -> Tensor:
        """Return the parameters (B, P) that it begins with."""
        return self._decoder(self.start - self._decoder.mean)

    def deviation(self, parameters: Tensor) -> Tensor:
        """Return (B, P) how far parameters (B, P) are from the start, in units of `Deviations`."""
        return (self._decoder.raw(parameters) - self.start) / self.units

    @torch.no_grad()
    def confine(self) -> None:
        """Bring back what a step took beyond a bound, so that the next one counts from there."""
        self.offsets.copy_(torch.nan_to_num(self.deviation(self())))

    def _raw(self) -> Tensor:
        offsets = self.offsets.clone()
        for span in self._shared:
            offsets[:, span] = self.offsets[:, span].mean(dim=0, keepdim=True)
        for span in self._fixed:
            offsets[:, span] = 0.0
        return self.start + offsets * self.units


def unit_vector(layout: ParameterLayout, deviations: Deviations) -> Tensor:
    """Return (P,) the unit of every number of the vector."""
    units = torch.empty(layout.size)
    for name, value in asdict(deviations).items():
        units[layout.slices[name]] = value
    return units


_LONGEST_GRADIENT = 10.0


class FaceFit(NamedTuple):
    """How well a face fits its picture before and after the solve.

    Attributes:
        residual, network_residual: mean colour difference in the face and its eyes, sRGB 0..1.
        landmarks, network_landmarks: mean distance to MediaPipe's points, px of the 224 crop; NaN without them.
    """

    residual: float
    network_residual: float
    landmarks: float
    network_landmarks: float


@dataclass(frozen=True, eq=False)
class Solution:
    """What came out for B pictures.

    Attributes:
        parameters: (B, P) crop px.
        before, after: how well the start and these fit.
    """

    parameters: Tensor
    before: Fit
    after: Fit

    def fits(self) -> list[FaceFit]:
        """Return how well each of the B faces fits."""
        columns = self.after.residual, self.before.residual, self.after.landmarks, self.before.landmarks
        return [FaceFit(*row) for row in torch.stack(columns, dim=1).tolist()]


class Solver:
    """Solves batches of pictures.

    Args:
        model: the face model.
        config: weights, levels, steps.
    """

    def __init__(self, model: FaceModel, config: SolveConfig | None = None) -> None:
        self.layout = model.layout
        self.config = config or SolveConfig()
        self.objective = Objective(model, self.config)

    def solve(
        self,
        start: Tensor,
        seen: Observation,
        steps: int,
        shared: Sequence[str] = (),
        fixed: Sequence[str] = (),
        also: Callable[[Tensor], Tensor] | None = None,
        tick: Callable[[], object] | None = None,
    ) -> Solution:
        """Improve a start.

        A picture whose gradient is not finite skips the step; one that ends worse than it began keeps its start.

        Args:
            start: (B, P) the network's answers, crop px.
            seen: the B pictures at 224 px.
            steps: of Adam, all levels together.
            shared, fixed: see `Unknowns`.
            also: a further term () of the parameters (B, P), added to the sum over the pictures.
            tick: called after every step.
        """
        unknowns = Unknowns(self.layout, start, self.config.deviations, shared, fixed)
        optimizer = torch.optim.Adam([unknowns.offsets], lr=self.config.rate, betas=(0.9, 0.99))
        done = 0
        for size, count in self.config.schedule(steps):
            level = seen.shrunk(size)
            for _ in range(count):
                for group in optimizer.param_groups:
                    group["lr"] = self._rate(done / max(1, steps - 1))
                self._step(unknowns, optimizer, level, also)
                done += 1
                if tick is not None:
                    tick()
        return self._choose(unknowns, start, seen, also, together=bool(shared) or also is not None)

    def fit(self, parameters: Tensor, seen: Observation) -> Fit:
        """Return how well parameters (B, P) fit pictures at 224 px, compared at the finest level."""
        return self.objective.fit(parameters, seen.shrunk(self.config.levels[-1][0]))

    def _step(
        self,
        unknowns: Unknowns,
        optimizer: torch.optim.Optimizer,
        level: Observation,
        also: Callable[[Tensor], Tensor] | None,
    ) -> None:
        optimizer.zero_grad()
        parameters = unknowns()
        total = self.objective(parameters, unknowns.deviation(parameters), level).sum()
        if also is not None:
            total = total + also(parameters)
        total.backward()
        gradient = unknowns.offsets.grad
        finite = torch.isfinite(gradient).all(dim=1, keepdim=True)
        gradient = torch.where(finite, gradient, torch.zeros_like(gradient))
        length = gradient.norm(dim=1, keepdim=True)
        unknowns.offsets.grad = gradient * (_LONGEST_GRADIENT / length.clamp(min=_LONGEST_GRADIENT))
        optimizer.step()
        unknowns.confine()

    @torch.no_grad()
    def _choose(
        self,
        unknowns: Unknowns,
        start: Tensor,
        seen: Observation,
        also: Callable[[Tensor], Tensor] | None,
        together: bool,
    ) -> Solution:
        """Return the solved parameters, or the start where they are no better: each, or all together."""
        finest = seen.shrunk(self.config.levels[-1][0])
        begun, ended = unknowns.at_start(), unknowns()
        before, after = (
            self.objective(parameters, unknowns.deviation(parameters), finest) for parameters in (begun, ended)
        )
        if together:
            before, after = before.sum(dim=0, keepdim=True), after.sum(dim=0, keepdim=True)
        if also is not None:
            before, after = before + also(begun), after + also(ended)
        better = (after <= before)[:, None]  # (B or 1, 1); False where it is NaN
        chosen = torch.where(better, ended, begun)
        return Solution(chosen, self.fit(start, seen), self.fit(chosen, seen))

    def _rate(self, progress: float) -> float:
        c = self.config
        return c.last_rate + 0.5 * (c.rate - c.last_rate) * (1.0 + math.cos(math.pi * progress))


_TOGETHER = 4  # faces


@dataclass(frozen=True)
class SolvedFace:
    """One face of an image: the solved parameters in px of the image, and how well they and the network's fit."""

    face: Reconstruction
    fit: FaceFit


class FaceSolver:
    """Solves faces that a network has seen, a few at a time.

    Args:
        model: the face model.
        config: of the solve.
    """

    def __init__(self, model: FaceModel, config: SolveConfig | None = None) -> None:
        self.model, self.config = model, config or SolveConfig()
        self._observe, self._solver = Observer(model), Solver(model, self.config)

    def __call__(
        self, faces: Sequence[tuple[NDArray[np.uint8], Start]], tick: Callable[[], object] | None = None
    ) -> list[SolvedFace]:
        """Return each face solved.

        Args:
            faces: the (H, W, 3) uint8 BGR image of each, and where to begin.
            tick: is called after every step of every few faces.
        """
        groups = [faces[first : first + _TOGETHER] for first in range(0, len(faces), _TOGETHER)]
        return [face for group in groups for face in self._solve(group, tick)]

    def _solve(
        self, faces: Sequence[tuple[NDArray[np.uint8], Start]], tick: Callable[[], object] | None
    ) -> list[SolvedFace]:
        layout, starts = self.model.layout, [start for _, start in faces]
        crops = [crop_of(layout, start.parameters) for start in starts]
        looks = [
            self._observe(image, crop, start.parameters, start.landmarks)
            for crop, (image, start) in zip(crops, faces, strict=True)
        ]
        lowered = np.stack([crop.lower(layout, s.parameters) for crop, s in zip(crops, starts, strict=True)])
        solution = self._solver.solve(torch.from_numpy(lowered), Observation.cat(looks), self.config.steps, tick=tick)
        vectors = [
            layout.constrain(crop.lift(layout, solved.numpy()))
            for crop, solved in zip(crops, solution.parameters, strict=True)
        ]
        return [
            SolvedFace(Reconstruction(vector, start.confidence), fit)
            for vector, start, fit in zip(vectors, starts, solution.fits(), strict=True)
        ]


class ImageSolver:
    """Finds the faces of an image, lets the network begin, and solves each.

    Args:
        model: the face model.
        start: what begins.
        config: of the solve.
    """

    def __init__(self, model: FaceModel, start: NetworkStart, config: SolveConfig | None = None) -> None:
        self.model, self.config = model, config or SolveConfig()
        self._start, self._solve = start, FaceSolver(model, self.config)

    def __call__(self, image: NDArray[np.uint8], tick: Callable[[], object] | None = None) -> list[SolvedFace]:
        """Return the faces of an (H, W, 3) uint8 BGR image, the largest first; empty if there is none.

        Args:
            image: the picture.
            tick: is called after every step of every few faces.
        """
        return self._solve([(image, start) for start in self._start(image)], tick)
