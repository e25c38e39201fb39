"""Light and shading, Eq. 4 and 5 of the paper, in linear RGB. This float64 code is the reference.

Light lives in the camera-aligned frame (+x image right, +y up, +z toward the camera), positions in mm from
the head centre. Spherical harmonics are the orthonormal real ones to band 2, in the order Y00, Y1-1 (y),
Y10 (z), Y11 (x), Y2-2 (xy), Y2-1 (yz), Y20 (3z^2 - 1), Y21 (xz), Y22 (x^2 - y^2), without Condon-Shortley
signs. The coefficients are those of irradiance / pi: radiance coefficients times 1, 2/3, 1/4 by band.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

VIEW_DIRECTION = np.array([0.0, 0.0, 1.0])
"""v_out: the weak-perspective camera sees every point along +z."""

COSINE_LOBE = np.repeat([1.0, 2.0 / 3.0, 1.0 / 4.0], [1, 3, 5])
"""(9,) factors that turn radiance coefficients into irradiance / pi (Ramamoorthi and Hanrahan 2001)."""

SH_CONSTANTS = (
    0.28209479177387814,
    0.4886025119029199,
    1.0925484305920792,
    0.31539156525252005,
    0.5462742152960396,
)
"""Normalisation of Y00, Y1m, Y2(-2,-1,1), Y20 and Y22."""


def sh_basis(normals: ArrayLike) -> NDArray[np.floating]:
    """Spherical-harmonics basis at unit vectors, (..., 3) to (..., 9)."""
    n = np.asarray(normals, dtype=float)
    x, y, z = n[..., 0], n[..., 1], n[..., 2]
    c0, c1, c2, c20, c22 = SH_CONSTANTS
    return np.stack(
        [
            np.full_like(x, c0),
            c1 * y,
            c1 * z,
            c1 * x,
            c2 * x * y,
            c2 * y * z,
            c20 * (3.0 * z * z - 1.0),
            c2 * x * z,
            c22 * (x * x - y * y),
        ],
        axis=-1,
    )


def _rotation_samples() -> tuple[NDArray, NDArray]:
    index = np.arange(16) + 0.5
    polar, azimuth = np.arccos(1.0 - index / 8.0), np.pi * (1.0 + 5.0**0.5) * index
    directions = np.stack([np.cos(azimuth) * np.sin(polar), np.sin(azimuth) * np.sin(polar), np.cos(polar)], axis=-1)
    return directions, np.linalg.pinv(sh_basis(directions))


_DIRECTIONS, _FIT = _rotation_samples()


def rotate_sh(rotation: ArrayLike, coefficients: ArrayLike) -> NDArray[np.floating]:
    """SH coefficients of a light turned by `rotation`: the result at n is the input at R^T n.

    Args:
        rotation: (3, 3).
        coefficients: (9, C).

    Returns:
        (9, C). Exact, since band-2 harmonics are closed under rotation.
    """
    return _FIT @ (sh_basis(_DIRECTIONS @ np.asarray(rotation, dtype=float)) @ np.asarray(coefficients, dtype=float))


def turn_sh(angle: float, coefficients: ArrayLike) -> NDArray[np.floating]:
    """`rotate_sh` of a turn about the view axis, counter-clockwise in the picture, radians; (9, C) to (9, C).

    Harmonics y and x, yz and xz turn by the angle, xy and x^2 - y^2 by twice as much; the others stay.
    """
    rows = np.asarray(coefficients, dtype=float).tolist()  # for 9 rows plain numbers are quicker than NumPy's calls
    for sine, cosine, by in ((1, 3, angle), (5, 7, angle), (4, 8, 2.0 * angle)):
        c, s = math.cos(by), math.sin(by)
        pairs = list(zip(rows[sine], rows[cosine], strict=True))
        rows[sine], rows[cosine] = [c * y + s * x for y, x in pairs], [c * x - s * y for y, x in pairs]
    return np.array(rows)


def shade_diffuse(albedo: ArrayLike, normals: ArrayLike, sh: ArrayLike) -> NDArray[np.floating]:
    """Lit diffuse colour c_d, Eq. 4.

    Args:
        albedo: (..., 3) linear diffuse albedo t_d.
        normals: (..., 3) unit normals after the head's rotation.
        sh: (9, 3) coefficients lambda.

    Returns:
        (..., 3) linear RGB; never negative (a band-2 light can ring below zero, the eye sees none of that).
    """
    return np.asarray(albedo, dtype=float) * np.maximum(sh_basis(normals) @ np.asarray(sh, dtype=float), 0.0)


def shade_specular(
    albedo: ArrayLike,
    points: ArrayLike,
    normals: ArrayLike,
    key_position: ArrayLike,
    key_color: ArrayLike,
    shininess: float,
) -> NDArray[np.floating]:
    """Blinn-Phong highlight c_s = t_s k max(0, n.h)^shininess, zero where n.l <= 0 (Eq. 5).

    Args:
        albedo: (..., 3) linear specular albedo t_s.
        points: (..., 3) rotated positions in mm from the head centre.
        normals: (..., 3) unit normals after the head's rotation.
        key_position: (3,) mm from the head centre.
        key_color: (3,) linear RGB k (the paper's is 1).
        shininess: exponent phi > 0.

    Returns:
        (..., 3) linear RGB.
    """
    normals = np.asarray(normals, dtype=float)
    to_light = np.asarray(key_position, dtype=float) - np.asarray(points, dtype=float)
    to_light = to_light / np.linalg.norm(to_light, axis=-1, keepdims=True)
    half = to_light + VIEW_DIRECTION
    half = half / np.maximum(np.linalg.norm(half, axis=-1, keepdims=True), 1e-12)
    lobe = np.maximum((normals * half).sum(-1, keepdims=True), 0.0) ** float(shininess)  # (..., 1)
    lit = (normals * to_light).sum(-1, keepdims=True) > 0.0
    return np.asarray(albedo, dtype=float) * np.asarray(key_color, dtype=float) * np.where(lit, lobe, 0.0)
