"""Measures on single frames: against known points, and against a known truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facemodel import MEDIAPIPE_TO_IBUG68, FaceModel, project
from facemodel.color import encode_srgb
from facemodel.landmarks import JAW68, normalized_mean_error
from facemodel.lighting import VIEW_DIRECTION, shade_diffuse
from facemodel.rotation import angle_between
from training.evaluation.bootstrap import rms
from training.evaluation.light_error import key_angle, shininess_error
from training.evaluation.shape_error import fit_similarity

ACTIVE_WEIGHT = 0.1
"""An expression weight above this counts as active."""

_INNER_MOUTH68 = slice(60, 68)
_UPPER_LIP68, _LOWER_LIP68 = [61, 62, 63], [67, 66, 65]


def landmarks68_px(model: FaceModel, vector: NDArray) -> NDArray:
    """Return the model's 68 points in pixels, (P,) to (68, 2)."""
    p = model.layout.view(vector)
    points = model.landmarks68(model.shape(p.identity, p.expression))
    return project(points, p.rotation, p.translation, p.scale)


def landmarks478_px(model: FaceModel, vector: NDArray) -> NDArray:
    """Return the model's 478 points in pixels, (P,) to (478, 2)."""
    p = model.layout.view(vector)
    points = model.landmarks478(model.shape(p.identity, p.expression))
    return project(points, p.rotation, p.translation, p.scale)


def nme68(points: NDArray, truth: NDArray) -> tuple[float, float]:
    """Return the NME of 68 points (68, 2) against true ones: of all, and without the jaw line."""
    inner = slice(JAW68.stop, None)
    return normalized_mean_error(points, truth), normalized_mean_error(points[inner], truth[inner])


def errors_against_points(model: FaceModel, vector: NDArray, landmarks478: NDArray) -> tuple[float, float]:
    """Return `nme68` of parameters (P,) against MediaPipe's points (478, 2) px."""
    return nme68(landmarks68_px(model, vector), landmarks478[MEDIAPIPE_TO_IBUG68])


def inner_mouth_error(points: ArrayLike, truth: ArrayLike, scale: float = 1.0) -> float:
    """Return the mean distance of the eight inner-mouth landmarks, mm, as Table 5.

    Nothing is aligned: a mouth in the wrong place counts as one of the wrong form does. The paper says neither this
    nor whether its distance is in space; on AFLW2000 ours is in the picture, in mm by the label's own scale.

    Args:
        points, truth: (68, 2) px or (68, 3) mm.
        scale: of the truth, px/mm; 1 where the points are in mm.
    """
    own, true = (np.asarray(p, float)[_INNER_MOUTH68] for p in (points, truth))
    return float(np.linalg.norm(own - true, axis=1).mean() / scale)


def mouth_gap_error(points: ArrayLike, truth: ArrayLike, scale: float = 1.0) -> float:
    """Return the mean error of the three gaps between the lips, mm; arguments are as in `inner_mouth_error`."""
    own, true = (
        np.linalg.norm(np.asarray(p, float)[_UPPER_LIP68] - np.asarray(p, float)[_LOWER_LIP68], axis=1)
        for p in (points, truth)
    )
    return float(np.abs(own - true).mean() / scale)


def rotation_seen_along_view_ray(matrix: NDArray) -> NDArray:
    """Return the head rotation (3, 3) that a weak-perspective camera would see, from a perspective head transform.

    The turn from the view ray to the view axis is taken out.

    Args:
        matrix: (4, 4) MediaPipe's head transform, camera at the origin looking along -z.
    """
    rotation = matrix[:3, :3] / np.cbrt(np.linalg.det(matrix[:3, :3]))
    to_camera = -matrix[:3, 3] / np.linalg.norm(matrix[:3, 3])
    x, y, z = np.cross(to_camera, VIEW_DIRECTION)
    skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return (np.eye(3) + skew + skew @ skew / (1.0 + float(to_camera @ VIEW_DIRECTION))) @ rotation


def rotation_error(model: FaceModel, vector: NDArray, rotation: NDArray) -> float:
    """Return the geodesic angle in degrees between the pose of parameters (P,) and a (3, 3) rotation."""
    return float(np.degrees(angle_between(model.layout.view(vector).rotation, rotation)))


def errors_against_truth(model: FaceModel, vector: NDArray, truth: NDArray) -> dict[str, float]:
    """Return how far parameters (P,) are from true parameters (P,), group by group.

    Returns: rotation_deg: geodesic angle. position_mm: head centre, in mm on the head. expression_rmse: root mean
        square over the weights that are truly above 0.1 (NaN if none is). nme68, nme68_inner: of the 68 points against
        the true ones; inner is without the jaw line. identity_mm: mean distance between neutral faces, face region,
        after the best similarity. albedo_srgb: mean absolute difference of the diffuse albedo, face region, sRGB 0..1.
        sh_srgb: the same for a mid-grey head of the true shape and pose under each SH light. key_deg: angle between the
        directions to the key light. shininess_log2: |log2| of the ratio of the exponents.
    """
    a, b = model.layout.view(vector), model.layout.view(truth)
    face = model.region_vertices("face")
    nme, inner = nme68(landmarks68_px(model, vector), landmarks68_px(model, truth))
    rest = np.zeros(model.layout.n_expression)
    own, true = (model.shape(v.identity, rest)[face] for v in (a, b))
    normals = model.normals(model.shape(b.identity, b.expression))[face] @ b.rotation.T
    grey_a, grey_b = (encode_srgb(shade_diffuse(0.3, normals[normals[:, 2] > 0.0], v.sh)) for v in (a, b))
    albedo_a, albedo_b = (encode_srgb(model.albedo(v.albedo)[0][face]) for v in (a, b))
    return {
        "rotation_deg": rotation_error(model, vector, b.rotation),
        "position_mm": float(np.linalg.norm(a.translation - b.translation) / b.scale),
        "expression_rmse": rms((a.expression - b.expression)[b.expression > ACTIVE_WEIGHT]),
        "nme68": nme,
        "nme68_inner": inner,
        "identity_mm": float(np.linalg.norm(fit_similarity(own, true)(own) - true, axis=1).mean()),
        "albedo_srgb": float(np.abs(albedo_a - albedo_b).mean()),
        "sh_srgb": float(np.abs(grey_a - grey_b).mean()),
        "key_deg": float(key_angle(a.key_position, b.key_position)),
        "shininess_log2": float(shininess_error(a.shininess, b.shininess)),
    }
