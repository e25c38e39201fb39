"""Procedural eyeballs: concentric rings about the gaze axis, so that pupil, iris and white have crisp edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PUPIL_RADIUS_MM = 2.0
IRIS_RADIUS_MM = 5.9
EDGE_MM = 0.25
"""Half the width of the edge of the pupil."""
LIMBUS_MM = 0.45
"""Half the width of the soft edge between iris and sclera."""


@dataclass(frozen=True)
class Eyeball:
    """One eyeball about its centre, gaze along +z.

    Attributes:
        vertices: (E, 3) mm. triangles: (F, 3). uv: (E, 2) in [-1, 1], azimuthal, the pupil at 0.
        ring: (E,) int, 0 the pole in front, growing to the back.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    ring: np.ndarray


def eyeball(radius: float, segments: int = 24) -> Eyeball:
    """Return a sphere of `radius` mm with 14 rings: 3 to the edge of the pupil, 4 to the limbus, then wider and wider.

    Two rings bound each edge, so that vertex colours change between them.
    """
    pupil, iris = (np.arcsin(r / radius) for r in (PUPIL_RADIUS_MM, IRIS_RADIUS_MM))
    edge, limbus = EDGE_MM / radius, LIMBUS_MM / radius
    behind = iris + limbus + (np.pi - iris - limbus) * np.linspace(0.0, 1.0, 9) ** 1.5
    angles = np.concatenate(
        [[0.5 * pupil, pupil - edge, pupil + edge], np.linspace(pupil + edge, iris - limbus, 4)[1:], behind[:-1]]
    )  # (14,) polar angles
    around = 2 * np.pi * np.arange(segments) / segments
    rings = np.stack(
        [
            np.sin(angles)[:, None] * np.cos(around),
            np.sin(angles)[:, None] * np.sin(around),
            np.broadcast_to(np.cos(angles)[:, None], (len(angles), segments)),
        ],
        axis=2,
    )  # (14, S, 3)
    directions = np.concatenate([[[0, 0, 1]], rings.reshape(-1, 3), [[0, 0, -1]]])
    polar = np.concatenate([[0], np.repeat(angles, segments), [np.pi]])
    flat = np.concatenate(
        [[[0, 0]], np.tile(np.stack([np.cos(around), np.sin(around)], axis=1), (len(angles), 1)), [[0, 0]]]
    )
    ring = np.concatenate([[0], np.repeat(np.arange(1, len(angles) + 1), segments), [len(angles) + 1]])
    uv = flat * (polar / np.pi)[:, None]
    uv[-1] = (1, 0)
    return Eyeball(radius * directions, _triangles(len(angles), segments), uv, ring)


def _triangles(rings: int, segments: int) -> np.ndarray:
    node = lambda ring, k: 1 + ring * segments + k % segments  # noqa: E731
    triangles = [[0, node(0, k), node(0, k + 1)] for k in range(segments)]
    for ring in range(rings - 1):
        for k in range(segments):
            a, b, c, d = node(ring, k), node(ring + 1, k), node(ring + 1, k + 1), node(ring, k + 1)
            triangles += [[a, b, c], [a, c, d]]
    last = 1 + rings * segments
    triangles += [[last, node(rings - 1, k + 1), node(rings - 1, k)] for k in range(segments)]
    return np.array(triangles)


def rotation_displacement(offsets: np.ndarray, axis: np.ndarray, degrees: float) -> np.ndarray:
    """Return what turns `offsets` (E, 3) from the eye's centre by `degrees` about the unit `axis`: (E, 3)."""
    angle = np.radians(degrees)
    k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    rotation = np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k
    return offsets @ (rotation - np.eye(3)).T
