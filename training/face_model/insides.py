"""Eyeballs, teeth and tongue: parts that keep their shape and follow the head's modes rigidly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from facemodel.arkit import ARKIT_NAMES
from training.face_model import ict as ict_parts
from training.face_model.eyes import eyeball, rotation_displacement
from training.face_model.ict import IctModel
from training.face_model.makehuman import BaseMesh
from training.face_model.surface import fit_affine, fit_translation_scale, ramp, vertex_normals
from training.face_model.topology import cut

_JAW_SHAPES = ("jawForward", "jawLeft", "jawRight", "jawOpen")
_EYE_TURN_DEGREES = {"In": 30.0, "Out": 30.0, "Up": 25.0, "Down": 25.0}
_BEHIND_SKIN_WITHIN_MM, _SKIN_NEIGHBOURS = 15.0, 6
_N_SCLERA = 770
_EYE_UV_CENTRES, _EYE_UV_RADIUS = ((0.955, 0.045), (0.045, 0.045)), 0.04
"""MakeHuman's layout holds nothing of the head in these two corners."""
_TONGUE_WIDTH, _TONGUE_TAPER, _TONGUE_THINNING, _TONGUE_RISE_MM = 0.8, 0.3, 0.35, 6.0
"""MakeHuman's tongue fills the mouth from corner to corner: it is made narrower, more so and thinner towards the tip,
which rises until it lies above the lower teeth."""
_OUT_MM, _OUT_ROOT_SHARE, _OVER_LIP_MM, _DROOP_MM = 42.0, 0.25, 4.0, 10.0
"""How far tongueOut brings the tip and which share of it the root, how far the middle rises to clear the lip, and how
far the tip sinks once it is out."""

_BITING, _FACING = 0.6, 0.5
"""Height of the normal from which a vertex of the teeth lies on their biting edge, and below which on a side."""


@dataclass(frozen=True)
class Part:
    """A closed piece of the head.

    Attributes:
        vertices: (V, 3) mm. triangles, uv_triangles: (T, 3). uv: (U, 2).
        modes: (100 + 52, V, 3) identity, then expression in ARKit's order. region: its name.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    uv_triangles: np.ndarray
    uv: np.ndarray
    modes: np.ndarray
    region: str


@dataclass(frozen=True)
class Eye:
    """Centre (3,) and radius of an eyeball, mm."""

    centre: np.ndarray
    radius: float


class Jaws:
    """ICT's teeth: how the upper and the lower row follow identity and expression."""

    def __init__(self, ict: IctModel) -> None:
        teeth = np.arange(ict_parts.TEETH.start, ict_parts.TEETH.stop)
        with_jaw = np.linalg.norm(ict.expression["jawOpen"][teeth], axis=1) > 3
        self._ict = ict
        self._rows = {"upper": teeth[~with_jaw], "lower": teeth[with_jaw], "both": teeth}

    def row(self, name: str) -> np.ndarray:
        """Return ICT's vertices (K, 3) of the `upper` or `lower` row."""
        return self._ict.mean[self._rows[name]]

    def identity(self, name: str, at: np.ndarray) -> np.ndarray:
        """Return the displacements (100, N, 3) of points `at` that follow the `upper`, `lower` or `both` rows."""
        rows = self._rows[name]
        return fit_translation_scale(self._ict.mean[rows], self._ict.identity[:, rows], at)

    def expression(self, at: np.ndarray) -> np.ndarray:
        """Return the displacements (52, N, 3) of points `at` (N, 3) that are fixed to the lower jaw."""
        lower = self._rows["lower"]
        displacements = np.zeros((len(ARKIT_NAMES), len(at), 3))
        for name in _JAW_SHAPES:
            moved = self._ict.expression[name][lower]
            displacements[ARKIT_NAMES.index(name)] = fit_affine(self._ict.mean[lower], moved, at)
        return displacements


