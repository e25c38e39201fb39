"""How hair shines: SH light on the strands and a highlight of the key light across them, in linear RGB.

The highlight is Kajiya and Kay's (1989): a strand is a thin cylinder, that is bright where the half vector stands
square to it. `shaders/hair.vert` does the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemodel.lighting import VIEW_DIRECTION, sh_basis


@dataclass(frozen=True)
class HairLook:
    """Colour and shine of hair.

    Attributes:
        color: (r, g, b) linear albedo of the strands.
        shine: strength of the highlight, about 0.1 (dull) to 1.
        sharpness: exponent of the highlight.
    """

    color: tuple[float, float, float]
    shine: float = 0.6
    sharpness: float = 40.0


HIGHLIGHT_SHIFT = -0.12
"""How far scales on the strands tilt the highlight towards the roots."""

HAIR_COLORS: dict[str, tuple[float, float, float]] = {
    "black": (0.012, 0.010, 0.009),
    "dark brown": (0.030, 0.018, 0.011),
    "brown": (0.075, 0.042, 0.022),
    "light brown": (0.145, 0.088, 0.048),
    "auburn": (0.150, 0.050, 0.020),
    "dark blond": (0.235, 0.155, 0.085),
    "blond": (0.400, 0.290, 0.170),
    "grey": (0.260, 0.255, 0.250),
    "white": (0.560, 0.550, 0.530),
}
"""Linear albedo by name; synthetic, chosen by eye."""


def shade_hair(
    look: HairLook,
    positions: NDArray,
    normals: NDArray,
    tangents: NDArray,
    roots: NDArray,
    sh: NDArray,
    key_position: NDArray,
    key_color: NDArray,
) -> NDArray[np.float32]:
    """Return the linear colour of hair vertices in SH light, and that of their highlight, (H, 6).

    Args:
        look: colour and shine.
        positions, normals, tangents: (H, 3) posed, camera-aligned, mm and unit vectors.
        roots: (H,) 0 at the roots to 1 at the tips; roots lie in the shade of other hair.
        sh, key_position, key_color: (9, 3), (3,) mm, (3,) as `facemodel.lighting` has them.
    """
    color = np.asarray(look.color)
    irradiance = np.maximum(sh_basis(normals) @ sh, 0.0)  # (H, 3)
    toward = key_position - positions
    toward /= np.maximum(np.linalg.norm(toward, axis=1, keepdims=True), 1e-6)
    half = toward + VIEW_DIRECTION
    half /= np.maximum(np.linalg.norm(half, axis=1, keepdims=True), 1e-6)
    shifted = tangents + HIGHLIGHT_SHIFT * normals
    shifted /= np.maximum(np.linalg.norm(shifted, axis=1, keepdims=True), 1e-6)
    sine = np.sqrt(np.maximum(1.0 - (shifted * half).sum(axis=1) ** 2, 0.0))
    facing = np.clip(2.0 * (normals * toward).sum(axis=1) + 0.3, 0.0, 1.0)
    facing *= np.clip(1.6 * normals[:, 2] + 0.2, 0.0, 1.0)
    lobe = (look.shine * facing * sine**look.sharpness)[:, None]
    tint = 0.5 * color + 0.3 * np.sqrt(color) + 0.02  # light that went through the strand takes its colour
    shade = (0.6 + 0.4 * roots)[:, None]
    return np.concatenate([shade * color * irradiance, shade * lobe * tint * key_color], axis=1).astype(np.float32)
