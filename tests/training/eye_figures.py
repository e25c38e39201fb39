"""What must hold at the eyes of a face model: their opening, lids that close, eyeballs that nothing pierces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facemodel import FaceModel
from facemodel.landmarks import MEDIAPIPE_TO_IBUG68
from facemodel.rotation import matrix_from_euler
from training.face_model.raster import rasterize

_PIXELS_PER_MM, _SIZE = 12, 480
_VIEWS = ((0.0, 0.0), (30.0, 0.0), (-30.0, 0.0), (0.0, 20.0), (0.0, -20.0))
"""Yaw and pitch in degrees from which closed eyes are looked at."""
_WEIGHTS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class EyeFigures:
    """The eyes of a mean face, mm.

    Attributes:
        inner_corners, outer_corners: distance between the two eyes' corners. length: of an opening, corner to corner.
        height: mean of iBUG's two pairs of lid points. middle_height: where the opening is highest.
        upper_lid, lower_lid: height of the lids' middles over the eyeball's centre; the iris reaches 5.9 up and down.
        blink_gap: largest height of eyeball that stays visible from around the face with both eyes closed.
        clearance: least distance of a lid's vertex from the eyeball's surface, in every eye shape at weights up to 1.
    """

    inner_corners: float
    outer_corners: float
    length: float
    height: float
    middle_height: float
    upper_lid: float
    lower_lid: float
    blink_gap: float
    clearance: float


def measure_eyes(model: FaceModel) -> EyeFigures:
    """Measure the eyes of the mean face of a model with ARKit's shapes and the 478 landmarks."""
    points = model.landmarks478(model.mean).astype(float)
    eyes = points[MEDIAPIPE_TO_IBUG68]
    distance = lambda a, b: float(np.linalg.norm(eyes[a] - eyes[b]))  # noqa: E731
    upper, lower = points[[386, 159]], points[[374, 145]]
    return EyeFigures(
        inner_corners=distance(39, 42),
        outer_corners=distance(36, 45),
        length=(distance(36, 39) + distance(42, 45)) / 2,
        height=(distance(37, 41) + distance(38, 40) + distance(43, 47) + distance(44, 46)) / 4,
        middle_height=float(np.linalg.norm(upper - lower, axis=1).mean()),
        upper_lid=float((upper - model.eye_centres)[:, 1].mean()),
        lower_lid=float((lower - model.eye_centres)[:, 1].mean()),
        blink_gap=max(_blink_gap(model, yaw, pitch) for yaw, pitch in _VIEWS),
        clearance=min(_clearance(model, side) for side in (0, 1)),
    )


def eyeball(model: FaceModel, side: int) -> tuple[np.ndarray, float]:
    """Return the vertices (K,) and the radius in mm of the subject's left (`side` 0) or right (1) eyeball."""
    centre = model.eye_centres[side].astype(float)
    eyes = model.region_vertices("eyes")
    ball = eyes[np.sign(model.mean[eyes, 0]) == np.sign(centre[0])]
    return ball, float(np.linalg.norm(model.mean[ball] - centre, axis=1).mean())


def _clearance(model: FaceModel, side: int) -> float:
    centre, (_, radius) = model.eye_centres[side], eyeball(model, side)
    face = model.region_vertices("face")
    at_rest = np.linalg.norm(model.mean[face] - centre, axis=1)
    lids = face[(at_rest > radius) & (at_rest < radius + 12)]  # what is inside at rest is the socket's tucked rim
    shapes = [i for i, name in enumerate(model.expression_names) if name.startswith("eye")]
    posed = [model.mean[lids] + weight * model.expression[shape, lids] for shape in shapes for weight in _WEIGHTS]
    distances = np.linalg.norm(np.stack([model.mean[lids], *posed]) - centre, axis=2)
    return float(distances.min() - radius)


def _blink_gap(model: FaceModel, yaw: float, pitch: float) -> float:
    rows = [model.expression_names.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]
    closed = model.mean + model.expression[rows].sum(axis=0)
    rotation = matrix_from_euler(np.radians(yaw), np.radians(pitch), 0.0)
    gaps = []
    for side, centre in enumerate(model.eye_centres):
        turned = (closed - centre) @ rotation.T * [1, -1, 1] * _PIXELS_PER_MM
        near = (np.abs(model.mean[model.triangles] - centre)[..., :2] < 45).all(axis=(1, 2))
        triangles = model.triangles[near]
        seen = rasterize(turned + [_SIZE / 2, _SIZE / 2, 0], triangles, _SIZE, _SIZE).triangle  # (H, W)
        is_eye = np.asarray(np.isin(triangles, eyeball(model, side)[0]).all(axis=1))
        visible = (seen >= 0) & np.take(is_eye, seen)
        gaps.append(visible.sum(axis=0).max() / _PIXELS_PER_MM)
    return float(max(gaps))
