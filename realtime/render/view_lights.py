"""What a view mode changes of the light that a face is shown in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime.light.environments import Environment, Lamp, make_environment
from realtime.render.options import ViewMode

WIRE_COLOR = (0.55, 0.95, 0.80)
"""sRGB, of the lines of the wireframe."""


@dataclass(frozen=True, eq=False)
class ViewLight:
    """Light, albedo and terms of a view mode.

    Attributes:
        terms: weight of the diffuse and of the specular term.
        clay: linear RGB albedo that replaces the face's, by the weight in the last place.
        light: in the place of the face's own; None for that.
        shininess: likewise.
    """

    terms: tuple[float, float] = (1.0, 1.0)
    clay: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    light: Environment | None = None
    shininess: float | None = None


def _even_light() -> Environment:
    """Irradiance 1 from everywhere, and no key light."""
    sh = np.zeros((9, 3), np.float32)
    sh[0] = 1.0 / 0.28209479177387814
    nowhere: NDArray[np.float32] = np.array((0.0, 0.0, 1000.0), np.float32)
    return Environment(sh, nowhere, np.zeros(3, np.float32))


VIEW_LIGHTS = {
    ViewMode.GEOMETRY: ViewLight(
        clay=(0.42, 0.415, 0.405, 1.0),
        light=make_environment(
            (0.30, 0.30, 0.31), (0.18, 0.18, 0.185), (0.08, 0.08, 0.08),
            (Lamp((-0.8, 0.7, 0.7), (3.4, 3.3, 3.2), 28.0), Lamp((1.0, 0.1, 0.2), (0.7, 0.75, 0.85), 30.0)),
            Lamp((-0.6, 0.7, 1.0), (1.0, 1.0, 1.0)),
        ),
        shininess=12.0,
    ),
    ViewMode.DIFFUSE: ViewLight(terms=(1.0, 0.0)),
    ViewMode.SPECULAR: ViewLight(terms=(0.0, 1.0)),
    ViewMode.ALBEDO: ViewLight(terms=(1.0, 0.0), light=_even_light()),
}  # fmt: skip
"""Clay has a studio of its own, albedo an even light; the modes that are not here show the face's own light."""
