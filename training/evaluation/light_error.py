"""Light error: direction and highlight of the key light, radiance of the SH light, shininess."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facemodel import ParameterLayout
from facemodel.lighting import COSINE_LOBE, VIEW_DIRECTION
from training.evaluation.bootstrap import median


def key_angle(position: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    """Return the angle between the directions to two key lights, degrees 0..180; (..., 3) mm from the head centre."""
    a, b = np.asarray(position, float), np.asarray(truth, float)
    sine = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.degrees(np.arctan2(sine, (a * b).sum(axis=-1)))


def half_vector(key_position: ArrayLike) -> NDArray[np.float64]:
    """Return the unit vector halfway between the directions to the key light and to the camera, as Eq. 5 has it.

    It is where on the head the highlight lies; that is all a highlight tells, so an error of it is half of the
    light's. (..., 3) mm from the head centre to (..., 3).
    """
    half = _unit(np.asarray(key_position, float)) + VIEW_DIRECTION
    return _unit(half)


def half_angle(key_position: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    """Return the angle between the half vectors of two key lights, degrees 0..90; (..., 3) mm each to (...)."""
    return key_angle(half_vector(key_position), half_vector(truth))


def radiance(sh: ArrayLike) -> NDArray[np.float64]:
    """Return radiance coefficients (..., 9, 3) of irradiance / pi (..., 9, 3): by band over 1, 2/3, 1/4."""
    return np.asarray(sh, float) / COSINE_LOBE[:, None]


def radiance_error(sh: ArrayLike, truth: ArrayLike, free_gain: bool = False) -> NDArray[np.float64]:
    """Return the relative error of the radiance from all around: RMS of the difference over that of the truth.

    The basis is orthonormal, so that both are norms of coefficients (Parseval).

    Args:
        sh, truth: (..., 9, 3) irradiance / pi, linear RGB.
        free_gain: first multiply each channel by what fits best: a picture determines light only times albedo.
    Returns: (...): 0 for the truth, 1 for no light at all.
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
    """Return |log2| of the ratio of two exponents: 1 is twice or half."""
    return np.abs(np.log2(np.asarray(shininess, float) / np.asarray(truth, float)))


def light_errors(layout: ParameterLayout, vectors: NDArray, truths: NDArray) -> dict[str, float]:
    """Return the medians of every light error over parameters (N, P) against true ones (N, P).

    Both are of the same view. Key direction and shininess count only where there truly is a key light.

    Returns: key_angle and sh_direction (degrees), radiance and radiance_free_gain (relative), shininess_log2;
        key_lights and lights: how many counted. NaN where none did.
    """
    lit = truths[:, layout.slices["key_color"]].max(axis=1, initial=0.0) > 0.0
    keys, shininess = (
        [values[lit, layout.slices[name]] for values in (vectors, truths)] for name in ("key_position", "shininess")
    )
    own, true = (values[:, layout.slices["sh"]].reshape(-1, 9, 3) for values in (vectors, truths))
    return {
        "key_angle": median(key_angle(*keys)),
        "sh_direction": median(sh_direction_angle(own, true)),
        "radiance": median(radiance_error(own, true)),
        "radiance_free_gain": median(radiance_error(own, true, free_gain=True)),
        "shininess_log2": median(shininess_error(*shininess)),
        "key_lights": float(lit.sum()),
        "lights": float(len(truths)),
    }


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
