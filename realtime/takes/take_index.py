"""Where the frames of a take lie in its file, and what is in them but their parameters: some 60 bytes a frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike, NDArray

from realtime.takes.data_section import Place
from realtime.takes.format import STATES, TakeHeader
from realtime.takes.messages import MAX_FACES

PIECE = np.dtype([("offset", "i8"), ("length", "i8"), ("size", "i8"), ("crc", "u4"), ("compression", "S4")])
"""A `Place`."""

FRAME = np.dtype(
    [
        *(("piece", "i4"), ("offset", "u4"), ("length", "u4"), ("sequence", "u4")),
        *(("time", "f8"), ("size", "u4", 2)),
    ]
)
"""A frame: the row of its message's piece, where it lies in that and its number; time, s; width and height, px."""

FACE = np.dtype(
    [
        *(("id", "u4"), ("person", "u4"), ("state", "u1"), ("confidence", "f4")),
        *(("crop", "u4"), ("raw", "u4"), ("smoothed", "u4")),
    ]
)
"""A face of a frame, and where its crop and its vectors lie in the frame's message; `raw` is 0 without one."""

PACKET = np.dtype([("piece", "i4"), ("offset", "u4"), ("length", "u4"), ("sequence", "u4"), ("key", "?")])
"""A packet of the reference video, as `FRAME`."""

_WINDOW = 4 << 20
"""Bytes of pieces that are looked through at once."""

_LITTLE_ENDIAN = 0x100  # CDR's first four bytes
_HEAD = np.dtype(
    [("cdr", "<u4"), ("index", "<u8"), ("time", "<f8"), ("timestamp", "<f8"), ("size", "<u4", 2), ("faces", "<u4")]
)
_FACE = np.dtype([("id", "<u4"), ("person", "<u4"), ("state", "u1", 4), ("confidence", "<f4")])
_CROP_BYTES = 32
_FRAME_V1 = np.dtype(
    [("cdr", "<u4"), ("index", "<u8"), ("time", "<f8"), ("crop", "<f8", 4), ("state", "u1", 4), ("confidence", "<f4")]
)
_CROP_V1 = 20


def gather(data: NDArray[np.uint8], places: NDArray[np.int64], kind: DTypeLike, count: int = 1) -> NDArray:
    """Return what lies at places in a buffer: (N,) of `kind`, or (N, count).

    Args:
        data: (B,) bytes, at least as many as are gathered for one row.
        places: (N,), each with all its bytes in `data`.
        kind: of NumPy.
        count: of each row.
    """
    kind = np.dtype(kind)
    if not len(places):
        return np.empty((0,) if count == 1 else (0, count), kind)
    rows = sliding_window_view(data, kind.itemsize * count)[places]  # (N, bytes), a copy
    values = rows.view(kind)
    return values[:, 0] if count == 1 else values


@dataclass(frozen=True, eq=False)
class TakeIndex:
    """Where everything lies; N frames with M faces in all.

    Attributes:
        pieces: `PIECE` each.
        frames: (N,) `FRAME`.
        first_face: (N + 1,) row of each frame's first face; the next frame's is the end of its faces.
        faces: (M,) `FACE`, in order.
        packets: `PACKET` each.
    """

    pieces: NDArray[np.void]
    frames: NDArray[np.void]
    first_face: NDArray[np.int64]
    faces: NDArray[np.void]
    packets: NDArray[np.void]

    def __len__(self) -> int:
        return len(self.frames)

    @cached_property
    def face_ids(self) -> tuple[int, ...]:
        """Every face, in order of appearance."""
        return _in_order(self.faces["id"])

    @cached_property
    def persons(self) -> tuple[int, ...]:
        """The keys of everybody whose a face is, in order of appearance."""
        return _in_order(self.faces["person"])

    def rows_of(self, face_id: int | None = None) -> NDArray[np.int64]:
        """Return each frame's row in `faces`, (N,); -1 where the face is not there.

        Args:
            face_id: of the face; the performer, whoever that was, if None.
        """
        first, after = self.first_face[:-1], self.first_face[1:]
        if face_id is None:
            return np.where(after > first, first, -1)
        rows = np.full(len(self), -1, np.int64)
        found = np.flatnonzero(self.faces["id"] == face_id)
        frames = np.searchsorted(self.first_face, found, side="right") - 1
        rows[frames[::-1]] = found[::-1]  # of two, which damage alone can make, the first
        return rows

    def place(self, row: int) -> Place:
        """Return where a piece lies."""
        offset, length, size, crc, compression = self.pieces[row].tolist()
        return Place(offset, length, size, crc, compression.decode("ascii"))


