"""Brings parameters and pictures together: Adam, from coarse pictures to fine ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from facemodel import FaceModel
from training.solve.config import SolveConfig
from training.solve.objective import Fit, Objective
from training.solve.observation import Observation
from training.solve.unknowns import Unknowns

_LONGEST_GRADIENT = 10.0


class FaceFit(NamedTuple):
    """How well a face fits its picture before and after the solve.

    Attributes:
        residual, network_residual: mean colour difference in the face, sRGB 0..1.
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
