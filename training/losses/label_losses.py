"""The terms that the student learns from. Each maps a batch to one number per sample (B,), in a unit people know."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from facemodel.mediapipe_outlines import FACE_OVAL, INNER_LIPS, LEFT_BROW, LEFT_EYE, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE
from training.losses.linear_face import irradiance, rotation_matrix

_LID_PAIRS = ((159, 145), (160, 144), (158, 153), (386, 374), (385, 380), (387, 373))
_LIP_PAIRS = ((13, 14), (82, 87), (312, 317), (81, 178), (311, 402))
"""MediaPipe's indices; in a pair, the upper point then the lower one."""

_IRISES = tuple(range(468, 478))
_NAMED_PARTS = (OUTER_LIPS + INNER_LIPS, RIGHT_EYE + LEFT_EYE, RIGHT_BROW + LEFT_BROW, _IRISES)
MOVING_PARTS = (*_NAMED_PARTS, tuple(sorted(set(range(478)).difference(*_NAMED_PARTS))))
"""MediaPipe's indices of lips, lids, brows and irises, and of the rest of the face."""

_AT_REST = 0.02
"""Expression weight below which a label says that the unit is at rest."""


def landmark_weights(lips: float = 2.0, lids: float = 2.0, oval: float = 0.5, irises: float = 1.0) -> Tensor:
    """Return weights (478,) of MediaPipe's points, mean 1: lips and lids count for more, the sliding oval for less."""
    weights = np.ones(478, dtype=np.float32)
    weights[[*OUTER_LIPS, *INNER_LIPS]] = lips
    weights[[*RIGHT_EYE, *LEFT_EYE]] = lids
    weights[[*FACE_OVAL]] = oval
    weights[[*_IRISES]] = irises
    return torch.from_numpy(weights / weights.mean())


