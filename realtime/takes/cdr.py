"""CDR, the encoding of ROS 2 messages (OMG's XCDR1, little-endian): numbers aligned to their own size."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

_LITTLE_ENDIAN = b"\x00\x01\x00\x00"
_COUNT = struct.Struct("<I")
_BYTES = np.dtype("u1")
_FLOATS = np.dtype("<f4")


class CdrWriter:
    """Puts one message together, field by field."""

    def __init__(self) -> None:
        self._parts = [_LITTLE_ENDIAN]
        self._size = 0  # without the first four bytes: alignment counts from here

    def fields(self, form: struct.Struct, alignment: int, *values: float) -> None:
        """Add fixed fields; `form` pads within, `alignment` is that of the first field."""
        self._add(form.pack(*values), alignment)

    def floats(self, values: NDArray | None) -> None:
        """Add a `float32[]`; None is an empty one."""
        values = np.empty(0) if values is None else np.asarray(values)
        self.fields(_COUNT, 4, values.size)
        self._add(values.astype(_FLOATS, copy=False).tobytes(), 1)

    def data(self, values: bytes) -> None:
        """Add a `uint8[]`."""
        self.fields(_COUNT, 4, len(values))
        self._add(values, 1)

    def text(self, value: str) -> None:
        """Add a `string`."""
        self.data(value.encode() + b"\0")

    def message(self) -> bytes:
        """Return all of it."""
        return b"".join(self._parts)

    def _add(self, part: bytes, alignment: int) -> None:
        padding = bytes(-self._size % alignment)
        self._parts += (padding, part)
        self._size += len(padding) + len(part)


class CdrReader:
    """Takes one message apart, field by field. What it raises on damaged ones is ValueError or `struct.error`."""

    def __init__(self, message: bytes) -> None:
        if message[:4] != _LITTLE_ENDIAN:
            raise ValueError("not little-endian CDR")
        self._message = message
        self._at = 0

    @property
    def left(self) -> bool:
        """Whether there is more: later programs may say more than earlier ones."""
        return len(self._message) > 4 + self._at

    def fields(self, form: struct.Struct, alignment: int) -> tuple:
        """The inverse of `CdrWriter.fields`."""
        self._at += -self._at % alignment
        values = form.unpack_from(self._message, 4 + self._at)
        self._at += form.size
        return values

    def floats(self) -> NDArray[np.float32] | None:
        """A `float32[]`, read only; None for an empty one."""
        values = self._array(_FLOATS)
        return values.astype(np.float32, copy=False) if values.size else None

    def data(self) -> bytes:
        """A `uint8[]`."""
        return self._array(_BYTES).tobytes()

    def text(self) -> str:
        """A `string`."""
        return self.data().removesuffix(b"\0").decode()

    def _array(self, kind: np.dtype) -> NDArray:
        (count,) = self.fields(_COUNT, 4)
        values = np.frombuffer(self._message, kind, count, 4 + self._at) if count else np.empty(0, kind)
        self._at += values.nbytes
        return values
