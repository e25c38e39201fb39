"""Lips and eyelids that meet: corrections of the mean and of the blinks."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from training.face_model.fields import continue_harmonically
from training.face_model.head_config import HeadConfig
from training.face_model.registration import corner_arcs, loop_ring

_UPPER_SEAM_RING, _LOWER_SEAM_RING = 2, 1
"""Rings of MakeHuman's lips, from the inner rim, where the upper lip is lowest and the lower lip highest."""


def lip_closure(vertices: np.ndarray, quads: np.ndarray, loop: np.ndarray, config: HeadConfig) -> np.ndarray:
    """Displacement (V, 3) that closes the slit which the ICT mean leaves between the lips.

    Args:
        quads: (Q, 4) of the skin. loop: vertices of the inner rim of the lips.
    """
    upper = _arc(vertices, loop_ring(vertices, quads, loop, _UPPER_SEAM_RING), upper=True)
    lower = _arc(vertices, loop_ring(vertices, quads, loop, _LOWER_SEAM_RING), upper=False)
    shift = np.zeros_like(vertices)
    for moving, other, sign in ((upper, lower, 1.0), (lower, upper, -1.0)):
        across = np.interp(vertices[moving, 0], vertices[other, 0], vertices[other, 1])
        gap = sign * (vertices[moving, 1] - across)
        shift[moving, 1] = -sign * 0.5 * np.clip(gap + config.lip_overlap, 0, config.lip_closing_at_most)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return _fade(vertices, triangles, shift, np.concatenate([upper, lower]), config.closing_reach)


def lid_closure(
    vertices: np.ndarray, triangles: np.ndarray, loop: np.ndarray, blink: np.ndarray, config: HeadConfig
) -> np.ndarray:
    """Correction (V, 3) of a `blink` (V, 3) that brings the upper lid's front edge down onto the lower lid's."""
    edge, upper, gap = _lid_gap(vertices, triangles, loop, blink)
    shift = np.zeros_like(vertices)
    shift[upper, 1] = -np.clip(gap + config.lid_overlap, 0, config.lid_closing_at_most)
    return _fade(vertices, triangles, shift, edge, config.closing_reach)


def _lid_gap(
    vertices: np.ndarray, triangles: np.ndarray, loop: np.ndarray, blink: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Height of the upper lid's front edge over the lower lid's with the eye closed.

    Args:
        triangles: (T, 3) of the skin. loop: vertices of the eyelids' rim. blink: (V, 3) displacement.

    Returns:
        edge: vertices of both front edges, upper: (K,) those of the upper one without the corners, gap: (K,) mm.
    """
    edge = loop_ring(vertices, triangles, loop, 1)
    closed = vertices + blink
    lower, upper = sorted(corner_arcs(vertices[edge]), key=lambda arc: vertices[edge[arc], 1].mean())
    lower_edge, upper_edge = edge[lower], edge[upper[1:-1]]
    lower_edge = lower_edge[np.argsort(closed[lower_edge, 0])]
    across = np.interp(closed[upper_edge, 0], closed[lower_edge, 0], closed[lower_edge, 1])
    return edge, upper_edge, closed[upper_edge, 1] - across


def keep_lids_outside(
    vertices: np.ndarray, expression: np.ndarray, skin: np.ndarray, centre: np.ndarray, radius: float
) -> None:
    """Lengthen the displacements (Ne, V, 3), in place, of skin that would end inside the sphere at weight 1."""
    near = np.flatnonzero(skin & (np.linalg.norm(vertices - centre, axis=1) < radius + 12))
    offset = vertices[near] + expression[:, near] - centre  # (Ne, N, 3)
    distance = np.linalg.norm(offset, axis=2, keepdims=True)
    moved = np.linalg.norm(expression[:, near], axis=2, keepdims=True) > 0.2
    expression[:, near] += np.where(moved, np.maximum(radius - distance, 0) / distance, 0) * offset


def _arc(vertices: np.ndarray, ring: np.ndarray, upper: bool) -> np.ndarray:
    """The upper or lower half of a ring around the mouth, without the corners, ordered by x."""
    arcs = sorted((ring[arc] for arc in corner_arcs(vertices[ring])), key=lambda arc: vertices[arc, 1].mean())
    inner = arcs[1 if upper else 0][1:-1]
    return inner[np.argsort(vertices[inner, 0])]


def _fade(
    vertices: np.ndarray, triangles: np.ndarray, shift: np.ndarray, given: np.ndarray, reach: float
) -> np.ndarray:
    """`shift` at the vertices `given`, harmonically fading to zero at the distance `reach`."""
    known = cKDTree(vertices[given]).query(vertices)[0] > reach
    known[given] = True
    return continue_harmonically(triangles, shift, known)
