"""Lips and eyelids that meet: corrections of the mean and of the blinks."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from training.face_model.lids import MARGIN_RING, lid_rings
from training.face_model.surface import arc_length, continue_harmonically

LID_OVERLAP_MM, _LID_CLOSING_AT_MOST_MM = 0.3, 1.2
"""How far a closed upper lid ends below the lower lid's edge, and the most that a blink is changed for it."""
_LID_CLOSING_FROM_CORNER_MM = 2.5
"""Within this distance of the corners a blink is changed less and less."""
LIP_OVERLAP_MM, LIP_OVERLAP_AT_MOST_MM, _LIPS_MEET_FOR = 0.6, 1.0, 0.98
"""How far the lips of a shut mouth overlap at least and at most, for this share of people."""
CLOSING_REACH_MM = 6.0
"""Distance over which those corrections fade out."""
_LID_WAVES = 5
_CONTACT_STEPS, _CONTACT_SMOOTHING = np.linspace(0, 1, 81), 2.0


class LipContact:
    """The line along which the lips meet: measures the gap between them, seen from the front, and closes it.

    Args:
        vertices: (V, 3) mm, the mean. triangles: (T, 3) of the skin. sides: (V,) +1 upper, -1 lower lip, 0 elsewhere.
    """

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray, sides: np.ndarray) -> None:
        self._vertices, self._triangles, self._sides = vertices, triangles, sides
        self._lips = np.flatnonzero(sides)
        self._upper, self._lower = lip_edges(triangles, sides)

    def gap(self, vertices: np.ndarray) -> np.ndarray:
        """Return how high in mm the lowest points of the upper lip are over the highest ones of the lower lip (G,), at
        even steps from the right end of the contact to its left end."""
        low, high = self._ends(vertices)
        x = low + (high - low) * _CONTACT_STEPS
        upper, lower = edge_of_lip(vertices, self._upper, x, -1), edge_of_lip(vertices, self._lower, x, 1)
        return gaussian_filter1d(upper[:, 1] - lower[:, 1], _CONTACT_SMOOTHING, mode="nearest")

    def identity_corrections(self, modes: np.ndarray) -> np.ndarray:
        """Return the displacements (K, V, 3) with which the modes (K, V, 3) leave the gap as it is."""
        mean = self._vertices
        gaps = np.stack([(self.gap(mean + mode) - self.gap(mean - mode)) / 2 for mode in modes])
        return self._shifts(np.broadcast_to(mean, modes.shape), gaps)

    def closing(self, shapes: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Return the displacements (K, V, 3) with which the lips of the shapes (K, V, 3) meet for nearly all people.

        Args:
            people: (N, V, 3) displacements of random people.
        """
        gaps = [[self.gap(shape + person) for person in people] for shape in shapes]
        gap = np.quantile(gaps, _LIPS_MEET_FOR, axis=1)  # (K, G)
        return self._shifts(shapes, gap - np.clip(gap, -LIP_OVERLAP_AT_MOST_MM, -LIP_OVERLAP_MM))

    def _ends(self, vertices: np.ndarray) -> tuple[float, float]:
        """x in mm of the right and of the left end of the contact."""
        upper, lower = vertices[self._upper, 0], vertices[self._lower, 0]
        return max(upper.min(), lower.min()), min(upper.max(), lower.max())

    def _shifts(self, shapes: np.ndarray, gaps: np.ndarray) -> np.ndarray:
        """Displacements (K, V, 3) that move each lip of the shapes by half of the gaps (K, G), fading around."""
        height = np.zeros((len(self._vertices), len(gaps)))
        for column, (shape, gap) in enumerate(zip(shapes, gaps, strict=True)):
            low, high = self._ends(shape)
            place = (shape[self._lips, 0] - low) / (high - low)
            height[self._lips, column] = -0.5 * self._sides[self._lips] * np.interp(place, _CONTACT_STEPS, gap)
        faded = _fade(self._vertices, self._triangles, height, self._lips, CLOSING_REACH_MM)
        return faded.T[..., None] * [0, 1, 0]


def lip_edges(triangles: np.ndarray, sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges of the triangles on the upper lip (E, 2) and on the lower lip (F, 2)."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    upper, lower = (edges[(sides[edges] == side).all(axis=1)] for side in (1, -1))
    return upper, lower


def edge_of_lip(vertices: np.ndarray, edges: np.ndarray, x: np.ndarray, up: int) -> np.ndarray:
    """Return the points (G, 3) of the edges (E, 2) that are highest, or lowest with `up` -1, at each x (G,) in mm."""
    a, b = vertices[edges[:, 0], None], vertices[edges[:, 1], None]  # (E, 1, 3)
    across = b[..., 0] - a[..., 0]
    place = (x - a[..., 0]) / np.where(across == 0, 1, across)  # (E, G)
    points = a + place[..., None] * (b - a)
    reached = (place >= -1e-6) & (place <= 1 + 1e-6)
    best = np.where(reached, up * points[..., 1], -np.inf).argmax(axis=0)
    return points[best, np.arange(len(x))]


def lid_closure(vertices: np.ndarray, triangles: np.ndarray, loop: np.ndarray, blink: np.ndarray) -> np.ndarray:
    """Return the correction (V, 3) of a `blink` (V, 3) that makes the front edges of both lids meet in a smooth line.

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
    gap = closed[upper] - _at_x(closed[lower], closed[lower], closed[upper, 0]) + [0, LID_OVERLAP_MM, 0]  # (U, 3)
    from_end = np.linalg.norm(vertices[upper, None] - vertices[upper[[0, -1]]], axis=2).min(axis=1)
    fading = np.clip(from_end / _LID_CLOSING_FROM_CORNER_MM, 0, 1)[:, None]
    gap = fading * np.clip(gap, -_LID_CLOSING_AT_MOST_MM, _LID_CLOSING_AT_MOST_MM)
    for ring, (upper_arc, lower_arc) in enumerate(rings):
        share = 1 - 0.5 * max(ring - MARGIN_RING, 0) / (len(rings) - 1 - MARGIN_RING)
        shift[upper_arc] -= share * _at_x(vertices[upper], gap, vertices[upper_arc, 0]) * [0, 1, 0.5]
        shift[lower_arc] += share * _at_x(closed[upper], gap, closed[lower_arc, 0]) * [0, 0, 0.5]
    lids = np.unique(np.concatenate([arc for both in rings for arc in both]))
    return _fade(vertices, triangles, shift, lids, CLOSING_REACH_MM)


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


def _fade(
    vertices: np.ndarray, triangles: np.ndarray, shift: np.ndarray, given: np.ndarray, reach: float
) -> np.ndarray:
    """`shift` at the vertices `given`, harmonically fading to zero at the distance `reach`."""
    known = cKDTree(vertices[given]).query(vertices)[0] > reach
    known[given] = True
    return continue_harmonically(triangles, shift, known)
