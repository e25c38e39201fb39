"""Live Link Face's UDP stream, version 6: Unreal Engine with the plugin Apple ARKit Face Support, and many others."""

from __future__ import annotations

import math
import struct
import time
import uuid
from functools import cache

import numpy as np

from facemodel import LimelightError
from facemodel.channels import Channels
from realtime.frame import StreamInfo
from realtime.frame_rate import FrameRate, Timecode
from realtime.streams.conventions import eyes_yaw_pitch, head_yaw_pitch_roll
from realtime.streams.face_stream import Sight, StreamOptions
from realtime.streams.udp import DatagramStream

PORT = 11111

_VERSION = 6
_N_VALUES = 61
_LAST_SUBFRAME = float(np.nextafter(np.float32(1.0), np.float32(0.0)))
"""Unreal wants less than 1, in single precision too."""
_LONGEST = 255
"""Bytes of a name."""


class LiveLinkStream(DatagramStream):
    """Sends 61 values: ARKit's 52 weights in the order of Unreal's EARFaceBlendShape, head and eyes, radians.

    That order is `ARKIT_NAMES`'s own, left before right throughout; the CSV files of Live Link Face have another one.
    Head: yaw > 0 to the subject's left, pitch > 0 up, roll > 0 the top of the head to the subject's right. Eyes: yaw
    > 0 to the subject's right, pitch > 0 down, roll 0. Without a face the packet ends before the values.
    """

    def __init__(self, name: str, options: StreamOptions) -> None:
        """
        Args:
            name: of the sink, for people.
            options: see `StreamOptions`; its name is the subject's.

        Raises:
            LimelightError: the subject's name, or the device's id, is too long.
        """
        super().__init__(name, options)
        device = options.others.get("device") or this_process()
        named = _string(options, "device", device) + _string(options, "name", options.name)
        self._head = struct.pack("!B", _VERSION) + named
        self._tail = bytearray([_N_VALUES]) + bytearray(4 * _N_VALUES)
        self._values = np.frombuffer(self._tail, ">f4", offset=1)
        self._rate = FrameRate.nearest(60.0)

    def start(self, info: StreamInfo) -> None:
        """Open the socket, and choose the rate that frames are counted at.

        Raises:
            LimelightError: the host is unknown.
        """
        super().start(info)
        self._rate = FrameRate.nearest(info.fps if info.fps > 0.0 else 60.0)

    def send(self, sight: Sight) -> None:
        """Send one frame."""
        timecode = sight.result.timecode or Timecode.at(_time_of_day(), self._rate)
        exact = timecode.rate.exact
        subframe = min(timecode.subframe, _LAST_SUBFRAME)
        when = struct.pack("!ifii", timecode.whole, subframe, exact.numerator, exact.denominator)
        if sight.face is None:
            self.emit(self._head + when)
            return
        self._fill(sight.channels)
        self.emit(b"".join((self._head, when, self._tail)))

    def _fill(self, channels: Channels) -> None:
        """Write the 61 values."""
        yaw, pitch, roll = map(math.radians, head_yaw_pitch_roll(channels))
        left_yaw, left_pitch, right_yaw, right_pitch = map(math.radians, eyes_yaw_pitch(channels))
        self._values[:52] = channels.weights
        self._values[52:] = yaw, pitch, -roll, -left_yaw, -left_pitch, 0.0, -right_yaw, -right_pitch, 0.0


@cache
def this_process() -> str:
    """Return a device id, 36 characters, that is the same for all streams of this process and for no other's."""
    return str(uuid.uuid4()).upper()


def _time_of_day() -> float:
    """Return the seconds since midnight by the clock on the wall."""
    now = time.time()
    local = time.localtime(now)
    return 3600 * local.tm_hour + 60 * local.tm_min + local.tm_sec + now % 1.0


def _string(options: StreamOptions, option: str, text: str) -> bytes:
    """A string as Unreal writes it: the number of bytes, then the bytes."""
    encoded = text.encode(errors="replace")
    if len(encoded) > _LONGEST:
        raise LimelightError(f"sink {options.text[:60]}: {option}={text[:20]}... has more than {_LONGEST} bytes")
    return struct.pack("!i", len(encoded)) + encoded
