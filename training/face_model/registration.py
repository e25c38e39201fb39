"""Dense registration of the MakeHuman head to the ICT-FaceKit mean."""

from __future__ import annotations

import numpy as np
import trimesh
from scipy import sparse
from scipy.interpolate import RBFInterpolator
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from facemodel.rotation import matrix_from_euler
from training.face_model.lids import lid_correspondences
from training.face_model.raster import rasterize
from training.face_model.surface import (
    SidedLocator,
    arc_length,
    continue_harmonically,
    loop_ring,
    opening_loops,
    peel,
    ring_arcs,
    triangle_normals,
    uniform_laplacian,
    vertex_normals,
)

_NRICP_STEPS = ((0.5, 10.0, 0.5, 3), (0.2, 10.0, 0.5, 3), (0.08, 10.0, 0.5, 3), (0.03, 10.0, 0.5, 3))
_ICT_MOUTH_RING = 5
_PIN_LANDMARK_MARGIN = 8.0
BASE_LIP_RINGS, ICT_LIP_RINGS = 3, 10
"""Rings, counted from the inner rim, within which a vertex counts as upper or lower lip."""
_UPPER_LIP_RINGS = ((0, 5), (2, 8), (4, 11), (6, 14))
_LOWER_LIP_RINGS = ((0, 5), (1, 6), (3, 8), (5, 10), (7, 12))
"""Pairs (ring of MakeHuman, ring of ICT), counted from the inner end of each mesh's lips: inner rim, where the lips
touch, middle of the red, its border."""


