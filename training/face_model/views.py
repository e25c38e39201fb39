"""MediaPipe's landmarks on a mesh: render it from several sides, detect, put the points back on the surface."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from facemodel.errors import LimelightError
from facemodel.rotation import matrix_from_euler
from training.data.landmarker import Landmarker
from training.face_model import ict as ict_parts
from training.face_model.ict import IctModel
from training.face_model.makehuman import BaseMesh
from training.face_model.raster import Visibility, rasterize
from training.face_model.surface import vertex_normals

_YAWS, _PITCHES = (-40.0, -25.0, -12.0, 0.0, 12.0, 25.0, 40.0), (-12.0, 0.0, 12.0)
"""Degrees of the views that the landmarks are averaged over."""
_SIZE, _PIXELS_PER_MM, _AGREE_WITHIN_MM = 640, 2.6, 5.0


@dataclass(frozen=True)
class Portrait:
    """A coloured mesh to find landmarks on.

    Attributes:
        vertices: (V, 3) mm, +z front. triangles: (T, 3). colours: (V, 3) sRGB 0..1.
        centre: (3,) mm, the point in the middle of the picture.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    colours: np.ndarray
    centre: np.ndarray


def detect_landmarks(portrait: Portrait, bundle: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return MediaPipe's 478 landmarks as points of the mesh.

    Each view's landmarks are put on the surface seen under them; the views that agree are averaged with weights that
    grow with how squarely the surface faces the view.

    Args:
        bundle: MediaPipe's `face_landmarker.task`.
    Returns: points (478, 3) mm, total weight (478,), 0 where no view sees the landmark.
    Raises LimelightError: MediaPipe is not installed, its bundle is missing, or it finds no face in any view.
    """
    vertices, triangles = portrait.vertices, portrait.triangles
    views, view_weights = [], []
    normals = vertex_normals(vertices, triangles)
    with Landmarker(bundle, max_faces=1) as landmarker:
        for yaw in _YAWS:
            for pitch in _PITCHES:
                rotation = matrix_from_euler(np.radians(yaw), np.radians(-pitch), 0.0)
                posed = (vertices - portrait.centre) @ rotation.T
                scale, middle = _PIXELS_PER_MM, _SIZE / 2
                pixels = np.stack([middle + scale * posed[:, 0], middle - scale * posed[:, 1], posed[:, 2]], axis=1)
                seen = rasterize(pixels, triangles, _SIZE, _SIZE)
                faces = landmarker.find(_shade(seen, triangles, normals @ rotation.T, portrait.colours)[..., ::-1])
                if not faces:
                    continue
                landmarks = faces[0].landmarks
                column = np.clip(landmarks[:, 0].astype(int), 0, _SIZE - 1)
                row = np.clip(landmarks[:, 1].astype(int), 0, _SIZE - 1)
                triangle = seen.triangle[row, column]
                corners = triangles[triangle]  # (478, 3)
                barycentric = seen.barycentric[row, column][..., None]
                views.append((vertices[corners] * barycentric).sum(axis=1))
                facing = ((normals[corners] @ rotation[2])[..., None] * barycentric).sum(axis=(1, 2))
                view_weights.append(np.where(triangle >= 0, np.clip(facing, 0, 1) ** 2, 0))
    if not views:
        raise LimelightError("MediaPipe finds no face on the template: check the face_landmarker.task file")
    return _robust_mean(np.array(views), np.array(view_weights), _AGREE_WITHIN_MM)


def _robust_mean(points: np.ndarray, weights: np.ndarray, within: float) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean over views (N, L, 3) of the points near each landmark's weighted medoid, and its weight (L,)."""
    distance = np.linalg.norm(points[:, None] - points[None], axis=3)  # (N, N, L)
    cost = (np.minimum(distance, 3 * within) * weights[None]).sum(axis=1)  # (N, L)
    medoid = np.where(weights > 0, cost, np.inf).argmin(axis=0)
    near = within >= distance[medoid, :, np.arange(points.shape[1])].T  # (N, L)
    weight = weights * near
    total = weight.sum(axis=0)
    return (points * weight[..., None]).sum(axis=0) / np.maximum(total, 1e-9)[:, None], total


def _shade(seen: Visibility, triangles: np.ndarray, normals: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 picture under a soft frontal light."""
    image = np.full((*seen.triangle.shape, 3), 0.85)
    hit = seen.triangle >= 0
    corners, barycentric = (triangles[seen.triangle[hit]], seen.barycentric[hit][..., None])  # (N, 3), (N, 3, 1)
    normal = (normals[corners] * barycentric).sum(axis=1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    light = 0.35 + 0.65 * np.clip(normal @ np.array([0.1, 0.35, 0.93]), 0, 1)
    image[hit] = (colours[corners] * barycentric).sum(axis=1) * light[:, None]
    return (255 * np.clip(image, 0, 1)).astype(np.uint8)


_SKIN_TEXTURE = "young_lightskinned_male_diffuse.png"
_INSIDE_COLOUR, _IRIS, _PUPIL, _WHITE = ((0.4, 0.25, 0.25), (0.3, 0.2, 0.12), (0.05, 0.05, 0.05), (0.9, 0.88, 0.86))


def base_portrait(base: BaseMesh, skins: Path) -> Portrait:
    """MakeHuman's head in units of 0.01 dm (about mm)."""
    texture = cv2.imread(str(skins / "skins_512" / _SKIN_TEXTURE))
    if texture is None:
        raise LimelightError(f"{skins / 'skins_512' / _SKIN_TEXTURE} cannot be read: name the folder of the sources")
    texture = texture[..., ::-1] / 255.0  # (H, W, 3) RGB
    vertices = 100.0 * base.vertices
    height, width = texture.shape[:2]
    uv = np.zeros((len(vertices), 2))
    uv[base.quads.ravel()] = base.uv[base.uv_quads.ravel()]
    row = np.clip(((1 - uv[:, 1]) * height).astype(int), 0, height - 1)
    column = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
    colours = texture[row, column]
    for group in ("helper-l-eye", "helper-r-eye"):
        eye = np.unique(base.quads[base.groups == group])
        colours[eye] = _eye_colours(vertices[eye], vertices[eye].mean(axis=0), iris_degrees=32)
    head = (base.groups == "body") & np.isin(base.parts, ["head", "body"])
    head &= base.vertices[base.quads].mean(axis=1)[:, 1] > 5.85
    quads = base.quads[head | np.isin(base.groups, ["helper-l-eye", "helper-r-eye"])]
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return Portrait(vertices, triangles, colours, np.array([0.0, 720.0, 100.0]))


def ict_portrait(ict: IctModel, skins: Path) -> Portrait:
    """Return the ICT mean with a sampled CC0 skin."""
    with np.load(skins / "ict_diffuse_samples.npz") as samples:
        names = [str(name) for name in samples["names"]]
        skin = samples["albedo"][names.index(_SKIN_TEXTURE)]  # (11248, 3) linear
    colours = np.tile(_INSIDE_COLOUR, (len(ict.mean), 1))
    colours[: len(skin)] = np.clip(skin, 0, 1) ** (1 / 2.2)
    parts = [ict_parts.SKIN, slice(ict_parts.MOUTH_SOCKET.start, ict_parts.TONGUE_AND_GUMS.start)]
    for eye in (ict_parts.LEFT_EYE, ict_parts.RIGHT_EYE):
        points = ict.mean[eye]
        colours[eye] = _eye_colours(points, 0.5 * (points.min(axis=0) + points.max(axis=0)), iris_degrees=28)
        parts.append(eye)
    triangles = np.concatenate([ict.part_triangles(part) for part in parts])
    return Portrait(ict.mean, triangles, colours, np.array([0.0, 0.0, 60.0]))


def _eye_colours(points: np.ndarray, centre: np.ndarray, iris_degrees: float) -> np.ndarray:
    direction = (points - centre) / np.linalg.norm(points - centre, axis=1, keepdims=True)
    angle = np.degrees(np.arccos(np.clip(direction[:, 2], -1, 1)))[:, None]
    return np.where(angle < 0.45 * iris_degrees, _PUPIL, np.where(angle < iris_degrees, _IRIS, _WHITE))
