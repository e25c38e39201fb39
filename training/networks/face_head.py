"""A second look at the pose, and identity, albedo and light, from a close-up of the whole face.

MediaPipe's 478 points are placed first; identity and pose are then read off the points by one linear map, albedo and
light off the colours at the points.

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
from facemodel.landmarks import N_MEDIAPIPE
from training.networks.close_up import (
    CloseUpEncoder,
    PointRefiner,
    Region,
    close_up,
    in_full_precision,
    region_matrix,
    sampled,
    spread_in_crop,
    standardised,
    to_crop,
)
from training.networks.decoder import orthonormal
from training.networks.prediction import PlacedPoints

FACE = Region((0.0, -32.0, 70.0), 190.0, 96)

GROUPS = ("identity", "albedo", "sh", "key_position", "key_color", "shininess")
"""Groups of the parameter vector that the face head regresses, in the layout's order."""


class FacePrediction(NamedTuple):
    """What the face head says.

    Attributes:
        values: standardised outputs of `GROUPS` side by side (B, N).
        pose: the corrected one (B, 9).
        points: MediaPipe's; the loss compares them, and the rest is read off them.
        logit: (B, 1) of the confidence that the close-up holds a face.
    """

    values: Tensor
    pose: Tensor
    points: PlacedPoints
    logit: Tensor


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
        self.n_identity = layout.n_identity
        outputs = sum(span.stop - span.start for span in spans)
        widths = (16, 48, 96, 128)
        self.face = CloseUpEncoder(FACE.cells, widths, self.features, deep=1)
        colors = 3 * (FACE.cells // self.cell) ** 2
        self.layers = nn.Sequential(
            nn.Linear(self.features + colors + 9, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()
        )
        self.regressor = nn.Linear(hidden, outputs)
        self.correction = nn.Linear(hidden, 9)
        self.confidence = nn.Linear(hidden, 1)
        self.points = nn.Linear(hidden, 2 * N_MEDIAPIPE)
        self.spread = nn.Linear(hidden, N_MEDIAPIPE)
        self.refiner = PointRefiner(widths[0] + widths[1], hidden, N_MEDIAPIPE)
        # Solved for (`training.tasks.readout`), not trained: points differ where they tell people apart by tenths of
        # what they differ by otherwise, which gradient descent on a few hundred thousand pictures does not find.
        self.geometry = nn.Linear(2 * N_MEDIAPIPE + 9 + 81, layout.n_identity + 9).requires_grad_(False)
        self.appearance = point_reader(3 * N_MEDIAPIPE + 9, hidden, outputs - layout.n_identity)
        for last, spread in ((self.regressor, 0.01), (self.correction, 0.0), (self.geometry, 0.0)):
            nn.init.normal_(last.weight, std=spread)
            nn.init.zeros_(last.bias)

    def forward(self, crop: Tensor, pose: Tensor) -> FacePrediction:
        """Return what the close-up shows.

        Args:
            crop: (B, R, R, 3) uint8 RGB.
            pose: (B, 9) rotation, translation, scale in crop px, which places the close-up.
        """
        matrix = region_matrix(FACE, pose)
        face = close_up(crop, FACE, matrix)
        colors = functional.avg_pool2d(face, self.cell).flatten(1)  # (B, 3 * 12 * 12)
        half, quarter, features = self.face.maps(face)
        where = standardised(pose)  # (B, 9)
        seen = self.layers(torch.cat([features, colors, where], dim=1))  # (B, hidden)
        local = self.refiner((half, quarter), self.points(seen).reshape(-1, N_MEDIAPIPE, 2), seen)  # (B, 478, 2)
        skin = sampled(local.detach(), functional.avg_pool2d(face, 2))  # (B, 478, 3) the colour of every point
        identity, move = self._read_geometry(geometry_evidence(local, where)).split([self.n_identity, 9], dim=1)
        rest = self.appearance(appearance_evidence(skin, where))
        values = self.regressor(seen) + torch.cat([identity, rest], dim=1)
        moved = _corrected(pose, self.correction(seen) + move)
        points = PlacedPoints(to_crop(local, matrix), spread_in_crop(self.spread(seen), pose))
        return FacePrediction(values, moved, points, self.confidence(seen))

    @in_full_precision
    def _read_geometry(self, evidence: Tensor) -> Tensor:
        """Read identity and pose; the weights are large and nearly cancel, which few bits do not stand."""
        return self.geometry(evidence)


def appearance_evidence(colors: Tensor, where: Tensor) -> Tensor:
    """Return what `FaceHead.appearance` reads (B, 3 N + 9).

    Args:
        colors: (B, N, 3) normalised, of the points.
        where: (B, 9) standardised pose that placed the close-up.
    """
    return torch.cat([colors.flatten(1), where], dim=1)


def geometry_evidence(points: Tensor, where: Tensor) -> Tensor:
    """Return what `FaceHead.geometry` reads (B, 2 N + 9 + 81), the pose's products among it.

    Args:
        points: (B, N, 2) of the close-up.
        where: (B, 9) standardised pose that placed it.
    """
    products = where[:, :, None] * where[:, None, :]  # (B, 9, 9)
    return torch.cat([points.flatten(1), where, products.flatten(1)], dim=1)


def point_reader(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Reads numbers (B, outputs) off what was found at the points (B, inputs); silent before it has learned."""
    last = nn.Linear(hidden, outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        nn.BatchNorm1d(inputs), nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), last
    )


def _corrected(pose: Tensor, correction: Tensor) -> Tensor:
    """Return the pose (B, 9) moved by a correction (B, 9) in units of about a trunk's error."""
    moved = pose + correction * pose.new_tensor([0.1] * 6 + [5.0] * 2 + [0.0])
    six, place, scale = moved.split([6, 2, 1], dim=1)
    return torch.cat([orthonormal(six), place, scale * (0.1 * correction[:, 8:]).exp()], dim=1)


def needed_correction(pose: Tensor, truth: Tensor) -> Tensor:
    """Return the correction (B, 9) that brings a pose (B, 9) to the true one."""
    return torch.cat(
        [
            (truth[:, :6] - pose[:, :6]) / 0.1,
            (truth[:, 6:8] - pose[:, 6:8]) / 5.0,
            (truth[:, 8:] / pose[:, 8:]).log() / 0.1,
        ],
        dim=1,
    )
