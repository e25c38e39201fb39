"""Plain OSC, one address a channel: TouchDesigner, Max, Chataigne, lighting desks and whatever else listens."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from facemodel import ARKIT_NAMES
from facemodel.channels import CHANNEL_NAMES, CHANNEL_SLICES, Channels
from realtime.frame import Face, StreamInfo, TrackingState
from realtime.streams.conventions import SkinTone
from realtime.streams.face_stream import Sight, StreamOptions
from realtime.streams.osc_bundles import OscBundles, OscMessage, osc_prefix
from realtime.streams.udp import DatagramStream

PORT = 9010

_SINGLE = {
    "headYaw": "head/yaw",
    "headPitch": "head/pitch",
    "headRoll": "head/roll",
    "headX": "head/x",
    "headY": "head/y",
    "headZ": "head/z",
    "leftEyeYaw": "eye/left/yaw",
    "leftEyePitch": "eye/left/pitch",
    "rightEyeYaw": "eye/right/yaw",
    "rightEyePitch": "eye/right/pitch",
}
_SINGLE = {name: name for name in ARKIT_NAMES} | _SINGLE
"""Where each channel that has a message of its own goes."""

_GROUPS = {
    "sh": "light/sh",
    "key_position": "light/key/position",
    "key_color": "light/key/color",
    "shininess": "light/key/shininess",
}
"""Where the groups of channels go that are one message each."""

_COLUMNS = np.concatenate(
    [[CHANNEL_NAMES.index(name) for name in _SINGLE], *(np.r_[CHANNEL_SLICES[group]] for group in _GROUPS)]
).astype(int)
"""The channels in the order of their messages."""


class OscStream(DatagramStream):
    """Sends every channel of every face in our own units: weights 0..1, degrees, mm, linear RGB.

    Options:
        prefix: of all addresses; /limelight by default.
        number: what faces are numbered by: "place" (1 is the performer, always) or "id" (which a face keeps and never
            gives to another). "place" by default.
    """

    sends_everybody = True

    def __init__(self, name: str, options: StreamOptions) -> None:
        """
        Args:
            name: of the sink, for people.
            options: see `StreamOptions` and above.

        Raises:
            LimelightError: an option's value makes no sense.
        """
        super().__init__(name, options)
        self._prefix = osc_prefix(options, "/limelight")
        self._by_id = options.choice("number", ("place", "id"), "place") == "id"
        self._frame = OscBundles([OscMessage(f"{self._prefix}/time"), OscMessage(f"{self._prefix}/faces", "i")])
        self._bundles: dict[int, OscBundles] = {}
        self._skin: SkinTone | None = None

    def start(self, info: StreamInfo) -> None:
        """Open the socket.

        Raises:
            LimelightError: the host is unknown.
        """
        super().start(info)
        self._skin = SkinTone(info.model)
        self._bundles.clear()

    def send(self, sight: Sight) -> None:
        """Send one frame: what is said of it, then the faces."""
        for bundle in self._frame.fill((sight.time, len(sight.everybody))):
            self.emit(bundle)
        numbers = set()
        for face, channels in sight.everybody:
            number = face.id if self._by_id else sight.result.faces.index(face) + 1
            numbers.add(number)
            if number not in self._bundles:
                self._bundles[number] = OscBundles(list(self._messages(number)))
            self._send_face(self._bundles[number], face, channels)
        for gone in self._bundles.keys() - numbers:
            del self._bundles[gone]

    def _send_face(self, bundles: OscBundles, face: Face, channels: Channels) -> None:
        """Send what is known of one face."""
        assert self._skin is not None
        tone = self._skin.of(face.person.albedo)
        seen = (face.id, face.state is TrackingState.TRACKING, face.confidence)
        for bundle in bundles.fill(np.concatenate((seen, channels.rows[_COLUMNS], tone))):
            self.emit(bundle)

    def _messages(self, number: int) -> Iterator[OscMessage]:
        """The messages of a face."""
        start = f"{self._prefix}/{number}"
        yield OscMessage(f"{start}/id", "i")
        yield OscMessage(f"{start}/tracked", "i")
        yield OscMessage(f"{start}/confidence")
        for place in _SINGLE.values():
            yield OscMessage(f"{start}/{place}")
        for group, place in _GROUPS.items():
            columns = CHANNEL_SLICES[group]
            yield OscMessage(f"{start}/{place}", (columns.stop - columns.start) * "f")
        yield OscMessage(f"{start}/skin", "fff")
