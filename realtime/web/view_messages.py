"""What the page of `limelight view` is told: the face model once, and the faces of every result.

Everything is little-endian, and every part begins at a multiple of 4 bytes. `docs/view.md` describes both messages.
"""

from __future__ import annotations

import json
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, ParameterLayout
from realtime.engines.base import MAX_FACES, POSE_SIZE
from realtime.frame import Face, Result, TrackingState
from realtime.light.lighting import light_on

MODEL_MAGIC, FRAME_MAGIC = b"LLVM", b"LLVF"
VERSION = 1
STATES = tuple(TrackingState)
"""A face's state is sent as its place in here."""

_MODEL_HEADER = struct.Struct("<4sII")  # magic, version, bytes of the JSON that follows
_FRAME_HEADER = struct.Struct("<4sHHIIdIIII")
_FACE_HEADER = struct.Struct("<IIf")


def model_message(model: FaceModel) -> tuple[bytes, int]:
    """Return the message with a face model, and the key that frames name it by.

    Albedo is times occlusion, as it is drawn. Means are float32, bases float16: an embedded model's shape is kept in
    that and loses nothing; another one's, and occluded albedo, is off by at most 1/2048 of itself.
    """
    drawn = model.occluded()
    arrays: dict[str, NDArray] = {
        "mean": model.mean.astype("<f4"),
        "diffuse_mean": drawn.diffuse_mean.astype("<f4"),
        "specular_mean": drawn.specular_mean.astype("<f4"),
        "occlusion": model.occlusion.astype("<f4"),
        "triangles": model.triangles.astype("<u4"),
        "identity": model.identity.astype("<f2"),
        "expression": model.expression.astype("<f2"),
        "diffuse_basis": drawn.diffuse_basis.astype("<f2"),
        "specular_basis": drawn.specular_basis.astype("<f2"),
    }
    places, body, key = [], bytearray(), 0
    for name, array in arrays.items():
        data = array.tobytes()
        places.append({"name": name, "type": array.dtype.str[1:], "shape": array.shape, "offset": len(body)})
        body += data + bytes(-len(data) % 4)
    key = zlib.crc32(body)
    layout = {name: [span.start, span.stop] for name, span in model.layout.slices.items()}
    header = {"name": model.name, "key": key, "parameters": model.layout.size, "slices": layout, "arrays": places}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    return _MODEL_HEADER.pack(MODEL_MAGIC, VERSION, len(text)) + text + body, key


class FrameWriter:
    """Writes results as messages, in memory that is made once; only the message itself is new each time."""

    def __init__(self, layout: ParameterLayout, model_key: int) -> None:
        """
        Args:
            layout: of the parameter vectors.
            model_key: of the face model, from `model_message`.
        """
        self._layout, self._key, self._number = layout, model_key, 0
        self._pose = slice(layout.slices["rotation"].start, layout.slices["rotation"].start + POSE_SIZE)
        size = _FACE_HEADER.size + 4 * (layout.size + POSE_SIZE)
        self._buffer = bytearray(_FRAME_HEADER.size + MAX_FACES * size)
        self._starts = [_FRAME_HEADER.size + i * size for i in range(MAX_FACES + 1)]
        self._values = [
            np.frombuffer(self._buffer, "<f4", layout.size + POSE_SIZE, start + _FACE_HEADER.size)
            for start in self._starts[:-1]
        ]

    def _shown_pose(self, face: Face) -> NDArray[np.float32]:
        """Return rotation, translation and scale after re-centring."""
        return (face.smoothed if face.centred is None else face.centred)[self._pose]

    def _is_number(self, face: Face) -> bool:
        parts = (face.smoothed, self._shown_pose(face), face.confidence)
        return all(np.isfinite(part).all() for part in parts)

    def write(self, result: Result) -> bytes:
        """Return the message of a result: its first `MAX_FACES` faces, the performer first, without those whose
        parameters are no numbers. Their light is the show's, where they stand in that."""
        faces = [face for face in result.faces if self._is_number(face)][:MAX_FACES]
        height, width = result.frame.image.shape[:2]
        self._number = (self._number + 1) % 2**32
        header = (FRAME_MAGIC, VERSION, len(faces), self._key, self._number, result.time, width, height)
        _FRAME_HEADER.pack_into(self._buffer, 0, *header, self._layout.size, result.stalled)
        for face, start, values in zip(faces, self._starts, self._values, strict=False):
            _FACE_HEADER.pack_into(self._buffer, start, face.id, STATES.index(face.state), face.confidence)
            values[: self._layout.size] = face.smoothed
            if not result.lighting.estimated:
                shown = self._layout.view(values[: self._layout.size])
                light = light_on(result.lighting, shown).without_lamps()
                shown.sh[:], shown.key_position[:], shown.key_color[:] = light.sh, light.key_position, light.key_color
                shown.shininess = light.shininess
            values[self._layout.size :] = self._shown_pose(face)
        with memoryview(self._buffer) as written:
            return bytes(written[: self._starts[len(faces)]])
