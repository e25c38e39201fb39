"""A compiled z-buffer and the shading of Eq. 4 and 5, for making training pictures by the thousand on one core."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from facemodel.lighting import SH_CONSTANTS

_C0, _C1, _C2, _C20, _C22 = SH_CONSTANTS
_FACTORS = np.array([_C0, _C1, _C1, _C1, _C2, _C2, 3.0 * _C20, _C2, _C22])[:, None]
_MAP, _MAP_EXTENT, _MAP_BIAS = 112, 320.0, 3.0  # texels, mm and mm of a shadow map
_FILL = 0.1  # of a place's light that its shadows leave at least


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

    sh: NDArray[np.floating]
    key_position: NDArray[np.floating]
    key_color: NDArray[np.floating]
    shininess: float


def rasterize(
    pixels: NDArray, depth: NDArray, triangles: NDArray, width: int, height: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the visible triangle and barycentric coordinates at every pixel centre as `facemodel.reference.rasterize`.

    Args:
        pixels: (V, 2) projected vertices.
        depth: (V,) larger is nearer.
        triangles: (T, 3), counter-clockwise in a y-up picture; the others are culled.
    Returns: (H, W) triangle index or -1, and (H, W, 3) barycentric coordinates.
    """
    places, distance = np.asarray(pixels, np.float64), np.asarray(depth, np.float64)
    return _fill(places, distance, np.ascontiguousarray(triangles, np.int32), height, width)


def visible_triangles(pixels: NDArray, depth: NDArray, triangles: NDArray, size: int) -> NDArray[np.int32]:
    """Return the visible triangle at every pixel centre of N pictures of one topology, as `rasterize` finds it.

    Args:
        pixels: (N, V, 2) projected vertices.
        depth: (N, V) larger is nearer.
        triangles: (T, 3) int32, counter-clockwise in a y-up picture.
        size: side of the pictures, px.
    Returns: (N, size, size), -1 where there is none.
    """
    owner = np.empty((len(pixels), size, size), np.int32)
    _fill_all(pixels, depth, triangles, np.empty((size, size)), owner)
    return owner


@dataclass(frozen=True)
class Lamps:
    """L lamps whose light is in a `Light` already, the key light first, and where it is missing.

    Attributes:
        positions: (L, 3) mm. colors: (L, 3) of their highlights.
        shares: (L, 9, 3) each lamp's share of the SH light, missing in its shadow.
        visible: (V, L) share of each lamp that a vertex sees.
    """

    positions: NDArray
    colors: NDArray
    shares: NDArray
    visible: NDArray


@dataclass(frozen=True)
class Detail:
    """What a picture (H, W) shows that the mesh does not.

    Attributes:
        gain: (H, W, 3) factor of the diffuse albedo.
        tilt: (H, W, 3) added to unit normals.
        gloss: (H, W) factor of the specular albedo.
    """

    gain: NDArray[np.float32]
    tilt: NDArray[np.float32]
    gloss: NDArray[np.float32]


