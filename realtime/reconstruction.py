"""One image in, every face in it as parameters: what `limelight reconstruct` does, and what it writes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facemodel import Crop, FaceModel, LimelightError, project
from facemodel.color import encode_srgb
from facemodel.obj import submesh, write_obj
from facemodel.rotation import matrix_to_euler
from realtime.engines.base import Engine
from realtime.sources.file_kind import shown
from realtime.tracking.consistency import ConsistencyCheck
from realtime.tracking.crop_warp import CropWarp
from realtime.tracking.found_face import FaceFinder, FoundFace

_SAME_PLACE = 0.25
"""Distance of two faces' crops, in sides of the larger one, below which they are one face."""


@dataclass(frozen=True)
class Reconstruction:
    """One face of an image.

    Attributes:
        parameters: (P,) in image pixels.
        confidence: 0..1, the network's.
    """

    parameters: NDArray[np.float32]
    confidence: float


class Reconstructor:
    """Finds the faces of an image and runs the network on each.

    Args:
        model: the face model.
        engine: runs the network.
        finder: searches all of the image.
        passes: looks at each face, each with a better crop.
        min_confidence: 0..1; a face is believed from here on.
    """

    def __init__(
        self, model: FaceModel, engine: Engine, finder: FaceFinder, passes: int = 3, min_confidence: float = 0.9
    ) -> None:
        self.model = model
        self._engine = engine
        self._finder = finder
        self._passes = passes
        self._min_confidence = min_confidence
        self._consistent = ConsistencyCheck()
        self._warp = CropWarp(engine.resolution)

    def __call__(self, image: NDArray[np.uint8]) -> list[Reconstruction]:
        """Return the faces of an (H, W, 3) uint8 BGR image, the largest first; empty if there is none.

        What the finder takes for a face is left out where the network cannot place it or does not believe in it, where
        it is not upright in its own crop, and where it turns out to be another face of the image.
        """
        seen = [self.place(image, face) for face in self._finder.find(image)]
        return self._apart(face for face in seen if face is not None)

    def place(self, image: NDArray[np.uint8], face: FoundFace) -> Reconstruction | None:
        """Return the reconstruction of one face that the finder found in an (H, W, 3) BGR image; None if it is not to
        be believed."""
        layout = self.model.layout
        crop, pose = Crop.around_head(*self._finder.pose(face, self.model)), None
        parameters, confidence = layout.neutral(), np.float32(0.0)
        for _ in range(self._passes):
            pixels = self._warp(image, crop)[None]
            (seen,), (confidence,) = self._engine.infer(pixels, None if pose is None else pose[None])
            crop.lift(layout, seen, out=parameters)
            p = layout.view(parameters)
            place = Crop.around_head(p.rotation, p.translation, p.scale)
            if not self._consistent(parameters, place, crop):
                return None
            crop = place
            pose = crop.lower_pose(p.rotation, p.translation, p.scale)
        if confidence < self._min_confidence or not self._finder.upright(image, crop):
            return None
        return Reconstruction(parameters, float(confidence))

    def _apart(self, faces: Iterable[Reconstruction]) -> list[Reconstruction]:
        """Return the faces by size, and of those at the same place the most confident one."""
        kept: list[tuple[Crop, Reconstruction]] = []
        for face in sorted(faces, key=lambda face: -face.confidence):
            p = self.model.layout.view(face.parameters)
            crop = Crop.around_head(p.rotation, p.translation, p.scale)
            if all(
                math.dist(crop.centre, other.centre) > _SAME_PLACE * max(crop.side, other.side) for other, _ in kept
            ):
                kept.append((crop, face))
        return [face for _, face in sorted(kept, key=lambda one: -one[0].side)]


def describe(model: FaceModel, face: Reconstruction) -> dict[str, Any]:
    """A reconstruction as plain numbers, for JSON. Angles in degrees, points in image pixels, lengths in mm."""
    p = model.layout.view(face.parameters)
    vertices = model.shape(p.identity, p.expression)  # (V, 3)
    points68, points478 = (
        project(points, p.rotation, p.translation, p.scale)
        for points in (model.landmarks68(vertices), model.landmarks478(vertices))
    )
    yaw, pitch, roll = np.degrees(matrix_to_euler(p.rotation))
    low, high = points478.min(axis=0), points478.max(axis=0)

    def numbers(array: ArrayLike, digits: int = 5) -> list:
        return np.round(np.asarray(array, dtype=float), digits).tolist()

    return {
        "box": numbers([*low, *high], 2),
        "landmarks68": numbers(points68, 3),
        "landmarks478": numbers(points478, 3),
        "landmarks68_mm": numbers(model.landmarks68(vertices) @ p.rotation.T, 4),
        "pose": {"yaw": round(float(yaw), 3), "pitch": round(float(pitch), 3), "roll": round(float(roll), 3)},
        "expression": {
            name: round(float(weight), 5) for name, weight in zip(model.expression_names, p.expression, strict=True)
        },
        "identity": numbers(p.identity),
        "albedo": numbers(p.albedo),
        "light": {
            "sh": numbers(p.sh),
            "key_position": numbers(p.key_position, 3),
            "key_color": numbers(p.key_color),
            "shininess": round(p.shininess, 4),
        },
        "confidence": round(face.confidence, 5),
    }


def write_reconstruction(
    folder: Path,
    image_path: Path,
    image: NDArray[np.uint8],
    model: FaceModel,
    faces: Sequence[Reconstruction],
) -> Path:
    """Write NAME.json with every face, and NAME.obj and NAME.neutral.obj of the first; returns the JSON's path.

    NAME.obj is the posed head R v with sRGB diffuse albedo as vertex colours; NAME.neutral.obj is the face
    region of the identity alone, in model space. Both in mm.

    Raises:
        LimelightError: a file cannot be written.
    """
    height, width = image.shape[:2]
    document = {
        "image": shown(image_path),
        "width": width,
        "height": height,
        "model": {"name": model.name, "digest": model.digest},  # whose coefficients identity and albedo are
        "faces": [describe(model, face) for face in faces],
    }
    target = folder / f"{image_path.stem}.json"
    try:
        target.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise LimelightError(f"{target}: cannot be written ({error.strerror})") from error
    if faces:
        p = model.layout.view(faces[0].parameters)
        posed = model.shape(p.identity, p.expression) @ p.rotation.T
        colors = encode_srgb(model.albedo(p.albedo)[0])
        write_obj(folder / f"{image_path.stem}.obj", posed, model.triangles, colors, model.uv, model.uv_triangles)
        neutral = model.shape(p.identity, np.zeros(model.layout.n_expression, np.float32))
        face_vertices, face_triangles, _ = submesh(neutral, model.region_triangles("face"))
        write_obj(folder / f"{image_path.stem}.neutral.obj", face_vertices, face_triangles)
    return target
