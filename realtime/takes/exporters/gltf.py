"""glTF 2.0, binary: the person's head with 52 named morph targets, eyes that turn, key light and camera, animated.

Metres and seconds; the scene's frame is the camera's: +x image right, +y up, +z toward the camera, which stands at the
origin. glTF cannot animate the colour of a light: the key light has its mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facemodel import ARKIT_NAMES
from facemodel.channels import FIELD_OF_VIEW
from realtime.opencv import cv2
from realtime.takes.clip import Clip
from realtime.takes.glb_file import INDICES, VERTICES, Column, GlbWriter, open_glb
from realtime.takes.scene.head import EYE_NAMES, Head, Part
from realtime.takes.scene.light import MeanLight, point_intensity, roughness, tint
from realtime.takes.scene.motion import ClipInfo, Motion, motion_of

extension = ".glb"

_HEAD, _SKIN, _EYES, _KEY, _CAMERA = 0, 1, (2, 3), 4, 5
"""Nodes of the scene."""


def write(clip: Clip, path: Path) -> None:
    """See `Exporter`."""
    write_scene(clip, path)


def write_scene(clip: Clip, path: Path, slower: float = 1.0) -> None:
    """Write a clip.

    Args:
        clip: at least one frame.
        path: to write.
        slower: what all times are multiplied by.

    Raises:
        LimelightError: the clip has no ARKit expressions, or nobody is in it.
        OSError: the file cannot be written.
    """
    clip.require_arkit()
    head = Head.of(clip.model)
    info = ClipInfo.of(clip)
    with open_glb() as glb:
        first, light, animation = _animation(glb, motion_of(clip), slower)
        materials = _Materials(glb, roughness(light.shininess))
        meshes = [_skin(glb, head, materials)]
        eye_mesh: list[dict[str, Any]] = [{}, {}]
        if head.eyes is not None:
            for mesh_of_node, name, eye in zip(eye_mesh, EYE_NAMES, head.eyes, strict=True):
                mesh_of_node["mesh"] = len(meshes)
                meshes.append({"name": name, "primitives": [_primitive(glb, eye, materials, name)]})
        eyes = [
            {"name": name, "translation": centre.tolist(), "rotation": rotation.tolist()} | mesh
            for name, centre, rotation, mesh in zip(
                EYE_NAMES, head.eye_centres.astype(float), first.eye_rotations[0], eye_mesh, strict=True
            )
        ]
        document = {
            "asset": {"version": "2.0", "generator": "Limelight"},
            "extensionsUsed": ["KHR_lights_punctual"],
            "extensions": {"KHR_lights_punctual": {"lights": [_key_light(light)]}},
            "scene": 0,
            "scenes": [{"name": "take", "nodes": [_HEAD, _KEY, _CAMERA], "extras": _extras(info, light)}],
            "nodes": [
                {
                    "name": "head",
                    "children": [_SKIN, *_EYES],
                    "translation": first.head_position[0].tolist(),
                    "rotation": first.head_rotation[0].tolist(),
                },
                {"name": "face", "mesh": 0},
                *eyes,
                {
                    "name": "keyLight",
                    "translation": first.key_position[0].tolist(),
                    "extensions": {"KHR_lights_punctual": {"light": 0}},
                },
                {"name": "camera", "camera": 0},
            ],
            "cameras": [_camera(info.aspect)],
            "meshes": meshes,
            "animations": [animation],
            **materials.document(),
        }
        glb.write(path, document)


def _animation(glb: GlbWriter, motion: Iterator[Motion], slower: float) -> tuple[Motion, MeanLight, dict[str, Any]]:
    """Write all frames; returns the first of them, the mean light and glTF's animation."""
    columns: Sequence[tuple[int, str, Column]] = (
        (_SKIN, "weights", glb.column(1)),
        (_HEAD, "translation", glb.column(3)),
        (_HEAD, "rotation", glb.column(4)),
        (_EYES[0], "rotation", glb.column(4)),
        (_EYES[1], "rotation", glb.column(4)),
        (_KEY, "translation", glb.column(3)),
    )
    time, light, first = glb.column(1), MeanLight(), None
    for block in motion:
        first = first or block
        time.append(block.time * slower)
        light.add(block)
        values = (
            block.channels.weights,
            block.head_position,
            block.head_rotation,
            block.eye_rotations[:, 0],
            block.eye_rotations[:, 1],
            block.key_position,
        )
        for (_, _, column), rows in zip(columns, values, strict=True):
            column.append(rows)
    assert first is not None, "a clip with a model has a face"
    times = glb.add_column(time, bounds=True)
    return (
        first,
        light,
        {
            "name": "take",
            "samplers": [
                {"input": times, "output": glb.add_column(column), "interpolation": "LINEAR"} for *_, column in columns
            ],
            "channels": [
                {"sampler": i, "target": {"node": node, "path": path}} for i, (node, path, _) in enumerate(columns)
            ],
        },
    )


