"""An MCAP file that a crash costs almost nothing.

MCAP collects messages in chunks; a chunk is in the file only once it is whole. A chunk is ended and handed to
the operating system every `FLUSH_SECONDS`, or `FLUSH_BYTES` if those come sooner, so a process that is killed
(SIGKILL) loses at most what came since, and a full disk as little; the file up to there is whole chunks. Every
`SYNC_SECONDS` the file is also forced to the disk itself, which is what a power cut or a crash of the machine can
cost. Chunks are not compressed: float parameters hardly shrink, and a damaged file stays legible.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import IO, cast

from mcap.writer import CompressionType, Writer

from facemodel import LimelightError
from realtime.takes.format import Topic

FLUSH_SECONDS = 0.1
FLUSH_BYTES = 16 * 1024
SYNC_SECONDS = 1.0


class McapFile:
    """Writes messages; never overwrites a file. One thread at a time."""

    def __init__(self, path: Path) -> None:
        """Create the file.

        Raises:
            LimelightError: the file exists, or cannot be written.
        """
        self.path = path
        self._stream = _WholeChunksFile(path)
        self._writer = Writer(cast(IO[bytes], self._stream), compression=CompressionType.NONE)
        self._writer.start(library="limelight")
        self._channels: dict[Topic, int] = {}
        self._closed = False
        self._failed = False
        self._unflushed = 0
        self._flushed = self._synced = time.monotonic()

    @property
    def usable(self) -> bool:
        """Whether messages can be added: it is open, and the disk has not failed."""
        return not (self._closed or self._failed)

    def declare(self, topic: Topic) -> None:
        """Put a topic's schema into the file, as `add` does with its first message; early, it is not lost with that."""
        if topic not in self._channels:
            schema = self._writer.register_schema(topic.schema_name, topic.schema_encoding, topic.schema)
            self._channels[topic] = self._writer.register_channel(topic.name, topic.message_encoding, schema)

    def add(self, topic: Topic, log_time: int, message: bytes, sequence: int = 0) -> None:
        """Add one message.

        Args:
            topic: of the message.
            log_time: wall clock, ns.
            message: as the topic's schema says.
            sequence: number of the message, MCAP's.

        Raises:
            LimelightError: the disk is full or failed; everything before the last flush stays readable.
        """
        self.declare(topic)
        self._writer.add_message(self._channels[topic], log_time, message, log_time, sequence)
        self._unflushed += len(message)
        self.flush_if_due()

    def flush_if_due(self) -> None:
        """Flush what has waited for long enough, as `add` does; for times when there is nothing to add.

        Raises:
            LimelightError: as `add`.
        """
        waited = time.monotonic() - self._flushed
        if self._unflushed >= FLUSH_BYTES or (self._unflushed and waited >= FLUSH_SECONDS):
            self.flush()

    def flush(self) -> None:
        """Hand everything so far to the operating system, and to the disk where that is due; see `add`."""
        self._flushed, self._unflushed = time.monotonic(), 0
        try:
            self._writer.flush()
            if self._flushed - self._synced >= SYNC_SECONDS:
                self._stream.sync()
                self._synced = self._flushed
        except OSError as error:
            raise self._explained(error) from error

    def close(self) -> None:
        """Write the index and force everything to the disk; a second call does nothing.

        Raises:
            LimelightError: the disk is full or failed; the messages that are in the file stay readable.
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

    def discard(self) -> None:
        """Close and delete what cannot be a take."""
        if not self._closed:
            self._closed = True
            self._stream.close()
        self.path.unlink(missing_ok=True)

    def _explained(self, error: OSError) -> LimelightError:
        self._failed = True
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