def shade(
    surface: Surface,
    light: Light,
    owner: NDArray[np.int32],
    weights: NDArray[np.float32],
    lamps: Lamps | None = None,
    detail: Detail | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the linear colour c_d + c_s of every covered pixel, and the key light's highlight in it, (H, W, 3) each.

    Both are 0 where `owner` is -1. Without lamps there is the key light alone, which everything sees.
    """

    def single(array: NDArray) -> NDArray[np.float32]:
        return np.ascontiguousarray(array, np.float32)

    if lamps is None:
        key = np.asarray(light.key_position)[None], np.asarray(light.key_color)[None]
        lamps = Lamps(*key, np.zeros((1, 9, 3)), np.ones((len(surface.posed), 1)))
    if detail is None:
        detail = Detail(*(np.empty((0, 0, *rest), np.float32) for rest in ((3,), (3,), ())))
    return _shade(
        owner,
        weights,
        np.ascontiguousarray(surface.triangles, np.int32),
        single(np.concatenate([surface.posed, surface.normals, surface.diffuse, surface.specular], axis=1)),
        single(_scaled(light.sh)),
        single(lamps.positions),
        single(lamps.colors),
        single(_scaled(lamps.shares)),
        single(lamps.visible),
        np.float32(light.shininess),
        detail.gain,
        detail.tilt,
        detail.gloss,
    )


def _scaled(sh: NDArray) -> NDArray[np.float64]:
    """Multiply the constants of the harmonics into SH light (..., 9, 3), so that `_harmonics` need not."""
    scaled = np.asarray(sh, np.float64) * _FACTORS
    scaled[..., 0, :] -= scaled[..., 6, :] / 3.0
    return scaled


def interpolate(
    attributes: NDArray[np.float32], triangles: NDArray, owner: NDArray[np.int32], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return (H, W, C) attributes (V, C) float32 of what is seen at every pixel; 0 where `owner` is -1."""
    return _interpolate(attributes, np.ascontiguousarray(triangles, np.int32), owner, weights)


def seen_from(
    position: NDArray, posed: NDArray, normals: NDArray, triangles: NDArray, softness: float
) -> NDArray[np.float32]:
    """Return the share 0..1 of a far lamp that each vertex sees past the mesh, (V,), by a shadow map.

    Args:
        position: (3,) of the lamp, mm; only its direction counts.
        posed, normals: (V, 3) mm and unit. triangles: (T, 3).
        softness: mm over which a shadow's edge fades.
    """
    forward = np.asarray(position, np.float64) / max(float(np.linalg.norm(position)), 1e-9)
    right = np.cross((0.0, 1.0, 0.0) if abs(forward[1]) < 0.9 else (1.0, 0.0, 0.0), forward)
    right /= np.linalg.norm(right)
    zoom = _MAP / _MAP_EXTENT
    axes = np.array([zoom * right, -zoom * np.cross(forward, right), forward], np.float32)  # x and y in texels
    vertices, moves = np.asarray(posed, np.float32), _MAP_BIAS * np.asarray(normals, np.float32)
    return _seen_from(axes, vertices, moves, np.ascontiguousarray(triangles, np.int32), softness * zoom)


def vertex_normals(vertices: NDArray, triangles: NDArray) -> NDArray[np.float32]:
    """Return area-weighted unit normals, (V, 3) to (V, 3), as `FaceModel.normals`."""
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
            scale = 1.0 / ((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))
            wb = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) * scale
            wc = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) * scale
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
    """Find the visible triangle at every pixel centre of `owner` (H, W) by a z-buffer; `nearest` (H, W) is scratch."""
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
        scale = 1.0 / area
        ubx, uby, ucx, ucy = (cy - ay) * scale, (ax - cx) * scale, (ay - by) * scale, (bx - ax) * scale
        for row in range(top, bottom + 1):
            y = row + 0.5 - ay
            for column in range(left, right + 1):
                x = column + 0.5 - ax
                wb, wc = x * ubx + y * uby, x * ucx + y * ucy
                wa = 1.0 - wb - wc
                if wa < 0.0 or wb < 0.0 or wc < 0.0:
                    continue
                z = wa * za + wb * zb + wc * zc
                if z > nearest[row, column]:
                    nearest[row, column] = z
                    owner[row, column] = t


@numba.njit(cache=True)
def _seen_from(axes: NDArray, posed: NDArray, moves: NDArray, triangles: NDArray, softness: float) -> NDArray:
    nearest, owner = np.empty((_MAP, _MAP)), np.empty((_MAP, _MAP), np.int32)
    places, probes = np.empty((len(posed), 3)), np.empty((len(posed), 3))
    for v in range(len(posed)):
        for k in range(3):
            x, y, z = axes[k, 0], axes[k, 1], axes[k, 2]
            places[v, k] = x * posed[v, 0] + y * posed[v, 1] + z * posed[v, 2]
            probes[v, k] = places[v, k] + x * moves[v, 0] + y * moves[v, 1] + z * moves[v, 2]
            if k < 2:
                places[v, k] += _MAP / 2
                probes[v, k] += _MAP / 2
    _draw(places[:, :2], places[:, 2], triangles, nearest, owner)
    seen = np.empty(len(probes), np.float32)
    for v in range(len(probes)):
        lit = 0
        for i in range(3):
            for j in range(3):
                row, column = int(probes[v, 1] + (i - 1) * softness), int(probes[v, 0] + (j - 1) * softness)
                inside = 0 <= row < _MAP and 0 <= column < _MAP
                if not inside or probes[v, 2] >= nearest[row, column]:
                    lit += 1
        seen[v] = lit / 9.0
    return seen


@numba.njit(cache=True)
def _interpolate(attributes: NDArray, triangles: NDArray, owner: NDArray, weights: NDArray) -> NDArray:
    height, width = owner.shape
    image = np.zeros((height, width, attributes.shape[1]), np.float32)
    for row in range(height):
        for column in range(width):
            t = owner[row, column]
            if t >= 0:
                for corner in range(3):
                    for k in range(attributes.shape[1]):
                        image[row, column, k] += weights[row, column, corner] * attributes[triangles[t, corner], k]
    return image


@numba.njit(cache=True, fastmath=True)
def _harmonics(sh: NDArray, k: int, x: np.float32, y: np.float32, z: np.float32) -> np.float32:
    """Sum channel `k` of harmonics (9, 3) whose constants are multiplied in, `_scaled`, for a unit normal."""
    linear = y * sh[1, k] + z * sh[2, k] + x * sh[3, k]
    mixed = x * y * sh[4, k] + y * z * sh[5, k] + x * z * sh[7, k]
    return sh[0, k] + linear + mixed + z * z * sh[6, k] + (x * x - y * y) * sh[8, k]