def point_distance(points: Tensor, reference: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the mean distance of points (B, N, 2 or 3) in their unit, each weighted by `weights`, (N,) or (B, N)."""
    distance = _length(points - reference)  # (B, N)
    return (distance if weights is None else distance * weights).mean(dim=1)


def point_uncertainty(points: Tensor, spread: Tensor, reference: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the mean negative log likelihood, in nats, of points whose error is isotropic Laplacian.

    The density at distance d is exp(-d / b) / (2 pi b^2), whose mean distance is 2 b; the constant is left out. The
    points are taken as they are: this judges what the network says of its error, not the error.

    Args:
        points, reference: (B, N, 2) px.
        spread: (B, N) b, px.
        weights: (B, N) of the points; all alike if left out.
    """
    distance = _length(points.detach() - reference)
    nats = distance / spread + 2.0 * spread.log()
    return (nats if weights is None else nats * weights).mean(dim=1)


def lid_gap(points: Tensor, reference: Tensor) -> Tensor:
    """Return the mean error in px of the distance between upper and lower lid, over MediaPipe's points (B, 478, 2)."""
    return _gap_error(points, reference, _LID_PAIRS)


def lip_gap(points: Tensor, reference: Tensor) -> Tensor:
    """Return the mean error in px of the distance between the inner lips, over MediaPipe's points (B, 478, 2)."""
    return _gap_error(points, reference, _LIP_PAIRS)


def rotation_angle(six: Tensor, reference: Tensor) -> Tensor:
    """Return the geodesic angle in radians between orthonormal 6-D rotations (B, 6); exact, with a gradient at zero."""
    relative = rotation_matrix(six).transpose(1, 2) @ rotation_matrix(reference)  # (B, 3, 3)
    axis = torch.stack(
        [
            relative[:, 2, 1] - relative[:, 1, 2],
            relative[:, 0, 2] - relative[:, 2, 0],
            relative[:, 1, 0] - relative[:, 0, 1],
        ],
        dim=1,
    )
    cosine = relative.diagonal(dim1=1, dim2=2).sum(dim=1) - 1.0
    return torch.atan2(_length(axis), cosine)


def log_ratio(value: Tensor, reference: Tensor) -> Tensor:
    """Return the absolute natural logarithm (B,) of the ratio of scales, or of shininess, (B, 1)."""
    return (value / reference).log().abs().squeeze(1)


def expression_error(weights: Tensor, reference: Tensor, worth: Tensor) -> Tensor:
    """Return the mean squared error of weights (B, Ne), each counted by its label's `worth` (B, Ne).

    It is squared, since most weights are zero most of the time: the absolute error is least at the median, which is
    zero for every weight that the picture leaves in doubt.
    """
    return (worth * (weights - reference).square()).mean(dim=1)


def rest_error(weights: Tensor, reference: Tensor, worth: Tensor) -> Tensor:
    """Return the mean absolute weight (B,) of the units that the labels (B, Ne) say are at rest."""
    return (worth * (reference < _AT_REST) * weights.abs()).mean(dim=1)


def movement_error(movement: Tensor) -> Tensor:
    """Return how far an error of expression moves the face, mm: the mean over `MOVING_PARTS` of their mean distances.

    Args:
        movement: (B, 478, 3) mm, of MediaPipe's points by the difference of two expressions.
    """
    distance = _length(movement)  # (B, 478)
    return torch.stack([distance[:, list(part)].mean(dim=1) for part in MOVING_PARTS]).mean(dim=0)


def color_error(color: Tensor, reference: Tensor) -> Tensor:
    """Return the mean absolute difference of linear colours (B, K, 3), measured on a square root scale as eyes do."""
    return (_perceived(color) - _perceived(reference)).abs().mean(dim=(1, 2))


def irradiance_error(sh: Tensor, reference: Tensor, normals: Tensor) -> Tensor:
    """Return the colour error of a white sphere in SH light (B, 27), seen at unit normals (K, 3)."""
    return color_error(irradiance(normals[None], sh), irradiance(normals[None], reference))


def key_direction_error(position: Tensor, reference: Tensor) -> Tensor:
    """Return 1 - cosine between the directions of key positions (B, 3), 0..2."""
    return 1.0 - functional.cosine_similarity(position, reference, dim=1, eps=1e-3)


def sh_direction(sh: Tensor) -> Tensor:
    """Return where most of an SH light (B, 27) comes from, (B, 3): the gradient of its mean colour's first band."""
    y, z, x = sh.unflatten(1, (9, 3))[:, 1:4].mean(dim=2).unbind(1)
    return torch.stack([x, y, z], dim=1)


def sh_direction_error(sh: Tensor, reference: Tensor) -> Tensor:
    """Return 1 - cosine between the directions of SH lights (B, 27), 0..2."""
    return key_direction_error(sh_direction(sh), sh_direction(reference))


def key_and_sh_cosine(position: Tensor, sh: Tensor) -> Tensor:
    """Return the cosine (B,) between the directions of a key position (B, 3) and of an SH light (B, 27)."""
    return functional.cosine_similarity(position, sh_direction(sh), dim=1, eps=1e-3)


def key_distance_ratio(position: Tensor, reference: Tensor) -> Tensor:
    """Return the absolute natural logarithm of the ratio of the key light's distances, of (B, 3) mm."""
    return (_length(position) / _length(reference).clamp(min=1.0)).clamp(min=1e-3).log().abs()


def confidence_error(logit: Tensor, face: Tensor) -> Tensor:
    """Return the binary cross entropy of confidence logits (B, 1) against 1 for a face, 0 for none (B,)."""
    return functional.binary_cross_entropy_with_logits(logit.squeeze(1), face, reduction="none")


def sphere_normals(count: int = 48) -> Tensor:
    """Return (count, 3) unit vectors spread over the hemisphere that faces the camera (a Fibonacci spiral)."""
    index = torch.arange(count, dtype=torch.float64) + 0.5
    z = 1.0 - index / count
    azimuth = math.pi * (1.0 + math.sqrt(5.0)) * index
    radius = (1.0 - z * z).sqrt()
    return torch.stack([radius * azimuth.cos(), radius * azimuth.sin(), z], dim=1).float()


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Return the mean over the batch of (B,) values, samples of weight zero left out entirely; 0 if all are."""
    kept = torch.where(weights > 0, values * weights, torch.zeros_like(values))
    return kept.sum() / weights.sum().clamp(min=1e-6)


def _gap_error(points: Tensor, reference: Tensor, pairs: tuple[tuple[int, int], ...]) -> Tensor:
    upper, lower = (list(side) for side in zip(*pairs, strict=True))
    gap = _length(points[:, upper] - points[:, lower])  # (B, pairs)
    return (gap - _length(reference[:, upper] - reference[:, lower])).abs().mean(dim=1)


def _length(vectors: Tensor) -> Tensor:
    """Return the norm over the last axis with a finite gradient at zero."""
    return (vectors.square().sum(dim=-1) + 1e-8).sqrt()


def _perceived(linear: Tensor) -> Tensor:
    return (linear.clamp(min=0.0) + 1e-2).sqrt()
