"""Where a face lies: its per-frame vertex data, Eq. 1 and 2 in float32, recomputing only what changed; its middle."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, Parameters


class FaceGeometry:
    """Positions, normals and albedo of the vertices for the latest parameters; every buffer is reused.

    Attributes:
        positions: (V, 3) mm, model space. neutral: the same without expression.
        normals: (V, 3) area-weighted unit normals, model space.
        diffuse, specular: (V, 3) linear RGB, not below zero, times occlusion.
        radius: mm, no vertex is farther from the head centre.
    """

    def __init__(self, model: FaceModel) -> None:
        model = model.occluded()
        n = model.n_vertices
        self._identity_basis = model.identity.reshape(-1, 3 * n)  # (Ni, 3V)
        self._expression_basis = model.expression.reshape(-1, 3 * n)  # (Ne, 3V)
        self._albedo_basis = np.concatenate(
            [model.diffuse_basis.reshape(-1, 3 * n), model.specular_basis.reshape(-1, 3 * n)], axis=1
        )  # (Na, 6V)
        self._mean = model.mean.reshape(-1)
        self._albedo_mean = np.concatenate([model.diffuse_mean.reshape(-1), model.specular_mean.reshape(-1)])

        self._identity = _Remembered(len(self._identity_basis))
        self._expression = _Remembered(len(self._expression_basis))
        self._albedo = _Remembered(len(self._albedo_basis))
        self._neutral = np.empty(3 * n, np.float32)
        self.neutral = self._neutral.reshape(n, 3)
        self._flat_positions = np.empty(3 * n, np.float32)
        self._flat_albedo = np.empty(6 * n, np.float32)
        self._across = np.empty((2, n), np.float32)
        self._normals = _VertexNormals(model.triangles, n)

        self.positions = self._flat_positions.reshape(n, 3)
        self.normals = self._normals.values
        self.diffuse = self._flat_albedo[: 3 * n].reshape(n, 3)
        self.specular = self._flat_albedo[3 * n :].reshape(n, 3)
        self.radius = 1.0

    def update_shape(self, parameters: Parameters) -> bool:
        """Evaluate Eq. 1; returns whether positions, normals and radius changed."""
        new_identity = self._identity.changed(parameters.identity)
        if new_identity:
            _combine(self._identity.values, self._identity_basis, self._neutral)
            self._neutral += self._mean
        if not (self._expression.changed(parameters.expression) or new_identity):
            return False
        _combine(self._expression.values, self._expression_basis, self._flat_positions)
        self._flat_positions += self._neutral
        self._normals.update(self.positions)
        self.radius = float(np.sqrt(np.einsum("vi,vi->v", self.positions, self.positions).max()))
        return True

    def bounds(self, rotation: NDArray) -> NDArray[np.float32]:
        """(4,) mm: left, bottom, right, top of the turned head about the head centre, +y up."""
        across = np.matmul(rotation[:2].astype(np.float32), self.positions.T, out=self._across)  # (2, V)
        return np.concatenate([across.min(axis=1), across.max(axis=1)])

    def update_albedo(self, parameters: Parameters) -> bool:
        """Evaluate Eq. 2; returns whether diffuse and specular changed."""
        if not self._albedo.changed(parameters.albedo):
            return False
        _combine(self._albedo.values, self._albedo_basis, self._flat_albedo)
        self._flat_albedo += self._albedo_mean
        np.maximum(self._flat_albedo, 0.0, out=self._flat_albedo)
        return True


def _combine(coefficients: NDArray, basis: NDArray, out: NDArray) -> None:
    """out (N,) = coefficients (K,) @ basis (K, N); not by BLAS, whose threads cost more than the sum."""
    np.einsum("k,kn->n", coefficients, basis, out=out)


class _Remembered:
    """A float32 coefficient vector that knows whether it was just set to something new."""

    def __init__(self, size: int) -> None:
        self.values = np.full(size, np.nan, np.float32)
        self._fresh = True

    def changed(self, values: NDArray) -> bool:
        if not self._fresh and np.array_equal(values, self.values):
            return False
        self.values[:] = values
        self._fresh = False
        return True


class _VertexNormals:
    """Area-weighted vertex normals of a fixed topology, without a loop over triangles."""

    def __init__(self, triangles: NDArray[np.int32], n_vertices: int) -> None:
        corners = np.ascontiguousarray(triangles.T.astype(np.intp))  # (3, T)
        self._a, self._b, self._c = corners
        order = np.argsort(corners.reshape(-1), kind="stable")
        self._facet_of_corner = order % len(triangles)  # (3T,), grouped by vertex
        self._used, self._starts = np.unique(corners.reshape(-1)[order], return_index=True)
        count = len(triangles)
        self._points = np.empty((3, count, 3), np.float32)
        self._facets = np.empty((count, 3), np.float32)
        self._gathered = np.empty((3 * count, 3), np.float32)
        self._length = np.empty((n_vertices, 1), np.float32)
        self.values = np.zeros((n_vertices, 3), np.float32)

    def update(self, positions: NDArray[np.float32]) -> None:
        a, b, c = self._points
        for out, index in zip(self._points, (self._a, self._b, self._c), strict=True):
            np.take(positions, index, axis=0, out=out, mode="clip")
        b -= a
        c -= a
        f = self._facets
        for i, (j, k) in enumerate(((1, 2), (2, 0), (0, 1))):
            np.multiply(b[:, j], c[:, k], out=f[:, i])
            f[:, i] -= b[:, k] * c[:, j]
        np.take(f, self._facet_of_corner, axis=0, out=self._gathered, mode="clip")
        self.values[self._used] = np.add.reduceat(self._gathered, self._starts, axis=0)
        np.sqrt(np.einsum("vi,vi->v", self.values, self.values)[:, None], out=self._length)
        self.values /= np.maximum(self._length, 1e-12)


_FACE_ONLY_HIDES = ("scalp", "ears", "neck")


def face_alpha(model: FaceModel, width: float) -> NDArray[np.float32]:
    """How opaque each vertex is where only the face is overlaid: scalp, ears and neck hide, but do not show.

    The face fades over `width` mm to nothing at its outer border, the longest closed run of edges that only
    one face triangle uses; the rims of eyes, nostrils and mouth stay opaque.

    Returns:
        (V,) in the face region a smoothstep of the straight-line distance to the border on the mean shape;
        0 in scalp, ears and neck, 1 in the rest.
    """
    alpha = np.ones(model.n_vertices, np.float32)
    hidden = [name for name in _FACE_ONLY_HIDES if name in model.region_names]
    alpha[np.unique(model.region_triangles(*hidden))] = 0.0
    triangles = model.region_triangles("face")
    border = _longest_rim(model.mean, triangles)
    if len(border) == 0:
        return alpha
    face = np.unique(triangles)
    gaps = model.mean[face][:, None] - model.mean[border][None]  # (F, B, 3)
    distance = np.sqrt((gaps * gaps).sum(axis=-1).min(axis=1))
    t = np.clip(distance / width, 0.0, 1.0)
    alpha[face] = t * t * (3.0 - 2.0 * t)
    return alpha


def middle_of_face(
    face: Parameters, frame_size: tuple[int, int], shape: tuple[int, ...], reach: float
) -> tuple[slice, slice]:
    """Return the rows and columns of a smaller picture in which the middle of a face lies; none outside the frame.

    Args:
        face: in frame pixels.
        frame_size: width and height, px.
        shape: rows and columns of the smaller picture.
        reach: mm to each side of the head centre.
    """
    rows, columns = shape[:2]
    x, y = face.translation[0] * columns / frame_size[0], face.translation[1] * rows / frame_size[1]
    across, along = reach * face.scale * columns / frame_size[0], reach * face.scale * rows / frame_size[1]
    left, right = max(int(x - across), 0), min(math.ceil(x + across), columns)
    top, bottom = max(int(y - along), 0), min(math.ceil(y + along), rows)
    return slice(top, max(bottom, top)), slice(left, max(right, left))


def _longest_rim(points: NDArray, triangles: NDArray) -> NDArray[np.int64]:
    """Vertices of the longest connected run of boundary edges of an open mesh; empty for a closed one."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges, uses = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    rim = edges[uses == 1]
    neighbours: dict[int, list[int]] = {}
    for a, b in rim.tolist():
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    longest, best = [], -1.0
    while neighbours:
        stack, seen, length = [next(iter(neighbours))], set(), 0.0
        while stack:
            vertex = stack.pop()
            if vertex in seen:
                continue
            seen.add(vertex)
            for other in neighbours.pop(vertex):
                length += float(np.linalg.norm(points[vertex] - points[other]))
                stack.append(other)
        if length > best:
            longest, best = sorted(seen), length
    return np.array(longest, dtype=np.int64)
