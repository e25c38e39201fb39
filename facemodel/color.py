"""sRGB transfer function (IEC 61966-2-1). Shading is linear; sRGB is encoded once, at the end."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def encode_srgb(linear: ArrayLike) -> NDArray[np.floating]:
    """Linear light to sRGB, both 0..1 and of any shape; values outside 0..1 are clamped first."""
    linear = np.clip(np.asarray(linear, dtype=float), 0.0, 1.0)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1.0 / 2.4) - 0.055)


def decode_srgb(encoded: ArrayLike) -> NDArray[np.floating]:
    """sRGB to linear light, both 0..1 and of any shape; values outside 0..1 are clamped first."""
    encoded = np.clip(np.asarray(encoded, dtype=float), 0.0, 1.0)
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
