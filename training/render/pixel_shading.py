"""Eq. 4 and 5 at many points at once, in PyTorch, with the numbers of one kind side by side: (B, 3, K), not (B, K, 3).

`training.losses.linear_face` has them for points in rows, (B, K, 3). They match `facemodel.lighting`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from facemodel.lighting import SH_CONSTANTS

_LEAST_COSINE = 1e-4
"""Of the half vector to the normal; below it the gradient by the shininess would not be finite."""


def unit(vectors: Tensor) -> Tensor:
    """Return vectors (B, 3, K) of length 1; 0, with a gradient of 0, where they are 0."""
    return vectors * _inverse_length(vectors)


def irradiance(normals: Tensor, sh: Tensor) -> Tensor:
    """Return irradiance / pi, not negative, at unit normals (B, 3, K) under SH light (B, 27): (B, 3, K), Eq. 4."""
    x, y, z = normals.unbind(1)  # (B, K)
    c0, c1, c2, c20, c22 = SH_CONSTANTS
    products = torch.stack([y, z, x, x * y, y * z, z * z, x * z, x * x - y * y], dim=1)  # (B, 8, K)
    coefficients = sh.unflatten(1, (9, 3))  # (B, 9, 3)
    factors = sh.new_tensor([c1, c1, c1, c2, c2, 3.0 * c20, c2, c22])[:, None]
    constant = c0 * coefficients[:, 0] - c20 * coefficients[:, 6]  # (B, 3)
    linear = (factors * coefficients[:, 1:]).mT.contiguous()  # (B, 3, 8)
    return functional.relu(torch.baddbmm(constant[..., None], linear, products))


def blinn_phong(points: Tensor, normals: Tensor, position: Tensor, shininess: Tensor) -> Tensor:
    """Return max(0, n.h)^shininess where n.l > 0, else 0: the highlight of Eq. 5 without albedo and colour.

    Args:
        points: (B, 3, K) mm, rotated, from the head centre.
        normals: (B, 3, K) unit, rotated.
        position: (B, 3) mm of the key light; shininess: (B, 1).
    Returns: (B, 1, K).
    """
    toward = position[..., None] - points  # (B, 3, K)
    nearness = _inverse_length(toward)  # (B, 1, K)
    facing = (normals * toward).sum(dim=1, keepdim=True) * nearness  # n.l
    upward = toward[:, 2:] * nearness  # l_z
    # h = l + v is of length sqrt(2 + 2 l_z), and n.h = n.l + n_z, before h is brought to length 1
    cosine = (facing + normals[:, 2:]) * (2.0 + 2.0 * upward).clamp(min=1e-12).rsqrt()
    lobe = torch.exp(shininess[..., None] * cosine.clamp(min=_LEAST_COSINE).log())
    return torch.where(facing > 0.0, lobe, torch.zeros_like(lobe))


def _inverse_length(vectors: Tensor) -> Tensor:
    """Return 1 / length, (B, 3, K) to (B, 1, K); `torch.linalg.vector_norm` takes twenty times as long here."""
    x, y, z = vectors.unbind(1)
    return (x * x + y * y + z * z).clamp(min=1e-24).rsqrt()[:, None]
