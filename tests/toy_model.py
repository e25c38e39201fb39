"""A small procedural face model for tests: a head-shaped ellipsoid with every region a real model has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facemodel import ARKIT_NAMES, MEDIAPIPE_TO_IBUG68, FaceModel
from facemodel.model import REGIONS

_RADII = np.array([72.0, 112.0, 86.0])
_CENTRE = np.array([0.0, 0.0, -12.0])
_MOUTH_Y = -62.0
_EYES = np.array([[32.0, 0.0, 60.0], [-32.0, 0.0, 60.0]])
_EYE_RADIUS = 13.0
_MOUTH_HALF_COLUMNS = 4

_FIRST_NAMES = (
    "jawOpen",
    "mouthClose",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "mouthSmileLeft",
    "mouthSmileRight",
    "browInnerUp",
    "mouthPucker",
)

# Where an expression acts (mm) and what it does there (mm at weight 1); every other name gets a random place.
_ACTIONS: dict[str, tuple[tuple[float, float], tuple[float, float, float]]] = {
    "eyeBlinkLeft": ((32.0, 14.0), (0.0, -6.0, 3.0)),
    "eyeBlinkRight": ((-32.0, 14.0), (0.0, -6.0, 3.0)),
    "mouthSmileLeft": ((26.0, -60.0), (8.0, 7.0, -2.0)),
    "mouthSmileRight": ((-26.0, -60.0), (-8.0, 7.0, -2.0)),
    "browInnerUp": ((0.0, 24.0), (0.0, 9.0, 1.0)),
    "mouthPucker": ((0.0, _MOUTH_Y), (0.0, 0.0, 9.0)),
}


def toy_model(n_identity: int = 5, n_expression: int = 52, n_albedo: int = 4, seed: int = 0) -> FaceModel:
    """A face model of about 1100 vertices with the given dimensions; the same arguments give the same model.

    Args:
        n_identity, n_albedo: sizes of the bases, at least 1.
        n_expression: 1..52; below 52 the names are a subset of ARKit's, jawOpen, mouthClose, blinks and
            smiles first.
        seed: of the random smooth fields in the bases.
    """
    rng = np.random.default_rng(seed)
    mesh = _Mesh()
    lower_lip, upper_lip = _add_skin(mesh)
    for centre in _EYES:
        _add_ball(mesh, "eyes", centre, _EYE_RADIUS)
    _add_panel(mesh, "mouth_lining", (-24.0, 24.0), (-92.0, -50.0), 16.0)
    _add_panel(mesh, "teeth", (-16.0, 16.0), (-66.0, -56.0), 48.0)
    _add_panel(mesh, "tongue", (-12.0, 12.0), (-84.0, -74.0), 34.0)
    vertices, triangles, regions = mesh.arrays()
    inner_mouth = _stitch(upper_lip, lower_lip)

    names = (*_FIRST_NAMES, *(n for n in ARKIT_NAMES if n not in _FIRST_NAMES))[:n_expression]
    if n_expression == len(ARKIT_NAMES):
        names = ARKIT_NAMES
    expression = np.stack([_expression(name, vertices, regions, triangles, lower_lip, rng) for name in names])
    identity = np.stack([_smooth_field(vertices, 3, rng) for _ in range(n_identity)]) * 2.0
    diffuse, specular = _mean_albedo(vertices, triangles, regions)
    tint = rng.normal(size=(n_albedo, 1, 3)) * 0.03
    diffuse_basis = tint + 0.02 * np.stack([_smooth_field(vertices, 3, rng) for _ in range(n_albedo)])
    specular_basis = 0.02 * np.stack([_smooth_field(vertices, 1, rng) for _ in range(n_albedo)])

    skin = np.flatnonzero(np.isin(regions, [REGIONS.index("face"), REGIONS.index("ears")]))
    l68 = [_locate(vertices, triangles, skin, point) for point in _landmark_plan()]
    l478 = [_locate(vertices, triangles, skin, point) for point in _dense_plan()]
    longitude = np.arctan2(vertices[:, 0], vertices[:, 2])
    uv = np.stack([longitude / (2 * np.pi) + 0.5, vertices[:, 1] / 240 + 0.5], 1)
    arrays: dict[str, NDArray] = {
        "format_version": np.array(1, np.int32),
        "name": np.array(f"toy-{n_identity}-{n_expression}-{n_albedo}-{seed}"),
        "licence": np.array("MIT"),
        "provenance": np.array("procedural, made by the tests"),
        "mean": vertices.astype(np.float32),
        "identity": identity.astype(np.float32),
        "expression": expression.astype(np.float32),
        "expression_names": np.array(names),
        "expression_range": np.array([0.0, 1.0], np.float32),
        "diffuse_mean": diffuse.astype(np.float32),
        "diffuse_basis": diffuse_basis.astype(np.float32),
        "specular_mean": specular.astype(np.float32),
        "specular_basis": np.repeat(specular_basis, 3, axis=2).astype(np.float32),
        "triangles": triangles,
        "uv": uv.astype(np.float32),
        "uv_triangles": triangles,
        "region_names": np.array(REGIONS),
        "triangle_region": regions,
        "inner_mouth_triangles": inner_mouth,
        "landmarks68_triangles": np.array([t for t, _ in l68], np.int32),
        "landmarks68_barycentric": np.array([b for _, b in l68], np.float32),
        "landmarks478_triangles": np.array([t for t, _ in l478], np.int32),
        "landmarks478_barycentric": np.array([b for _, b in l478], np.float32),
        "eye_centres": _EYES.astype(np.float32),
    }
    return FaceModel.from_arrays(arrays)


class _Mesh:
    """Collects vertices and triangles with their regions."""

    def __init__(self) -> None:
        self._vertices: list[NDArray] = []
        self._triangles: list[NDArray] = []
        self._regions: list[NDArray] = []
        self._count = 0

    def add(self, vertices: NDArray, triangles: NDArray, regions: NDArray) -> int:
        """Append a part with its own vertex numbers; returns the number of its first vertex."""
        first = self._count
        self._vertices.append(vertices)
        self._triangles.append(triangles + first)
        self._regions.append(regions)
        self._count += len(vertices)
        return first

    def arrays(self) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.uint8]]:
        return (
            np.concatenate(self._vertices),
            np.concatenate(self._triangles).astype(np.int32),
            np.concatenate(self._regions).astype(np.uint8),
        )


def _grid_triangles(rows: int, columns: int) -> NDArray[np.int64]:
    """Counter-clockwise triangles of a vertex grid whose rows go up (+y) and columns to image right (+x)."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    return np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])


