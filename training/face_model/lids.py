"""Eyelids: the rings of vertices around the eye openings, the corners, and the margins that people see."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from training.face_model.surface import arc_length, loop_ring, ring_arcs

_RINGS = ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5))
"""Pairs (ring of MakeHuman, ring of ICT), counted from the rim of each mesh's opening: back and front edge of the
lid's margin, its lash line, and the skin before it. ICT's rim itself lies deep behind the lids."""
_DUCT_RINGS, _DUCT_REACH_MM = 3, 4.0
"""Rings of MakeHuman from this one on pass around the tear duct: ICT's do not, and are led to its inner corner."""
_SPLIT_STRIPS, FINER = 4, 2
"""Strips of quads next to the rim that are split, and how many rings of the refined mesh one ring becomes."""
MARGIN_RING = 2
"""Ring of the refined mesh that is the front edge of the lids' margins."""


def lid_correspondences(
    source: np.ndarray,
    source_polygons: np.ndarray,
    source_loop: np.ndarray,
    target: np.ndarray,
    target_triangles: np.ndarray,
    target_loop: np.ndarray,
    target_corner: int,
    finer: int = 1,
) -> tuple[np.ndarray, sparse.csr_matrix]:
    """Return vertices (K,) of one eye's lids and the weights (K, N) of the target's vertices that give their points.

    Ring by ring and lid by lid, by arc length from corner to corner.

    Args:
        source_loop, target_loop: rims of the same eye's opening. target_corner: vertex of its inner corner.
        finer: rings of the source for each ring of MakeHuman's.
    """
    vertices, starts, ends, places = [], [], [], []
    for source_ring, target_ring in _RINGS:
        around = loop_ring(source, source_polygons, source_loop, finer * source_ring)
        target_around = loop_ring(target, target_triangles, target_loop, target_ring)
        for arc, path in zip(lid_arcs(source, around), lid_arcs(target, target_around), strict=True):
            if source_ring >= _DUCT_RINGS:
                path = _from_corner(target, path, target_corner)
            before, place = _along(target[path], arc_length(source[arc]))
            vertices.append(arc)
            starts.append(path[before])
            ends.append(path[before + 1])
            places.append(place)
    chosen, first = np.unique(np.concatenate(vertices), return_index=True)
    start, end, place = (np.concatenate(parts)[first] for parts in (starts, ends, places))
    rows = np.tile(np.arange(len(chosen)), 2)
    shape = (len(chosen), len(target))
    entries = np.concatenate([1 - place, place]), (rows, np.concatenate([start, end]))
    return chosen, sparse.csr_matrix(entries, shape=shape)


def lid_arcs(vertices: np.ndarray, ring: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the vertices of a ring around an eye on the upper and on the lower lid, each from the inner corner to the
    outer one, both included."""
    upper, lower = ring_arcs(vertices, ring)
    outwards = abs(vertices[upper[0], 0]) < abs(vertices[upper[-1], 0])
    return (upper, lower) if outwards else (upper[::-1], lower[::-1])


def lid_margins(vertices: np.ndarray, polygons: np.ndarray, loop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the front edges of the upper (M, 3) and of the lower lid (N, 3), from the inner corner beyond the tear
    duct to the outer corner.

    Args:
        vertices, polygons: our refined skin. loop: rim of the eye's opening.
    """
    duct = loop_ring(vertices, polygons, loop, FINER * _DUCT_RINGS)
    corner = duct[np.abs(vertices[duct, 0]).argmin()]
    upper, lower = lid_arcs(vertices, loop_ring(vertices, polygons, loop, MARGIN_RING))
    return vertices[_from_corner(vertices, upper, corner)], vertices[_from_corner(vertices, lower, corner)]


def lid_rings(vertices: np.ndarray, polygons: np.ndarray, loop: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the upper and lower arcs of every ring of one eye's lids on our refined skin, from its rim outwards."""
    count = FINER * _SPLIT_STRIPS + 1
    return [lid_arcs(vertices, loop_ring(vertices, polygons, loop, ring)) for ring in range(count)]


def lid_quads(quads: np.ndarray, loop: np.ndarray) -> np.ndarray:
    """Return which of MakeHuman's quads (Q, 4) are to be split for a smooth lid, given the rim of the eye's opening."""
    near = np.zeros(quads.max() + 1, dtype=bool)
    near[loop] = True
    for _ in range(_SPLIT_STRIPS):
        split = near[quads].any(axis=1)
        near[quads[split]] = True
    return np.asarray(split)


def margin_points(margins: tuple[np.ndarray, np.ndarray], rim: np.ndarray) -> np.ndarray:
    """Return `rim` (16, 3), MediaPipe's points of one eye in its order, moved onto the margins.

    The order is outer corner, upper lid, inner corner, lower lid; each lid keeps the points' shares of its length.
    """
    upper, lower = margins
    shares = 1 - arc_length(rim[:9]), arc_length(np.concatenate([rim[8:], rim[:1]]))
    points = []
    for path, share in zip((upper, lower), shares, strict=True):
        before, place = _along(path, share)
        points.append(path[before] + place[:, None] * (path[before + 1] - path[before]))
    return np.concatenate([points[0], points[1][1:-1]])


def _from_corner(vertices: np.ndarray, path: np.ndarray, corner: int) -> np.ndarray:
    """The path of vertices with what lies near the corner, at its start, replaced by the straight way to it."""
    return np.append(corner, path[np.linalg.norm(vertices[path] - vertices[corner], axis=1) > _DUCT_REACH_MM])


def _along(path: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Segments (N,) of the path at the shares (N,) 0..1 of its length, and the places 0..1 on them."""
    at = np.interp(shares, arc_length(path), np.arange(len(path)))
    before = np.minimum(at.astype(int), len(path) - 2)
    return before, at - before
