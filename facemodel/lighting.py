"""Light and shading, Eq. 4 and 5 of the paper, in linear RGB. This float64 code is the reference.

Light lives in the camera-aligned frame (+x image right, +y up, +z toward the camera), positions in mm from
the head centre. Spherical harmonics are the orthonormal real ones to band 2, in the order Y00, Y1-1 (y),
Y10 (z), Y11 (x), Y2-2 (xy), Y2-1 (yz), Y20 (3z^2 - 1), Y21 (xz), Y22 (x^2 - y^2), without Condon-Shortley
signs. The coefficients are those of irradiance / pi: radiance coefficients times 1, 2/3, 1/4 by band.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

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


class Lamp(Protocol):
    """A round lamp beside the head.

    Attributes:
        kind: "point", "directional" or "spot"; a spot aims at the head centre.
        direction: unit vector from the head centre to the lamp.
        distance: mm from the head centre; a directional lamp stands at infinity.
        color: linear RGB irradiance / pi of a surface at the head centre that faces the lamp.
        size: degrees, its angular diameter seen from the head centre.
        beam: degrees, full angle of a spot's cone.
    """

    @property
    def kind(self) -> str: ...
    @property
    def direction(self) -> tuple[float, float, float]: ...
    @property
    def distance(self) -> float: ...
    @property
    def color(self) -> tuple[float, float, float]: ...
    @property
    def size(self) -> float: ...
    @property
    def beam(self) -> float: ...


_AT_HORIZON = 2.0 / (3.0 * math.pi)
SOFT_COSINE = (_AT_HORIZON, 0.75 - 2.0 * _AT_HORIZON, _AT_HORIZON - 0.25)
"""Coefficients of 1, t^2 and t^4 in the even part of `soft_cosine`."""


def soft_cosine(cosine: ArrayLike, sine: float) -> NDArray[np.floating]:
    """Irradiance from a round lamp that may stand partly below the horizon; 1 is that of a surface that faces it.

    Small discs of even radiance give sine * f(cosine / sine), where f has f(t) - f(-t) = t. Its even part is taken as
    the quartic that agrees with it at t = 0 and, in value and slope, at t = 1, to 0.003.

    Args:
        cosine: between the normal and the direction to the lamp's centre.
        sine: of the lamp's angular radius, > 0.
    """
    c = np.asarray(cosine, dtype=float)
    t = np.clip(c / sine, -1.0, 1.0)
    a, b, q = SOFT_COSINE
    return sine * (0.5 * t + a + t * t * (b + q * t * t)) + np.maximum(c - sine, 0.0)


def risen_part(cosine: ArrayLike, sine: float) -> NDArray[np.floating]:
    """Part of a round lamp that stands above the horizon, 0..1; the slope of `soft_cosine`. Arguments as there."""
    t = np.clip(np.asarray(cosine, dtype=float) / sine, -1.0, 1.0)
    _, b, q = SOFT_COSINE
    return 0.5 + t * (2.0 * b + 4.0 * q * t * t)


def lamp_sine(size: float) -> float:
    """Return the sine of a lamp's angular radius, for a diameter in degrees; never below 0.001."""
    return max(math.sin(math.radians(0.5 * size)), 1e-3)


def widened_lobe(shininess: float, size: float) -> tuple[float, float]:
    """Return the exponent of the highlight of a round lamp, and the height of its lobe.

    The lobe max(0, n.h)^m is nearly a Gaussian of variance 1 / m along each axis; the disc adds a quarter of its
    squared angular radius, and the half vector turns by half of that angle. The height keeps the lobe's energy, that is
    the integral over normals, 2 pi / (m + 1).

    Args:
        shininess: exponent m for a point.
        size: degrees, angular diameter of the lamp.
    """
    exponent = 1.0 / (1.0 / shininess + math.radians(0.5 * size) ** 2 / 16.0)
    return exponent, (exponent + 1.0) / (shininess + 1.0)


def spot_edge(kind: str, beam: float) -> tuple[float, float]:
    """Return slope and offset of how a lamp's cone fades: smoothstep of slope * cosine + offset, clamped to 0..1, where
    the cosine is that from the axis. A spot of a beam in degrees fades over its outer fifth; others never do."""
    if kind != "spot":
        return 0.0, 1.0
    half = math.radians(0.5 * beam)
    outer, inner = math.cos(half), math.cos(0.8 * half)
    return 1.0 / (inner - outer), -outer / (inner - outer)


def shade_lamps(
    diffuse_albedo: ArrayLike,
    specular_albedo: ArrayLike,
    points: ArrayLike,
    normals: ArrayLike,
    lamps: Sequence[Lamp],
    shininess: float,
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Diffuse and specular light of lamps that stand beside SH light and key light; no shadows.

    Each adds t_d color falloff `soft_cosine` and t_s color falloff `risen_part` (n.h)^m, its lobe widened. The falloff
    is (distance / distance to the point)^2, 1 of a directional lamp, and smooth at the edge of a spot's cone.

    Args:
        diffuse_albedo, specular_albedo: (..., 3) linear.
        points: (..., 3) rotated positions in mm from the head centre.
        normals: (..., 3) unit normals after the head's rotation.
        lamps: any number.
        shininess: exponent of a point's highlight.

    Returns:
        (..., 3) linear RGB c_d and c_s.
    """
    t_d, t_s = np.asarray(diffuse_albedo, dtype=float), np.asarray(specular_albedo, dtype=float)
    x, n = np.asarray(points, dtype=float), np.asarray(normals, dtype=float)
    c_d, c_s = np.zeros_like(t_d), np.zeros_like(t_s)
    for lamp in lamps:
        place = np.asarray(lamp.direction, dtype=float) * lamp.distance
        way = np.broadcast_to(place, x.shape) if lamp.kind == "directional" else place - x
        length = np.linalg.norm(way, axis=-1, keepdims=True)  # (..., 1)
        toward = way / length
        slope, offset = spot_edge(lamp.kind, lamp.beam)
        edge = np.clip(slope * (toward @ place)[..., None] / lamp.distance + offset, 0.0, 1.0)
        light = np.asarray(lamp.color, dtype=float) * (lamp.distance / length) ** 2 * edge * edge * (3.0 - 2.0 * edge)
        cosine, sine = (n * toward).sum(-1, keepdims=True), lamp_sine(lamp.size)
        half = toward + VIEW_DIRECTION
        half = half / np.maximum(np.linalg.norm(half, axis=-1, keepdims=True), 1e-6)
        exponent, height = widened_lobe(shininess, lamp.size)
        lobe = height * np.maximum((n * half).sum(-1, keepdims=True), 0.0) ** exponent
        c_d += t_d * light * soft_cosine(cosine, sine)
        c_s += t_s * light * risen_part(cosine, sine) * lobe
    return c_d, c_s
