"""Reads takes, also those whose recording was cut short."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO

from mcap.exceptions import InvalidMagic, McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, DataEnd, McapRecord, Message, Schema, Statistics
from mcap.stream_reader import StreamReader, breakup_chunk

from facemodel import FaceModel, LimelightError
from realtime.takes.format import (
    FRAME_TOPIC,
    HEADER_TOPIC,
    MARKER_TOPIC,
    MODEL_TOPIC,
    PERSON_TOPIC,
    STALL_TOPIC,
    VIDEO_TOPIC,
    TakeHeader,
    Topic,
)
from realtime.takes.messages import Marker, Stall, TakeFrame, decode_frame, decode_frame_v1
from realtime.takes.reference_video import Place, VideoPacket, is_key, packet_data
from realtime.takes.rig import Rig, decode_model

_MAGIC = b"\x89MCAP0\r\n"
_DATA_END_BYTES = 13
_CHUNK_OPCODE = bytes([Opcode.CHUNK])
_CHUNK = struct.Struct("<BQQQQIIQ")
"""What precedes a chunk's records: opcode, length, two times, size, CRC, length of the compression's name, which is
empty, size as stored."""
_RECORD_LIMIT = 2**28  # bytes; ours are some KiB, a model's are MiB, a larger length is damage
_DAMAGE = (McapError, struct.error, ValueError, OverflowError, MemoryError)
"""What mcap raises on bytes that are not what was written."""

Event = TakeFrame | Rig | FaceModel | Stall | Marker | VideoPacket
"""What a take holds besides its header."""


@dataclass(frozen=True)
class Recorded:
    """One message as it lies in a file; `place` is that of its chunk, None outside of one."""

    topic: Topic
    message: Message
    place: Place | None = None


def is_take(path: str | Path) -> bool:
    """Return whether a file is a take, or at least called one."""
    path = Path(path)
    if path.suffix.lower() == ".mcap":
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except (OSError, ValueError):
        return False


class TakeReader:
    """One take, read from start to end as often as wanted.

    Attributes:
        path: of the file.
        header: what its first message says.
        cut: None, or after an iteration one line on what is missing: the recording was killed, or the disk
            was full.
    """

    def __init__(self, path: str | Path) -> None:
        """Open a take and read its header.

        Raises:
            LimelightError: missing, empty, not a take, or of a later format version.
        """
        self.path = Path(path)
        self.cut: str | None = None
        self.header = self._read_header()
        self._decoders = self._make_decoders()

    def __iter__(self) -> Iterator[TakeFrame]:
        """The frames in order, as `events` gives them."""
        return (event for event in self.events() if isinstance(event, TakeFrame))

    def events(self) -> Iterator[Event]:
        """Everything in order. Damaged parts are skipped and a cut file ends early; `cut` then says so."""
        return (event for recorded in self.messages() if (event := self.decode(recorded)) is not None)

    def decode(self, recorded: Recorded) -> Event | None:
        """Return what a message says; None of an unknown topic, or of a damaged message, which `cut` then tells."""
        decode = self._decoders.get(recorded.topic.name)
        try:
            return None if decode is None else decode(recorded)
        except (ValueError, KeyError, TypeError) as error:
            self.cut = f"take {self.path}: damaged, a message is missing ({error})"
            return None

    def knows(self, recorded: Recorded) -> bool:
        """Return whether `decode` knows the topic."""
        return recorded.topic.name in self._decoders

    def messages(self) -> Iterator[Recorded]:
        """All messages as they lie in the file, those of topics that this version does not know included."""
        self.cut = None
        schemas: dict[int, Schema] = {}
        topics: dict[int, Topic] = {}
        for record, place in self._records():
            if isinstance(record, Schema):
                schemas[record.id] = record
            elif isinstance(record, Channel) and (schema := schemas.get(record.schema_id)) is not None:
                topics[record.id] = Topic(
                    record.topic, record.message_encoding, schema.name, schema.encoding, schema.data
                )
            elif isinstance(record, Message) and (topic := topics.get(record.channel_id)) is not None:
                yield Recorded(topic, record, place)

    def _make_decoders(self) -> dict[str, Callable[[Recorded], Event]]:
        header, size = self.header, self.header.layout.size
        if header.format_version == 1:
            frame = partial(decode_frame_v1, size=size, width=header.width, height=header.height)
        else:
            frame = partial(decode_frame, size=size)
        return {
            FRAME_TOPIC: lambda recorded: frame(recorded.message.data, sequence=recorded.message.sequence),
            MODEL_TOPIC: lambda recorded: decode_model(recorded.message.data),
            PERSON_TOPIC: lambda recorded: Rig.decode(recorded.message.data, header.layout),
            STALL_TOPIC: lambda recorded: Stall.from_json(recorded.message.data),
            MARKER_TOPIC: lambda recorded: Marker.from_json(recorded.message.data),
            VIDEO_TOPIC: _video_packet,
        }

    def _read_header(self) -> TakeHeader:
        try:
            if self.path.stat().st_size == 0:
                raise LimelightError(f"take {self.path}: the file is empty (0 bytes)")
            for recorded in self.messages():
                if recorded.topic.name == HEADER_TOPIC:
                    return TakeHeader.from_json(recorded.message.data)
        except OSError as error:
            raise LimelightError(f"take {self.path}: cannot be read ({error.strerror})") from error
        except InvalidMagic as error:
            raise LimelightError(f"take {self.path}: not a take (MCAP file)") from error
        except LimelightError as error:
            raise (error if str(self.path) in str(error) else LimelightError(f"take {self.path}: {error}")) from error
        raise LimelightError(
            f"take {self.path}: holds no header of a take; it was cut too early, or another program wrote it"
        )

    def _records(self) -> Iterator[tuple[McapRecord, Place | None]]:
        """The records of the data section, those in chunks included, as far as the file goes; sets `cut`.

        After damage it goes on with the next chunk.
        """
        with self.path.open("rb") as file:
            records, whole, messages = _stream(file), 0, 0
            while True:
                try:
                    record = next(records, None)
                    if record is None or file.tell() - whole != _size(record, file.tell() - whole):
                        raise ValueError("a record that is none")
                except _DAMAGE as error:
                    if isinstance(error, InvalidMagic) and whole == 0:
                        raise
                    self.cut = f"take {self.path}: cut short, the recording did not end properly; read up to there"
                    if (start := _next_chunk(file, whole + 1)) is None:
                        return
                    self.cut = f"take {self.path}: damaged, some frames are missing"
                    file.seek(start)
                    records, whole = _stream(file, skip_magic=True), start
                    continue
                whole = file.tell()
                if isinstance(record, DataEnd):
                    if self.cut is None and _stated_messages(records) not in (None, messages):
                        self.cut = f"take {self.path}: damaged, some frames are missing"
                    return
                place, inner = None, [record]
                if isinstance(record, Chunk):
                    place = Place(whole - len(record.data), len(record.data), replace(record, data=b""))
                    try:
                        inner = breakup_chunk(record, validate_crc=True)
                    except _DAMAGE:
                        self.cut = f"take {self.path}: damaged or cut short, some frames are missing"
                        continue
                for one in inner:
                    messages += isinstance(one, Message)
                    yield one, place


def _stream(file: IO[bytes], skip_magic: bool = False) -> Iterator[McapRecord]:
    return iter(StreamReader(file, skip_magic, emit_chunks=True, record_size_limit=_RECORD_LIMIT).records)


def _size(record: McapRecord, unknown: int) -> int:
    """Bytes that a record takes in the file, if its kind tells: a damaged length leads past what follows."""
    if isinstance(record, DataEnd):
        return _DATA_END_BYTES
    return _CHUNK.size + len(record.compression) + len(record.data) if isinstance(record, Chunk) else unknown


def _stated_messages(records: Iterator[McapRecord]) -> int | None:
    """How many messages the file says that it has; None where it says nothing."""
    try:
        return next((record.message_count for record in records if isinstance(record, Statistics)), None)
    except _DAMAGE:
        return None


def _next_chunk(file: IO[bytes], start: int) -> int | None:
    """Where the next whole, uncompressed chunk begins, from `start` on; None if there is no more."""
    with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        at = data.find(_CHUNK_OPCODE, start)
        while 0 <= at <= len(data) - _CHUNK.size:
            _, length, _, _, size, _, compression, stored = _CHUNK.unpack_from(data, at)
            if compression == 0 and size == stored == length - _CHUNK.size + 9 and at + 9 + length <= len(data):
                return at
            at = data.find(_CHUNK_OPCODE, at + 1)
    return None


def _video_packet(recorded: Recorded) -> VideoPacket:
    message = recorded.message
    return VideoPacket(message.sequence, message.channel_id, is_key(packet_data(message.data)), recorded.place)
