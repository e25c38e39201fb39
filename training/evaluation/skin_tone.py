"""Groups of skin tone by the individual typology angle of the albedo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel
from training.evaluation.shape_error import face_regions

TONE_GROUPS = ("dark", "brown", "tan", "intermediate", "light", "very light")
"""From dark to pale."""

_LIMITS = (-30.0, 10.0, 28.0, 41.0, 55.0)  # degrees between the groups
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = _TO_XYZ.sum(axis=1)  # D65
_LUMINANCE = _TO_XYZ[1]


def typology_angle(linear: NDArray[np.floating]) -> NDArray[np.float64]:
    """Individual typology angle in degrees, atan2(L* - 50, b*), of linear sRGB (..., 3) under D65; larger is paler.

    Source: Chardon et al., "Skin colour typology and suntanning pathways", 1991.
    """
    xyz = np.asarray(linear, float) @ _TO_XYZ.T / _WHITE
    fy, fz = (
        np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29) for t in (xyz[..., 1], xyz[..., 2])
    )
    return np.degrees(np.arctan2(116.0 * fy - 16.0 - 50.0, 200.0 * (fy - fz)))


def tone_group(angle: float) -> str:
    """The group of an angle in degrees (Del Bino and Bernerd, "Variations in skin colour ...", 2013)."""
    return TONE_GROUPS[int(np.searchsorted(_LIMITS, angle))]


def skin_angle(model: FaceModel, albedo: NDArray[np.floating]) -> float:
    """Typology angle, degrees, of the mean diffuse albedo of forehead and cheeks for coefficients (Na,)."""
    regions = face_regions(model)
    skin = np.concatenate([regions["forehead"], regions["cheeks"]])
    return float(typology_angle(model.albedo(np.asarray(albedo, float))[0][skin].mean(axis=0)))


def tone_direction(model: FaceModel) -> NDArray[np.float64]:
    """(Na,) unit vector of albedo coefficients along which the face grows paler fastest."""
    face = model.region_vertices("face")
    slope = (model.diffuse_basis[:, face].astype(np.float64) @ _LUMINANCE).mean(axis=1)
    return slope / np.linalg.norm(slope)
