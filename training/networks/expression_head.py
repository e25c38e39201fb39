"""The expression from close-ups of both eyes and the lower face: a lid, an iris, one corner of the mouth."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from facemodel import ParameterLayout
from training.networks.close_up import (
    CloseUpEncoder,
    Region,
    close_ups,
    region_matrices,
    spread_in_crop,
    standardised,
    to_crop,
)
from training.networks.prediction import PlacedPoints

LEFT_EYE = Region((33.0, 5.0, 72.0), 72.0, 48)
RIGHT_EYE = Region((-33.0, 5.0, 72.0), 72.0, 48, mirrored=True)
LOWER_FACE = Region((0.0, -76.0, 88.0), 124.0, 64)
REGIONS = (LEFT_EYE, RIGHT_EYE, LOWER_FACE)

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
_LIP_POINTS = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409),  # lips, outside
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415),  # inside
)
_LOWER_FACE_POINTS = (
    *_LIP_POINTS,
    *(152, 148, 377, 176, 400, 172, 397, 199, 200, 2, 98, 327, 205, 425, 50, 280),  # chin, jaw, nose, cheeks
)
FEATURE_POINTS = (*_LEFT_EYE_POINTS, *_RIGHT_EYE_POINTS, *_LIP_POINTS)
"""MediaPipe's indices of the points of eyes, brows and lips: the first of `REGION_POINTS`."""
REGION_POINTS = (*_LEFT_EYE_POINTS, *_RIGHT_EYE_POINTS, *_LOWER_FACE_POINTS)
"""MediaPipe's indices of the points that the region networks also place; the eyes' ones in pairs."""


class ExpressionPrediction(NamedTuple):
    """Standardised expression outputs (B, Ne), and REGION_POINTS."""

    expression: Tensor
    points: PlacedPoints


class ExpressionHead(nn.Module):
    """Standardised expression outputs from the eyes, the lower face and the pose.

    The right eye is mirrored and shares its network with the left one.

    Args:
        hidden: width of the layers that join the regions.
        layout: of the parameter vector.
    """

    eye_features, mouth_features = 128, 192

    def __init__(self, hidden: int, layout: ParameterLayout) -> None:
        super().__init__()
        self.eye = CloseUpEncoder(LEFT_EYE.cells, (32, 64, 96, 128), self.eye_features)
        self.mouth = CloseUpEncoder(LOWER_FACE.cells, (32, 64, 112, 160), self.mouth_features)
        self.join = nn.Linear(2 * self.eye_features + self.mouth_features + 9, hidden)
        self.mix = nn.Linear(hidden, hidden)
        self.regressor = nn.Linear(hidden, layout.n_expression)
        self.eye_points = nn.Linear(self.eye_features, 2 * len(_LEFT_EYE_POINTS))
        self.mouth_points = nn.Linear(self.mouth_features, 2 * len(_LOWER_FACE_POINTS))
        self.eye_spread = nn.Linear(self.eye_features, len(_LEFT_EYE_POINTS))
        self.mouth_spread = nn.Linear(self.mouth_features, len(_LOWER_FACE_POINTS))
        nn.init.normal_(self.mix.weight, std=0.01)
        nn.init.zeros_(self.mix.bias)
        nn.init.normal_(self.regressor.weight, std=0.01)
        nn.init.zeros_(self.regressor.bias)

    def forward(self, crop: Tensor, pose: Tensor) -> ExpressionPrediction:
        """Return what the regions show.

        Args:
            crop: (B, R, R, 3) uint8 RGB.
            pose: (B, 9) rotation, translation, scale in crop px, which places the regions.
        """
        matrices = region_matrices(REGIONS, pose)  # (B, 3, 2, 3)
        left, right, lower = close_ups(crop, REGIONS, matrices)
        left_eye, right_eye = self.eye(torch.cat([left, right])).chunk(2)  # (B, eye_features) each
        mouth = self.mouth(lower)  # (B, mouth_features)
        joined = functional.relu(self.join(torch.cat([left_eye, right_eye, mouth, standardised(pose)], dim=1)))
        joined = joined + functional.relu(self.mix(joined))  # (B, hidden)
        local = (self.eye_points(left_eye), self.eye_points(right_eye), self.mouth_points(mouth))
        counts = (len(_LEFT_EYE_POINTS), len(_RIGHT_EYE_POINTS), len(_LOWER_FACE_POINTS))
        placed = zip(local, counts, matrices.unbind(1), strict=True)
        points = [to_crop(p.reshape(-1, count, 2), matrix) for p, count, matrix in placed]
        spreads = (self.eye_spread(left_eye), self.eye_spread(right_eye), self.mouth_spread(mouth))
        spread = spread_in_crop(torch.cat(spreads, dim=1), pose)
        return ExpressionPrediction(self.regressor(joined), PlacedPoints(torch.cat(points, dim=1), spread))
