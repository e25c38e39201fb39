"""A person's head as meshes for other programs: skin with ARKit's 52 targets, and eyeballs that turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel
from facemodel.channels import arkit_columns
from realtime.takes.scene.albedo import bake_albedo

METRES = 0.001
"""A millimetre."""

EYE_NAMES = ("leftEye", "rightEye")
"""The subject's, in the order of `FaceModel.eye_centres`."""


@dataclass(frozen=True, eq=False)
class Part:
    """A mesh with one UV per vertex; V vertices, T triangles.

    Attributes:
        source: (V,) of each vertex in the face model; one of its vertices that lies on a seam is here several times.
        vertices: (V, 3) float32 metres from the part's own origin, axes as the face model's.
        normals: (V, 3) float32.
        uv: (V, 2) float32, v up.
        colors: (V, 3) float32 diffuse albedo, linear RGB 0..1.
        triangles: (T, 3) int32, counter-clockwise from outside.
        texture: (H, W, 3) uint8 diffuse albedo as sRGB, first row at v = 1; None where its UVs overlap.
    """

    source: NDArray[np.int64]
    vertices: NDArray[np.float32]
    normals: NDArray[np.float32]
    uv: NDArray[np.float32]
    colors: NDArray[np.float32]
    triangles: NDArray[np.int32]
    texture: NDArray[np.uint8] | None


@dataclass(frozen=True, eq=False)
class Head:
    """A person's head. Its origin is the head centre.

    Attributes:
        skin: everything but the eyeballs.
        targets: (52, V, 3) float32 metres that weight 1 adds to the skin's vertices, in the order of `ARKIT_NAMES`.
        target_normals: (52, V, 3) float32 that it adds to the normals.
        eyes: the subject's left eyeball and the right one, each about its centre; None where the model has none.
        eye_centres: (2, 3) float32 metres.
    """

    skin: Part
    targets: NDArray[np.float32]
    target_normals: NDArray[np.float32]
    eyes: tuple[Part, Part] | None
    eye_centres: NDArray[np.float32]

    @classmethod
    def of(cls, person: FaceModel) -> Head:
        """Return the head of a face model whose mean is the person and whose expressions are ARKit's.

        An eyeball turns as a whole, so shapes that look about do not move it; lids and skin they do.
        """
        columns = arkit_columns(person.layout)
        shapes = np.stack([person.expression[column].sum(axis=0) for column in columns])  # (52, V, 3), 0 of none
        rest = person.normals(person.mean)
        # Normals of a linear model are no linear function of the weights: right at each target, near it elsewhere.
        turned = np.stack([person.normals(person.mean + shape) - rest for shape in shapes])  # (52, V, 3)
        of_eyes = np.zeros(len(person.triangles), bool)
        if "eyes" in person.region_names:
            of_eyes = person.triangle_region == person.region_names.index("eyes")
        skin = _part(person, ~of_eyes, np.zeros(3), rest)
        return cls(
            skin,
            (shapes[:, skin.source] * METRES).astype(np.float32),
            turned[:, skin.source].astype(np.float32),
            _eyes(person, of_eyes, rest),
            (person.eye_centres * METRES).astype(np.float32),
        )


def _eyes(person: FaceModel, of_eyes: NDArray[np.bool_], normals: NDArray) -> tuple[Part, Part] | None:
    middle = person.mean[person.triangles].mean(axis=1)  # (T, 3)
    left = np.linalg.norm(middle[:, None] - person.eye_centres, axis=-1).argmin(axis=1) == 0  # (T,)
    if not ((of_eyes & left).any() and (of_eyes & ~left).any()):
        return None
    return (
        _part(person, of_eyes & left, person.eye_centres[0], normals),
        _part(person, of_eyes & ~left, person.eye_centres[1], normals),
    )


def _part(person: FaceModel, chosen: NDArray[np.bool_], origin: NDArray, normals: NDArray) -> Part:
    """Return the chosen triangles (T,) as a mesh of their own about `origin`, mm."""
    corners = np.stack([person.triangles[chosen], person.uv_triangles[chosen]], axis=-1).reshape(-1, 2)  # (3 K, 2)
    pairs, triangles = np.unique(corners, axis=0, return_inverse=True)
    source, uv = pairs.T
    colors = np.clip(person.diffuse_mean[source], 0.0, 1.0).astype(np.float32)
    numbered = triangles.reshape(-1, 3).astype(np.int32)
    return Part(
        source=source.astype(np.int64),
        vertices=((person.mean[source] - origin) * METRES).astype(np.float32),
        normals=_unit(normals[source]).astype(np.float32),
        uv=person.uv[uv],
        colors=colors,
        triangles=numbered,
        texture=bake_albedo(person.uv[uv], numbered, colors),
    )


def _unit(normals: NDArray) -> NDArray:
    """Normals (V, 3) of length 1, toward the camera where a vertex has no surface about it."""
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 0.5, normals / np.maximum(length, 0.5), (0.0, 0.0, 1.0))
