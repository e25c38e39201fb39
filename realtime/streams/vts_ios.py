"""What VTube Studio's iPhone app sends to those who ask it: VSeeFace, VBridger and others that take an iPhone."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import numpy as np

from facemodel import ARKIT_NAMES
from facemodel.channels import Channels
from realtime.streams.asked import AskedStream, Place
from realtime.streams.conventions import eyes_yaw_pitch, head_yaw_pitch_roll
from realtime.streams.face_stream import Sight, StreamOptions

PORT = 21412

_SECONDS = (0.5, 10.0)
_PORTS = 16
"""What one may ask for, by the app's rules."""
_MOST = 64
"""Places at a time."""

_NAMES = tuple(name[0].upper() + name[1:] for name in ARKIT_NAMES)


class VtsIosStream(AskedStream):
    """Answers `iOSTrackingDataRequest`: sends to the ports that were asked for, for the seconds that were asked for."""

    def __init__(self, name: str, options: StreamOptions) -> None:
        super().__init__(name, options)
        self._until: dict[Place, float] = {}
        self._lock = threading.Lock()

    def heard(self, data: bytes, place: Place) -> None:
        """Take a request; anything else is passed over."""
        if (asked := _request(data)) is None:
            return
        seconds, ports = asked
        with self._lock:
            self._forget()
            for port in ports:
                target = (place[0], port)
                if target in self._until or len(self._until) < _MOST:
                    self._until[target] = time.monotonic() + seconds

    def guests_now(self) -> int:
        """Return how many places are sent to."""
        with self._lock:
            self._forget()
            return len(self._until)

    def send(self, sight: Sight) -> None:
        """Send to everybody whose time is not over."""
        with self._lock:
            self._forget()
            places = tuple(self._until)
        if not places:
            return
        data = json.dumps(_message(sight.channels, sight.tracked), separators=(",", ":")).encode()
        self.sent += sum(self.receiver.send(data, place) for place in places)

    def stop(self) -> None:
        """Stop listening, and forget who asked; a second call does nothing."""
        super().stop()
        self._until.clear()

    def _forget(self) -> None:
        now = time.monotonic()
        self._until = {place: until for place, until in self._until.items() if until > now}


def _request(data: bytes) -> tuple[float, list[int]] | None:
    """Seconds and ports of a request; None of anything that is none."""
    try:
        request = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(request, dict) or request.get("messageType") != "iOSTrackingDataRequest":
        return None
    seconds, ports = request.get("time", request.get("sendForSeconds")), request.get("ports")
    if not isinstance(seconds, int | float) or seconds != seconds or not isinstance(ports, list):
        return None
    if not 1 <= len(ports) <= _PORTS or not all(type(port) is int and 1 <= port <= 65535 for port in ports):
        return None
    return min(max(seconds, _SECONDS[0]), _SECONDS[1]), ports


def _message(channels: Channels, found: bool) -> dict[str, Any]:
    """One frame as the app sends it.

    Rotations are degrees, x > 0 to the subject's left, y > 0 down, z > 0 the top of the head to the subject's right;
    positions are cm, x > 0 to image left, y > 0 up, z > 0 away from the camera.
    """
    yaw, pitch, roll = head_yaw_pitch_roll(channels)
    left_yaw, left_pitch, right_yaw, right_pitch = eyes_yaw_pitch(channels)
    x, y, z = (0.1 * channels.head_position).tolist()
    return {
        "Timestamp": int(1000 * time.time()),
        "Hotkey": -1,
        "FaceFound": found,
        "Rotation": _vector(yaw, -pitch, -roll),
        "Position": _vector(-x, y, -z),
        "BlendShapes": [
            {"k": name, "v": value} for name, value in zip(_NAMES, np.round(channels.weights, 5).tolist(), strict=True)
        ],
        "EyeLeft": _vector(left_yaw, -left_pitch, 0.0),
        "EyeRight": _vector(right_yaw, -right_pitch, 0.0),
    }


def _vector(x: float, y: float, z: float) -> dict[str, float]:
    return {"x": round(x, 4), "y": round(y, 4), "z": round(z, 4)}
