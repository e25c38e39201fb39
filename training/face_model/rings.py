"""Openings of a head's skin and the rings of vertices around them."""

from __future__ import annotations

import numpy as np

from training.face_model.surface import boundary_loops


def opening_loops(vertices: np.ndarray, polygons: np.ndarray, neck_below: float) -> dict[str, np.ndarray]:
    """The boundary loops of a head skin: `mouth`, `left_eye`, `right_eye` (the subject's; +x is left).

    Loops whose centre is below `neck_below` (the neck's cut) are left out.
    """
    loops = {}
    for loop in boundary_loops(polygons):
        centre = vertices[loop].mean(axis=0)
        if centre[1] < neck_below:
            continue
        width = np.ptp(vertices[loop, 0])
        if abs(centre[0]) < 0.1 * width:
            loops["mouth"] = loop
        else:
            loops["left_eye" if centre[0] > 0 else "right_eye"] = loop
    return loops


def ring_arcs(vertices: np.ndarray, ring: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the vertices of the upper and of the lower half of a ring, each from the corner of least x to the other
    one, both included."""
    n, x = len(ring), vertices[ring, 0]
    low, high = int(x.argmin()), int(x.argmax())
    there, back = ring[(low + np.arange((high - low) % n + 1)) % n], ring[(low - np.arange((low - high) % n + 1)) % n]
    lower, upper = sorted((there, back), key=lambda arc: vertices[arc, 1].mean())
    return upper, lower


def arc_length(points: np.ndarray) -> np.ndarray:
    """Return the share (N,) 0..1 of a path's length (N, 3) at each of its points."""
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return lengths / lengths[-1]


def peel(triangles: np.ndarray, loop: np.ndarray, rings: int) -> np.ndarray:
    """The triangles that remain when `rings` rings of vertices next to the boundary `loop` are taken away."""
    removed = np.zeros(triangles.max() + 1, dtype=bool)
    front = loop
    for _ in range(rings):
        removed[front] = True
        touching = removed[triangles].any(axis=1)
        front = np.unique(triangles[touching])
    return triangles[~removed[triangles].any(axis=1)]


def loop_ring(vertices: np.ndarray, triangles: np.ndarray, loop: np.ndarray, ring: int) -> np.ndarray:
    """Return the loop around an opening that is `ring` rings of vertices away from `loop`."""
    if ring == 0:
        return loop
    centre = vertices[loop].mean(axis=0)
    loops = boundary_loops(peel(triangles, loop, ring))
    return min(loops, key=lambda each: np.linalg.norm(vertices[each].mean(axis=0) - centre))