def similarity(
    source: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return scale s, rotation R, translation t that bring `source` (N, 3) to `target`: s R x + t (Umeyama)."""
    w = np.ones(len(source)) if weights is None else weights
    w = w / w.sum()
    mean_s, mean_t = w @ source, w @ target
    s0, t0 = source - mean_s, target - mean_t
    u, singular, vt = np.linalg.svd((t0 * w[:, None]).T @ s0)
    sign = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ sign @ vt
    scale = (singular * np.diag(sign)).sum() / (w @ (s0**2).sum(axis=1))
    return float(scale), rotation, mean_t - scale * rotation @ mean_s


def warp(source_points: np.ndarray, target_points: np.ndarray, smoothing: float) -> RBFInterpolator:
    """Return the smooth map of space (thin-plate spline) that brings the source points near the target points."""
    return RBFInterpolator(source_points, target_points, smoothing=smoothing, kernel="linear", degree=1)


def non_rigid_icp(
    vertices: np.ndarray,
    triangles: np.ndarray,
    target: np.ndarray,
    target_triangles: np.ndarray,
    landmarks: np.ndarray,
    landmark_targets: np.ndarray,
) -> np.ndarray:
    """Register by Amberg's non-rigid ICP (trimesh). `landmarks` are vertex indices; lengths in mm; returns (V, 3)."""
    source_mesh = trimesh.Trimesh(vertices, triangles, process=False)
    target_mesh = trimesh.Trimesh(target, target_triangles, process=False)
    return trimesh.registration.nricp_amberg(
        source_mesh, target_mesh, landmarks, landmark_targets, steps=_NRICP_STEPS, distance_threshold=0.06, eps=1e-5
    )


def settle(
    vertices: np.ndarray,
    triangles: np.ndarray,
    locator: SidedLocator,
    sides: np.ndarray,
    pull: np.ndarray,
    stiffness: float,
    pinned: np.ndarray,
    pinned_positions: np.ndarray,
    iterations: int,
) -> np.ndarray:
    """Pull vertices onto the target surface while the shape of the surroundings is kept.

    Args:
        sides: (V,) lip side of each vertex. pull: (V,) weight of the closest surface point, 0 leaves a vertex to its
            surroundings. stiffness: weight of the change of the Laplacian.
        pinned: (K,) vertices held at `pinned_positions` (K, 3).
    """
    current = vertices.copy()
    hold = np.zeros(len(vertices))
    hold[pinned] = 1e3
    held = np.zeros_like(vertices)
    held[pinned] = pinned_positions
    smooth = stiffness * uniform_laplacian(len(vertices), triangles)
    for _ in range(iterations):
        normals = vertex_normals(current, triangles)
        found = locator.closest(current, normals, sides, normal_penalty=6.0)
        points = found.interpolate(locator.triangles, locator.vertices)
        agreement = (triangle_normals(locator.vertices, locator.triangles[found.triangles]) * normals).sum(axis=1)
        data = np.where((agreement > 0.3) & (found.distances < 12) & (hold == 0), pull, 0)
        system = smooth.T @ smooth + sparse.diags(data + hold)
        right = smooth.T @ (smooth @ current) + data[:, None] * points + hold[:, None] * held
        current = splu(system.tocsc()).solve(right)
    return current


def lip_sides(vertices: np.ndarray, polygons: np.ndarray, loop: np.ndarray, rings: int) -> np.ndarray:
    """Return (V,) int: +1 on the upper lip, -1 on the lower, within `rings` rings of the inner rim `loop`, else 0."""
    sides = np.zeros(len(vertices), dtype=int)
    for ring in range(rings + 1):
        upper, lower = ring_arcs(vertices, loop_ring(vertices, polygons, loop, ring))
        sides[upper[1:-1]], sides[lower[1:-1]] = 1, -1
    return sides


def lip_correspondences(
    source: np.ndarray,
    source_triangles: np.ndarray,
    source_loop: np.ndarray,
    target: np.ndarray,
    target_triangles: np.ndarray,
    target_loop: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return vertices (K,) on the source's lips and their points (K, 3) on the target's, ring by ring, lip by lip."""
    vertices, points = [], []
    for lip, pairs in enumerate((_UPPER_LIP_RINGS, _LOWER_LIP_RINGS)):
        for source_ring, target_ring in pairs:
            arc = ring_arcs(source, loop_ring(source, source_triangles, source_loop, source_ring))[lip]
            path = target[ring_arcs(target, loop_ring(target, target_triangles, target_loop, target_ring))[lip]]
            place = arc_length(source[arc])
            vertices.append(arc)
            points.append(np.stack([np.interp(place, arc_length(path), path[:, axis]) for axis in range(3)], axis=1))
    vertices, first = np.unique(np.concatenate(vertices), return_index=True)
    return vertices, np.concatenate(points)[first]


def register_skin(
    vertices: np.ndarray,
    quads: np.ndarray,
    landmarks: np.ndarray,
    target: np.ndarray,
    target_triangles: np.ndarray,
    target_landmarks: np.ndarray,
    target_corners: dict[str, int],
) -> np.ndarray:
    """Positions (V, 3) of the head skin (already similarity-aligned, mm) on the target's surface.

    Lid rings go to lid rings and lip rings to lip rings by arc length, the rest by landmarks, then non-rigid ICP, then
    closest points whose normals agree.

    Args:
        landmarks, target_landmarks: (L, 3), paired points on both surfaces.
        target_corners: the target's vertices at the inner corners of `left_eye` and `right_eye`.
    """
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    loops = opening_loops(vertices, quads, neck_below=-70)
    target_loops = opening_loops(target, target_triangles, neck_below=-150)
    pins, pin_points = [], []
    lips, lip_points = lip_correspondences(
        vertices, quads, loops["mouth"], target, target_triangles, target_loops["mouth"]
    )
    pins.append(lips)
    pin_points.append(lip_points)
    for eye in ("left_eye", "right_eye"):
        lids, weights = lid_correspondences(
            vertices, quads, loops[eye], target, target_triangles, target_loops[eye], target_corners[eye]
        )
        pins.append(lids)
        pin_points.append(weights @ target)
    pinned, pinned_points = np.concatenate(pins), np.concatenate(pin_points)

    away = (cKDTree(pinned_points).query(target_landmarks)[0] > _PIN_LANDMARK_MARGIN) & (
        cKDTree(vertices[pinned]).query(landmarks)[0] > _PIN_LANDMARK_MARGIN
    )
    sources = [landmarks[away], vertices[pinned], _head_extremes(vertices)]
    targets = [target_landmarks[away], pinned_points, _head_extremes(target)]
    current = warp(np.concatenate(sources), np.concatenate(targets), smoothing=1.0)(vertices)

    outer_target = peel(target_triangles, target_loops["mouth"], _ICT_MOUTH_RING)
    current = non_rigid_icp(current, triangles, target, outer_target, pinned, pinned_points)
    target_sides = lip_sides(target, target_triangles, target_loops["mouth"], ICT_LIP_RINGS)
    nostrils = hidden_in_nose(target, target_triangles, target_landmarks)
    locator = SidedLocator(target, outer_target[~nostrils[outer_target].any(axis=1)], target_sides)
    sides = lip_sides(vertices, quads, loops["mouth"], BASE_LIP_RINGS)
    pull = np.where(hidden_in_nose(vertices, triangles, landmarks), 0.0, 1.0)
    for stiffness in (6.0, 3.0, 1.5, 0.8):
        current = settle(current, triangles, locator, sides, pull, stiffness, pinned, pinned_points, iterations=3)
    return vertices + continue_harmonically(triangles, current - vertices, pull > 0)


def hidden_in_nose(vertices: np.ndarray, triangles: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Return (V,) bool: vertices of the nose that cannot be seen from around the face, nor from a little above it."""
    centre = landmarks.mean(axis=0)
    seen = np.zeros(len(vertices), dtype=bool)
    for yaw in np.radians([-60, -30, 0, 30, 60]):
        for pitch in np.radians([15, 0]):
            posed = (vertices - centre) @ matrix_from_euler(yaw, pitch, 0.0).T
            pixels = np.stack([500 + 3 * posed[:, 0], 500 - 3 * posed[:, 1], posed[:, 2]], axis=1)
            visible = rasterize(pixels, triangles, 1000, 1000).triangle
            seen[triangles[np.unique(visible[visible >= 0])]] = True
    nose_tip = landmarks[landmarks[:, 2].argmax()]
    offset = np.abs(vertices - nose_tip)
    return ~seen & (offset[:, 0] < 22) & (offset[:, 1] < 22) & (offset[:, 2] < 45)


def _head_extremes(points: np.ndarray) -> np.ndarray:
    """(10, 3) extreme points of both ears (top, bottom, back, side), of the crown and of the back of the head."""
    head = points[(points[:, 1] > -90) & (np.abs(points[:, 0]) < 100)]
    chosen = []
    for side in (1, -1):
        lateral = side * head[:, 0]
        ear = head[(lateral > lateral.max() - 14) & (np.abs(head[:, 1]) < 70)]
        chosen += [ear[ear[:, 1].argmax()], ear[ear[:, 1].argmin()], ear[ear[:, 2].argmin()]]
        chosen.append(ear[(side * ear[:, 0]).argmax()])
    upper = head[head[:, 1] > 0]
    return np.array([*chosen, head[head[:, 1].argmax()], upper[upper[:, 2].argmin()]])