class TakeIndexBuilder:
    """Puts an index together while a take is read from start to end.

    Attributes:
        malformed: frame messages so far that are none.
    """

    def __init__(self, header: TakeHeader) -> None:
        """Begin the index of a take with this header."""
        self.malformed = 0
        self._header = header
        self._done: list[tuple[NDArray, ...]] = []
        self._pieces = 0
        self._start_window()

    def add_piece(self, place: Place, content: bytes) -> None:
        """Begin with the next piece; frames and packets that are added lie in it."""
        if self._bytes >= _WINDOW:
            self._end_window()
        self._base = self._bytes
        self._contents.append(content)
        self._bytes += len(content)
        self._places.append((place.offset, place.length, place.size, place.crc, place.compression))
        self._pieces += 1

    def add_frame(self, offset: int, length: int, sequence: int) -> None:
        """Add a frame's message, by where it lies in the piece."""
        self._frames.append((self._pieces - 1, offset, length, sequence, 0.0, (0, 0)))
        self._starts.append(self._base + offset)

    def add_packet(self, offset: int, length: int, sequence: int, key: bool) -> None:
        """Add a packet of the reference video, by where its message lies in the piece."""
        self._packets.append((self._pieces - 1, offset, length, sequence, key))

    def finish(self) -> TakeIndex:
        """Return the index."""
        self._end_window()
        pieces, frames, counts, faces, packets = (np.concatenate(parts) for parts in zip(*self._done, strict=True))
        first_face = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        return TakeIndex(pieces, frames, first_face, faces, packets)

    def _start_window(self) -> None:
        self._contents: list[bytes] = []
        self._base = self._bytes = 0
        self._places: list[tuple] = []
        self._frames: list[tuple] = []
        self._starts: list[int] = []
        self._packets: list[tuple] = []

    def _end_window(self) -> None:
        data = np.frombuffer(b"".join([*self._contents, bytes(_HEAD.itemsize + _FRAME_V1.itemsize)]), np.uint8)
        frames = np.array(self._frames, FRAME)
        starts = np.array(self._starts, np.int64)
        if self._header.format_version == 1:
            parse, frames["size"] = _parse_v1, (self._header.width, self._header.height)
        else:
            parse, frames["size"] = _parse, _within(data, starts, _HEAD)["size"]
        whole, frames["time"], counts, faces = parse(data, starts, starts + frames["length"], self._header.layout.size)
        self.malformed += int(np.count_nonzero(~whole))
        pieces, packets = np.array(self._places, PIECE), np.array(self._packets, PACKET)
        self._done.append((pieces, frames[whole], counts, faces, packets))
        self._start_window()


_Parsed = tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64], NDArray[np.void]]
"""Which of N messages are whole, (N,); the time of each, (N,); of the whole ones how many faces each has; the faces."""


