"""Writes a take so that a crash loses almost nothing.

MCAP collects messages in chunks; a chunk is in the file only once it is whole. A chunk is ended and handed to
the operating system every `FLUSH_SECONDS`, or `FLUSH_BYTES` if those come sooner, so a process that is killed
(SIGKILL) loses at most what came since, and a full disk as little; the file up to there is whole chunks. Every
`SYNC_SECONDS` the file is also forced to the disk itself, which is what a power cut or a crash of the machine can
cost. Chunks are not compressed: float parameters hardly shrink, and a damaged file stays legible.
"""

from __future__ import annotations

import json
import os
import time
from datetime import datetime
from pathlib import Path
from typing import IO, cast

from mcap.writer import CompressionType, Writer

from facemodel import LimelightError
from realtime.frame import TrackedFrame
from realtime.takes.format import (
    FRAME_SCHEMA,
    FRAME_SCHEMA_NAME,
    FRAME_TOPIC,
    HEADER_SCHEMA,
    HEADER_TOPIC,
    TakeHeader,
    encode_frame,
)

FLUSH_SECONDS = 0.1
FLUSH_BYTES = 16 * 1024
SYNC_SECONDS = 1.0


class TakeWriter:
    """Writes one take; never overwrites a file. One thread at a time."""

    def __init__(self, path: str | Path, header: TakeHeader) -> None:
        """Create the file and put the header on the disk.

        Raises:
            LimelightError: the file exists, or cannot be written.
        """
        self.path = Path(path)
        self.frames = 0
        self._stream = _WholeChunksFile(self.path)
        self._closed = False
        self._failed = False
        self._sequence = 0
        self._first: float | None = None
        self._created_ns = int(datetime.fromisoformat(header.created).timestamp() * 1e9)
        self._writer = Writer(cast(IO[bytes], self._stream), compression=CompressionType.NONE)
        self._writer.start(library="limelight")
        header_schema = self._writer.register_schema(
            "limelight.TakeHeader", "jsonschema", json.dumps(HEADER_SCHEMA).encode()
        )
        frame_schema = self._writer.register_schema(FRAME_SCHEMA_NAME, "ros2msg", FRAME_SCHEMA.encode())
        header_channel = self._writer.register_channel(HEADER_TOPIC, "json", header_schema)
        self._frame_channel = self._writer.register_channel(FRAME_TOPIC, "cdr", frame_schema)
        self._writer.add_message(header_channel, self._created_ns, header.to_json(), self._created_ns)
        self._synced = time.monotonic()
        try:
            self.flush()
        except LimelightError:
            self._stream.close()
            self.path.unlink(missing_ok=True)
            raise

    def append(self, result: TrackedFrame) -> None:
        """Add one frame.

        Raises:
            LimelightError: the disk is full or failed; everything before the last flush stays readable.
        """
        self.append_encoded(encode_frame(result), result.frame.timestamp)

    def append_encoded(self, message: bytes, timestamp: float) -> None:
        """Add one frame that `encode_frame` encoded, of this timestamp; see `append`."""
        self._first = timestamp if self._first is None else self._first
        log_time = self._created_ns + max(0, round((timestamp - self._first) * 1e9))
        self._writer.add_message(self._frame_channel, log_time, message, log_time, self._sequence)
        self._sequence += 1
        self.frames += 1
        self._unflushed += len(message)
        if self._unflushed >= FLUSH_BYTES or time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Hand everything so far to the operating system, and to the disk where that is due; see `append`."""
        self._flushed, self._unflushed = time.monotonic(), 0
        try:
            self._writer.flush()
            if self._flushed - self._synced >= SYNC_SECONDS:
                self._stream.sync()
                self._synced = self._flushed
        except OSError as error:
            self._failed = True
            raise self._explained(error) from error

    def close(self) -> None:
        """Write the index and force everything to the disk; a second call does nothing.

        Raises:
            LimelightError: the disk is full or failed; the frames that are in the file stay readable.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if not self._failed:
                self._writer.finish()
                self._stream.flush()
                self._stream.sync()
        except OSError as error:
            raise self._explained(error) from error
        finally:
            self._stream.close()

    def __enter__(self) -> TakeWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _explained(self, error: OSError) -> LimelightError:
        return LimelightError(
            f"take {self.path}: cannot be written ({error.strerror}); "
            "the recording ended, what was written stays readable"
        )


class _WholeChunksFile:
    """A file that grows only by whole flushes: one that fails half-way is cut off again."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True)
        except OSError as error:
            raise LimelightError(f"take {path}: its folder cannot be created ({error.strerror})") from error
        try:
            self._descriptor = os.open(path, flags, 0o644)
        except FileExistsError as error:
            raise LimelightError(
                f"take {path}: exists already and is never overwritten; choose another name"
            ) from error
        except OSError as error:
            raise LimelightError(f"take {path}: cannot be created ({error.strerror})") from error
        self._written = 0
        self._pending = bytearray()

    def write(self, data: bytes) -> int:
        self._pending += data
        return len(data)

    def tell(self) -> int:
        return self._written + len(self._pending)

    def flush(self) -> None:
        remaining = memoryview(bytes(self._pending))
        try:
            while remaining:
                remaining = remaining[os.write(self._descriptor, remaining) :]
        except OSError:
            os.ftruncate(self._descriptor, self._written)
            raise
        self._written += len(self._pending)
        self._pending.clear()

    def sync(self) -> None:
        os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)
