"""Triangle surfaces: normals, boundary loops, closest points, barycentric interpolation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree


@dataclass(frozen=True)
class SurfacePoints:
    """Points on a triangle surface.

    Attributes:
        triangles: (N,) int, indices of the triangles.
        barycentric: (N, 3) weights of their corners, non-negative, sum 1.
        distances: (N,) distance from the query to its point.
    """

    triangles: np.ndarray
    barycentric: np.ndarray
    distances: np.ndarray

    def interpolate(self, corners: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return (..., N, C) at the points of `values` (..., V, C) on vertices; `corners` (T, 3) are the triangles."""
        index = corners[self.triangles]  # (N, 3)
        weights = self.barycentric
        return sum(values[..., index[:, k], :] * weights[:, k, None] for k in range(3))


def triangle_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return unit normals (T, 3)."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return area-weighted unit normals (V, 3)."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    weighted = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, triangles[:, k], weighted)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def boundary_loops(polygons: np.ndarray) -> list[np.ndarray]:
    """Closed loops of boundary vertices, in the direction of the polygons (P, n) that own the edges."""
    following = np.roll(polygons, -1, axis=1)
    edges = np.stack([polygons.ravel(), following.ravel()], axis=1)
    count = Counter(map(tuple, np.sort(edges, axis=1)))
    successor = {a: b for a, b in edges.tolist() if count[(min(a, b), max(a, b))] == 1}
    loops = []
    while successor:
        start, vertex = next(iter(successor.items()))
        loop = [start]
        del successor[start]
        while vertex != start and vertex in successor:
            loop.append(vertex)
            vertex = successor.pop(vertex)
        loops.append(np.array(loop))
    return loops


class SurfaceLocator:
    """Finds the closest points of a triangle surface, optionally only where normals agree."""

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray, candidates: int = 48) -> None:
        self.vertices = np.asarray(vertices, dtype=float)
        self.triangles = np.asarray(triangles)
        self._normals = triangle_normals(self.vertices, self.triangles)
        self._tree = cKDTree(self.vertices[self.triangles].mean(axis=1))
        self._candidates = min(candidates, len(self.triangles))

    def closest(
        self, points: np.ndarray, normals: np.ndarray | None = None, normal_penalty: float = 0.0
    ) -> SurfacePoints:
        """Closest surface point of each query.

        Args:
            points: (N, 3).
            normals: (N, 3) unit normals of the queries, or None.
            normal_penalty: length added for opposite normals; a candidate costs
                distance + normal_penalty * (1 - cos(angle)).
        """
        _, candidates = self._tree.query(points, k=list(range(1, self._candidates + 1)))  # (N, K)
        corners = self.vertices[self.triangles[candidates]]  # (N, K, 3, 3)
        barycentric = closest_barycentric(points[:, None], corners)  # (N, K, 3)
        nearest = np.einsum("nkc,nkcd->nkd", barycentric, corners)
        distance = np.linalg.norm(nearest - points[:, None], axis=2)  # (N, K)
        cost = distance
        if normals is not None:
            cost = distance + normal_penalty * (1 - np.einsum("nkd,nd->nk", self._normals[candidates], normals))
        best = cost.argmin(axis=1)
        rows = np.arange(len(points))
        return SurfacePoints(candidates[rows, best], barycentric[rows, best], distance[rows, best])


