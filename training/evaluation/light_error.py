"""Light error: direction of the key light, radiance of the SH light, shininess."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facemodel import ParameterLayout
from facemodel.lighting import COSINE_LOBE


def key_angle(position: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    """Angle between the directions to two key lights from the head centre, degrees 0..180; (..., 3) mm to (...)."""
    a, b = np.asarray(position, float), np.asarray(truth, float)
    sine = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.degrees(np.arctan2(sine, (a * b).sum(axis=-1)))


def radiance(sh: ArrayLike) -> NDArray[np.float64]:
    """Radiance coefficients (..., 9, 3) of a light whose irradiance / pi is (..., 9, 3): by band over 1, 2/3, 1/4."""
    return np.asarray(sh, float) / COSINE_LOBE[:, None]


def radiance_error(sh: ArrayLike, truth: ArrayLike, free_gain: bool = False) -> NDArray[np.float64]:
    """Relative error of the radiance from all around: root mean square of the difference over that of the truth.

    The basis is orthonormal, so that both are norms of coefficients (Parseval).

    Args:
        sh, truth: (..., 9, 3) irradiance / pi, linear RGB.
        free_gain: first multiply each channel by what fits best: a picture determines light only times albedo.

    Returns:
        (...): 0 for the truth, 1 for no light at all.
    """
    own, true = radiance(sh), radiance(truth)
    if free_gain:
        power = (own**2).sum(axis=-2, keepdims=True)
        own = own * (own * true).sum(axis=-2, keepdims=True) / np.where(power > 0.0, power, 1.0)
    norm = np.linalg.norm(true, axis=(-2, -1))
    return np.linalg.norm(own - true, axis=(-2, -1)) / np.where(norm > 0.0, norm, np.nan)


def sh_direction_angle(sh: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    """Return the angle between the directions that two SH lights come from, degrees 0..180; (..., 9, 3) each to (...).

    A light's direction is that of its first band, of the mean of R, G and B: where the light's centre of gravity lies.
    """
    own, true = (np.asarray(light, float)[..., (3, 1, 2), :].mean(axis=-1) for light in (sh, truth))  # x, y, z
    return key_angle(own, true)


def shininess_error(shininess: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    """|log2| of the ratio of two exponents: 1 is twice or half."""
    return np.abs(np.log2(np.asarray(shininess, float) / np.asarray(truth, float)))


def light_errors(layout: ParameterLayout, vectors: NDArray, truths: NDArray) -> dict[str, float]:
    """Medians of every light error over parameters (N, P) against true ones (N, P).

    Both are of the same view. Key direction and shininess count only where there truly is a key light.

    Returns:
        key_angle and sh_direction (degrees), radiance and radiance_free_gain (relative), shininess_log2; key_lights
        and lights: how many counted. NaN where none did.
    """
    spans = layout.slices

    def group(values: NDArray, name: str) -> NDArray:
        return values[:, spans[name]]

    lit = group(truths, "key_color").max(axis=1, initial=0.0) > 0.0
    own, true = (group(values, "sh").reshape(-1, 9, 3) for values in (vectors, truths))
    angles = key_angle(group(vectors, "key_position")[lit], group(truths, "key_position")[lit])
    gloss = shininess_error(group(vectors, "shininess")[lit, 0], group(truths, "shininess")[lit, 0])
    return {
        "key_angle": _median(angles),
        "sh_direction": _median(sh_direction_angle(own, true)),
        "radiance": _median(radiance_error(own, true)),
        "radiance_free_gain": _median(radiance_error(own, true, free_gain=True)),
        "shininess_log2": _median(gloss),
        "key_lights": float(lit.sum()),
        "lights": float(len(truths)),
    }


def _median(values: NDArray) -> float:
    return float(np.nanmedian(values)) if np.isfinite(values).any() else float("nan")
