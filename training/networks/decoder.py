"""From a network's standardised numbers to a parameter vector that a face can have, inside the graph."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facemodel import ParameterLayout
from facemodel.parameters import MAX_SHININESS, MIN_SHININESS

MIN_DEVIATION = 1e-3
"""Floor of the label deviations, so that a number which never varies stays at its mean."""


def straight_through(value: Tensor, limited: Tensor) -> Tensor:
    """Return `limited` with the gradient of `value`, but for what would take `value` further beyond its bound.

    What a bound cut off can so be pulled back; and it does not run away, which no error would tell.
    """
    if not value.requires_grad:
        return limited
    beyond = (value - limited).detach()
    nothing = value - value.detach()
    nothing.register_hook(lambda gradient: gradient.masked_fill(gradient * beyond < 0.0, 0.0))
    return limited.detach() + nothing


def bounded(value: Tensor, low: float, high: float) -> Tensor:
    """Clamp; for the gradient see `straight_through`."""
    return straight_through(value, value.clamp(low, high))


class ParameterDecoder(nn.Module):
    """Standardised network outputs (B, P) to constrained parameter vectors (B, P) in the layout's order.

    Raw numbers are `output * std + mean`, scale and shininess in their logarithm. Then: rotation is
    orthonormalised, expression held within the model's range and mouthClose at most jawOpen, key colour not
    below zero, shininess within 1..200: what `ParameterLayout.constrain` does, differentiable.

    Args:
        layout: of the vector.
        labels: (N, P) parameter vectors whose mean and deviation standardise the outputs; without them, the
            neutral vector and a deviation of 1 (as when a checkpoint is about to be loaded).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, layout: ParameterLayout, labels: NDArray | None = None) -> None:
        super().__init__()
        self.layout = layout
        if labels is None:
            labels = layout.neutral()[None]
        raw = self.raw(torch.as_tensor(np.ascontiguousarray(labels), dtype=torch.float64))
        deviation = raw.std(dim=0) if len(raw) > 1 else torch.ones(layout.size)
        self.register_buffer("mean", raw.mean(dim=0).float())
        self.register_buffer("std", deviation.clamp(min=MIN_DEVIATION).float())

    def raw(self, parameters: Tensor) -> Tensor:
        """Return parameters (..., P) with scale and shininess in their natural logarithm."""
        slices = self.layout.slices
        raw = parameters.clone()
        raw[..., slices["scale"]] = parameters[..., slices["scale"]].clamp(min=1e-6).log()
        raw[..., slices["shininess"]] = parameters[..., slices["shininess"]].clamp(MIN_SHININESS, MAX_SHININESS).log()
        return raw

    def forward(self, outputs: Tensor) -> Tensor:
        return self.constrained(self.raw_groups(outputs))

    def groups(self, numbers: Tensor, names: Sequence[str] = ()) -> dict[str, Tensor]:
        """Return the parts (B, size) of numbers (B, N) by the names of their groups; without names, of all groups."""
        spans = {name: self.layout.slices[name] for name in names or self.layout.slices}
        parts = numbers.split([span.stop - span.start for span in spans.values()], dim=1)
        return dict(zip(spans, parts, strict=True))

    def raw_groups(self, outputs: Tensor, names: Sequence[str] = ()) -> dict[str, Tensor]:
        """Return raw numbers by group of standardised outputs (B, N) of these groups; without names, of all groups."""
        std, mean = self.std, self.mean
        if names:
            std, mean = (torch.cat([v[self.layout.slices[name]] for name in names]) for v in (std, mean))
        return self.groups(outputs * std + mean, names)

    def constrained(self, raw: dict[str, Tensor]) -> Tensor:
        """Return parameters (B, P) that the format allows, of raw numbers by group."""
        held = {
            "expression": self.held_expression(raw["expression"]),
            "rotation": orthonormal(raw["rotation"]),
            "scale": raw["scale"].exp(),
            "key_color": bounded(raw["key_color"], 0.0, math.inf),
            "shininess": bounded(raw["shininess"], math.log(MIN_SHININESS), math.log(MAX_SHININESS)).exp(),
        }
        return torch.cat([held.get(name, raw[name]) for name in self.layout.slices], dim=1)  # (B, P)

    def held_expression(self, weights: Tensor) -> Tensor:
        """Return expression weights (B, Ne) within the model's range, mouthClose at most jawOpen."""
        low, high = self.layout.expression_range
        if math.isfinite(low) or math.isfinite(high):
            weights = bounded(weights, low, high)
        pair = self.layout.mouth_close_and_jaw_open
        if pair is None:
            return weights
        close, jaw = pair
        most = [jaw if i == close else i for i in range(weights.shape[1])]  # what each is at most
        return straight_through(weights, torch.minimum(weights, weights[:, most]))


def orthonormal(six: Tensor) -> Tensor:
    """Return 6-D rotations (B, 6) with unit, perpendicular columns, by Gram-Schmidt."""
    x = unit(six[:, :3])
    y = six[:, 3:] - (x * six[:, 3:]).sum(dim=1, keepdim=True) * x
    return torch.cat([x, unit(y)], dim=1)


def unit(vectors: Tensor) -> Tensor:
    """Return vectors (B, N) of length 1, as `functional.normalize`, in three steps of an exported graph, not five."""
    return vectors / vectors.norm(dim=1, keepdim=True).clamp(min=1e-12)
