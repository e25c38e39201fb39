"""A compiled z-buffer and the shading of Eq. 4 and 5, for making training pictures by the thousand on one core."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from facemodel.lighting import SH_CONSTANTS

_C0, _C1, _C2, _C20, _C22 = SH_CONSTANTS


@dataclass(frozen=True)
class Surface:
    """What is drawn: a posed mesh with colours.

    Attributes:
        triangles: (T, 3), counter-clockwise from outside.
        posed: (V, 3) rotated vertices, mm from the head centre, camera-aligned.
        normals: (V, 3) rotated unit normals.
        diffuse, specular: (V, 3) linear albedo.
    """

    triangles: NDArray[np.int32]
    posed: NDArray[np.float32]
    normals: NDArray[np.float32]
    diffuse: NDArray[np.float32]
    specular: NDArray[np.float32]


@dataclass(frozen=True)
class Light:
    """Camera-aligned light: SH (9, 3), key position (3,) mm, key colour (3,), shininess; see `facemodel.lighting`."""

    sh: NDArray[np.float32]
    key_position: NDArray[np.float32]
    key_color: NDArray[np.float32]
    shininess: float


def rasterize(
    pixels: NDArray, depth: NDArray, triangles: NDArray, width: int, height: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Visible triangle and barycentric coordinates at every pixel centre, as `facemodel.reference.rasterize`.

    Args:
        pixels: (V, 2) projected vertices.
        depth: (V,) larger is nearer.
        triangles: (T, 3), counter-clockwise in a y-up picture; the others are culled.

    Returns:
        (H, W) triangle index or -1, and (H, W, 3) barycentric coordinates.
    """
    places, distance = np.asarray(pixels, np.float64), np.asarray(depth, np.float64)
    return _fill(places, distance, np.ascontiguousarray(triangles, np.int32), height, width)


def visible_triangles(pixels: NDArray, depth: NDArray, triangles: NDArray, size: int) -> NDArray[np.int32]:
    """Visible triangle at every pixel centre of N pictures of one topology, as `rasterize` finds it.

    Args:
        pixels: (N, V, 2) projected vertices.
        depth: (N, V) larger is nearer.
        triangles: (T, 3) int32, counter-clockwise in a y-up picture.
        size: side of the pictures, px.

    Returns:
        (N, size, size), -1 where there is none.
    """
    owner = np.empty((len(pixels), size, size), np.int32)
    _fill_all(pixels, depth, triangles, np.empty((size, size)), owner)
    return owner


