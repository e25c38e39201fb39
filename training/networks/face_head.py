"""A second look at the pose, and identity, albedo and light, from a close-up of the whole face.

The trunk is made to see the same face under any exposure and colour, so little of the light reaches its features.
Its pose places the close-up; what is then seen to be off centre, turned or too large corrects it, as in cascaded
pose regression (Dollar et al., CVPR 2010).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from facemodel import ParameterLayout
from training.networks.close_up import CloseUpEncoder, Region, close_up, region_matrix, standardised, to_crop
from training.networks.decoder import orthonormal

FACE = Region((0.0, -32.0, 70.0), 190.0, 112)

_N_POINTS = 478

GROUPS = ("identity", "albedo", "sh", "key_position", "key_color", "shininess")
"""Groups of the parameter vector that the face head regresses, in the layout's order."""


class FacePrediction(NamedTuple):
    """Standardised outputs of `GROUPS` side by side (B, N), the corrected pose (B, 9), and MediaPipe's points
    (B, 478, 2) in crop px, placed freely: the loss compares them, and the identity is read off them."""

    values: Tensor
    pose: Tensor
    points: Tensor


class FaceHead(nn.Module):
    """Standardised outputs of `GROUPS` and a better pose from an upright close-up, its mean colours and the pose.

    Args:
        hidden: width of the two fully connected layers.
        layout: of the parameter vector.
    """

    features, cell = 320, 8

    def __init__(self, hidden: int, layout: ParameterLayout) -> None:
        super().__init__()
        spans = [layout.slices[name] for name in GROUPS]
        self.identity_span, self.albedo_span = spans[:2]
        self.light_span = slice(spans[2].start, spans[-1].stop)
        outputs = sum(span.stop - span.start for span in spans)
        self.face = CloseUpEncoder(FACE.cells, (24, 56, 96, 112), self.features)
        colors = 3 * (FACE.cells // self.cell) ** 2
        self.layers = nn.Sequential(
            nn.Linear(self.features + colors + 9, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
        )
        self.regressor = nn.Linear(hidden, outputs)
        self.correction = nn.Linear(hidden, 9)
        self.points = nn.Linear(hidden, 2 * _N_POINTS)
        self.identity = nn.Sequential(
            nn.BatchNorm1d(2 * _N_POINTS + 9),
            nn.Linear(2 * _N_POINTS + 9, hidden),
            nn.ReLU(),
            nn.Linear(hidden, layout.n_identity),
        )
        for last, spread in ((self.regressor, 0.01), (self.correction, 0.0), (self.identity[-1], 0.0)):
            nn.init.normal_(last.weight, std=spread)
            nn.init.zeros_(last.bias)

    def forward(self, image: Tensor, pose: Tensor) -> FacePrediction:
        """What the close-up shows.

        Args:
            image: (B, 3, R, R) normalised crops.
            pose: (B, 9) rotation, translation, scale in crop px, which places the close-up.
        """
        matrix = region_matrix(FACE, pose)
        face = close_up(image, FACE, matrix)
        colors = functional.avg_pool2d(face, self.cell).flatten(1)  # (B, 3 * 14 * 14)
        seen = self.layers(torch.cat([self.face(face), colors, standardised(pose)], dim=1))  # (B, hidden)
        local = self.points(seen)  # (B, 2 * 478)
        identity, rest = self.regressor(seen).tensor_split([self.identity_span.stop], dim=1)
        form = self.identity(torch.cat([local, standardised(pose)], dim=1))
        values = torch.cat([identity + form, rest], dim=1)
        points = to_crop(local.unflatten(1, (-1, 2)), matrix)
        return FacePrediction(values, _corrected(pose, self.correction(seen)), points)

    def replace(self, outputs: Tensor, values: Tensor) -> Tensor:
        """Standardised outputs (B, P) with other `FacePrediction.values`."""
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


def _corrected(pose: Tensor, correction: Tensor) -> Tensor:
    """Pose (B, 9) moved by a correction (B, 9) in units of about a trunk's error."""
    rotation = orthonormal(pose[:, :6] + 0.1 * correction[:, :6])
    return torch.cat(
        [rotation, pose[:, 6:8] + 5.0 * correction[:, 6:8], pose[:, 8:] * (0.1 * correction[:, 8:]).exp()], dim=1
    )
