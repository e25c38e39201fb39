"""The data section of an MCAP file, piece by piece: what a crash or damage left of it, too.

A piece is the records of one chunk, or one record outside of chunks. Pieces are read with few copies and no object a
record, since a take of an hour has hundreds of thousands of them.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO

from mcap.exceptions import InvalidMagic, McapError
from mcap.opcode import Opcode
from mcap.records import Chunk
from mcap.stream_reader import get_chunk_data_stream

MAGIC = b"\x89MCAP0\r\n"

_BUFFER = 1 << 20  # bytes that are read at once
_RECORD = struct.Struct("<BQ")  # opcode, length
_CHUNK = struct.Struct("<BQQQQIIQ")
"""What precedes a chunk's records: opcode, length, two times, size, CRC, length of the compression's name, which is
empty, size as stored."""
_CHUNK_HEAD = struct.Struct("<QQQII")  # two times, size, CRC, length of the compression's name
_COUNT = struct.Struct("<I")
_SIZE = struct.Struct("<Q")
_STATISTICS = struct.Struct("<Q")  # messages
_RECORD_LIMIT = 2**28  # bytes; ours are some KiB, a model's are MiB, a larger length is damage
_CHUNK_OPCODE = bytes([Opcode.CHUNK])
_PIECES = (Opcode.SCHEMA, Opcode.CHANNEL, Opcode.MESSAGE)
_SKIPPED = (Opcode.HEADER, Opcode.MESSAGE_INDEX, Opcode.ATTACHMENT, Opcode.METADATA)
_DATA_END_BYTES = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where a piece lies in a file.

    Attributes:
        offset, length: bytes in the file, as stored.
        size: bytes once decompressed.
        crc: CRC-32 of the decompressed bytes; 0 if it has none.
        compression: "", "lz4" or "zstd"; the latter two where mcap can read them.
    """

    offset: int
    length: int
    size: int
    crc: int = 0
    compression: str = ""

    def unpack(self, stored: bytes) -> bytes:
        """Return the records of a piece from its bytes in the file.

        Raises:
            ValueError, McapError: they are damaged.
        """
        if not self.compression:
            if len(stored) != self.length or (self.crc and zlib.crc32(stored) != self.crc):
                raise ValueError("damaged")
            return stored
        chunk = Chunk(self.compression, stored, 0, 0, self.crc, self.size)
        try:
            stream, size = get_chunk_data_stream(chunk, validate_crc=True)
        except (RuntimeError, OverflowError, MemoryError) as error:  # what the decompressors raise on damage
            raise ValueError(str(error)) from error
        return stream.read(size)


def records(piece: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield opcode, start and length of the content of each record of a piece.

    Raises:
        ValueError: the last one is cut.
    """
    at, end = 0, len(piece)
    while at < end:
        if at + _RECORD.size > end:
            raise ValueError("a record is cut")
        opcode, length = _RECORD.unpack_from(piece, at)
        at += _RECORD.size
        if at + length > end:
            raise ValueError("a record is cut")
        yield opcode, at, length
        at += length


class DataSection:
    """The pieces of an MCAP file's data section, read from its start as often as wanted.

    Attributes:
        path: of the file.
        cut: None, or after an iteration one line on what is missing.
        stated_messages: None, or after an iteration how many messages the file says that it has.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cut: str | None = None
        self.stated_messages: int | None = None

    def __iter__(self) -> Iterator[tuple[Place, bytes]]:
        """Yield each piece with its place; after damage it goes on with the next chunk.

        Raises:
            InvalidMagic: the file is no MCAP file.
            OSError: it cannot be read.
        """
        self.cut = self.stated_messages = None
        with self.path.open("rb", buffering=_BUFFER) as file:
            if (magic := file.read(len(MAGIC))) != MAGIC:
                raise InvalidMagic(list(magic))
            size, at = os.fstat(file.fileno()).st_size, len(MAGIC)
            while True:
                try:
                    opcode, length = _head(file, size - at)
                    if opcode == Opcode.DATA_END:
                        if length != _DATA_END_BYTES:
                            raise ValueError("an end that is none")
                        file.seek(length, os.SEEK_CUR)
                        self.stated_messages = _stated_messages(file, size)
                        return
                    content = file.read(length)
                    place = _place(opcode, content, at)
                except (ValueError, struct.error):
                    self.cut = f"take {self.path}: cut short, the recording did not end properly; read up to there"
                    if (start := _next_chunk(file, at + 1)) is None:
                        return
                    self.cut = f"take {self.path}: damaged, some frames are missing"
                    file.seek(start)
                    at = start
                    continue
                at += _RECORD.size + length
                if place is None:
                    continue
                if opcode == Opcode.CHUNK:
                    try:
                        yield place, place.unpack(content[length - place.length :])
                    except (ValueError, McapError):
                        self.cut = f"take {self.path}: damaged or cut short, some frames are missing"
                else:
                    yield place, _RECORD.pack(opcode, length) + content


def _head(file: IO[bytes], left: int) -> tuple[int, int]:
    """Opcode and length of the record at the file's position, `left` bytes before its end.

    Raises:
        ValueError, struct.error: there is none.
    """
    opcode, length = _RECORD.unpack(file.read(_RECORD.size))
    if length > min(left - _RECORD.size, _RECORD_LIMIT):
        raise ValueError("a record that is cut, or none")
    return opcode, length


def _place(opcode: int, content: bytes, at: int) -> Place | None:
    """Where the piece lies that a record at `at` is; None if it is none.

    Raises:
        ValueError, struct.error: the record is none of a data section.
    """
    if opcode == Opcode.CHUNK:
        _, _, size, crc, name = _CHUNK_HEAD.unpack_from(content)
        begin = _CHUNK_HEAD.size + name + _SIZE.size
        (length,) = _SIZE.unpack_from(content, begin - _SIZE.size)
        compression = content[_CHUNK_HEAD.size : begin - _SIZE.size].decode("ascii")
        if begin + length != len(content) or (not compression and size != length):
            raise ValueError("a chunk that is none")
        return Place(at + _RECORD.size + begin, length, size, crc, compression)
    if opcode in _PIECES:
        return Place(at, _RECORD.size + len(content), _RECORD.size + len(content))
    if opcode == Opcode.MESSAGE_INDEX and 6 + _COUNT.unpack_from(content, 2)[0] != len(content):
        raise ValueError("an index that is none")
    if opcode not in _SKIPPED:
        raise ValueError("a record that is none")
    return None


def _stated_messages(file: IO[bytes], size: int) -> int | None:
    """How many messages the summary behind the data section says that there are; None where it says nothing."""
    try:
        while True:
            opcode, length = _head(file, size - file.tell())
            if opcode == Opcode.STATISTICS:
                return int(_STATISTICS.unpack_from(file.read(length))[0])
            file.seek(length, os.SEEK_CUR)
    except (ValueError, struct.error):
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
