"""The head's open surface: skin, mouth lining and the rims of the eye sockets, in the shape of the ICT mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from training.face_model import ict as ict_parts
from training.face_model.closures import LipContact
from training.face_model.ict import IctModel
from training.face_model.insides import Eye
from training.face_model.lids import FINER, lid_correspondences, lid_quads
from training.face_model.makehuman import BaseMesh
from training.face_model.registration import BASE_LIP_RINGS, ICT_LIP_RINGS, lip_sides, register_skin
from training.face_model.surface import (
    SidedLocator,
    SurfaceLocator,
    SurfacePoints,
    continue_harmonically,
    opening_loops,
    unfold,
    vertex_normals,
)
from training.face_model.topology import QuadMesh, close_marks, cut, subdivide

_NECK_RINGS = 3
"""Rings of quads that are kept below MakeHuman's head."""
_SPLIT_LONGER_MM, _SPLIT_BULGING_MM = 4.2, 0.25
"""Mean edge from which a quad of the face is split, and how far the surface may bulge over an edge elsewhere."""
_LINING_INSET_MM, _LINING_NARROWING = 2.5, 0.93
"""The mouth lining is moved back and made narrower, to stay behind the lips."""
_NECK_CUT = -70.0
_ICT_SHOULDER_CUT = -150.0
_ICT_NARROW_FACE = 6706
_NORMAL_PENALTY = 6.0
_RIM_DEPTH = 0.9


@dataclass(frozen=True)
class LidCurves:
    """Eyelids of the surface as curves on ICT's.

    Attributes:
        rings: (K,) vertices of the rings. weights: (K, N) of ICT's vertices that give their points.
        everywhere: (V,) bool, all vertices of the lids, those between the rings too.
    """

    rings: np.ndarray
    weights: sparse.csr_matrix
    everywhere: np.ndarray


