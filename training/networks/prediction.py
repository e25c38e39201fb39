"""What every network here says about a crop."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Prediction(NamedTuple):
    """What a network says about B crops.

    Attributes:
        parameters: (B, P), constrained, in crop pixels.
        logit: (B, 1) of the confidence.
        region_points: (B, N, 2) crop px, `expression_head.REGION_POINTS`; None without an expression head.
        face_points: (B, 478, 2) crop px, MediaPipe's; None without a face head.
    """

    parameters: Tensor
    logit: Tensor
    region_points: Tensor | None = None
    face_points: Tensor | None = None
