"""Region heads: the expression from close-ups of the eyes and the lower face, cut inside the graph.

A trunk that sees the whole face at once learns slowly what a few pixels say: a lid, an iris, one corner of the mouth.
As in Grishchenko et al., "Attention Mesh: High-fidelity Face Mesh Prediction in Real-time" (2020), the first
estimate of the pose places upright squares over the regions, and small networks look at these. The right eye is
mirrored and shares its network with the left one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from facemodel import CROP_SIZE, ParameterLayout
from training.networks.decoder import orthonormal


@dataclass(frozen=True)
class Region:
    """A square on the head, upright with it, facing the camera.

    Attributes:
        centre: point of the mean face that it is centred on, mm.
        side: mm.
        cells: side of the close-up, px.
        mirrored: the close-up shows it in a mirror.
    """

    centre: tuple[float, float, float]
    side: float
    cells: int
    mirrored: bool = False


LEFT_EYE = Region((33.0, 5.0, 72.0), 72.0, 48)
RIGHT_EYE = Region((-33.0, 5.0, 72.0), 72.0, 48, mirrored=True)
LOWER_FACE = Region((0.0, -76.0, 88.0), 124.0, 64)

_LEFT_EYE_POINTS = (
    *(263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),  # lids
    *(276, 283, 282, 295, 285, 300, 293, 334, 296, 336),  # brow
    *(473, 475, 477),  # iris: middle, top, bottom
)
_RIGHT_EYE_POINTS = (
    *(33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    *(46, 53, 52, 65, 55, 70, 63, 105, 66, 107),
    *(468, 470, 472),
)
_LOWER_FACE_POINTS = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409),  # lips, outside
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415),  # inside
    *(152, 148, 377, 176, 400, 172, 397, 199, 200, 2, 98, 327, 205, 425, 50, 280),  # chin, jaw, nose, cheeks
)
REGION_POINTS = (*_LEFT_EYE_POINTS, *_RIGHT_EYE_POINTS, *_LOWER_FACE_POINTS)
"""MediaPipe's indices of the points that the region networks also learn to place; the eyes' ones in pairs."""


def pose_span(layout: ParameterLayout) -> slice:
    """Where rotation, translation and scale, which place the regions, stand in the parameter vector."""
    return slice(layout.slices["rotation"].start, layout.slices["scale"].stop)


def jittered_pose(pose: Tensor, turn: float = 0.05, shift: float = 3.0, zoom: float = 0.05) -> Tensor:
    """Poses (B, 9) with errors such as a trunk makes.

    Args:
        pose: rotation (6-D), translation, scale.
        turn: standard deviation of each number of the rotation, about radians.
        shift: of the translation, px.
        zoom: of the scale, natural logarithm.
    """
    noise = torch.randn_like(pose)
    rotation = orthonormal(pose[:, :6] + turn * noise[:, :6])
    return torch.cat([rotation, pose[:, 6:8] + shift * noise[:, 6:8], pose[:, 8:] * (zoom * noise[:, 8:]).exp()], dim=1)


def region_matrix(region: Region, pose: Tensor) -> Tensor:
    """Similarity (B, 2, 3) from the close-up's coordinates (-1..1, right and down) to crop pixels.

    Args:
        region: where on the head.
        pose: (B, 9) rotation (6-D, orthonormal), translation (px) and scale (px/mm) of the head.
    """
    first, second, scale = pose[:, :3], pose[:, 3:6], pose[:, 8:9]
    x, y, z = region.centre
    third = torch.linalg.cross(first, second)
    rotated = x * first + y * second + z * third  # (B, 3)
    middle = pose[:, 6:8] + scale * rotated[:, :2] * rotated.new_tensor([1.0, -1.0])  # (B, 2)
    up = functional.normalize(second[:, :2], dim=1)  # (B, 2) the head's up axis in the picture, y up
    half = 0.5 * region.side * scale[:, 0]
    across = -half if region.mirrored else half
    columns = [
        torch.stack([up[:, 1], up[:, 0]], dim=1) * across[:, None],
        torch.stack([-up[:, 0], up[:, 1]], dim=1) * half[:, None],
        middle,
    ]
    return torch.stack(columns, dim=2)  # (B, 2, 3)


def close_up(image: Tensor, region: Region, matrix: Tensor) -> Tensor:
    """The region (B, C, N, N) of crops (B, C, R, R), N = region.cells; outside the crop its border goes on."""
    to_unit = matrix * (2.0 / CROP_SIZE)  # crop px to -1..1
    theta = torch.cat([to_unit[:, :, :2], to_unit[:, :, 2:] - 1.0], dim=2)
    steps = (torch.arange(region.cells, dtype=image.dtype, device=image.device) + 0.5) * (2.0 / region.cells) - 1.0
    grid_y, grid_x = torch.meshgrid(steps, steps, indexing="ij")
    grid = torch.stack([grid_x, grid_y, torch.ones_like(grid_x)], dim=2).flatten(0, 1)  # (N * N, 3)
    points = (grid @ theta.transpose(1, 2)).unflatten(1, (region.cells, region.cells))  # (B, N, N, 2)
    return functional.grid_sample(image, points, padding_mode="border", align_corners=False)


class RegionPrediction(NamedTuple):
    """Standardised expression outputs (B, Ne), and REGION_POINTS (B, N, 2) in crop px for the loss alone."""

    expression: Tensor
    points: Tensor


class _Step(nn.Module):
    """3x3 convolution, norm, ReLU; with a shortcut where shapes allow."""

    def __init__(self, inputs: int, outputs: int, stride: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.shortcut = stride == 1 and inputs == outputs
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_in", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x))
        return functional.relu(x + y if self.shortcut else y)


class RegionEncoder(nn.Module):
    """A small dense network: close-ups (B, 3, N, N) to (B, features).

    Args:
        cells: N, a multiple of 16.
        widths: channels at 1/2, 1/4, 1/8 and 1/16 of the resolution.
        features: that come out.
    """

    def __init__(self, cells: int, widths: tuple[int, int, int, int], features: int) -> None:
        super().__init__()
        half, quarter, eighth, last = widths
        self.layers = nn.Sequential(
            _Step(3, half, 2, kernel=5),
            _Step(half, half, 1),
            _Step(half, quarter, 2),
            _Step(quarter, quarter, 1),
            _Step(quarter, eighth, 2),
            _Step(eighth, eighth, 1),
            _Step(eighth, last, 2),
            nn.Flatten(),
            nn.Linear(last * (cells // 16) ** 2, features),
            nn.ReLU(),
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)


class RegionHeads(nn.Module):
    """Standardised expression outputs from the eyes, the lower face, the pose and what the trunk saw.

    Args:
        hidden: width of the layer that joins the regions.
        trunk_features: width of the trunk's features.
        layout: of the parameter vector.
    """

    eye_features, mouth_features = 128, 192

    def __init__(self, hidden: int, trunk_features: int, layout: ParameterLayout) -> None:
        super().__init__()
        self.expression_span = layout.slices["expression"]
        self.pose_span = pose_span(layout)
        self.eye = RegionEncoder(LEFT_EYE.cells, (32, 64, 96, 128), self.eye_features)
        self.mouth = RegionEncoder(LOWER_FACE.cells, (32, 64, 112, 160), self.mouth_features)
        self.join = nn.Linear(2 * self.eye_features + self.mouth_features + 9, hidden)
        self.context = nn.Linear(trunk_features, hidden, bias=False)
        self.regressor = nn.Linear(hidden, layout.n_expression)
        self.eye_points = nn.Linear(self.eye_features, 2 * len(_LEFT_EYE_POINTS))
        self.mouth_points = nn.Linear(self.mouth_features, 2 * len(_LOWER_FACE_POINTS))
        nn.init.zeros_(self.context.weight)  # the trunk is heard once it has something to add
        nn.init.normal_(self.regressor.weight, std=0.01)
        nn.init.zeros_(self.regressor.bias)

    def forward(self, image: Tensor, pose: Tensor, trunk: Tensor | None = None) -> RegionPrediction:
        """What the regions show.

        Args:
            image: (B, 3, R, R) normalised crops.
            pose: (B, 9) rotation, translation, scale in crop px, which places the regions.
            trunk: (B, trunk_features); None leaves the trunk out.
        """
        matrices = [region_matrix(region, pose) for region in (LEFT_EYE, RIGHT_EYE, LOWER_FACE)]
        left, right, lower = (
            close_up(image, region, matrix)
            for region, matrix in zip((LEFT_EYE, RIGHT_EYE, LOWER_FACE), matrices, strict=True)
        )
        left_eye, right_eye = self.eye(torch.cat([left, right])).chunk(2)  # (B, eye_features) each
        mouth = self.mouth(lower)  # (B, mouth_features)
        joined = self.join(torch.cat([left_eye, right_eye, mouth, _standardised(pose)], dim=1))
        if trunk is not None:
            joined = joined + self.context(trunk)
        local = (self.eye_points(left_eye), self.eye_points(right_eye), self.mouth_points(mouth))
        points = [_to_crop(p.unflatten(1, (-1, 2)), m) for p, m in zip(local, matrices, strict=True)]
        return RegionPrediction(self.regressor(functional.relu(joined)), torch.cat(points, dim=1))

    def replace(self, vector: Tensor, expression: Tensor) -> Tensor:
        """Outputs or parameters (B, P) with another expression (B, Ne)."""
        span = self.expression_span
        return torch.cat([vector[:, : span.start], expression, vector[:, span.stop :]], dim=1)  # (B, P)


def _standardised(pose: Tensor) -> Tensor:
    """Pose (B, 9) as numbers of about 1."""
    translation = (pose[:, 6:8] - CROP_SIZE / 2) * (10.0 / CROP_SIZE)
    return torch.cat([2.0 * pose[:, :6], translation, 5.0 * (pose[:, 8:] - 1.0)], dim=1)


def _to_crop(points: Tensor, matrix: Tensor) -> Tensor:
    """Points (B, N, 2) of a close-up (-1..1) in crop pixels."""
    return points @ matrix[:, :, :2].transpose(1, 2) + matrix[:, None, :, 2]