def _ellipsoid(rows: int, columns: int, front: float) -> tuple[NDArray, NDArray]:
    """Unit sphere grid with its seam at the back; `front` in 0..1 packs columns toward +z."""
    s = np.linspace(-1.0, 1.0, columns)
    longitude = np.pi * s - front * np.sin(np.pi * s)
    latitude = np.linspace(-0.5, 0.5, rows) * np.pi * 0.996
    latitude, longitude = np.meshgrid(latitude, longitude, indexing="ij")
    points = np.stack(
        [np.sin(longitude) * np.cos(latitude), np.sin(latitude), np.cos(longitude) * np.cos(latitude)], -1
    )
    return points.reshape(-1, 3), _grid_triangles(rows, columns)


def _add_skin(mesh: _Mesh) -> tuple[list[int], list[int]]:
    """The head with a nose and a mouth slit; returns the vertices of the lower and of the upper inner lip."""
    rows, columns = 25, 33
    points, triangles = _ellipsoid(rows, columns, front=0.7)
    vertices = points * _RADII + _CENTRE
    nose = np.exp(-((vertices[:, 0] / 9) ** 2) - ((vertices[:, 1] + 28) / 18) ** 2) * (vertices[:, 2] > 0)
    vertices[:, 2] += 22.0 * nose

    grid = np.arange(rows * columns).reshape(rows, columns)
    middle = columns // 2
    row = int(np.abs(vertices[grid[:, middle], 1] - _MOUTH_Y).argmin())
    vertices[grid[row], 1] = np.where(vertices[grid[row], 2] > 0, _MOUTH_Y, vertices[grid[row], 1])
    span = grid[row, middle - _MOUTH_HALF_COLUMNS : middle + _MOUTH_HALF_COLUMNS + 1]
    copies = {int(old): len(vertices) + i for i, old in enumerate(span[1:-1])}
    vertices = np.concatenate([vertices, vertices[span[1:-1]]])
    above = vertices[triangles].mean(axis=1)[:, 1] > _MOUTH_Y
    triangles[above] = np.vectorize(lambda v: copies.get(int(v), int(v)))(triangles[above])

    centre = vertices[triangles].mean(axis=1)
    region = np.full(len(triangles), REGIONS.index("face"))
    region[centre[:, 2] < 10.0] = REGIONS.index("scalp")
    region[centre[:, 1] > 62.0] = REGIONS.index("scalp")
    region[(centre[:, 1] < -70.0) & (centre[:, 2] < 20.0)] = REGIONS.index("neck")
    ears = (np.abs(centre[:, 0]) > 60.0) & (np.abs(centre[:, 1] + 8.0) < 32.0) & (np.abs(centre[:, 2]) < 22.0)
    region[ears] = REGIONS.index("ears")
    first = mesh.add(vertices, triangles, region)
    corners = [first + int(span[0]), first + int(span[-1])]
    lower = [corners[0], *(first + int(v) for v in span[1:-1]), corners[1]]
    upper = [corners[0], *(first + copies[int(v)] for v in span[1:-1]), corners[1]]
    return lower, upper