def fit_eye(ict: IctModel, part: slice, inset: float) -> Eye:
    """Return ICT's eyeball as a sphere, shrunk until it lies `inset` mm within the eyelids."""
    points = ict.mean[part.start : part.start + _N_SCLERA]
    design = np.concatenate([2 * points, np.ones((len(points), 1))], axis=1)
    solution, *_ = np.linalg.lstsq(design, (points**2).sum(axis=1), rcond=None)
    centre = solution[:3]
    radius = np.sqrt(solution[3] + centre @ centre)
    lids = np.linalg.norm(ict.mean[ict_parts.FACE] - centre, axis=1).min()
    return Eye(centre, float(min(radius, lids)) - inset)


def eye_part(ict: IctModel, side: int, eye: Eye) -> Part:
    """Return the eyeball of the subject's left (`side` 0) or right (1) eye; eyeLook shapes turn it about its centre."""
    ball = eyeball(eye.radius)
    vertices = ball.vertices + eye.centre
    part, suffix = ((ict_parts.LEFT_EYE, "Left"), (ict_parts.RIGHT_EYE, "Right"))[side]
    inward = -1.0 if side == 0 else 1.0
    identity = fit_translation_scale(ict.mean[part], ict.identity[:, part], vertices)
    expression = np.zeros((len(ARKIT_NAMES), len(vertices), 3))
    axes = {"In": (0, inward, 0), "Out": (0, -inward, 0), "Up": (-1, 0, 0), "Down": (1, 0, 0)}
    for direction, axis in axes.items():
        turned = rotation_displacement(ball.vertices, np.array(axis, dtype=float), _EYE_TURN_DEGREES[direction])
        expression[ARKIT_NAMES.index(f"eyeLook{direction}{suffix}")] = turned
    uv = np.array(_EYE_UV_CENTRES[side]) + _EYE_UV_RADIUS * ball.uv
    return Part(vertices, ball.triangles, ball.triangles, uv, np.concatenate([identity, expression]), "eyes")


