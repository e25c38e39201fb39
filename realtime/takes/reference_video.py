"""The reference video of a take: H.264, one message a picture, decoded only where it is looked at."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from mcap.exceptions import McapError
from mcap.records import Chunk, Message
from mcap.stream_reader import breakup_chunk
from numpy.typing import NDArray

from realtime.opencv import cv2
from realtime.takes.cdr import CdrReader, CdrWriter

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

_TIME = struct.Struct("<iI")
_START_CODE = b"\x00\x00\x01"
_SLICE, _KEY_SLICE = 1, 5  # types of H.264's units


@dataclass(frozen=True)
class Place:
    """Where the data of a chunk lie in a file: offset and length in bytes, and the chunk without them."""

    offset: int
    length: int
    chunk: Chunk


@dataclass(frozen=True)
class VideoPacket:
    """One picture of a reference video.

    Attributes:
        sequence: `TakeFrame.sequence` of the frame which it shows.
        channel: of its message in the file.
        key: it can be decoded without those before it.
        place: of the chunk that holds it.
    """

    sequence: int
    channel: int
    key: bool
    place: Place | None


def encode_packet(data: bytes, time: float) -> bytes:
    """Return the CDR message of one H.264 access unit in Annex B, shown at a time, s."""
    cdr = CdrWriter()
    seconds = int(time // 1)
    cdr.fields(_TIME, 4, seconds & 0x7FFFFFFF, min(round((time - seconds) * 1e9), 999_999_999))
    cdr.text("")
    cdr.data(data)
    cdr.text("h264")
    return cdr.message()


def packet_data(message: bytes) -> bytes:
    """Return the access unit of a message.

    Raises:
        ValueError: `message` is not one of a reference video in H.264.
    """
    try:
        cdr = CdrReader(message)
        cdr.fields(_TIME, 4)
        cdr.text()
        data = cdr.data()
        if cdr.text() != "h264":
            raise ValueError("a video that is not H.264")
        return data
    except struct.error as error:
        raise ValueError(f"malformed video message ({error})") from error


def is_key(data: bytes) -> bool:
    """Return whether an H.264 access unit in Annex B can be decoded without those before it."""
    at = data.find(_START_CODE)
    while 0 <= at < len(data) - 3:
        kind = data[at + 3] & 0x1F
        if kind in (_SLICE, _KEY_SLICE):
            return kind == _KEY_SLICE
        at = data.find(_START_CODE, at + 3)
    return False


class ReferenceVideo:
    """Gives the pictures of a take's reference video, in order quickly, elsewhere from the key picture before. For one
    thread."""

    def __init__(self, path: Path, packets: Sequence[VideoPacket]) -> None:
        """
        Args:
            path: of the take.
            packets: in order, at least one.
        """
        self._path = path
        self._packets = packets
        self._sequences = [packet.sequence for packet in packets]
        self._keys = [row for row, packet in enumerate(packets) if packet.key]
        self._decoder: VideoCodecContext | None = None
        self._decoded = -1  # row of the newest decoded packet
        self._picture: NDArray[np.uint8] | None = None
        self._chunk: tuple[Place | None, dict[tuple[int, int], bytes]] = (None, {})

    def picture(self, sequence: int, width: int, height: int) -> NDArray[np.uint8] | None:
        """Return the picture of a frame, or the last one before it where it was left out.

        Args:
            sequence: of the frame.
            width, height: of the frame, px.

        Returns:
            (height, width, 3) uint8 BGR, read only; None if there is none, or it cannot be decoded.
        """
        row = bisect_right(self._sequences, sequence) - 1
        key = bisect_right(self._keys, row) - 1
        if key < 0:
            return None
        if not self._keys[key] <= self._decoded <= row:
            self._decoder = self._picture = None
            self._decoded = self._keys[key] - 1
        while self._decoded < row:
            self._decoded += 1
            self._decode(self._decoded)
        return None if self._picture is None else _of_size(self._picture, width, height)

    def _decode(self, row: int) -> None:
        import av

        try:
            data = self._read(self._packets[row])
            if data is None:
                return
            if self._decoder is None:
                self._decoder = _decoder()
            for frame in self._decoder.decode(av.Packet(data)):
                self._picture = cv2.cvtColor(frame.to_ndarray(format="yuv420p"), cv2.COLOR_YUV2BGR_I420)
        except (OSError, av.FFmpegError, McapError, ValueError, struct.error):
            self._picture = None

    def _read(self, packet: VideoPacket) -> bytes | None:
        """The access unit of a packet; the chunk that it lies in is kept for the next one."""
        place = packet.place
        if place is None:
            return None
        if self._chunk[0] != place:
            with self._path.open("rb") as file:
                file.seek(place.offset)
                records = breakup_chunk(replace(place.chunk, data=file.read(place.length)), validate_crc=True)
            messages = [record for record in records if isinstance(record, Message)]
            self._chunk = (place, {(message.channel_id, message.sequence): message.data for message in messages})
        return packet_data(self._chunk[1][packet.channel, packet.sequence])


def _of_size(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8] | None:
    """The picture, read only, with the odd last row and column that 4:2:0 has no room for; None if of another size."""
    below, beside = height - picture.shape[0], width - picture.shape[1]
    if not (0 <= below <= 1 and 0 <= beside <= 1):
        return None
    if below or beside:
        picture = cv2.copyMakeBorder(picture, 0, below, 0, beside, cv2.BORDER_REPLICATE)
    picture.setflags(write=False)
    return picture


def _decoder() -> VideoCodecContext:
    import av

    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1  # more hold pictures back
    return decoder