class SidedLocator:
    """Closest points where upper and lower lip may not be mistaken for each other.

    Args:
        vertices, triangles: the surface. sides: (V,) +1 upper lip, -1 lower lip, 0 elsewhere.
    """

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray, sides: np.ndarray) -> None:
        self.vertices, self.triangles = np.asarray(vertices, dtype=float), np.asarray(triangles)
        self._allowed = {}
        for side in (-1, 0, 1):
            allowed = np.ones(len(triangles), dtype=bool)
            if side:
                allowed = (sides[triangles] != -side).all(axis=1)
            index = np.flatnonzero(allowed)
            self._allowed[side] = index, SurfaceLocator(self.vertices, self.triangles[index])

    def closest(
        self, points: np.ndarray, normals: np.ndarray, sides: np.ndarray, normal_penalty: float
    ) -> SurfacePoints:
        """Find them as `SurfaceLocator.closest` does, with the side (N,) of each query; triangles index the whole
        surface."""
        triangles = np.zeros(len(points), dtype=int)
        barycentric, distances = np.zeros((len(points), 3)), np.zeros(len(points))
        for side, (index, locator) in self._allowed.items():
            chosen = np.flatnonzero(sides == side)
            if len(chosen):
                found = locator.closest(points[chosen], normals[chosen], normal_penalty)
                triangles[chosen] = index[found.triangles]
                barycentric[chosen], distances[chosen] = found.barycentric, found.distances
        return SurfacePoints(triangles, barycentric, distances)


def closest_barycentric(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Return barycentric weights (..., 3) of the point of each triangle (..., 3, 3) closest to `points` (..., 3)."""
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    ab, ac, ap = b - a, c - a, points - a
    dot = lambda x, y: (x * y).sum(axis=-1)  # noqa: E731
    d00, d01, d11, d20, d21 = dot(ab, ab), dot(ab, ac), dot(ac, ac), dot(ap, ab), dot(ap, ac)
    denominator = np.maximum(d00 * d11 - d01 * d01, 1e-18)
    v = (d11 * d20 - d01 * d21) / denominator
    w = (d00 * d21 - d01 * d20) / denominator
    inside = np.stack([1 - v - w, v, w], axis=-1)

    best = inside
    best_distance = np.where((inside >= 0).all(axis=-1), 0.0, np.inf)
    for first, second in ((0, 1), (1, 2), (2, 0)):
        start, along = corners[..., first, :], corners[..., second, :] - corners[..., first, :]
        t = np.clip(dot(points - start, along) / np.maximum(dot(along, along), 1e-18), 0, 1)
        distance = dot(points - start - t[..., None] * along, points - start - t[..., None] * along)
        weights = np.zeros_like(inside)
        weights[..., first], weights[..., second] = 1 - t, t
        closer = distance < best_distance
        best = np.where(closer[..., None], weights, best)
        best_distance = np.where(closer, distance, best_distance)
    return best


def uniform_laplacian(n_vertices: int, triangles: np.ndarray) -> sparse.csr_matrix:
    """Return the matrix of a vertex minus the mean of its neighbours, (V, V)."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    rows, columns = np.concatenate([edges, edges[:, ::-1]]).T
    adjacency = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(n_vertices, n_vertices))
    degree = np.maximum(np.asarray(adjacency.sum(axis=1)).ravel(), 1)
    return sparse.identity(n_vertices, format="csr") - sparse.diags(1 / degree) @ adjacency


def opening_loops(vertices: np.ndarray, polygons: np.ndarray, neck_below: float) -> dict[str, np.ndarray]:
    """Return the boundary loops of a head skin: `mouth`, `left_eye`, `right_eye` (the subject's; +x is left).

    Loops whose centre is below `neck_below` (the neck's cut) are left out.
    """
    loops = {}
    for loop in boundary_loops(polygons):
        centre = vertices[loop].mean(axis=0)
        if centre[1] < neck_below:
            continue
        width = np.ptp(vertices[loop, 0])
        if abs(centre[0]) < 0.1 * width:
            loops["mouth"] = loop
        else:
            loops["left_eye" if centre[0] > 0 else "right_eye"] = loop
    return loops


