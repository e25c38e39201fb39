"""The frames of a take, read from its file where they are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from mcap.exceptions import McapError
from numpy.typing import NDArray

from facemodel import LimelightError
from realtime.takes.format import TakeHeader
from realtime.takes.messages import TakeFrame, decode_frame, decode_frame_v1
from realtime.takes.take_index import TakeIndex, gather


@dataclass(frozen=True, eq=False)
class FaceRows:
    """What some frames say of one face each, N frames, P parameters.

    Attributes:
        index: (N,) int64, of each frame in its source.
        timestamp: (N,) float64 seconds, on the source's clock.
        size: (N, 2) int64 width and height of each frame, px.
        crop: (N, 4) float64: centre x, y, side (frame pixels), angle (radians); NaN without a crop.
        vectors: (N, P) float32; NaN where there are none.
    """

    index: NDArray[np.int64]
    timestamp: NDArray[np.float64]
    size: NDArray[np.int64]
    crop: NDArray[np.float64]
    vectors: NDArray[np.float32]


class TakeFrames(Sequence[TakeFrame]):
    """The frames in order. From any thread; the piece of the file that was looked at last is kept."""

    def __init__(self, path: Path, header: TakeHeader, index: TakeIndex) -> None:
        """
        Args:
            path: of the take.
            header: of the take.
            index: of the take.
        """
        self._path, self._header, self._index = path, header, index
        self._newest: tuple[int, bytes] = (-1, b"")  # replaced as a whole: threads need no lock

    def __len__(self) -> int:
        return len(self._index)

    @overload
    def __getitem__(self, row: int) -> TakeFrame: ...

    @overload
    def __getitem__(self, row: slice) -> tuple[TakeFrame, ...]: ...

    def __getitem__(self, row: int | slice) -> TakeFrame | tuple[TakeFrame, ...]:
        """Read one frame, or some.

        Raises:
            IndexError: there is no such frame.
            LimelightError: it cannot be read any more.
        """
        if isinstance(row, slice):
            return tuple(self[each] for each in range(*row.indices(len(self))))
        piece, offset, length, sequence, *_ = self._index.frames[row].tolist()
        data = self._content(piece)[offset : offset + length]
        header = self._header
        try:
            if header.format_version == 1:
                return decode_frame_v1(data, header.layout.size, header.width, header.height, sequence)
            return decode_frame(data, header.layout.size, sequence)
        except ValueError as error:
            raise self._changed(error) from error

    def __iter__(self) -> Iterator[TakeFrame]:
        return (self[row] for row in range(len(self)))

    def faces(self, span: slice, rows: NDArray[np.int64], raw: bool = False) -> FaceRows:
        """Read one face of consecutive frames.

        Args:
            span: of N frames.
            rows: (N,) of the face in the index; -1 where it is not there.
            raw: the network's own parameters instead of the smoothed ones.

        Raises:
            LimelightError: they cannot be read any more.
        """
        frames = self._index.frames[span]
        data, starts = self._joined(frames)
        there = np.flatnonzero(rows >= 0)
        faces, at = self._index.faces[rows[there]], starts[there]
        vectors = np.full((len(frames), self._header.layout.size), np.nan, np.float32)
        crop = np.full((len(frames), 4), np.nan)
        offset = faces["raw" if raw else "smoothed"].astype(np.int64)
        has = offset > 0
        vectors[there[has]] = gather(data, (at + offset)[has], "<f4", vectors.shape[1])
        crop[there] = gather(data, at + faces["crop"], "<f8", 4)
        crop[np.isnan(crop[:, 2])] = np.nan
        timestamp = 12 if self._header.format_version == 1 else 20
        return FaceRows(
            index=gather(data, starts + 4, "<u8").astype(np.int64),
            timestamp=gather(data, starts + timestamp, "<f8"),
            size=frames["size"].astype(np.int64),
            crop=crop,
            vectors=vectors,
        )

    def _joined(self, frames: NDArray[np.void]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The pieces that frames lie in, joined, and where each frame's message begins in them."""
        pieces, inverse = np.unique(frames["piece"], return_inverse=True)
        contents = [self._content(piece) for piece in pieces.tolist()]
        bases = np.cumsum([0, *(len(content) for content in contents)])
        return np.frombuffer(b"".join(contents), np.uint8), bases[inverse] + frames["offset"]

    def _content(self, row: int) -> bytes:
        kept, content = self._newest
        if kept != row:
            place = self._index.place(row)
            try:
                with self._path.open("rb") as file:
                    file.seek(place.offset)
                    content = place.unpack(file.read(place.length))
            except OSError as error:
                raise LimelightError(f"take {self._path}: cannot be read any more ({error.strerror})") from error
            except (ValueError, McapError) as error:
                raise self._changed(error) from error
            self._newest = (row, content)
        return content

    def _changed(self, error: Exception) -> LimelightError:
        return LimelightError(f"take {self._path}: was changed since it was opened ({error}); open it again")