@numba.njit(cache=True, fastmath=True)
def _shade(
    owner: NDArray,
    weights: NDArray,
    triangles: NDArray,
    attributes: NDArray,
    sh: NDArray,
    positions: NDArray,
    colors: NDArray,
    shares: NDArray,
    visible: NDArray,
    shininess: np.float32,
    gain: NDArray,
    tilt: NDArray,
    gloss: NDArray,
) -> tuple[NDArray, NDArray]:
    height, width = owner.shape
    zero, one, least_length, fill = np.float32(0.0), np.float32(1.0), np.float32(1e-12), np.float32(_FILL)
    image, highlight = np.zeros((height, width, 3), np.float32), np.zeros((height, width, 3), np.float32)
    a, s, irradiance = np.zeros(12, np.float32), np.zeros(3, np.float32), np.zeros(3, np.float32)
    least = np.zeros(3, np.float32)
    detailed = len(gain) > 0
    faintest = np.float32(np.exp(-12.0 / shininess))  # cosine of a highlight that is nothing
    for row in range(height):
        for column in range(width):
            t = owner[row, column]
            if t < 0:
                continue
            v0, v1, v2 = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            w0, w1, w2 = weights[row, column, 0], weights[row, column, 1], weights[row, column, 2]
            for k in range(12):  # position, normal, diffuse and specular albedo
                a[k] = w0 * attributes[v0, k] + w1 * attributes[v1, k] + w2 * attributes[v2, k]
            length = one / (np.sqrt(a[3] * a[3] + a[4] * a[4] + a[5] * a[5]) + least_length)
            nx, ny, nz = a[3] * length, a[4] * length, a[5] * length
            if detailed:
                nx, ny, nz = nx + tilt[row, column, 0], ny + tilt[row, column, 1], nz + tilt[row, column, 2]
                length = one / (np.sqrt(nx * nx + ny * ny + nz * nz) + least_length)
                nx, ny, nz = nx * length, ny * length, nz * length
                for k in range(3):
                    a[6 + k] *= gain[row, column, k]
                    a[9 + k] *= gloss[row, column]
            for k in range(3):
                s[k] = zero
                irradiance[k] = _harmonics(sh, k, nx, ny, nz)
                least[k] = fill * max(irradiance[k], zero)
            for n in range(positions.shape[0]):
                sees = w0 * visible[v0, n] + w1 * visible[v1, n] + w2 * visible[v2, n]
                if sees < np.float32(0.999):
                    for k in range(3):
                        irradiance[k] -= (one - sees) * max(_harmonics(shares[n], k, nx, ny, nz), zero)
                lx, ly, lz = positions[n, 0] - a[0], positions[n, 1] - a[1], positions[n, 2] - a[2]
                length = one / (np.sqrt(lx * lx + ly * ly + lz * lz) + least_length)
                lx, ly, lz = lx * length, ly * length, lz * length
                if nx * lx + ny * ly + nz * lz > zero:
                    cosine = (nx * lx + ny * ly + nz * (lz + one)) / (np.sqrt(one + one + lz + lz) + least_length)
                    if cosine > faintest:
                        lobe = sees * cosine**shininess
                        for k in range(3):
                            s[k] += colors[n, k] * lobe
                if n == 0:
                    for k in range(3):
                        highlight[row, column, k] = a[9 + k] * s[k]
            for k in range(3):
                image[row, column, k] = a[6 + k] * max(irradiance[k], least[k]) + a[9 + k] * s[k]
    return image, highlight


@numba.njit(cache=True)
def edges(points: NDArray, a: int, b: int, c: int) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return the edges from corner `a` of a triangle to `b` and to `c`, of points (V, 3)."""
    ax, ay, az = points[a, 0], points[a, 1], points[a, 2]
    first = (points[b, 0] - ax, points[b, 1] - ay, points[b, 2] - az)
    return first, (points[c, 0] - ax, points[c, 1] - ay, points[c, 2] - az)


@numba.njit(cache=True)
def cross(u: tuple[float, float, float], v: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return the cross product of two vectors."""
    return u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]


@numba.njit(cache=True)
def add_facets(vertices: NDArray, triangles: NDArray, normals: NDArray) -> None:
    """Add every triangle's normal, as long as twice its area, to `normals` (V, 3) of its corners."""
    for t in range(triangles.shape[0]):
        first, second = edges(vertices, triangles[t, 0], triangles[t, 1], triangles[t, 2])
        facet = cross(first, second)
        for corner in range(3):
            for k in range(3):
                normals[triangles[t, corner], k] += facet[k]


@numba.njit(cache=True)
def _normals(vertices: NDArray, triangles: NDArray) -> NDArray:
    normals = np.zeros_like(vertices)
    add_facets(vertices, triangles, normals)
    for v in range(len(normals)):
        x, y, z = normals[v, 0], normals[v, 1], normals[v, 2]
        length = max(np.sqrt(x * x + y * y + z * z), 1e-12)
        normals[v, 0], normals[v, 1], normals[v, 2] = x / length, y / length, z / length
    return normals
