"""Reads takes, also those whose recording was cut short."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from mcap.data_stream import ReadDataStream
from mcap.exceptions import InvalidMagic, McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Message, Schema

from facemodel import FaceModel, LimelightError
from realtime.sound.block import SoundBlock
from realtime.takes.data_section import MAGIC, DataSection, Place, records
from realtime.takes.format import (
    FRAME_TOPIC,
    HEADER_TOPIC,
    MARKER_TOPIC,
    MODEL_TOPIC,
    PERSON_TOPIC,
    SHOW_TOPIC,
    SOUND_TOPIC,
    STALL_TOPIC,
    TIMECODE_TOPIC,
    VIDEO_TOPIC,
    TakeHeader,
    Topic,
)
from realtime.takes.messages import (
    Marker,
    ShowMark,
    Stall,
    TakeFrame,
    TimecodeMark,
    decode_frame,
    decode_frame_v1,
)
from realtime.takes.reference_video import VideoPacket, is_key, packet_data
from realtime.takes.rig import Rig, decode_model
from realtime.takes.sound_message import decode_sound

_MESSAGE = struct.Struct("<HIQQ")  # channel, sequence, log time, publish time

Event = TakeFrame | Rig | FaceModel | Stall | Marker | TimecodeMark | ShowMark | VideoPacket | SoundBlock
"""What a take holds besides its header."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One message as it lies in a file: `offset` bytes into the piece at `place`."""

    topic: Topic
    message: Message
    place: Place
    offset: int


class MessagePlace(NamedTuple):
    """Where a message lies in its piece: topic, start and length of its data; its number and its log time, ns."""

    topic: Topic
    offset: int
    length: int
    sequence: int
    log_time: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a file: where it lies, what is in it, and its messages in order."""

    place: Place
    content: bytes
    messages: list[MessagePlace]

    def recorded(self, message: MessagePlace) -> Recorded:
        """Return one of its messages."""
        topic, offset, length, sequence, log_time = message
        data = self.content[offset : offset + length]
        return Recorded(topic, Message(0, log_time, data, log_time, sequence), self.place, offset)


def is_take(path: str | Path) -> bool:
    """Return whether a file is a take, or at least called one."""
    path = Path(path)
    if path.suffix.lower() == ".mcap":
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
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
            self.missing(str(error))
            return None

    def missing(self, why: str) -> None:
        """Take note that a message is none."""
        self.cut = f"take {self.path}: damaged, a message is missing ({why})"

    def knows(self, recorded: Recorded) -> bool:
        """Return whether `decode` knows the topic."""
        return recorded.topic.name in self._decoders

    def messages(self) -> Iterator[Recorded]:
        """All messages as they lie in the file, those of topics that this version does not know included."""
        for piece in self.pieces():
            yield from map(piece.recorded, piece.messages)

    def pieces(self) -> Iterator[Piece]:
        """All messages piece by piece, for those who do not look into each."""
        section = DataSection(self.path)
        topics = _Topics()
        found = 0
        damaged = False
        self.cut = None
        for place, content in section:
            messages = []
            try:
                for opcode, at, length in records(content):
                    if opcode == Opcode.MESSAGE:
                        channel, sequence, log_time, _ = _MESSAGE.unpack_from(content, at)
                        if (topic := topics.of(channel)) is not None:
                            offset = at + _MESSAGE.size
                            messages.append(MessagePlace(topic, offset, length - _MESSAGE.size, sequence, log_time))
                        found += 1
                    else:
                        topics.read(opcode, content[at : at + length])
            except (ValueError, struct.error, McapError):
                damaged = True
            yield Piece(place, content, messages)
        if section.cut is not None:
            self.cut = section.cut
        elif damaged or section.stated_messages not in (None, found):
            self.cut = f"take {self.path}: damaged, some frames are missing"

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
            SOUND_TOPIC: lambda recorded: decode_sound(recorded.message.data),
            TIMECODE_TOPIC: lambda recorded: TimecodeMark.from_json(recorded.message.data),
            SHOW_TOPIC: lambda recorded: ShowMark.from_json(recorded.message.data),
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


class _Topics:
    """The topics of channels, as far as the records before tell them."""

    def __init__(self) -> None:
        self._schemas: dict[int, Schema] = {}
        self._topics: dict[int, Topic] = {}

    def of(self, channel: int) -> Topic | None:
        """Return the topic of a channel; None if nothing was said of it."""
        return self._topics.get(channel)

    def read(self, opcode: int, content: bytes) -> None:
        """Take note of a record; others than schemas and channels are left out.

        Raises:
            ValueError, struct.error, McapError: it is damaged.
        """
        stream = ReadDataStream(BytesIO(content))
        if opcode == Opcode.SCHEMA:
            schema = Schema.read(stream)
            self._schemas[schema.id] = schema
        elif opcode == Opcode.CHANNEL:
            channel = Channel.read(stream)
            if (schema := self._schemas.get(channel.schema_id)) is not None:
                self._topics[channel.id] = Topic(
                    channel.topic, channel.message_encoding, schema.name, schema.encoding, schema.data
                )


def _video_packet(recorded: Recorded) -> VideoPacket:
    data = recorded.message.data
    return VideoPacket(recorded.message.sequence, is_key(packet_data(data)), recorded.place, recorded.offset, len(data))
