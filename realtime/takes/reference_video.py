"""The reference video of a take: H.264, one message a picture, decoded only where it is looked at."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
from mcap.exceptions import McapError
from numpy.typing import NDArray

from realtime.opencv import cv2
from realtime.takes.cdr import CdrReader, CdrWriter
from realtime.takes.data_section import Place

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

    from realtime.takes.take_index import TakeIndex

_TIME = struct.Struct("<iI")
_HEAD = struct.Struct("<4s8xI4xI")
"""What precedes the access unit of a message as `encode_packet` writes it: CDR's first bytes, time, an empty text's
length, the access unit's."""
_LITTLE_ENDIAN = b"\x00\x01\x00\x00"
_FORMAT = b"h264\x00"
_START_CODE = b"\x00\x00\x01"
_SLICE, _KEY_SLICE = 1, 5  # types of H.264's units


@dataclass(frozen=True, slots=True)
class VideoPacket:
    """One picture of a reference video.

    Attributes:
        sequence: `TakeFrame.sequence` of the frame which it shows.
        key: it can be decoded without those before it.
        place: of the piece of the file that holds its message.
        offset, length: of the message in that, bytes.
    """

    sequence: int
    key: bool
    place: Place
    offset: int
    length: int


class VideoPackets(Sequence[VideoPacket]):
    """The packets of a take's reference video, in order.

    Attributes:
        sequences: (N,) of each.
        keys: rows of those that can be decoded without those before them.
    """

    def __init__(self, index: TakeIndex) -> None:
        self._index = index
        self.sequences = index.packets["sequence"]
        self.keys = np.flatnonzero(index.packets["key"])

    def __len__(self) -> int:
        return len(self.sequences)

    @overload
    def __getitem__(self, row: int) -> VideoPacket: ...

    @overload
    def __getitem__(self, row: slice) -> tuple[VideoPacket, ...]: ...

    def __getitem__(self, row: int | slice) -> VideoPacket | tuple[VideoPacket, ...]:
        """Return one packet, or some."""
        if isinstance(row, slice):
            return tuple(self[each] for each in range(*row.indices(len(self))))
        piece, offset, length, sequence, key = self._index.packets[row].tolist()
        return VideoPacket(sequence, key, self._index.place(piece), offset, length)


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


def is_key(data: bytes, begin: int = 0, end: int | None = None) -> bool:
    """Return whether an H.264 access unit in Annex B can be decoded without those before it.

    Args:
        data: that holds the access unit.
        begin, end: of it in `data`.
    """
    end = len(data) if end is None else end
    at = data.find(_START_CODE, begin, end)
    while 0 <= at < end - 3:
        kind = data[at + 3] & 0x1F
        if kind in (_SLICE, _KEY_SLICE):
            return kind == _KEY_SLICE
        at = data.find(_START_CODE, at + 3, end)
    return False


def is_key_message(content: bytes, offset: int, length: int) -> bool:
    """Return `is_key` of the access unit of a message that lies in a piece of a file; quickly for those of ours.

    Raises:
        ValueError: it is no message of a reference video in H.264.
    """
    end = offset + length
    if length > _HEAD.size and content[end - len(_FORMAT) : end] == _FORMAT:
        start, text, size = _HEAD.unpack_from(content, offset)
        if start == _LITTLE_ENDIAN and text == 1 and 0 <= length - _HEAD.size - size - 4 - len(_FORMAT) < 4:
            return is_key(content, offset + _HEAD.size, offset + _HEAD.size + size)
    return is_key(packet_data(content[offset:end]))


class ReferenceVideo:
    """Gives the pictures of a take's reference video, in order quickly, elsewhere from the key picture before. For one
    thread."""

    def __init__(self, path: Path, packets: VideoPackets) -> None:
        """
        Args:
            path: of the take.
            packets: at least one.
        """
        self._path = path
        self._packets = packets
        self._decoder: VideoCodecContext | None = None
        self._decoded = -1  # row of the newest decoded packet
        self._picture: NDArray[np.uint8] | None = None
        self._piece: tuple[Place | None, bytes] = (None, b"")

    def picture(self, sequence: int, width: int, height: int) -> NDArray[np.uint8] | None:
        """Return the picture of a frame, or the last one before it where it was left out.

        Args:
            sequence: of the frame.
            width, height: of the frame, px.

        Returns:
            (height, width, 3) uint8 BGR, read only; None if there is none, or it cannot be decoded.
        """
        row = int(np.searchsorted(self._packets.sequences, sequence, side="right")) - 1
        before = int(np.searchsorted(self._packets.keys, row, side="right")) - 1
        if before < 0:
            return None
        key = int(self._packets.keys[before])
        if not key <= self._decoded <= row:
            self._decoder = self._picture = None
            self._decoded = key - 1
        while self._decoded < row:
            self._decoded += 1
            self._decode(self._decoded)
        return None if self._picture is None else _of_size(self._picture, width, height)

    def _decode(self, row: int) -> None:
        import av

        try:
            data = self._read(self._packets[row])
            if self._decoder is None:
                self._decoder = _decoder()
            for frame in self._decoder.decode(av.Packet(data)):
                self._picture = cv2.cvtColor(frame.to_ndarray(format="yuv420p"), cv2.COLOR_YUV2BGR_I420)
        except (OSError, av.FFmpegError, McapError, ValueError, struct.error):
            self._picture = None

    def _read(self, packet: VideoPacket) -> bytes:
        """The access unit of a packet; the piece that it lies in is kept for the next one."""
        place = packet.place
        if self._piece[0] != place:
            with self._path.open("rb") as file:
                file.seek(place.offset)
                self._piece = (place, place.unpack(file.read(place.length)))
        return packet_data(self._piece[1][packet.offset : packet.offset + packet.length])


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
