"""Relighting of a picture by the ratio of two lights on a known surface, in linear RGB. This code is the reference.

A pixel of a face shows I = A E_old + S_old: diffuse albedo A times diffuse light (irradiance / pi) E, and highlights S.
In another light it shows I R + X, with R = E_new / E_old where that can be trusted, and X what R leaves out. Light of
the scene that neither estimate knows, pores and beard are in I, and stay (Wen, Liu and Huang 2003).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

OLD_FLOOR = 0.2
"""Of the old light's mean on a face: darker than this it is too little known, and too noisy, to be divided by."""

KNEE, BRIGHTEST, DARKEST = math.log(2.5), math.log(4.0), -6.0
"""Log ratios: brightening is bent from the knee on so that it stays below the brightest; the darkest is black."""

HAIR = 0.75
"""Share of the log ratio's difference from the face's mean that hair has."""

HIGHEST_GLOSS = 0.25
"""Linear light that highlights which are added stay below: more of it is no skin."""

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
"""Of linear sRGB."""

WHITE = 0.95
"""Encoded level of a pixel from which on brightening ends: what is clipped has no colour to multiply."""


def log_ratio(new: ArrayLike, old: ArrayLike, floor: ArrayLike) -> NDArray[np.floating]:
    """Return the log of the ratio by which a picture is multiplied.

    Args:
        new, old: (..., 3) diffuse light of a place.
        floor: (3,) of the old light, `OLD_FLOOR` of its mean. What the channel that lacks most of it lacks is given to
            all, and to both lights: the ratio takes no colour from noise, and the same light is no change.

    Returns:
        (..., 3), DARKEST to BRIGHTEST.
    """
    new, old, floor = (np.asarray(value, dtype=float) for value in (new, old, floor))
    lacking = np.max(np.maximum(1.0 - old / np.maximum(floor, 1e-6), 0.0), axis=-1, keepdims=True) * floor
    value = np.log(np.maximum(new + lacking, 1e-6) / np.maximum(old + lacking, 1e-6))
    room = BRIGHTEST - KNEE
    bent = KNEE + room * np.tanh(np.maximum(value - KNEE, 0.0) / room)
    return np.maximum(np.where(value > KNEE, bent, value), DARKEST)


def on_hair(value: ArrayLike, mean: ArrayLike) -> NDArray[np.floating]:
    """Return the log ratio of hair: nearer to the face's mean than a head's under it, and paler.

    Args:
        value: (..., 3) log ratio of the head.
        mean: (3,) of the face.
    """
    mean = np.asarray(mean, dtype=float)
    differs = np.asarray(value, dtype=float) - mean
    return mean + HAIR * (0.75 * differs + 0.25 * differs.mean(axis=-1, keepdims=True))


def added_light(
    albedo: ArrayLike,
    bare: float,
    new: ArrayLike,
    old: ArrayLike,
    ratio: ArrayLike,
    new_gloss: ArrayLike,
    old_gloss: ArrayLike,
    seen: ArrayLike,
) -> NDArray[np.floating]:
    """Return the linear light X that is added after the multiplication; it may be negative.

    Args:
        albedo: (..., 3) diffuse.
        bare: 0..1, how far the place is skin, as the albedo is.
        new, old: (..., 3) diffuse light.
        ratio: (..., 3) that the picture is multiplied by.
        new_gloss, old_gloss: (..., 3) highlights.
        seen: (..., 3) the picture, linear. Where it is darker than the albedo makes it, as under hair, less is added.
            The old highlight is taken out as far as the picture is brighter than the old light makes it without.
    """
    albedo, new, old, ratio, new_gloss, old_gloss, seen = (
        np.asarray(value, dtype=float) for value in (albedo, new, old, ratio, new_gloss, old_gloss, seen)
    )
    alike = np.minimum((seen @ LUMINANCE + 0.02) / ((albedo * old) @ LUMINANCE + 0.02), 1.0)[..., None]
    filled = bare * alike * albedo * (new - ratio * old)
    gloss = HIGHEST_GLOSS * (1.0 - np.exp(-new_gloss / HIGHEST_GLOSS))
    old_gloss = HIGHEST_GLOSS * (1.0 - np.exp(-old_gloss / HIGHEST_GLOSS))
    change = gloss - ratio * old_gloss
    there = np.clip((seen - albedo * old) / np.maximum(old_gloss, 1e-4), 0.0, 1.0)
    return filled + np.maximum(change, 0.0) + there * np.minimum(change, 0.0)


def relit(seen: ArrayLike, ratio: ArrayLike, added: ArrayLike, encoded: ArrayLike) -> NDArray[np.floating]:
    """Return the picture in the new light, linear, not clipped.

    Args:
        seen: (..., 3) linear picture.
        ratio: (..., 3) of the new to the old light.
        added: (..., 3) light that is added.
        encoded: (..., 3) the picture, sRGB 0..1.
    """
    brightest = np.max(encoded, axis=-1, keepdims=True)
    white = np.clip((brightest - WHITE) / (1.0 - WHITE), 0.0, 1.0)
    ratio = np.asarray(ratio, dtype=float)
    return seen * (ratio - white * np.maximum(ratio - 1.0, 0.0)) + added