class FrontSkin:
    """How the skin in front of the teeth moves forwards and backwards.

    Args:
        vertices: (V, 3) mm. triangles: (T, 3) of the skin. modes: (K, V, 3) identity.
    """

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray, modes: np.ndarray) -> None:
        front = vertex_normals(vertices, triangles)[:, 2] > 0.3
        self._points, self._forward = vertices[front], modes[:, front, 2]
        self._tree = cKDTree(self._points[:, :2])

    def keep_behind(self, vertices: np.ndarray, modes: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Return how far (K, N) points `at` (N, 3) go forwards for `vertices` (P, 3) to keep their distance from the
        skin in all `modes` (K, P, 3), as nearly as a shift, a slope and a bend of the row allow."""
        distances, nearest = self._tree.query(vertices[:, :2], k=_SKIN_NEIGHBOURS)
        weights = 1 / np.maximum(distances, 0.1)
        weights /= weights.sum(axis=1, keepdims=True)
        near = (self._points[nearest, 2] * weights).sum(axis=1) - vertices[:, 2] < _BEHIND_SKIN_WITHIN_MM
        missing = (self._forward[:, nearest] * weights).sum(axis=2) - modes[..., 2]  # (K, P)
        shape = lambda x: np.stack([np.ones(len(x)), x[:, 1] - vertices[:, 1].mean(), x[:, 0] ** 2], axis=1)  # noqa: E731
        solution, *_ = np.linalg.lstsq(shape(vertices[near]), missing[:, near].T, rcond=None)
        return (shape(at) @ solution).T


def mouth_parts(base: BaseMesh, jaws: Jaws, align: Callable[[np.ndarray], np.ndarray], skin: FrontSkin) -> list[Part]:
    """Return upper teeth, lower teeth and tongue, scaled to ICT's dental arches; for tongueOut see `shape_tongue`.

    Args:
        align: maps base mesh points (N, 3) to ICT's frame, mm. skin: what teeth and tongue stay behind.
    """
    lower_teeth = align(base.vertices[np.unique(base.quads[base.groups == "helper-lower-teeth"])])
    upper_teeth = align(base.vertices[np.unique(base.quads[base.groups == "helper-upper-teeth"])])
    to_upper = _arch_map(upper_teeth, jaws.row("upper"), bite=np.min)
    to_lower = _arch_map(lower_teeth, jaws.row("lower"), bite=np.max)
    upper_teeth, lower_teeth = to_upper(upper_teeth), to_lower(lower_teeth)
    parts = []
    for group, region, place in (
        ("helper-upper-teeth", "teeth", to_upper),
        ("helper-lower-teeth", "teeth", to_lower),
        ("helper-tongue", "tongue", to_lower),
    ):
        chosen = base.groups == group
        mesh = cut(base.vertices, base.uv, base.quads[chosen], base.uv_quads[chosen], base.parts[chosen])
        vertices = place(align(mesh.vertices))
        upper = group == "helper-upper-teeth"
        name, row = ("upper", upper_teeth) if upper else ("lower", lower_teeth)
        identity = jaws.identity(name, vertices)
        identity[..., 2] += skin.keep_behind(row, jaws.identity(name, row), vertices)
        expression = np.zeros((len(ARKIT_NAMES), len(vertices), 3)) if upper else jaws.expression(vertices)
        triangles, uv_triangles = (
            np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]) for quads in (mesh.quads, mesh.uv_quads)
        )
        modes = np.concatenate([identity, expression])
        parts.append(Part(vertices, triangles, uv_triangles, mesh.uv, modes, region))
    return parts


def shape_tongue(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a tongue (N, 3) mm that lies within the lower teeth, and the displacements (N, 3) of putting it out.

    Args:
        vertices: (N, 3) mm of a tongue that points to +z and fills the mouth.
    """
    across, height, depth = vertices.T
    along = (depth - depth.min()) / np.ptp(depth)  # 0 at the root, 1 at the tip
    middle = np.polyval(np.polyfit(depth, height, 2), depth)
    thickness = 1.0 - _TONGUE_THINNING * ramp(along, 0.5, 1.0)
    shape = vertices.copy()
    shape[:, 0] = across * _TONGUE_WIDTH * (1.0 - _TONGUE_TAPER * ramp(along, 0.45, 1.0))
    shape[:, 1] = middle + (height - middle) * thickness + _TONGUE_RISE_MM * ramp(along, 0.4, 1.0)
    out = np.zeros_like(vertices)
    out[:, 1] = _OVER_LIP_MM * ramp(along, 0.35, 0.7) * (1.0 - ramp(along, 0.75, 1.0))
    out[:, 1] -= _DROOP_MM * ramp(along, 0.78, 1.0)
    out[:, 2] = _OUT_MM * (_OUT_ROOT_SHARE + (1.0 - _OUT_ROOT_SHARE) * ramp(along, 0.0, 0.9))
    return shape, out


def outer_teeth(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return pairs (K, 2) of vertices: one on the outer side of the teeth, and its next one on the biting edge.

    Args:
        vertices: (V, 3) mm. triangles: (T, 3) of the teeth.
    """
    upright = np.abs(vertex_normals(vertices, triangles)[:, 1])
    ways = np.concatenate([triangles[:, list(side)] for side in ((0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2))])
    pairs = ways[(upright[ways[:, 0]] < _FACING) & (upright[ways[:, 1]] > _BITING)]
    lengths = np.linalg.norm(vertices[pairs[:, 0]] - vertices[pairs[:, 1]], axis=1)
    pairs = pairs[np.lexsort((lengths, pairs[:, 0]))]
    return pairs[np.unique(pairs[:, 0], return_index=True)[1]]


def _arch_map(
    arch: np.ndarray, reference: np.ndarray, bite: Callable[[np.ndarray], float]
) -> Callable[[np.ndarray], np.ndarray]:
    """Axis-wise scaling that fits an arch to the reference's width and depth, biting edge on biting edge."""
    low, reference_low = arch.min(axis=0), reference.min(axis=0)
    factor = np.ptp(reference, axis=0) / np.ptp(arch, axis=0)
    factor[1] = 0.5 * (factor[0] + factor[2])
    source = np.array([low[0], bite(arch[:, 1]), low[2]])
    target = np.array([reference_low[0], bite(reference[:, 1]), reference_low[2]])
    return lambda points: target + (points - source) * factor