def _parse(data: NDArray[np.uint8], start: NDArray[np.int64], end: NDArray[np.int64], size: int) -> _Parsed:
    """Look through frame messages: those that `realtime.takes.messages.decode_frame` would read are whole.

    Args:
        data: (B,) bytes that the messages lie in.
        start, end: (N,) of each message.
        size: P, of each parameter vector.
    """
    head = _within(data, start, _HEAD)
    whole = (start + _HEAD.itemsize <= end) & (head["cdr"] == _LITTLE_ENDIAN) & (head["faces"] <= MAX_FACES)
    counts = np.where(whole, head["faces"], 0).astype(np.int64)
    at = start + _HEAD.itemsize
    frames, faces = [np.empty(0, np.int64)], [np.empty(0, FACE)]
    for number in range(int(counts.max(initial=0))):
        rows = np.flatnonzero(whole & (counts > number))
        if not len(rows):
            break
        found, fits, after = _faces(data, start[rows], at[rows], end[rows], size)
        whole[rows], at[rows] = fits, after
        frames.append(rows)
        faces.append(found)
    of_frame, joined = np.concatenate(frames), np.concatenate(faces)
    kept = np.flatnonzero(whole[of_frame])
    kept = kept[np.argsort(of_frame[kept], kind="stable")]
    return whole, head["time"], counts[whole], joined[kept]


def _faces(
    data: NDArray[np.uint8], start: NDArray[np.int64], at: NDArray[np.int64], end: NDArray[np.int64], size: int
) -> tuple[NDArray[np.void], NDArray[np.bool_], NDArray[np.int64]]:
    """One face of each of N messages, at `at` (N,): the faces, whether each is whole, and where what follows begins."""
    fixed = _within(data, at, _FACE)
    crop = at + _FACE.itemsize
    crop += -(crop - start - 4) % 8  # a double is aligned to eight bytes, which count from behind the first four
    raw, has_raw, fits = _vector(data, crop + _CROP_BYTES, size)
    smoothed, has_smoothed, second_fits = _vector(data, raw + 4 * size * has_raw, size)
    after = smoothed + 4 * size
    faces = np.zeros(len(at), FACE)
    for name in ("id", "person", "confidence"):
        faces[name] = fixed[name]
    faces["state"] = fixed["state"][:, 0]
    faces["crop"] = crop - start
    faces["raw"] = np.where(has_raw, raw - start, 0)
    faces["smoothed"] = smoothed - start
    whole = fits & second_fits & has_smoothed & (after <= end) & (faces["state"] < len(STATES))
    return faces, whole, after


def _parse_v1(data: NDArray[np.uint8], start: NDArray[np.int64], end: NDArray[np.int64], size: int) -> _Parsed:
    """The same of format version 1, which has one face at most: of id 1, of person 1."""
    head = _within(data, start, _FRAME_V1)
    raw, has_raw, fits = _vector(data, start + _FRAME_V1.itemsize, size)
    smoothed, has_face, second_fits = _vector(data, raw + 4 * size * has_raw, size)
    whole = (head["cdr"] == _LITTLE_ENDIAN) & fits & second_fits & (smoothed + 4 * size * has_face <= end)
    whole &= ~has_face | (head["state"][:, 0] < len(STATES))
    faces = np.zeros(len(start), FACE)
    faces["id"] = faces["person"] = 1
    faces["state"], faces["confidence"] = head["state"][:, 0], head["confidence"]
    faces["crop"] = _CROP_V1
    faces["raw"] = np.where(has_raw, raw - start, 0)
    faces["smoothed"] = smoothed - start
    return whole, head["time"], has_face[whole].astype(np.int64), faces[whole & has_face]


def _vector(
    data: NDArray[np.uint8], at: NDArray[np.int64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """A `float32[]` of none or P numbers: where it begins, whether it has some, and whether it is such a one."""
    count = _within(data, at, np.dtype("<u4"))
    return at + 4, count > 0, (count == 0) | (count == size)


def _within(data: NDArray[np.uint8], at: NDArray[np.int64], kind: np.dtype) -> NDArray:
    """`gather` for places that damage may have led out of the data: what is read there is not used."""
    return gather(data, np.minimum(at, len(data) - kind.itemsize), kind)


def _in_order(numbers: NDArray) -> tuple[int, ...]:
    """The different numbers, in order of appearance."""
    values, first = np.unique(numbers, return_index=True)
    return tuple(values[np.argsort(first)].tolist())
