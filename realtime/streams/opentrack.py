"""opentrack's input "UDP over network": six doubles, for games and simulators that follow the head."""

from __future__ import annotations

import struct

from realtime.streams.conventions import head_yaw_pitch_roll
from realtime.streams.face_stream import Sight
from realtime.streams.udp import DatagramStream

PORT = 4242

_POSE = struct.Struct("=6d")
"""TX, TY, TZ, yaw, pitch, roll, as the machine stores them."""


class OpentrackStream(DatagramStream):
    """Sends the head's pose in opentrack's own signs: those of its tracker that reads a webcam ("neuralnet").

    TX > 0 image right, TY > 0 up, TZ > 0 away from the camera, cm; yaw > 0 to the subject's right, pitch > 0 up,
    roll > 0 the top of the head to the subject's left, degrees. Nothing is sent while there is no face: opentrack
    keeps the last pose.
    """

    needs_weights = False

    def send(self, sight: Sight) -> None:
        """Send one pose."""
        if sight.face is None:
            return
        x, y, z = (0.1 * sight.channels.head_position).tolist()
        yaw, pitch, roll = head_yaw_pitch_roll(sight.channels)
        self.emit(_POSE.pack(x, y, -z, -yaw, pitch, roll))