@dataclass(frozen=True)
class HeadSurface:
    """Refined surface in ICT's frame.

    Attributes:
        vertices: (V, 3) mm. triangles, uv_triangles: (T, 3). uv: (U, 2).
        parts: (T,) str, `skin`, `neck`, `lining` or `rim`.
        skin: (V,) bool, vertices of skin and neck. lip_sides: (V,) +1 upper lip, -1 lower lip, 0 elsewhere.
        source: (C,) base mesh indices of the first C vertices, those that are not new.
        throat: indices of the deepest vertices of the lining. lids: how the eyelids lie on ICT's.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    uv_triangles: np.ndarray
    uv: np.ndarray
    parts: np.ndarray
    skin: np.ndarray
    lip_sides: np.ndarray
    source: np.ndarray
    throat: np.ndarray
    lids: LidCurves

    @property
    def skin_triangles(self) -> np.ndarray:
        """Return (K, 3) triangles of skin and neck."""
        return self.triangles[np.isin(self.parts, ["skin", "neck"])]


class IctSkin:
    """Finds the points of ICT's skin that correspond to points of ours, never across the lips."""

    def __init__(self, ict: IctModel) -> None:
        self.triangles = ict.part_triangles(ict_parts.SKIN)
        mouth = opening_loops(ict.mean, self.triangles, _ICT_SHOULDER_CUT)["mouth"]
        sides = lip_sides(ict.mean, self.triangles, mouth, ICT_LIP_RINGS)
        self._sided = SidedLocator(ict.mean, self.triangles, sides)
        self._free = SurfaceLocator(ict.mean, self.triangles)

    def correspond(self, vertices: np.ndarray, triangles: np.ndarray, sides: np.ndarray) -> SurfacePoints:
        """Closest points with agreeing normals on the same lip; `triangles` give the normals of `vertices`."""
        normals = vertex_normals(vertices, triangles)
        return self._sided.closest(vertices, normals, sides, _NORMAL_PENALTY)

    def on_narrow_face(self, vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
        """Return (V,) bool: the closest triangle belongs to ICT's narrow face (no ears, neck, back of the head)."""
        found = self._free.closest(vertices, vertex_normals(vertices, triangles), _NORMAL_PENALTY)
        return (self.triangles[found.triangles] < _ICT_NARROW_FACE).all(axis=1)


def cut_head(base: BaseMesh) -> QuadMesh:
    """Cut out head, neck, mouth lining and the rim of the eye sockets; parts `skin`, `neck`, `lining`, `rim`."""
    body = base.groups == "body"
    head = body & (base.parts == "head")
    lining = body & (base.parts == "mouth_cavity")
    cavity = body & np.char.startswith(base.parts, "eye_cavity")
    reached = np.zeros(len(base.vertices), dtype=bool)
    reached[base.quads[head]] = True
    rim = cavity & reached[base.quads].any(axis=1)
    neck = np.zeros(len(base.quads), dtype=bool)
    for _ in range(_NECK_RINGS):
        neck |= body & (base.parts == "body") & reached[base.quads].any(axis=1)
        reached[base.quads[neck]] = True
    parts = np.full(len(base.quads), "", dtype="<U8")
    for name, chosen in (("skin", head), ("neck", neck), ("lining", lining), ("rim", rim)):
        parts[chosen] = name
    chosen = parts != ""
    return cut(base.vertices, base.uv, base.quads[chosen], base.uv_quads[chosen], parts[chosen])


def shape_surface(
    mesh: QuadMesh,
    aligned: np.ndarray,
    aligned_landmarks: np.ndarray,
    ict: IctModel,
    ict_landmarks: np.ndarray,
    eyes: tuple[Eye, Eye],
) -> HeadSurface:
    """Bring the cut head into the shape of the ICT mean and refine its face.

    Args:
        aligned: (V, 3) vertices of `mesh` after the similarity to ICT's frame, mm.
        aligned_landmarks, ict_landmarks: (L, 3) paired points on both.
    """
    outer = np.isin(mesh.parts, ["skin", "neck"])
    positions, sides = _register(mesh, outer, aligned, aligned_landmarks, ict, ict_landmarks)
    throat = _throat(mesh, outer, aligned)
    positions = _carry_lining(mesh, outer, aligned, positions, throat)
    _tuck_rims(mesh, outer, positions, eyes)

    target = IctSkin(ict)
    triangles = np.concatenate([mesh.quads[:, [0, 1, 2]], mesh.quads[:, [0, 2, 3]]])
    narrow = target.on_narrow_face(positions, triangles)
    in_face = narrow[mesh.quads].all(axis=1)
    normals = vertex_normals(positions, triangles[np.tile(outer, 2)])
    following = np.roll(mesh.quads, -1, axis=1)
    edges = positions[mesh.quads] - positions[following]  # (Q, 4, 3)
    long = np.linalg.norm(edges, axis=2).mean(axis=1) > _SPLIT_LONGER_MM
    bulge = np.abs((edges * (normals[mesh.quads] - normals[following])).sum(axis=2)).max(axis=1) / 8  # (Q,) mm
    loops = opening_loops(positions, mesh.quads[outer], _ICT_SHOULDER_CUT)
    lids = outer & (lid_quads(mesh.quads, loops["left_eye"]) | lid_quads(mesh.quads, loops["right_eye"]))
    coarse = np.where(in_face, long, bulge > _SPLIT_BULGING_MM)
    marked = close_marks(mesh.quads, lids | outer & coarse)
    fine = subdivide(QuadMesh(positions, mesh.quads, mesh.uv, mesh.uv_quads, mesh.parts, mesh.source), marked)

    vertices = on_curved_quads(fine.interpolation, positions, normals)
    parts = mesh.parts[fine.quad_of_triangle]
    outer_triangles = fine.triangles[np.isin(parts, ["skin", "neck"])]
    skin = np.zeros(len(vertices), dtype=bool)
    skin[outer_triangles] = True
    fine_sides = np.sign(fine.interpolation @ sides).astype(int)
    found = target.correspond(vertices, outer_triangles, fine_sides)
    on_lids = np.zeros(len(vertices), dtype=bool)
    on_lids[fine.triangles[lids[fine.quad_of_triangle]]] = True
    face = np.zeros(len(vertices), dtype=bool)
    face[fine.triangles[in_face[fine.quad_of_triangle]]] = True
    new = skin & face & ~on_lids & (np.arange(len(vertices)) >= len(positions)) & (found.distances < 3)
    vertices[new] = found.interpolate(target.triangles, ict.mean)[new]
    vertices, lid_curves = _lids(vertices, outer_triangles, on_lids, ict)
    contact = LipContact(vertices, outer_triangles, fine_sides)
    vertices = vertices + contact.closing(vertices[None], np.zeros((1, 1, 3)))[0]
    uv = fine.uv_interpolation @ mesh.uv
    return HeadSurface(
        vertices, fine.triangles, fine.uv_triangles, uv, parts, skin, fine_sides, mesh.source, throat, lid_curves
    )


def on_curved_quads(interpolation: sparse.csr_matrix, vertices: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Return the refined vertices (V', 3) on surfaces curved between the old ones (V, 3) as the normals (V, 3) tell.

    This is Phong tessellation (Boubekeur and Alexa, 2008) by a half, which puts a midpoint where a cubic curve that is
    tangent to the surface at both ends has it.
    """
    middle = interpolation @ vertices  # (V', 3)
    across = normals[:, :, None] * normals[:, None, :]  # (V, 3, 3)
    heights = interpolation @ (across @ vertices[:, :, None])[..., 0]  # (V', 3)
    below = (interpolation @ across.reshape(-1, 9)).reshape(-1, 3, 3) @ middle[..., None]
    return middle + 0.5 * (heights - below[..., 0])


def _register(
    mesh: QuadMesh,
    outer: np.ndarray,
    aligned: np.ndarray,
    aligned_landmarks: np.ndarray,
    ict: IctModel,
    ict_landmarks: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Positions (V, 3) with the skin on ICT's mean, symmetric; lip sides (V,)."""
    quads = mesh.quads[outer]
    index = np.unique(quads)
    local = np.full(len(aligned), -1)
    local[index] = np.arange(len(index))
    target_triangles = ict.part_triangles(ict_parts.SKIN)
    registered = register_skin(
        aligned[index],
        local[quads],
        aligned_landmarks,
        ict.mean,
        target_triangles,
        ict_landmarks,
        ict_parts.INNER_EYE_CORNERS,
    )
    positions = aligned.copy()
    positions[index] = _symmetric(mesh.vertices[index], registered)

    around_mouth = np.zeros(len(aligned), dtype=bool)
    around_mouth[index] = True
    around_mouth &= (positions[:, 2] > 60) & (np.abs(positions[:, 1] + 20) < 40)
    rims = np.zeros(len(aligned), dtype=bool)
    rims[mesh.quads[~outer]] = True
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    positions = unfold(positions, triangles, around_mouth, rims)
    mouth = opening_loops(aligned, quads, _NECK_CUT)["mouth"]
    return positions, lip_sides(aligned, quads, mouth, BASE_LIP_RINGS)


def _lids(
    vertices: np.ndarray, triangles: np.ndarray, on_lids: np.ndarray, ict: IctModel
) -> tuple[np.ndarray, LidCurves]:
    """Positions (V, 3) with the refined rings of the lids on ICT's curves, and what is between them carried along."""
    target = ict.part_triangles(ict_parts.SKIN)
    loops = opening_loops(vertices, triangles, _ICT_SHOULDER_CUT)
    target_loops = opening_loops(ict.mean, target, _ICT_SHOULDER_CUT)
    eyes = [
        lid_correspondences(vertices, triangles, loops[eye], ict.mean, target, target_loops[eye], corner, FINER)
        for eye, corner in ict_parts.INNER_EYE_CORNERS.items()
    ]
    rings, weights = np.concatenate([ring for ring, _ in eyes]), sparse.vstack([weight for _, weight in eyes])
    shift = np.zeros_like(vertices)
    shift[rings] = weights @ ict.mean - vertices[rings]
    known = ~on_lids
    known[rings] = True
    return vertices + continue_harmonically(triangles, shift, known), LidCurves(rings, weights, on_lids)


def _symmetric(base_vertices: np.ndarray, registered: np.ndarray) -> np.ndarray:
    """Mean of the registered positions and their mirror image; the base mesh is symmetric in x."""
    flip = np.array([-1.0, 1.0, 1.0])
    _, partner = cKDTree(base_vertices).query(base_vertices * flip)
    return 0.5 * (registered + registered[partner] * flip)


def _throat(mesh: QuadMesh, outer: np.ndarray, aligned: np.ndarray) -> np.ndarray:
    """Indices of the deepest third of the lining."""
    lining = np.setdiff1d(mesh.quads[mesh.parts == "lining"], mesh.quads[outer])
    return lining[aligned[lining, 2] < np.quantile(aligned[lining, 2], 0.33)]


def _carry_lining(
    mesh: QuadMesh, outer: np.ndarray, aligned: np.ndarray, positions: np.ndarray, throat: np.ndarray
) -> np.ndarray:
    """Let lining and rims follow the skin smoothly; the lining is then tucked in behind the lips."""
    skin = np.unique(mesh.quads[outer])
    lip_loop = np.intersect1d(skin, mesh.quads[mesh.parts == "lining"])
    shift = np.zeros_like(aligned)
    shift[skin] = positions[skin] - aligned[skin]
    shift[throat] = shift[lip_loop].mean(axis=0)
    known = np.zeros(len(aligned), dtype=bool)
    known[skin] = known[throat] = True
    triangles = np.concatenate([mesh.quads[:, [0, 1, 2]], mesh.quads[:, [0, 2, 3]]])
    carried = aligned + continue_harmonically(triangles, shift, known)
    lining = np.setdiff1d(mesh.quads[mesh.parts == "lining"], skin)
    carried[lining] = carried[lining] * [_LINING_NARROWING, 1, 1] - [0, 0, _LINING_INSET_MM]
    return carried


def _tuck_rims(mesh: QuadMesh, outer: np.ndarray, positions: np.ndarray, eyes: tuple[Eye, Eye]) -> None:
    """Put the sockets' rims, in place, inside the eyeballs, so that no gap shows between lids and eyes."""
    rims = np.setdiff1d(mesh.quads[mesh.parts == "rim"], mesh.quads[outer])
    for side, eye in zip((1, -1), eyes, strict=True):
        rim = rims[side * positions[rims, 0] > 0]
        offset = positions[rim] - eye.centre
        positions[rim] = eye.centre + _RIM_DEPTH * eye.radius * offset / np.linalg.norm(offset, axis=1, keepdims=True)
