"""Landmarks as (triangle, barycentric) points of the head."""

from __future__ import annotations

import numpy as np

from training.face_model.closures import edge_of_lip, lip_edges
from training.face_model.eyes import IRIS_RADIUS_MM
from training.face_model.head import Head
from training.face_model.lids import lid_margins, margin_points
from training.face_model.mediapipe_face import (
    IRIS_DIRECTIONS,
    LEFT_IRIS,
    LEFT_LIDS,
    LOWER_INNER_LIP,
    LOWER_OUTER_LIP,
    RIGHT_IRIS,
    RIGHT_LIDS,
    UPPER_INNER_LIP,
    UPPER_OUTER_LIP,
    CanonicalFace,
)
from training.face_model.surface import SidedLocator, SurfaceLocator, opening_loops, ring_arcs


def embed_landmarks(head: Head, points: np.ndarray, canonical: CanonicalFace) -> tuple[np.ndarray, np.ndarray]:
    """Put MediaPipe's 478 landmarks on the mesh.

    Skin landmarks go to the closest point of the outer skin, those of the upper (lower) lip to the upper (lower) lip,
    of the inner contour to where the lips meet; those of the eyelids to the front edges of the lids, from corner to
    corner, where the canonical face has them; iris landmarks go to the eyeballs, at the edge
    of the iris.

    Args:
        points: (478, 3) in the head's frame; those of lids and irises are not read.
    Returns: triangles (478,) int32, barycentric (478, 3) float32.
    """
    template = head.template
    sides = np.zeros(478, dtype=int)
    sides[[*UPPER_INNER_LIP, *UPPER_OUTER_LIP]] = 1
    sides[[*LOWER_INNER_LIP, *LOWER_OUTER_LIP]] = -1
    outer = head.skin_triangles
    points = points.copy()
    edges = lip_edges(template.triangles[outer], head.lip_sides)
    for inner, lip, up in ((list(UPPER_INNER_LIP[1:-1]), edges[0], -1), (list(LOWER_INNER_LIP), edges[1], 1)):
        points[inner] = edge_of_lip(template.vertices, lip, points[inner, 0], up)
    locator = SidedLocator(template.vertices, template.triangles[outer], head.lip_sides)
    found = locator.closest(points[:468], np.zeros((468, 3)), sides[:468], normal_penalty=0.0)
    triangles, barycentric = np.zeros(478, dtype=np.int32), np.zeros((478, 3), dtype=np.float32)
    triangles[:468], barycentric[:468] = outer[found.triangles], found.barycentric
    loops = opening_loops(template.vertices, template.triangles[outer], neck_below=-150)
    skin = SurfaceLocator(template.vertices, template.triangles[outer])
    for eye, lids in (("left_eye", LEFT_LIDS), ("right_eye", RIGHT_LIDS)):
        margins = lid_margins(template.vertices, template.triangles[outer], loops[eye])
        on_lids = skin.closest(margin_points(margins, canonical.points[list(lids)]))
        triangles[list(lids)], barycentric[list(lids)] = outer[on_lids.triangles], on_lids.barycentric
    for eye, landmarks in ((0, LEFT_IRIS), (1, RIGHT_IRIS)):
        ball = np.flatnonzero(np.isin(template.triangles, head.eyeballs[eye]).all(axis=1))
        centre = head.eye_centres[eye]
        radius = np.linalg.norm(template.vertices[head.eyeballs[eye][0]] - centre)
        across = IRIS_RADIUS_MM * IRIS_DIRECTIONS  # (5, 2)
        depth = np.sqrt(radius**2 - (across**2).sum(axis=1, keepdims=True))
        on_ball = SurfaceLocator(template.vertices, template.triangles[ball]).closest(
            centre + np.concatenate([across, depth], axis=1)
        )
        triangles[landmarks], barycentric[landmarks] = ball[on_ball.triangles], on_ball.barycentric
    return triangles, barycentric


def inner_mouth_patch(vertices: np.ndarray, lip_loop: np.ndarray) -> np.ndarray:
    """Return (M, 3) triangles between the upper and lower arc of the inner lip contour, facing +z (Fig. 1(c))."""
    first, second = ring_arcs(vertices, lip_loop)
    triangles, i, j = [], 0, 0
    while i < len(first) - 1 or j < len(second) - 1:
        advance_first = j == len(second) - 1 or (
            i < len(first) - 1 and vertices[first[i + 1], 0] <= vertices[second[j + 1], 0]
        )
        if advance_first:
            triangles.append([first[i], first[i + 1], second[j]])
            i += 1
        else:
            triangles.append([first[i], second[j + 1], second[j]])
            j += 1
    patch = np.array([triangle for triangle in triangles if len(set(triangle)) == 3])
    return patch[:, ::-1].astype(np.int32)
