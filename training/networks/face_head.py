"""Identity, albedo and light from a close-up of the whole face: its proportions, which colour is where, highlights.

The trunk is made to see the same face under any exposure and colour, so little of the light reaches its features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from facemodel import ParameterLayout
from training.networks.close_up import CloseUpEncoder, Region, close_up, region_matrix, standardised

FACE = Region((0.0, -32.0, 70.0), 190.0, 80)

GROUPS = ("identity", "albedo", "sh", "key_position", "key_color", "shininess")
"""Groups of the parameter vector that the face head regresses, in the layout's order."""


class FaceHead(nn.Module):
    """Standardised outputs of `GROUPS` from an upright close-up, its mean colours and the pose.

    Args:
        hidden: width of the two fully connected layers.
        layout: of the parameter vector.
    """

    features, cell = 256, 8

    def __init__(self, hidden: int, layout: ParameterLayout) -> None:
        super().__init__()
        spans = [layout.slices[name] for name in GROUPS]
        self.identity_span, self.albedo_span = spans[:2]
        self.light_span = slice(spans[2].start, spans[-1].stop)
        outputs = sum(span.stop - span.start for span in spans)
        self.face = CloseUpEncoder(FACE.cells, (24, 48, 80, 128), self.features)
        colors = 3 * (FACE.cells // self.cell) ** 2
        self.layers = nn.Sequential(
            nn.Linear(self.features + colors + 9, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, outputs),
        )
        nn.init.normal_(self.layers[-1].weight, std=0.01)
        nn.init.zeros_(self.layers[-1].bias)

    def forward(self, image: Tensor, pose: Tensor) -> Tensor:
        """Standardised outputs of the groups, side by side.

        Args:
            image: (B, 3, R, R) normalised crops.
            pose: (B, 9) rotation, translation, scale in crop px, which places the close-up.
        """
        face = close_up(image, FACE, region_matrix(FACE, pose))
        colors = functional.avg_pool2d(face, self.cell).flatten(1)  # (B, 3 * 10 * 10)
        return self.layers(torch.cat([self.face(face), colors, standardised(pose)], dim=1))

    def replace(self, outputs: Tensor, values: Tensor) -> Tensor:
        """Standardised outputs (B, P) with other values of the groups, as `forward` gives them."""
        albedo = self.identity_span.stop - self.identity_span.start
        light = albedo + self.albedo_span.stop - self.albedo_span.start
        parts = [
            outputs[:, : self.identity_span.start],
            values[:, :albedo],
            outputs[:, self.identity_span.stop : self.albedo_span.start],
            values[:, albedo:light],
            outputs[:, self.albedo_span.stop : self.light_span.start],
            values[:, light:],
        ]
        return torch.cat(parts, dim=1)  # (B, P)
