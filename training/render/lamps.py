"""The lamps of a scene: random light, the lamps in a light's spherical harmonics, and the shadows of a head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from facemodel.lighting import COSINE_LOBE, SH_CONSTANTS, sh_basis
from training.render.rasterizer import Lamps, Light, seen_from

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
FRONT = np.array(
    [(x, y, np.sqrt(1 - x * x - y * y)) for x in (-0.6, -0.3, 0, 0.3, 0.6) for y in (-0.6, -0.3, 0, 0.3, 0.6)]
)
"""(25, 3) normals of the visible front of a face."""
_COUNT = 3
_DISTANCE = 1000.0  # mm, of the lamps that are not the key light
_AMBIENT = 0.12  # of the constant harmonic, that is no lamp's
_FAINT = 0.1  # of what is left of the constant harmonic: a fainter lamp is none
_DEPTH = 0.92  # of a shadow: walls send some of a lamp's light back


@dataclass(frozen=True)
class LightDistribution:
    """How random light is spread.

    Attributes:
        dark_share, dull_share: of light far below the usual, and without a highlight.
        low_share, colored_share: of lamps from below, and of lamps of a strong colour.
        key_distance: range, mm. shininess: range.
    """

    dark_share: float = 0.08
    dull_share: float = 0.1
    low_share: float = 0.12
    colored_share: float = 0.15
    key_distance: tuple[float, float] = (200.0, 1500.0)
    shininess: tuple[float, float] = (5.0, 100.0)


def random_light(rng: Generator, spread: LightDistribution) -> Light:
    """Draw an ambient light and up to four lamps, soft or hard; the strongest that reaches the face is the key light.

    All diffuse light is in the harmonics; the key light's highlight is as strong as its share of them, more or less.
    """
    tint = _random_tint(rng, 0.12)
    sh = np.zeros((9, 3))
    sh[0] = 3.545 * tint * rng.uniform(0.05, 1.0)
    strongest, key, key_color = 0.0, np.array([0.3, 0.5, 0.8]), 0.3 * tint
    for _ in range(rng.integers(1, 5)):
        below = rng.random() < spread.low_share
        direction = rng.normal(size=3) + (0.0, -1.2 if below else 0.35, 0.6)
        direction /= np.linalg.norm(direction)
        strength, softness = rng.exponential(1.0), rng.uniform(0.0, 1.0)
        widths = np.repeat([1.0, 1.0 - 0.25 * softness, 1.0 - 0.65 * softness], [1, 3, 5])
        color = strength * _random_tint(rng, 0.6 if rng.random() < spread.colored_share else 0.18)
        sh += np.pi * (sh_basis(direction) * widths * COSINE_LOBE)[:, None] * color
        if direction[2] > -0.2 and strength > strongest:
            strongest, key, key_color = strength, direction, color
    key = key + rng.normal(0.0, 0.08, 3)
    front = sh_basis(FRONT) @ sh  # (25, 3) irradiance / pi where a face looks
    dark = rng.random() < spread.dark_share
    exposure = np.exp(rng.normal(-0.3, 0.3)) * (rng.uniform(0.15, 0.5) if dark else 1.0)
    exposure /= max(float((front @ LUMINANCE).mean()), 1e-3)
    gleam = exposure * np.exp(rng.normal(0.2, 0.6)) * (rng.random() >= spread.dull_share)
    distance = np.exp(rng.uniform(*np.log(spread.key_distance)))
    shininess = float(np.exp(rng.uniform(*np.log(spread.shininess))))
    return Light(exposure * sh, key / np.linalg.norm(key) * distance, gleam * key_color, shininess)


def cast(
    sh: NDArray, key_position: NDArray, key_color: NDArray, rng: Generator, head: tuple[NDArray, NDArray, NDArray]
) -> Lamps:
    """Split light into lamps: the key light, up to two that the rest of the harmonics asks for, and their shadows.

    A lamp's share of the harmonics is that of a far lamp whose linear band is theirs in its direction.

    Args:
        sh: (9, 3). key_position, key_color: (3,).
        rng: says how far away the head's shadows blur.
        head: posed vertices (V, 3) mm, their unit normals (V, 3), triangles (T, 3).
    """
    rest = np.array(sh, np.float64)
    positions, shares, strengths = [np.asarray(key_position, np.float64)], [], []
    for number in range(_COUNT):
        if number:
            linear = rest[[3, 1, 2]] @ LUMINANCE  # the direction of x, y and z
            positions.append(linear / max(float(np.linalg.norm(linear)), 1e-9) * _DISTANCE)
        basis = sh_basis(positions[-1] / max(float(np.linalg.norm(positions[-1])), 1e-9))
        strength = basis[1:4] @ rest[1:4] / (np.pi * COSINE_LOBE[1] * max(float(basis[1:4] @ basis[1:4]), 1e-9))  # (3,)
        most = (1.0 - _AMBIENT) * rest[0] / (np.pi * SH_CONSTANTS[0])
        if number and float(strength @ LUMINANCE) < _FAINT * float(rest[0] @ LUMINANCE):
            positions.pop()
            break
        strengths.append(np.clip(strength, 0.0, np.maximum(most, 0.0)))
        shares.append(np.pi * (basis * COSINE_LOBE)[:, None] * strengths[-1])
        rest -= shares[-1]
    key_strength = max(float(strengths[0] @ LUMINANCE), 1e-3)
    gleam = float(np.asarray(key_color) @ LUMINANCE) / key_strength
    colors = [np.asarray(key_color)] + [
        s * min(gleam, gleam * key_strength / max(s.max(), 1e-6)) for s in strengths[1:]
    ]
    softness = float(rng.uniform(0.6, 5.0))  # mm
    visible = np.ones((len(head[0]), len(positions)), np.float32)
    for number, position in enumerate(positions):
        if strengths[number].max() > 0.05 or colors[number].max() > 0.05:
            visible[:, number] = seen_from(position, *head, softness)
    return Lamps(np.array(positions), np.array(colors), _DEPTH * np.array(shares), visible)


def _random_tint(rng: Generator, spread: float) -> NDArray[np.float64]:
    """Return a colour of luminance 1: warm to cold, with a little green and magenta."""
    warm = rng.normal(0.0, spread)
    color = np.exp(np.array([warm, rng.normal(0.0, spread / 2), -warm]))
    return color / (color @ LUMINANCE)
