"""Plausibly coloured meshes of MakeHuman's head and of the ICT mean, for MediaPipe to find landmarks on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from facemodel.errors import LimelightError
from training.face_model import ict as ict_parts
from training.face_model.ict import IctModel
from training.face_model.makehuman import BaseMesh
from training.face_model.views import Portrait

_SKIN_TEXTURE = "young_lightskinned_male_diffuse.png"
_INSIDE_COLOUR, _IRIS, _PUPIL, _WHITE = (
    (0.4, 0.25, 0.25),
    (0.3, 0.2, 0.12),
    (0.05, 0.05, 0.05),
    (0.9, 0.88, 0.86),
)


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
    """The ICT mean with a sampled CC0 skin."""
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
