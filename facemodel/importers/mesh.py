"""Geometry that importers need: closest points on a mesh, similarities, and closing a ring of vertices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facemodel.errors import LimelightError


def kd_tree(points: NDArray) -> Any:
    """SciPy's k-d tree over (N, D) points.

    Raises:
        LimelightError: SciPy is not installed.
    """
    try:
        from scipy.spatial import cKDTree
    except ImportError as error:
        raise LimelightError("importing a face model needs SciPy: pip install 'limelight[train]'") from error
    return cKDTree(points)


def closest_points(
    points: NDArray, vertices: NDArray, triangles: NDArray, candidates: int = 24
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Closest points on a mesh, among the triangles whose centroids are nearest.

    Args:
        points: (N, 3).
        vertices, triangles: (V, 3), (T, 3).
        candidates: triangles that are tried for each point.

    Returns:
        (N,) triangle indices, (N, 3) barycentric coordinates, (N,) distances.
    """
    candidates = min(candidates, len(triangles))
    centroids = vertices[triangles].mean(axis=1)
    _, nearest = kd_tree(centroids).query(points, k=candidates)
    nearest = np.asarray(nearest).reshape(len(points), candidates)
    corners = vertices[triangles[nearest]].astype(float)  # (N, K, 3, 3)
    weights = _closest_barycentric(np.asarray(points, dtype=float)[:, None], corners)  # (N, K, 3)
    found = np.einsum("nkc,nkcd->nkd", weights, corners)
    distance = np.linalg.norm(found - np.asarray(points)[:, None], axis=2)
    best = distance.argmin(axis=1)
    row = np.arange(len(points))
    return nearest[row, best], weights[row, best], distance[row, best]


def _closest_barycentric(points: NDArray, corners: NDArray) -> NDArray[np.float64]:
    """Barycentric coordinates (..., 3) of the closest point of each triangle (..., 3, 3) to each point (..., 3)."""
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = (ab * ab).sum(-1), (ab * ac).sum(-1), (ac * ac).sum(-1)
    d20, d21 = (ap * ab).sum(-1), (ap * ac).sum(-1)
    determinant = d00 * d11 - d01 * d01
    flat = determinant < 1e-12
    safe = np.where(flat, 1.0, determinant)
    v, w = (d11 * d20 - d01 * d21) / safe, (d00 * d21 - d01 * d20) / safe
    inside = np.stack([1.0 - v - w, v, w], axis=-1)
    outside = flat | (inside < 0.0).any(axis=-1)

    def on_edge(start: NDArray, end: NDArray, i: int, j: int) -> tuple[NDArray, NDArray]:
        edge = end - start
        along = ((points - start) * edge).sum(-1) / np.maximum((edge * edge).sum(-1), 1e-12)
        along = np.clip(along, 0.0, 1.0)
        weights = np.zeros((*along.shape, 3))
        weights[..., i], weights[..., j] = 1.0 - along, along
        return weights, np.linalg.norm(start + along[..., None] * edge - points, axis=-1)

    edges = [on_edge(a, b, 0, 1), on_edge(b, c, 1, 2), on_edge(c, a, 2, 0)]
    lengths = np.stack([length for _, length in edges])  # (3, ...)
    choice = lengths.argmin(axis=0)
    nearest = np.select([(choice == k)[..., None] for k in range(3)], [weights for weights, _ in edges])
    return np.where(outside[..., None], nearest, inside)


def similarity(source: NDArray, target: NDArray) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Least-squares scale, rotation (3, 3) and translation (3,) with target = scale R source + t (Umeyama 1991)."""
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    centred, wanted = source - source_mean, target - target_mean
    u, singular, vt = np.linalg.svd(wanted.T @ centred)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * signs) @ vt
    scale = float((singular * signs).sum() / (centred**2).sum())
    return scale, rotation, target_mean - scale * rotation @ source_mean


def boundary_rings(triangles: NDArray) -> list[NDArray[np.int64]]:
    """Closed rings of vertices along the open borders of a mesh (counter-clockwise triangles).

    Each runs with the mesh on its left: clockwise around a hole, seen from outside.
    """
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    directed = {(int(a), int(b)) for a, b in edges}
    following = {a: b for a, b in directed if (b, a) not in directed}
    rings = []
    while following:
        start, vertex = following.popitem()
        ring = [start]
        while vertex != start and vertex in following:
            ring.append(vertex)
            vertex = following.pop(vertex)
        if vertex == start and len(ring) > 2:
            rings.append(np.array(ring))
    return rings


def fill_ring(ring: NDArray, vertices: NDArray) -> NDArray[np.int32]:
    """Triangles (K, 3) that close a slit-like ring of vertices, facing +z.

    Its order is that of `boundary_rings`: from the leftmost vertex along the upper side. The two sides are sewn
    from left to right.
    """
    x = vertices[ring, 0]
    turned = np.roll(ring, -int(x.argmin()))
    right = int(vertices[turned, 0].argmax())
    upper = turned[: right + 1]
    lower = np.concatenate([turned[right:], turned[:1]])[::-1]
    faces, i, j = [], 0, 0
    while i + 1 < len(lower) or j + 1 < len(upper):
        advance_upper = i + 1 == len(lower) or (
            j + 1 < len(upper) and vertices[upper[j + 1], 0] < vertices[lower[i + 1], 0]
        )
        if advance_upper:
            faces.append((lower[i], upper[j + 1], upper[j]))
            j += 1
        else:
            faces.append((lower[i], lower[i + 1], upper[j]))
            i += 1
    distinct = [face for face in faces if len({int(v) for v in face}) == 3]
    return np.array(distinct, np.int32).reshape(-1, 3)
