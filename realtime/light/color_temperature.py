"""Colours of lamps by their temperature."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from realtime.light.values import Rgb

WHITE = 6500.0
"""K, of the temperature whose colour is white."""


@lru_cache(maxsize=256)
def color_of_temperature(kelvin: float) -> Rgb:
    """Return linear RGB (sRGB's primaries) of a lamp, with a luminance of 1, relative to one of 6500 K.

    Args:
        kelvin: 1500..20000; chromaticity on the Planckian locus (Kim et al. 2002, US patent 7024034; their lower end of
            1667 K is kept below it).
    """
    lamp, white = _planckian(kelvin), _planckian(WHITE)
    color = np.maximum(lamp / white, 0.0)
    r, g, b = (float(v) for v in color / (np.array([0.2126, 0.7152, 0.0722]) @ color))
    return r, g, b


def _planckian(kelvin: float) -> np.ndarray:
    t = min(max(kelvin, 1667.0), 25000.0)
    powers = np.array([1e9 / t**3, 1e6 / t**2, 1e3 / t, 1.0])
    x = powers @ (
        (-0.2661239, -0.2343589, 0.8776956, 0.179910) if t < 4000.0 else (-3.0258469, 2.1070379, 0.2226347, 0.240390)
    )
    cubic = np.array([x**3, x**2, x, 1.0])
    if t < 2222.0:
        y = cubic @ (-1.1063814, -1.34811020, 2.18555832, -0.20219683)
    elif t < 4000.0:
        y = cubic @ (-0.9549476, -1.37418593, 2.09137015, -0.16748867)
    else:
        y = cubic @ (3.0817580, -5.87338670, 3.75112997, -0.37001483)
    xyz = np.array([x / y, 1.0, (1.0 - x - y) / y])
    to_rgb = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
    return to_rgb @ xyz