class _Materials:
    """The materials of the parts, each with its texture, or for vertex colours without one."""

    def __init__(self, glb: GlbWriter, rough: float) -> None:
        self._glb, self._rough = glb, rough
        self._materials: list[dict[str, Any]] = []
        self._images: list[dict[str, Any]] = []
        self._of_texture: dict[int, int] = {}

    def add(self, part: Part, name: str) -> int:
        surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": self._rough}
        if part.texture is not None:
            _, png = cv2.imencode(".png", np.ascontiguousarray(part.texture[..., ::-1]))
            view = self._glb.add_bytes(png.tobytes())
            surface["baseColorTexture"] = {"index": len(self._images)}
            self._images.append({"name": f"{name}Albedo", "mimeType": "image/png", "bufferView": view})
        self._materials.append({"name": name, "pbrMetallicRoughness": surface})
        return len(self._materials) - 1

    def document(self) -> dict[str, Any]:
        if not self._images:
            return {"materials": self._materials}
        return {
            "materials": self._materials,
            "images": self._images,
            "samplers": [{"magFilter": 9729, "minFilter": 9987}],
            "textures": [{"source": i, "sampler": 0} for i in range(len(self._images))],
        }


def _skin(glb: GlbWriter, head: Head, materials: _Materials) -> dict[str, Any]:
    primitive = _primitive(glb, head.skin, materials, "skin")
    primitive["targets"] = [
        {"POSITION": glb.add_array(shape, VERTICES, bounds=True), "NORMAL": glb.add_array(normals, VERTICES)}
        for shape, normals in zip(head.targets, head.target_normals, strict=True)
    ]
    return {
        "name": "face",
        "primitives": [primitive],
        "weights": [0.0] * len(ARKIT_NAMES),
        "extras": {"targetNames": list(ARKIT_NAMES)},
    }


def _primitive(glb: GlbWriter, part: Part, materials: _Materials, name: str) -> dict[str, Any]:
    attributes = {
        "POSITION": glb.add_array(part.vertices, VERTICES, bounds=True),
        "NORMAL": glb.add_array(part.normals, VERTICES),
        "TEXCOORD_0": glb.add_array(np.stack([part.uv[:, 0], 1.0 - part.uv[:, 1]], axis=1), VERTICES),
    }
    if part.texture is None:
        attributes["COLOR_0"] = glb.add_array(part.colors, VERTICES)
    return {
        "attributes": attributes,
        "indices": glb.add_array(part.triangles.astype(np.uint32).ravel(), INDICES),
        "material": materials.add(part, name),
    }


def _key_light(light: MeanLight) -> dict[str, Any]:
    color, intensity = light.key_color, point_intensity(light.key_color, light.key_distance)
    return {"name": "key", "type": "point", "color": tint(color).tolist(), "intensity": intensity}


def _camera(aspect: float) -> dict[str, Any]:
    return {
        "name": "camera",
        "type": "perspective",
        "perspective": {
            "aspectRatio": aspect,
            "yfov": 2.0 * float(np.arctan(np.tan(0.5 * FIELD_OF_VIEW) / aspect)),
            "znear": 0.01,
        },
    }


def _extras(info: ClipInfo, light: MeanLight) -> dict[str, Any]:
    return {"fps": info.fps, "timecode": info.timecode, "sh": light.sh.tolist()}