def _add_ball(mesh: _Mesh, region: str, centre: NDArray, radius: float) -> None:
    points, triangles = _ellipsoid(9, 13, front=0.5)
    mesh.add(points * radius + centre, triangles, np.full(len(triangles), REGIONS.index(region)))


def _add_panel(mesh: _Mesh, region: str, x: tuple[float, float], y: tuple[float, float], z: float) -> None:
    gy, gx = np.meshgrid(np.linspace(*y, 4), np.linspace(*x, 6), indexing="ij")
    vertices = np.stack([gx, gy, z - 0.01 * gx**2], -1).reshape(-1, 3)
    triangles = _grid_triangles(4, 6)
    mesh.add(vertices, triangles, np.full(len(triangles), REGIONS.index(region)))


def _stitch(upper: list[int], lower: list[int]) -> NDArray[np.int32]:
    """Triangles that close the slit between two chains with common ends."""
    faces = []
    for i in range(len(upper) - 1):
        a, b, c, d = lower[i], lower[i + 1], upper[i + 1], upper[i]
        faces += [f for f in ((a, b, c), (a, c, d)) if len(set(f)) == 3]
    return np.array(faces, np.int32)


def _smooth_field(vertices: NDArray, channels: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(V, channels) of low spatial frequency and about unit variance."""
    waves = rng.normal(size=(4, 3)) / 70.0
    phase = rng.uniform(0, 2 * np.pi, size=(4, channels))
    return np.sin((vertices @ waves.T)[:, :, None] + phase).sum(axis=1) / np.sqrt(2.0)


def _bump(vertices: NDArray, place: tuple[float, float], width: float) -> NDArray[np.float64]:
    front = 1.0 / (1.0 + np.exp(-vertices[:, 2] / 8.0))
    return np.exp(-((vertices[:, :2] - place) ** 2).sum(axis=1) / (2 * width**2)) * front


def _expression(
    name: str,
    vertices: NDArray,
    regions: NDArray,
    triangles: NDArray,
    lower_lip: list[int],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """(V, 3) mm displacement of one expression at weight 1; eyeballs never move."""
    random_place = (rng.uniform(-45, 45), rng.uniform(-90, 45))
    random_move = rng.normal(size=3) * 3.0
    if name in ("jawOpen", "mouthClose"):
        weight = _bump(vertices, (0.0, -88.0), 30.0) * (vertices[:, 1] < _MOUTH_Y - 1e-6)
        lip = np.array(lower_lip[1:-1])
        weight[lip] = 0.8 * np.cos(vertices[lip, 0] / np.abs(vertices[lip, 0]).max() * 1.2)
        move = np.array([0.0, -24.0, -4.0]) * (1.0 if name == "jawOpen" else -0.8)
    else:
        place, action = _ACTIONS.get(name, (random_place, tuple(random_move)))
        weight, move = _bump(vertices, place, 12.0), np.array(action)
    inside = np.unique(triangles[regions == REGIONS.index("eyes")])
    weight[inside] = 0.0
    return weight[:, None] * move


def _mean_albedo(vertices: NDArray, triangles: NDArray, regions: NDArray) -> tuple[NDArray, NDArray]:
    """(V, 3) diffuse and specular mean in linear RGB."""

    def of(name: str) -> NDArray[np.int64]:
        return np.unique(triangles[regions == REGIONS.index(name)])

    diffuse = np.tile([0.50, 0.30, 0.22], (len(vertices), 1))
    lips = _bump(vertices, (0.0, _MOUTH_Y), 9.0)[:, None]
    brows = sum(_bump(vertices, (x, 20.0), 8.0) for x in (-32.0, 32.0))[:, None]
    diffuse += lips * ([0.45, 0.16, 0.15] - diffuse)
    diffuse += np.minimum(brows, 1.0) * 0.8 * ([0.06, 0.04, 0.03] - diffuse)
    specular = np.full((len(vertices), 3), 0.12) + 0.1 * _bump(vertices, (0.0, -20.0), 15.0)[:, None]
    diffuse[np.setdiff1d(of("scalp"), of("face"))] = (0.08, 0.06, 0.05)
    diffuse[of("eyes")] = (0.75, 0.72, 0.70)
    for centre in _EYES:
        iris = np.linalg.norm(vertices - centre - (0.0, 0.0, _EYE_RADIUS), axis=1) < 7.0
        diffuse[iris] = (0.06, 0.05, 0.04)
    diffuse[of("teeth")] = (0.7, 0.66, 0.58)
    diffuse[of("tongue")] = (0.45, 0.15, 0.14)
    diffuse[of("mouth_lining")] = (0.12, 0.03, 0.03)
    specular[of("eyes")] = 0.4
    return diffuse, specular


def _landmark_plan() -> NDArray[np.float64]:
    """(68, 2) mm: where iBUG's points lie on the mean face, seen from the front."""
    angle = np.linspace(np.pi, 2 * np.pi, 17)
    jaw = np.stack([60.0 * np.cos(angle), 98.0 * np.sin(angle)], 1)
    brow = np.stack([np.linspace(-48, -14, 5), [16.0, 21.0, 23.0, 22.0, 19.0]], 1)
    bridge = np.stack([np.zeros(4), np.linspace(0.0, -28.0, 4)], 1)
    nostrils = np.stack([np.linspace(-12, 12, 5), [-38.0, -40.0, -41.0, -40.0, -38.0]], 1)
    turn = np.radians([180, 120, 60, 0, -60, -120])
    eye = np.stack([14.0 * np.cos(turn), 6.0 * np.sin(turn)], 1)
    turn = np.radians(180 - np.arange(12) * 30.0)
    outer = np.stack([25.0 * np.cos(turn), _MOUTH_Y + 10.0 * np.sin(turn)], 1)
    turn = np.radians(180 - np.arange(8) * 45.0)
    inner = np.stack([20.0 * np.cos(turn), _MOUTH_Y + 0.5 * np.sin(turn)], 1)
    mirrored = brow[::-1] * (-1.0, 1.0)
    return np.concatenate([jaw, brow, mirrored, bridge, nostrils, eye - (32, 0), eye + (32, 0), outer, inner])


def _dense_plan() -> NDArray[np.float64]:
    """(478, 2) mm: a sunflower over the face, iBUG's points where the table has them, irises at the end."""
    index = np.arange(478) + 0.5
    radius, angle = np.sqrt(index / 478.0), np.pi * (1.0 + 5.0**0.5) * index
    points = np.stack([56.0 * radius * np.cos(angle), -22.0 + 72.0 * radius * np.sin(angle)], 1)
    points[MEDIAPIPE_TO_IBUG68] = _landmark_plan()
    ring = np.array([[0, 0], [5, 0], [0, 5], [-5, 0], [0, -5]], dtype=float)
    points[468:473], points[473:478] = ring + _EYES[1, :2], ring + _EYES[0, :2]
    return points


def _locate(vertices: NDArray, triangles: NDArray, among: NDArray, point: NDArray) -> tuple[int, NDArray]:
    """The front triangle among `among` under a point (2,) seen from the front, and its barycentric place."""
    corners = vertices[triangles[among]]  # (K, 3, 3)
    a, b, c = (corners[:, i, :2] for i in range(3))
    ab, ac = b - a, c - a
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    area = np.where(np.abs(area) < 1e-9, -1.0, area)
    d = point - a
    wb = (d[:, 0] * ac[:, 1] - d[:, 1] * ac[:, 0]) / area
    wc = (ab[:, 0] * d[:, 1] - ab[:, 1] * d[:, 0]) / area
    weights = np.stack([1 - wb - wc, wb, wc], 1)  # (K, 3)
    outside = np.where(area > 0, np.maximum(-weights.min(axis=1), 0.0), np.inf)
    best = int(np.lexsort((-corners[:, :, 2].mean(axis=1), outside.round(6)))[0])
    clipped = np.clip(weights[best], 0.0, 1.0)
    return int(among[best]), clipped / clipped.sum()


def occluded_toy_model() -> FaceModel:
    """The toy model with a baked occlusion that varies from vertex to vertex, 0.2 to 1."""
    model = toy_model()
    return replace(model, occlusion=(0.6 + 0.4 * np.sin(0.2 * model.mean[:, 1])).astype(np.float32))
