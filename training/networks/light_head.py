"""The light head: albedo and light from where which colour is, beside the trunk, which learns to look past colour."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from facemodel import ParameterLayout

LIGHT_GROUPS = ("albedo", "sh", "key_position", "key_color", "shininess")
"""Groups of the parameter vector that the light head regresses, in the layout's order."""


class LightHead(nn.Module):
    """A perceptron on the crop at a very low resolution, for the standardised outputs of the light groups.

    Args:
        resolution: side of the crop, px.
        cells: side of what it is averaged down to.
        hidden: width of both hidden layers.
        layout: of the parameter vector.
    """

    def __init__(self, resolution: int, cells: int, hidden: int, layout: ParameterLayout) -> None:
        super().__init__()
        self.cell = resolution // cells
        inputs = 3 * (resolution // self.cell) ** 2
        spans = [layout.slices[name] for name in LIGHT_GROUPS]
        self.albedo_span = spans[0]
        self.light_span = slice(spans[1].start, spans[-1].stop)
        outputs = sum(span.stop - span.start for span in spans)
        self.layers = nn.Sequential(
            nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
        )
        nn.init.normal_(self.layers[-1].weight, std=0.01)
        nn.init.zeros_(self.layers[-1].bias)

    def forward(self, image: Tensor) -> Tensor:
        """Normalised crops (B, 3, R, R) to standardised outputs (B, Na + 34)."""
        return self.layers(functional.avg_pool2d(image, self.cell).flatten(1))

    def replace(self, outputs: Tensor, image: Tensor) -> Tensor:
        """Standardised outputs or parameters (B, P) whose light groups are this head's."""
        light = self(image)
        count = self.albedo_span.stop - self.albedo_span.start
        return torch.cat(
            [
                outputs[:, : self.albedo_span.start],
                light[:, :count],
                outputs[:, self.albedo_span.stop : self.light_span.start],
                light[:, count:],
            ],
            dim=1,
        )  # (B, P)
