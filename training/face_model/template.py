"""The template: topology and neutral shape that the default face model is built on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Template:
    """Head mesh of the default face model, before the albedo is added.

    Attributes:
        vertices: (V, 3) float64, mean positions in model space, mm.
        triangles: (T, 3) int32 into `vertices`, counter-clockwise seen from outside.
        uv: (U, 2) float32 in [0, 1], v up: MakeHuman's skin layout; the eyeballs in two free corners.
        uv_triangles: (T, 3) int32 into `uv`, parallel to `triangles`.
        region_names: (R,) names of the regions.
        triangle_region: (T,) uint8 into `region_names`.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    uv_triangles: np.ndarray
    region_names: tuple[str, ...]
    triangle_region: np.ndarray

    def region_vertices(self, name: str) -> np.ndarray:
        """Sorted indices of the vertices that the triangles of region `name` use."""
        index = self.region_names.index(name)
        return np.unique(self.triangles[self.triangle_region == index])
