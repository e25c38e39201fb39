"""Lips and eyelids that meet: corrections of the mean and of the blinks."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from training.face_model.fields import continue_harmonically
from training.face_model.head_config import HeadConfig
from training.face_model.lids import MARGIN_RING, lid_rings
from training.face_model.rings import arc_length, corner_arcs, loop_ring

_UPPER_SEAM_RING, _LOWER_SEAM_RING = 2, 1
"""Rings of MakeHuman's lips, from the inner rim, where the upper lip is lowest and the lower lip highest."""
_LID_WAVES = 5


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
    """Correction (V, 3) of a `blink` (V, 3) that makes the front edges of both lids meet in a smooth line.

    ICT's own blink leaves a slit, and kinks in it. Here every ring of the lids moves smoothly from corner to corner;
    then the upper edge comes down onto the lower one, and each half of the way to the other's depth.

    Args:
        triangles: (T, 3) of the refined skin. loop: vertices of the eyelids' rim.
    """
    rings = lid_rings(vertices, triangles, loop)
    shift = np.zeros_like(vertices)
    for arc in (arc for both in rings for arc in both):
        shift[arc] = _smooth_between_ends(arc_length(vertices[arc]), blink[arc]) - blink[arc]
    upper, lower = rings[MARGIN_RING]
    closed = vertices + blink + shift
    gap = closed[upper] - _at_x(closed[lower], closed[lower], closed[upper, 0]) + [0, config.lid_overlap, 0]  # (U, 3)
    from_end = np.linalg.norm(vertices[upper, None] - vertices[upper[[0, -1]]], axis=2).min(axis=1)
    fading = np.clip(from_end / config.lid_closing_from_corner, 0, 1)[:, None]
    gap = fading * np.clip(gap, -config.lid_closing_at_most, config.lid_closing_at_most)
    for ring, (upper_arc, lower_arc) in enumerate(rings):
        share = 1 - 0.5 * max(ring - MARGIN_RING, 0) / (len(rings) - 1 - MARGIN_RING)
        shift[upper_arc] -= share * _at_x(vertices[upper], gap, vertices[upper_arc, 0]) * [0, 1, 0.5]
        shift[lower_arc] += share * _at_x(closed[upper], gap, closed[lower_arc, 0]) * [0, 0, 0.5]
    lids = np.unique(np.concatenate([arc for both in rings for arc in both]))
    return _fade(vertices, triangles, shift, lids, config.closing_reach)


def _smooth_between_ends(shares: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values (N, 3) at the shares (N,) 0..1 of a path, without what is finer than a few waves; the ends stay."""
    straight = values[0] + shares[:, None] * (values[-1] - values[0])
    waves = np.sin(np.pi * shares[:, None] * np.arange(1, _LID_WAVES + 1))  # (N, K)
    return straight + waves @ np.linalg.lstsq(waves, values - straight, rcond=None)[0]


def _at_x(path: np.ndarray, values: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Values (N, 3), given along a path (P, 3), where it has the given x (N,)."""
    order = np.argsort(path[:, 0])
    return np.stack([np.interp(x, path[order, 0], values[order, axis]) for axis in range(3)], axis=1)


def keep_lids_outside(
    vertices: np.ndarray, expression: np.ndarray, skin: np.ndarray, centre: np.ndarray, radius: float
) -> None:
    """Lengthen the displacements (Ne, V, 3), in place, of skin that would be inside the sphere at weights 0.5 to 1."""
    near = np.flatnonzero(skin & (np.linalg.norm(vertices - centre, axis=1) < radius + 12))
    moved = np.linalg.norm(expression[:, near], axis=2, keepdims=True) > 0.2
    for weight in (0.5, 0.75, 1.0):
        offset = vertices[near] + weight * expression[:, near] - centre  # (Ne, N, 3)
        distance = np.linalg.norm(offset, axis=2, keepdims=True)
        expression[:, near] += np.where(moved, np.maximum(radius - distance, 0) / distance / weight, 0) * offset


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
