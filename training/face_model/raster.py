"""A small software rasteriser: which triangle is seen where. For looking at the template and finding landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np


@dataclass(frozen=True)
class Visibility:
    """Visible surface of one view.

    Attributes:
        triangle: (H, W) int32, index of the triangle seen, -1 where there is none.
        barycentric: (H, W, 3) float64 weights of its corners.
    """

    triangle: np.ndarray
    barycentric: np.ndarray


def rasterize(points: np.ndarray, triangles: np.ndarray, height: int, width: int) -> Visibility:
    """Depth-buffered triangles.

    Args:
        points: (V, 3) pixel x (right), pixel y (down), depth (larger is nearer).
        triangles: (T, 3) int.
    """
    triangle, barycentric = _fill(
        np.ascontiguousarray(points, dtype=np.float64), triangles.astype(np.int32), height, width
    )
    return Visibility(triangle, barycentric)


@numba.njit(cache=True)
def _fill(points: np.ndarray, triangles: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    depth = np.full((height, width), -np.inf)
    index = np.full((height, width), -1, np.int32)
    weights = np.zeros((height, width, 3))
    for t in range(triangles.shape[0]):
        a, b, c = points[triangles[t, 0]], points[triangles[t, 1]], points[triangles[t, 2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if abs(area) < 1e-12:
            continue
        left = max(int(np.floor(min(a[0], b[0], c[0]) - 0.5)), 0)
        right = min(int(np.ceil(max(a[0], b[0], c[0]))), width - 1)
        top = max(int(np.floor(min(a[1], b[1], c[1]) - 0.5)), 0)
        bottom = min(int(np.ceil(max(a[1], b[1], c[1]))), height - 1)
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                x, y = column + 0.5, row + 0.5
                w1 = ((x - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (y - a[1])) / area
                w2 = ((b[0] - a[0]) * (y - a[1]) - (x - a[0]) * (b[1] - a[1])) / area
                w0 = 1.0 - w1 - w2
                if w0 < -1e-9 or w1 < -1e-9 or w2 < -1e-9:
                    continue
                z = w0 * a[2] + w1 * b[2] + w2 * c[2]
                if z > depth[row, column]:
                    depth[row, column] = z
                    index[row, column] = t
                    weights[row, column, 0] = w0
                    weights[row, column, 1] = w1
                    weights[row, column, 2] = w2
    return index, weights