def shade(
    surface: Surface, light: Light, owner: NDArray[np.int32], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Linear colour c_d + c_s of every covered pixel, (H, W, 3); 0 where `owner` is -1."""

    def single(array: NDArray) -> NDArray[np.float32]:
        return np.ascontiguousarray(array, np.float32)

    return _shade(
        owner,
        weights,
        np.ascontiguousarray(surface.triangles, np.int32),
        single(surface.posed),
        single(surface.normals),
        single(surface.diffuse),
        single(surface.specular),
        single(light.sh),
        single(light.key_position),
        single(light.key_color),
        np.float32(light.shininess),
    )


def vertex_normals(vertices: NDArray, triangles: NDArray) -> NDArray[np.float32]:
    """Area-weighted unit normals, (V, 3) to (V, 3), as `FaceModel.normals`."""
    return _normals(np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(triangles, np.int32))


@numba.njit(cache=True)
def _fill(pixels: NDArray, depth: NDArray, triangles: NDArray, height: int, width: int) -> tuple[NDArray, NDArray]:
    owner = np.empty((height, width), np.int32)
    _draw(pixels, depth, triangles, np.empty((height, width)), owner)
    weights = np.zeros((height, width, 3), np.float32)
    for row in range(height):
        for column in range(width):
            t = owner[row, column]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            x, y = column + 0.5, row + 0.5
            ax, ay, bx, by, cx, cy = pixels[a, 0], pixels[a, 1], pixels[b, 0], pixels[b, 1], pixels[c, 0], pixels[c, 1]
            area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
            wb = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
            wc = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
            weights[row, column, 0] = 1.0 - wb - wc
            weights[row, column, 1] = wb
            weights[row, column, 2] = wc
    return owner, weights


@numba.njit(cache=True)
def _fill_all(pixels: NDArray, depth: NDArray, triangles: NDArray, nearest: NDArray, owner: NDArray) -> None:
    for n in range(owner.shape[0]):
        _draw(pixels[n], depth[n], triangles, nearest, owner[n])


@numba.njit(cache=True)
def _draw(pixels: NDArray, depth: NDArray, triangles: NDArray, nearest: NDArray, owner: NDArray) -> None:
    """The z-buffer: visible triangle at every pixel centre of `owner` (H, W); `nearest` (H, W) is scratch."""
    height, width = owner.shape
    nearest[:] = -np.inf
    owner[:] = -1
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay = float(pixels[a, 0]), float(pixels[a, 1])
        bx, by = float(pixels[b, 0]), float(pixels[b, 1])
        cx, cy = float(pixels[c, 0]), float(pixels[c, 1])
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if not area < 0.0:
            continue
        left = max(int(np.ceil(min(ax, bx, cx) - 0.5)), 0)
        right = min(int(np.floor(max(ax, bx, cx) - 0.5)), width - 1)
        top = max(int(np.ceil(min(ay, by, cy) - 0.5)), 0)
        bottom = min(int(np.floor(max(ay, by, cy) - 0.5)), height - 1)
        if left > right or top > bottom:
            continue
        za, zb, zc = float(depth[a]), float(depth[b]), float(depth[c])
        for row in range(top, bottom + 1):
            y = row + 0.5
            for column in range(left, right + 1):
                x = column + 0.5
                wb = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
                wc = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
                wa = 1.0 - wb - wc
                if wa < 0.0 or wb < 0.0 or wc < 0.0:
                    continue
                z = wa * za + wb * zb + wc * zc
                if z > nearest[row, column]:
                    nearest[row, column] = z
                    owner[row, column] = t


@numba.njit(cache=True, fastmath=True)
def _shade(
    owner: NDArray,
    weights: NDArray,
    triangles: NDArray,
    posed: NDArray,
    normals: NDArray,
    diffuse: NDArray,
    specular: NDArray,
    sh: NDArray,
    key: NDArray,
    key_color: NDArray,
    shininess: np.float32,
) -> NDArray:
    height, width = owner.shape
    image = np.zeros((height, width, 3), np.float32)
    n, p, d, s = (np.zeros(3, np.float32), np.zeros(3, np.float32), np.zeros(3, np.float32), np.zeros(3, np.float32))
    y = np.zeros(9, np.float32)
    for row in range(height):
        for column in range(width):
            t = owner[row, column]
            if t < 0:
                continue
            for k in range(3):
                n[k] = p[k] = d[k] = s[k] = 0.0
            for corner in range(3):
                v = triangles[t, corner]
                w = weights[row, column, corner]
                for k in range(3):
                    n[k] += w * normals[v, k]
                    p[k] += w * posed[v, k]
                    d[k] += w * diffuse[v, k]
                    s[k] += w * specular[v, k]
            length = np.sqrt(n[0] ** 2 + n[1] ** 2 + n[2] ** 2) + 1e-12
            nx, ny, nz = n[0] / length, n[1] / length, n[2] / length
            y[0] = _C0
            y[1], y[2], y[3] = _C1 * ny, _C1 * nz, _C1 * nx
            y[4], y[5], y[7] = _C2 * nx * ny, _C2 * ny * nz, _C2 * nx * nz
            y[6], y[8] = _C20 * (3.0 * nz * nz - 1.0), _C22 * (nx * nx - ny * ny)
            lx, ly, lz = key[0] - p[0], key[1] - p[1], key[2] - p[2]
            length = np.sqrt(lx * lx + ly * ly + lz * lz)
            lx, ly, lz = lx / length, ly / length, lz / length
            lobe = 0.0
            if nx * lx + ny * ly + nz * lz > 0.0:
                hx, hy, hz = lx, ly, lz + 1.0
                length = np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-12
                cosine = (nx * hx + ny * hy + nz * hz) / length
                if cosine > 0.0:
                    lobe = cosine**shininess
            for k in range(3):
                irradiance = 0.0
                for i in range(9):
                    irradiance += y[i] * sh[i, k]
                image[row, column, k] = d[k] * max(irradiance, 0.0) + s[k] * key_color[k] * lobe
    return image


@numba.njit(cache=True)
def _normals(vertices: NDArray, triangles: NDArray) -> NDArray:
    normals = np.zeros_like(vertices)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for v in (a, b, c):
            normals[v, 0] += x
            normals[v, 1] += y
            normals[v, 2] += z
    for v in range(normals.shape[0]):
        length = np.sqrt(normals[v, 0] ** 2 + normals[v, 1] ** 2 + normals[v, 2] ** 2) + 1e-12
        for k in range(3):
            normals[v, k] /= length
    return normals