def ring_arcs(vertices: np.ndarray, ring: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the vertices of the upper and of the lower half of a ring, each from the corner of least x to the other
    one, both included."""
    n, x = len(ring), vertices[ring, 0]
    low, high = int(x.argmin()), int(x.argmax())
    there, back = ring[(low + np.arange((high - low) % n + 1)) % n], ring[(low - np.arange((low - high) % n + 1)) % n]
    lower, upper = sorted((there, back), key=lambda arc: vertices[arc, 1].mean())
    return upper, lower


def arc_length(points: np.ndarray) -> np.ndarray:
    """Return the share (N,) 0..1 of a path's length (N, 3) at each of its points."""
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return lengths / lengths[-1]


def peel(triangles: np.ndarray, loop: np.ndarray, rings: int) -> np.ndarray:
    """Return the triangles that remain when `rings` rings of vertices next to the boundary `loop` are taken away."""
    removed = np.zeros(triangles.max() + 1, dtype=bool)
    front = loop
    for _ in range(rings):
        removed[front] = True
        touching = removed[triangles].any(axis=1)
        front = np.unique(triangles[touching])
    return triangles[~removed[triangles].any(axis=1)]


def loop_ring(vertices: np.ndarray, triangles: np.ndarray, loop: np.ndarray, ring: int) -> np.ndarray:
    """Return the loop around an opening that is `ring` rings of vertices away from `loop`."""
    if ring == 0:
        return loop
    centre = vertices[loop].mean(axis=0)
    loops = boundary_loops(peel(triangles, loop, ring))
    return min(loops, key=lambda each: np.linalg.norm(vertices[each].mean(axis=0) - centre))


def continue_harmonically(triangles: np.ndarray, values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fill the vertices that are not known so that each is the mean of its neighbours.

    Args:
        triangles: (T, 3). values: (V, C), read where `known` (V,) is true. Every part of the mesh that holds an unknown
            vertex needs a known one.
    Returns: (V, C), equal to `values` where known.
    """
    laplacian = uniform_laplacian(len(known), triangles).tocsr()
    used = np.zeros(len(known), dtype=bool)
    used[triangles] = True
    unknown = ~known & used
    filled = np.where(known[:, None], values, 0.0)
    rows = laplacian[unknown]
    filled[unknown] = splu(rows[:, unknown].tocsc()).solve(-(rows[:, known] @ values[known]))
    return filled


def unfold(
    vertices: np.ndarray, triangles: np.ndarray, where: np.ndarray, protected: np.ndarray, rounds: int = 3
) -> np.ndarray:
    """Flatten creases in which triangles turn away from their surroundings.

    Args:
        where: (V,) bool, vertices that may be mended. protected: (V,) bool, vertices that must stay.
    """
    smoothing = 0.5 * uniform_laplacian(len(vertices), triangles)
    mended = vertices.copy()
    for _ in range(rounds):
        around = vertex_normals(mended, triangles)
        for _ in range(3):
            around = around - smoothing @ around
        facing = (triangle_normals(mended, triangles) * around[triangles].mean(axis=1)).sum(axis=1)
        folded = np.zeros(len(vertices), dtype=bool)
        folded[triangles[facing < 0.1]] = True
        folded[triangles[folded[triangles].any(axis=1)]] = True
        folded &= where & ~protected
        if not folded.any():
            break
        mended = continue_harmonically(triangles, mended, ~folded)
    return mended


def fit_translation_scale(points: np.ndarray, displacements: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return displacements (..., N, 3) at `at` (N, 3) of the translation and isotropic scale that fit the given ones.

    Args:
        points: (P, 3). displacements: (..., P, 3).
    """
    centre = points.mean(axis=0)
    offsets = points - centre
    scale = (displacements * offsets).sum(axis=(-1, -2)) / (offsets**2).sum()
    translation = displacements.mean(axis=-2)
    return translation[..., None, :] + scale[..., None, None] * (at - centre)


def fit_affine(points: np.ndarray, displacements: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the displacements (N, 3) at `at` of the affine map that fits `displacements` (P, 3) at `points` (P, 3)."""
    design = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    solution, *_ = np.linalg.lstsq(design, displacements, rcond=None)
    return np.concatenate([at, np.ones((len(at), 1))], axis=1) @ solution


def ramp(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 before `low`, 1 beyond `high`, smooth between; it falls where `high` is the smaller one."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
