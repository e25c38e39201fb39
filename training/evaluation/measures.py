"""Measures on single frames: against MediaPipe's points and against a known truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facemodel import MEDIAPIPE_TO_IBUG68, FaceModel, project
from facemodel.color import encode_srgb
from facemodel.landmarks import JAW68, normalized_mean_error
from facemodel.lighting import VIEW_DIRECTION, shade_diffuse
from facemodel.rotation import angle_between

ACTIVE_WEIGHT = 0.1
"""An expression weight above this counts as active."""


def landmarks68_px(model: FaceModel, vector: NDArray) -> NDArray:
    """The model's 68 points in pixels, (P,) to (68, 2)."""
    p = model.layout.view(vector)
    points = model.landmarks68(model.shape(p.identity, p.expression))
    return project(points, p.rotation, p.translation, p.scale)


def errors_against_points(model: FaceModel, vector: NDArray, landmarks478: NDArray) -> tuple[float, float]:
    """68-point NME of parameters (P,) against MediaPipe's (478, 2) points: all points, and without the jaw line."""
    ours, theirs = landmarks68_px(model, vector), landmarks478[MEDIAPIPE_TO_IBUG68]
    inner = slice(JAW68.stop, None)
    return normalized_mean_error(ours, theirs), normalized_mean_error(ours[inner], theirs[inner])


def rotation_seen_along_view_ray(matrix: NDArray) -> NDArray:
    """Head rotation as a weak-perspective camera would see it, from a perspective head transform.

    Args:
        matrix: (4, 4) MediaPipe's head transform, camera at the origin looking along -z.

    Returns:
        (3, 3): the transform's rotation, with the turn from the view ray to the view axis taken out.
    """
    rotation = matrix[:3, :3] / np.cbrt(np.linalg.det(matrix[:3, :3]))
    to_camera = -matrix[:3, 3] / np.linalg.norm(matrix[:3, 3])
    axis, cosine = np.cross(to_camera, VIEW_DIRECTION), float(to_camera @ VIEW_DIRECTION)
    x, y, z = axis
    skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return (np.eye(3) + skew + skew @ skew / (1.0 + cosine)) @ rotation


def rotation_error(model: FaceModel, vector: NDArray, rotation: NDArray) -> float:
    """Geodesic angle in degrees between the pose of parameters (P,) and a (3, 3) rotation."""
    return float(np.degrees(angle_between(model.layout.view(vector).rotation, rotation)))


def errors_against_truth(model: FaceModel, vector: NDArray, truth: NDArray) -> dict[str, float]:
    """How far parameters (P,) are from true parameters (P,), group by group.

    Returns:
        rotation_deg: geodesic angle.
        position_mm: head centre, in mm on the head.
        expression_rmse: root mean square over the weights that are truly above 0.1 (NaN if none is).
        nme68, nme68_inner: of the 68 points against the true ones; inner is without the jaw line.
        identity_mm: mean distance between neutral faces, face region, after the best similarity.
        albedo_srgb: mean absolute difference of the diffuse albedo, face region, sRGB 0..1.
        sh_srgb: the same for a mid-grey head of the true shape and pose under each SH light.
        key_deg: angle between the directions to the key light.
        shininess_log2: |log2| of the ratio of the exponents.
    """
    a, b = model.layout.view(vector), model.layout.view(truth)
    face = model.region_vertices("face")
    active = b.expression > ACTIVE_WEIGHT
    ours, theirs = landmarks68_px(model, vector), landmarks68_px(model, truth)
    rest = np.zeros(model.layout.n_expression)
    neutral_a, neutral_b = (model.shape(v.identity, rest)[face] for v in (a, b))
    normals = model.normals(model.shape(b.identity, b.expression))[face] @ b.rotation.T
    visible = normals[:, 2] > 0.0
    grey_a, grey_b = (encode_srgb(shade_diffuse(0.3, normals[visible], v.sh)) for v in (a, b))
    albedo_a, albedo_b = (encode_srgb(model.albedo(v.albedo)[0][face]) for v in (a, b))
    key_a, key_b = a.key_position.astype(float), b.key_position.astype(float)
    return {
        "rotation_deg": rotation_error(model, vector, b.rotation),
        "position_mm": float(np.linalg.norm(a.translation - b.translation) / b.scale),
        "expression_rmse": float(np.sqrt(np.mean((a.expression - b.expression)[active] ** 2)))
        if active.any()
        else float("nan"),
        "nme68": normalized_mean_error(ours, theirs),
        "nme68_inner": normalized_mean_error(ours[JAW68.stop :], theirs[JAW68.stop :]),
        "identity_mm": float(np.linalg.norm(_aligned(neutral_a, neutral_b) - neutral_b, axis=1).mean()),
        "albedo_srgb": float(np.abs(albedo_a - albedo_b).mean()),
        "sh_srgb": float(np.abs(grey_a - grey_b).mean()),
        "key_deg": float(np.degrees(np.arctan2(np.linalg.norm(np.cross(key_a, key_b)), key_a @ key_b))),
        "shininess_log2": float(abs(np.log2(a.shininess / b.shininess))),
    }


def _aligned(points: NDArray, reference: NDArray) -> NDArray:
    """Points (N, 3) after the similarity that brings them closest to the reference (Umeyama 1991)."""
    centre_p, centre_r = points.mean(axis=0), reference.mean(axis=0)
    p, r = points - centre_p, reference - centre_r
    u, singular, vt = np.linalg.svd(r.T @ p)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((singular * sign).sum() / (p**2).sum())
    return scale * p @ rotation.T + centre_r
