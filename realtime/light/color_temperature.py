"""Colours of lamps by their temperature."""

from __future__ import annotations

from functools import lru_cache

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
    color = tuple(max(lamp / white, 0.0) for lamp, white in zip(_planckian(kelvin), _planckian(WHITE), strict=True))
    luminance = 0.2126 * color[0] + 0.7152 * color[1] + 0.0722 * color[2]
    r, g, b = (part / luminance for part in color)
    return r, g, b


def _planckian(kelvin: float) -> Rgb:
    """Return linear RGB of a colour on the locus, Y = 1."""
    t = min(max(kelvin, 1667.0), 25000.0)
    if t < 4000.0:
        x = _cubic(1e3 / t, -0.2661239, -0.2343589, 0.8776956, 0.179910)
    else:
        x = _cubic(1e3 / t, -3.0258469, 2.1070379, 0.2226347, 0.240390)
    if t < 2222.0:
        y = _cubic(x, -1.1063814, -1.34811020, 2.18555832, -0.20219683)
    elif t < 4000.0:
        y = _cubic(x, -0.9549476, -1.37418593, 2.09137015, -0.16748867)
    else:
        y = _cubic(x, 3.0817580, -5.87338670, 3.75112997, -0.37001483)
    big_x, big_z = x / y, (1.0 - x - y) / y
    return (
        3.2406 * big_x - 1.5372 - 0.4986 * big_z,
        -0.9689 * big_x + 1.8758 + 0.0415 * big_z,
        0.0557 * big_x - 0.2040 + 1.0570 * big_z,
    )


def _cubic(x: float, a: float, b: float, c: float, d: float) -> float:
    return ((a * x + b) * x + c) * x + d
