"""WebSocket JSON: everything that is known of every face, to whoever connects, as in face_message.schema.json."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facemodel import ARKIT_NAMES
from facemodel.channels import Channels
from facemodel.rotation import matrix_to_quaternion
from realtime.frame import Face, StreamInfo
from realtime.streams.conventions import SkinTone
from realtime.streams.face_stream import FaceStream, Sight, StreamOptions
from realtime.web.broadcast import Broadcast

PORT = 8770

VERSION = 1
"""Of the messages; it changes when a reader of the older ones would misread the newer."""


class WebSocketStream(FaceStream):
    """Listens, and tells everybody who is connected of each moment; what they send is not read.

    Positions are mm, angles degrees, colours linear RGB, in the camera's frame: +x image right, +y up, +z toward the
    camera.

    Attributes:
        broadcast: the server.
    """

    sends_everybody = True
    needs_weights = False

    def __init__(self, name: str, options: StreamOptions) -> None:
        super().__init__(name, options)
        self.broadcast = Broadcast(options.host, options.port)
        self._feed = ""
        self._skin: SkinTone | None = None
        self._dropped = 0

    def start(self, info: StreamInfo) -> None:
        """Begin to listen.

        Raises:
            LimelightError: the address is taken, or is not this machine's.
        """
        self._feed = info.name
        self._skin = SkinTone(info.model)
        self.broadcast.open()

    def send(self, sight: Sight) -> None:
        """Make one moment the newest message for everybody."""
        self._dropped += self.broadcast.send(json.dumps(self._message(sight), allow_nan=False, separators=(",", ":")))
        self.sent += 1

    def status(self) -> str:
        """Return the address to connect to, and how many are connected."""
        missed = f", {self._dropped} missed by slow ones" if self._dropped else ""
        url = self.broadcast.url.replace("http://", "ws://", 1)
        return f"{url}, {self.broadcast.clients} connected, {self.sent} sent{missed}"

    def connected(self) -> bool:
        """Return whether anybody is connected."""
        return self.broadcast.clients > 0

    def stop(self) -> None:
        """Stop listening; a second call does nothing."""
        self.broadcast.close()

    def _message(self, sight: Sight) -> dict[str, Any]:
        result = sight.result
        height, width = result.frame.image.shape[:2]
        return {
            "version": VERSION,
            "name": self.options.name,
            "feed": self._feed,
            "time": round(sight.time, 4) if math.isfinite(sight.time) else 0.0,
            "timecode": None if result.timecode is None else str(result.timecode),
            "frame": result.frame.index,
            "width": width,
            "height": height,
            "state": sight.state.value,
            "stalled": result.stalled,
            "mirrored": self.options.mirror,
            "label": result.label,
            "faces": [self._face(face, channels) for face, channels in sight.everybody],
        }

    def _face(self, face: Face, channels: Channels) -> dict[str, Any]:
        assert self._skin is not None
        yaw, pitch, roll = _rounded(channels.head_angles, 3)
        left, right = ({"yaw": eye[0], "pitch": eye[1]} for eye in _rounded(channels.eye_angles, 3))
        x, y = _rounded(channels.translation, 2)
        return {
            "id": face.id,
            "person": face.person.key,
            "state": face.state.value,
            "confidence": round(float(face.confidence), 4),
            "weights": dict(zip(ARKIT_NAMES, _rounded(channels.weights, 5), strict=True)),
            "head": {
                "yaw": yaw,
                "pitch": pitch,
                "roll": roll,
                "quaternion": _rounded(matrix_to_quaternion(channels.head_rotation), 6),
                "position": _rounded(channels.head_position, 2),
            },
            "eyes": {"left": left, "right": right},
            "picture": {"x": x, "y": y, "scale": round(float(channels.scale), 5)},
            "light": {
                "sh": _rounded(channels.sh, 5),
                "key": {
                    "position": _rounded(channels.key_position, 2),
                    "color": _rounded(channels.key_color, 5),
                    "shininess": round(float(channels.shininess), 3),
                },
            },
            "skin": {"albedo": _rounded(self._skin.of(face.person.albedo), 5)},
        }


def _rounded(values: NDArray, digits: int) -> list[Any]:
    return np.round(values, digits).tolist()
