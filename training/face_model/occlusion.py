"""Baked ambient occlusion: how much of the light from all around reaches each vertex of the mean face.

For directions spread evenly over the sphere the head is rasterised as light from there sees it; a vertex is lit from
the directions in which nothing lies before it, weighted by the cosine to its normal.
"""

from __future__ import annotations

import numpy as np

from facemodel import FaceModel
from training.face_model.albedo_inside import find_eyeballs, lash_shadow
from training.face_model.template import Template
from training.render.rasterizer import vertex_normals, visible_triangles

_DIRECTIONS = 192
_SIZE = 1024
_LIFT_MM = 0.15
"""How far a vertex is moved along its normal, so that its own triangles do not hide it; nostrils are shallow."""
_OPEN = 0.75
"""Share of the hemisphere from which a vertex counts as open, so that skin beside nose and brows stays bright."""
_LEAST = {"eyes": 0.35, "teeth": 0.85, "tongue": 0.4, "mouth_lining": 0.2}
"""Of the light that is left: walls of a mouth light each other, enamel spreads light from within, and eyeballs turn out
from under their lids."""
_LEAST_SKIN = 0.1
_POSES: tuple[dict[str, float], ...] = (
    {},
    {"jawOpen": 0.5},
    {"jawOpen": 0.5, "tongueOut": 1.0},
    {
        "mouthSmileLeft": 0.5,
        "mouthSmileRight": 0.5,
        "mouthUpperUpLeft": 0.5,
        "mouthUpperUpRight": 0.5,
        "mouthLowerDownLeft": 0.5,
        "mouthLowerDownRight": 0.5,
    },
)
"""What is hidden at rest and seen when the mouth opens is shaded as when the mouth is open, or the tongue is out."""


def bake_occlusion(model: FaceModel, template: Template, size: int = _SIZE) -> np.ndarray:
    """Return the occlusion (V,) float32 of the mean face, 0..1; a vertex has that of the pose in which it is openest.

    Args:
        model: all of the face model but its occlusion.
        template: that the model is made of; its eyeballs are shaded by the lashes besides.
        size: side of the pictures in which the head is looked at, px.
    """
    nobody = np.zeros(model.layout.n_identity)
    openest = np.zeros(model.n_vertices)
    for pose in _POSES:
        weights = np.array([pose.get(name, 0.0) for name in model.expression_names])
        openest = np.maximum(openest, openness(model.shape(nobody, weights), model.triangles, size))
    occlusion = np.minimum(openest / _OPEN, 1.0)
    for eyeball in find_eyeballs(template):
        occlusion[eyeball.vertices] *= lash_shadow(eyeball)
    least = np.full(model.n_vertices, _LEAST_SKIN)
    for name, value in _LEAST.items():
        if name in model.region_names:
            least[model.region_vertices(name)] = value
    return np.maximum(occlusion, least).astype(np.float32)


def openness(vertices: np.ndarray, triangles: np.ndarray, size: int = _SIZE) -> np.ndarray:
    """Return the share (V,) of the cosine-weighted hemisphere over each vertex (V, 3), mm, in which nothing lies.

    Triangles (T, 3) hide what is behind them from both of their sides. The mesh is looked at in `size` x `size` pixels.
    """
    both_sides = np.concatenate([triangles, triangles[:, ::-1]]).astype(np.int32)
    normals = vertex_normals(vertices, triangles).astype(np.float64)
    centred = vertices - vertices.mean(axis=0)
    zoom = 0.5 * size / (1.05 * np.linalg.norm(centred, axis=1).max())  # px/mm
    lit, total = np.zeros(len(vertices)), np.zeros(len(vertices))
    for direction in _spread(_DIRECTIONS):
        right = np.cross([0.0, 1.0, 0.0], direction)
        right /= np.linalg.norm(right)
        axes = np.stack([right, np.cross(direction, right), direction])  # (3, 3), the light comes from its last row
        seen, tested = centred @ axes.T, (centred + _LIFT_MM * normals) @ axes.T  # (V, 3)
        pixels, places = (p[:, :2] * (zoom, -zoom) + 0.5 * size for p in (seen, tested))
        owner = visible_triangles(pixels[None], seen[None, :, 2], both_sides, size)[0]
        column, row = np.clip(places.astype(int), 0, size - 1).T
        hit = owner[row, column]  # (V,)
        corners = seen[both_sides[hit]]  # (V, 3, 3)
        across = np.stack([column + 0.5 - 0.5 * size, 0.5 * size - row - 0.5], axis=1) / zoom  # (V, 2) mm
        hidden = (hit >= 0) & (tested[:, 2] < _depth(corners, across) - 1.0 / zoom)
        cosine = np.maximum(normals @ direction, 0.0)
        lit += cosine * ~hidden
        total += cosine
    return lit / np.maximum(total, 1e-12)


def _depth(corners: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Depth (N,) of triangles (N, 3, 3) at places (N, 2)."""
    (b, c), offset = (corners[:, k] - corners[:, 0] for k in (1, 2)), places - corners[:, 0, :2]
    area = b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0]
    area = np.where(area == 0.0, 1.0, area)
    to_b = (offset[:, 0] * c[:, 1] - offset[:, 1] * c[:, 0]) / area
    to_c = (b[:, 0] * offset[:, 1] - b[:, 1] * offset[:, 0]) / area
    return corners[:, 0, 2] + to_b * b[:, 2] + to_c * c[:, 2]


def _spread(count: int) -> np.ndarray:
    """Unit vectors (N, 3) spread evenly over the sphere along a golden spiral; none is vertical."""
    index = np.arange(count) + 0.5
    height, turn = 1.0 - 2.0 * index / count, np.pi * (1.0 + 5.0**0.5) * index
    across = np.sqrt(1.0 - height**2)
    return np.stack([across * np.cos(turn), height, across * np.sin(turn)], axis=1)
