"""Light environments by name: SH light from painted skies, each with the key light that belongs to it.

An environment is a radiance picture of a few soft lamps over a vertical gradient, projected on spherical
harmonics to band 2 and convolved with the cosine lobe (`COSINE_LOBE`), as `facemodel.lighting` wants it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemodel.lighting import COSINE_LOBE, rotate_sh, sh_basis
from facemodel.rotation import matrix_from_euler

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Lamp:
    """A round soft light at infinity.

    Attributes:
        direction: toward it; +x image right, +y up, +z to the camera; any length.
        radiance: linear RGB at its centre.
        angle: degrees from its centre to where it has fallen to about 60 %.
    """

    direction: tuple[float, float, float]
    radiance: Colour
    angle: float = 30.0


@dataclass(frozen=True, eq=False)
class Environment:
    """SH light and the key light that goes with it.

    Attributes:
        sh: (9, 3) irradiance / pi coefficients.
        key_position: (3,) mm from the head centre.
        key_color: (3,) linear RGB.
    """

    sh: NDArray[np.float32]
    key_position: NDArray[np.float32]
    key_color: NDArray[np.float32]

    def turned(self, yaw: float) -> Environment:
        """The same environment turned about the vertical axis; yaw in radians, front toward image right."""
        rotation = matrix_from_euler(yaw, 0.0, 0.0)
        return Environment(
            rotate_sh(rotation, self.sh).astype(np.float32),
            (rotation @ self.key_position).astype(np.float32),
            self.key_color,
        )


def make_environment(
    up: Colour, horizon: Colour, down: Colour, lamps: tuple[Lamp, ...], key: Lamp, key_distance: float = 800.0
) -> Environment:
    """Project a sky (radiance straight up, at the horizon, straight down) and lamps on SH.

    Args:
        up, horizon, down: linear RGB radiance.
        lamps: added to the sky.
        key: direction and colour of the key light; its angle is not used.
        key_distance: mm from the head centre.
    """
    directions = _sphere(4096)  # (N, 3)
    height = directions[:, 1:2]
    middle = (1.0 - np.abs(height)) ** 1.5
    pole = np.where(height > 0, np.array(up), np.array(down))  # (N, 3)
    radiance = pole * (1.0 - middle) + np.array(horizon) * middle
    for lamp in lamps:
        radiance = radiance + np.array(lamp.radiance) * _falloff(directions, lamp)[:, None]
    coefficients = 4.0 * np.pi / len(directions) * (sh_basis(directions).T @ radiance)  # (9, 3)
    direction = np.array(key.direction) / np.linalg.norm(key.direction)
    return Environment(
        (coefficients * COSINE_LOBE[:, None]).astype(np.float32),
        (key_distance * direction).astype(np.float32),
        np.array(key.radiance, np.float32),
    )


def _sphere(count: int) -> NDArray[np.float64]:
    """Evenly spread unit vectors (Fibonacci lattice), (count, 3)."""
    index = np.arange(count) + 0.5
    y, azimuth = 1.0 - 2.0 * index / count, np.pi * (1.0 + 5.0**0.5) * index
    ring = np.sqrt(1.0 - y * y)
    return np.stack([ring * np.cos(azimuth), y, ring * np.sin(azimuth)], axis=-1)


def _falloff(directions: NDArray, lamp: Lamp) -> NDArray[np.float64]:
    toward = np.array(lamp.direction) / np.linalg.norm(lamp.direction)
    away = np.degrees(np.arccos(np.clip(directions @ toward, -1.0, 1.0)))
    return np.exp(-0.5 * (away / lamp.angle) ** 2)


ENVIRONMENTS: dict[str, Environment] = {
    "studio": make_environment(
        (0.42, 0.42, 0.44), (0.28, 0.28, 0.29), (0.13, 0.125, 0.12),
        (Lamp((-0.7, 0.5, 0.9), (1.75, 1.68, 1.6), 32.0), Lamp((0.9, 0.2, 0.6), (0.6, 0.64, 0.72), 35.0)),
        Lamp((-0.6, 0.6, 1.0), (1.0, 0.97, 0.93)),
    ),
    "daylight": make_environment(
        (0.75, 0.95, 1.3), (0.65, 0.7, 0.75), (0.2, 0.18, 0.15),
        (Lamp((0.5, 0.9, 0.5), (3.6, 3.3, 2.9), 26.0),),
        Lamp((0.5, 0.9, 0.6), (1.3, 1.2, 1.05)),
    ),
    "overcast": make_environment(
        (1.25, 1.3, 1.38), (0.8, 0.82, 0.85), (0.25, 0.24, 0.23),
        (),
        Lamp((0.0, 1.0, 0.6), (0.35, 0.36, 0.38)),
    ),
    "sunset": make_environment(
        (0.20, 0.24, 0.42), (0.62, 0.38, 0.27), (0.10, 0.07, 0.06),
        (Lamp((-1.0, 0.12, 0.45), (3.9, 2.05, 0.95), 26.0),),
        Lamp((-1.0, 0.2, 0.6), (1.6, 0.85, 0.4)),
    ),
    "candle": make_environment(
        (0.03, 0.02, 0.015), (0.08, 0.045, 0.025), (0.06, 0.03, 0.015),
        (Lamp((0.25, -0.55, 0.9), (3.2, 1.45, 0.5), 30.0),),
        Lamp((0.2, -0.4, 0.8), (1.0, 0.55, 0.22)), 450.0,
    ),
    "night city": make_environment(
        (0.03, 0.04, 0.09), (0.16, 0.13, 0.20), (0.10, 0.08, 0.06),
        (Lamp((0.9, 0.2, 0.4), (0.3, 1.1, 1.7), 26.0), Lamp((-0.8, 0.4, 0.5), (1.9, 0.95, 0.35), 26.0)),
        Lamp((-0.7, 0.5, 0.6), (0.9, 0.55, 0.3)),
    ),
    "stage magenta and cyan": make_environment(
        (0.04, 0.03, 0.06), (0.10, 0.06, 0.12), (0.05, 0.03, 0.06),
        (Lamp((-1.0, 0.15, 0.5), (3.8, 0.25, 2.5), 28.0), Lamp((1.0, 0.15, 0.5), (0.15, 2.4, 3.4), 28.0)),
        Lamp((0.0, 0.9, 0.8), (0.7, 0.65, 0.8)),
    ),
    "stage red and blue": make_environment(
        (0.02, 0.02, 0.05), (0.06, 0.04, 0.08), (0.03, 0.02, 0.03),
        (Lamp((1.0, 0.3, 0.3), (4.2, 0.35, 0.2), 28.0), Lamp((-1.0, 0.3, 0.3), (0.2, 0.5, 4.2), 28.0)),
        Lamp((0.3, 1.0, 0.4), (0.8, 0.7, 0.7)),
    ),
}  # fmt: skip
"""Named environments that anyone can relight a face with, in the order that menus show them."""
