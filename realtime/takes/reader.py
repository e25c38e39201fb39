"""Reads takes, also those whose recording was cut short."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mcap.exceptions import InvalidMagic, McapError
from mcap.records import Channel, Chunk, DataEnd, McapRecord, Message
from mcap.stream_reader import StreamReader, breakup_chunk
from numpy.typing import NDArray

from facemodel import LimelightError, ParameterLayout
from realtime.takes.format import FRAME_TOPIC, HEADER_TOPIC, TakeFrame, TakeHeader, decode_frame

_RECORD_LIMIT = 64 * 2**20  # bytes; ours are some KiB, a larger length is damage
_DAMAGE = (McapError, struct.error, ValueError, OverflowError, MemoryError)
"""What mcap raises on bytes that are not what was written."""


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
            LimelightError: missing, empty, not a take, or of another format version.
        """
        self.path = Path(path)
        self.cut: str | None = None
        self.header = self._read_header()

    def __iter__(self) -> Iterator[TakeFrame]:
        """The frames in order. Damaged parts are skipped and a cut file ends early; `cut` then says so."""
        self.cut = None
        for topic, message in self._messages():
            if topic == FRAME_TOPIC:
                try:
                    yield decode_frame(message.data)
                except ValueError as error:
                    self.cut = f"take {self.path}: damaged, a frame is missing ({error})"

    def _read_header(self) -> TakeHeader:
        try:
            if self.path.stat().st_size == 0:
                raise LimelightError(f"take {self.path}: the file is empty (0 bytes)")
            for topic, message in self._messages():
                if topic == HEADER_TOPIC:
                    return TakeHeader.from_json(message.data)
        except OSError as error:
            raise LimelightError(f"take {self.path}: cannot be read ({error.strerror})") from error
        except InvalidMagic as error:
            raise LimelightError(f"take {self.path}: not a take (MCAP file)") from error
        except LimelightError as error:
            raise (error if str(self.path) in str(error) else LimelightError(f"take {self.path}: {error}")) from error
        raise LimelightError(
            f"take {self.path}: holds no header of a take; it was cut too early, or another program wrote it"
        )

    def _messages(self) -> Iterator[tuple[str, Message]]:
        topics: dict[int, str] = {}
        for record in self._records():
            if isinstance(record, Channel):
                topics[record.id] = record.topic
            elif isinstance(record, Message):
                yield topics.get(record.channel_id, ""), record

    def _records(self) -> Iterator[McapRecord]:
        """The records of the data section, those in chunks included, as far as the file goes; sets `cut`."""
        with self.path.open("rb") as file:
            records = StreamReader(file, emit_chunks=True, record_size_limit=_RECORD_LIMIT).records
            while True:
                try:
                    record = next(records)
                except InvalidMagic:
                    raise
                except _DAMAGE:
                    self.cut = f"take {self.path}: cut short, the recording did not end properly; read up to there"
                    return
                if isinstance(record, DataEnd):
                    return
                if not isinstance(record, Chunk):
                    yield record
                    continue
                try:
                    yield from breakup_chunk(record, validate_crc=True)
                except _DAMAGE:
                    self.cut = f"take {self.path}: damaged or cut short, some frames are missing"


@dataclass(frozen=True, eq=False)
class Take:
    """A whole take as arrays; N frames, P parameters.

    Attributes:
        path: where it was read.
        header: see `TakeHeader`.
        index: (N,) int64, of each frame in its source.
        timestamp: (N,) float64 seconds, on the source's clock.
        state: (N,) `TrackingState`.
        confidence: (N,) float32, 0..1.
        crop: (N, 4) float64: centre x, y, side (frame pixels), angle (radians); NaN without a crop.
        raw: (N, P) float32, NaN where the frame was not tracked.
        smoothed: (N, P) float32, NaN while searching.
        cut: one line on what is missing at the end; None for a complete take.
    """

    path: Path
    header: TakeHeader
    index: NDArray[np.int64]
    timestamp: NDArray[np.float64]
    state: NDArray[np.object_]
    confidence: NDArray[np.float32]
    crop: NDArray[np.float64]
    raw: NDArray[np.float32]
    smoothed: NDArray[np.float32]
    cut: str | None = None

    def __len__(self) -> int:
        return len(self.index)

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the last."""
        return float(self.timestamp[-1] - self.timestamp[0]) if len(self) else 0.0


def load_take(path: str | Path, layout: ParameterLayout | None = None) -> Take:
    """Read a whole take.

    Args:
        path: of the take.
        layout: that the caller needs; any if None.

    Raises:
        LimelightError: not a take, no frame in it, or of another layout.
    """
    reader = TakeReader(path)
    if layout is not None and layout != reader.header.layout:
        raise LimelightError(
            f"take {path}: its parameters belong to face model '{reader.header.model_name}' "
            f"({reader.header.model_digest}), which has other dimensions than the one in use"
        )
    frames = list(reader)
    if not frames:
        raise LimelightError(f"take {path}: holds no frame")
    size = reader.header.layout.size
    return Take(
        path=Path(path),
        header=reader.header,
        index=np.array([f.index for f in frames], np.int64),
        timestamp=np.array([f.timestamp for f in frames]),
        state=np.array([f.state for f in frames], object),
        confidence=np.array([f.confidence for f in frames], np.float32),
        crop=np.array([_crop_row(f) for f in frames]),
        raw=_stack([f.raw for f in frames], size, path),
        smoothed=_stack([f.smoothed for f in frames], size, path),
        cut=reader.cut,
    )


def _crop_row(frame: TakeFrame) -> tuple[float, float, float, float]:
    crop = frame.crop
    return (np.nan,) * 4 if crop is None else (*crop.centre, crop.side, crop.angle)


def _stack(vectors: list[NDArray | None], size: int, path: str | Path) -> NDArray[np.float32]:
    """(N, size), NaN rows where there is no vector."""
    stacked = np.full((len(vectors), size), np.nan, np.float32)
    for row, vector in zip(stacked, vectors, strict=True):
        if vector is None:
            continue
        if vector.shape != (size,):
            raise LimelightError(f"take {path}: damaged, a frame has {len(vector)} parameters instead of {size}")
        row[:] = vector
    return stacked
