"""What every network here says about a crop."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class PlacedPoints(NamedTuple):
    """Points that a head places freely (B, N, 2), and the spread b (B, N) of their Laplacian error, both crop px.

    Twice the spread is the mean distance to expect.
    """

    points: Tensor
    spread: Tensor


class Prediction(NamedTuple):
    """What a network says about B crops.

    Attributes:
        parameters: (B, P), constrained, in crop pixels.
        logit: (B, 1) of the confidence.
        region_points: N of them, `expression_head.REGION_POINTS`; None without an expression head.
        face_points: MediaPipe's 478; None without a face head.
    """

    parameters: Tensor
    logit: Tensor
    region_points: PlacedPoints | None = None
    face_points: PlacedPoints | None = None

    def take(self, crops: slice) -> Prediction:
        """Return what is said of some of the crops."""

        def part(placed: PlacedPoints | None) -> PlacedPoints | None:
            return None if placed is None else PlacedPoints(placed.points[crops], placed.spread[crops])

        return Prediction(self.parameters[crops], self.logit[crops], part(self.region_points), part(self.face_points))
