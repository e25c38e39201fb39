"""Quad meshes: cutting, conforming subdivision into triangles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class QuadMesh:
    """A quad mesh with UV seams and a part name per quad.

    Attributes:
        vertices: (V, 3). quads: (Q, 4). uv: (U, 2). uv_quads: (Q, 4). parts: (Q,) str.
        source: (V,) indices of the vertices in the mesh it was cut from.
    """

    vertices: np.ndarray
    quads: np.ndarray
    uv: np.ndarray
    uv_quads: np.ndarray
    parts: np.ndarray
    source: np.ndarray


@dataclass(frozen=True)
class Subdivision:
    """Triangles after a conforming subdivision of some quads.

    Attributes:
        triangles: (T, 3), vertices in `interpolation @ old`. uv_triangles: (T, 3) into `uv_interpolation @ old_uv`.
        quad_of_triangle: (T,) the quad each triangle comes from.
        interpolation: (V', V) sparse; old vertices come first, unchanged. uv_interpolation: (U', U) sparse.
    """

    triangles: np.ndarray
    uv_triangles: np.ndarray
    quad_of_triangle: np.ndarray
    interpolation: sparse.csr_matrix
    uv_interpolation: sparse.csr_matrix


def cut(vertices: np.ndarray, uv: np.ndarray, quads: np.ndarray, uv_quads: np.ndarray, parts: np.ndarray) -> QuadMesh:
    """Keep only the vertices and UVs that the given quads use."""
    used, quads_new = np.unique(quads, return_inverse=True)
    used_uv, uv_new = np.unique(uv_quads, return_inverse=True)
    return QuadMesh(vertices[used], quads_new.reshape(-1, 4), uv[used_uv], uv_new.reshape(-1, 4), parts, used)


def close_marks(quads: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """Also mark quads with three or four marked neighbours, until none is left."""
    marked = marked.copy()
    following = np.roll(quads, -1, axis=1)
    low, high = np.minimum(quads, following), np.maximum(quads, following)
    _, edge = np.unique(low.astype(np.int64) * (quads.max() + 1) + high, return_inverse=True)
    edge = edge.reshape(quads.shape)  # (Q, 4) edge ids
    while True:
        split = np.zeros(edge.max() + 1, dtype=bool)
        split[edge[marked]] = True
        grown = marked | (split[edge].sum(axis=1) >= 3)
        if (grown == marked).all():
            return marked
        marked = grown


def subdivide(mesh: QuadMesh, marked: np.ndarray) -> Subdivision:
    """Split the marked quads 1:4; neighbours get green triangles, so that no T-junction is left.

    Args:
        marked: (Q,) bool, closed with `close_marks`.
    """
    points, uvs = _Midpoints(len(mesh.vertices)), _Midpoints(len(mesh.uv))
    for quad, uv_quad in zip(mesh.quads[marked], mesh.uv_quads[marked], strict=True):
        for corner in range(4):
            points.edge(quad[corner], quad[(corner + 1) % 4])
        points.centre(quad)
        uvs.centre(uv_quad)
    triangles, uv_triangles, owner = [], [], []
    for index, (quad, uv_quad) in enumerate(zip(mesh.quads.tolist(), mesh.uv_quads.tolist(), strict=True)):
        if marked[index]:
            polygons = _split_quad(quad, points), _split_quad(uv_quad, uvs)
        else:
            polygons = _green(quad, uv_quad, mesh.vertices, points, uvs)
        triangles += polygons[0]
        uv_triangles += polygons[1]
        owner += [index] * len(polygons[0])
    return Subdivision(np.array(triangles), np.array(uv_triangles), np.array(owner), points.matrix(), uvs.matrix())


class _Midpoints:
    """New points as means of old ones, each made once."""

    def __init__(self, n_old: int) -> None:
        self.n_old = n_old
        self._members: list[tuple[int, ...]] = []
        self._index: dict[tuple[int, ...], int] = {}

    def _add(self, members: tuple[int, ...]) -> int:
        key = tuple(sorted(members))
        if key not in self._index:
            self._index[key] = self.n_old + len(self._members)
            self._members.append(key)
        return self._index[key]

    def edge(self, a: int, b: int) -> int:
        return self._add((int(a), int(b)))

    def centre(self, quad: np.ndarray | list[int]) -> int:
        return self._add(tuple(int(corner) for corner in quad))

    def has_edge(self, a: int, b: int) -> bool:
        return (min(a, b), max(a, b)) in self._index

    def matrix(self) -> sparse.csr_matrix:
        rows, columns, weights = list(range(self.n_old)), list(range(self.n_old)), [1.0] * self.n_old
        for offset, members in enumerate(self._members):
            rows += [self.n_old + offset] * len(members)
            columns += members
            weights += [1.0 / len(members)] * len(members)
        shape = (self.n_old + len(self._members), self.n_old)
        return sparse.csr_matrix((weights, (rows, columns)), shape=shape)


def _split_quad(quad: list[int], points: _Midpoints) -> list[list[int]]:
    middle = [points.edge(quad[k], quad[(k + 1) % 4]) for k in range(4)]
    centre = points.centre(quad)
    triangles = []
    for k in range(4):
        triangles += [[quad[k], middle[k], centre], [quad[k], centre, middle[k - 1]]]
    return triangles


def _green(
    quad: list[int], uv_quad: list[int], vertices: np.ndarray, points: _Midpoints, uvs: _Midpoints
) -> tuple[list[list[int]], list[list[int]]]:
    """Triangles of an unmarked quad, with the midpoints that its marked neighbours put on its edges."""
    ring, uv_ring, start = [], [], None
    for k in range(4):
        ring.append(quad[k])
        uv_ring.append(uv_quad[k])
        following = (k + 1) % 4
        if points.has_edge(quad[k], quad[following]):
            start = len(ring) if start is None else start
            ring.append(points.edge(quad[k], quad[following]))
            uv_ring.append(uvs.edge(uv_quad[k], uv_quad[following]))
    if start is None:
        diagonals = [np.linalg.norm(vertices[quad[k]] - vertices[quad[k + 2]]) for k in (0, 1)]
        start = int(diagonals[1] < diagonals[0])
    fan = lambda nodes: [  # noqa: E731
        [nodes[start], nodes[(start + k) % len(nodes)], nodes[(start + k + 1) % len(nodes)]]
        for k in range(1, len(nodes) - 1)
    ]
    return fan(ring), fan(uv_ring)
