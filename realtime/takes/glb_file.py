"""GLB, the binary container of glTF 2.0, written with flat memory: what is long goes through a file on disk."""

from __future__ import annotations

import json
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

VERTICES, INDICES = 34962, 34963
"""Targets of buffer views: ARRAY_BUFFER and ELEMENT_ARRAY_BUFFER."""

_COMPONENTS = {np.dtype(np.float32): 5126, np.dtype(np.uint32): 5125}
_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}


class Column:
    """Rows of float32 that come block by block and become one accessor."""

    def __init__(self, width: int, file: IO[bytes]) -> None:
        """
        Args:
            width: numbers in an element of the accessor, 1..4.
            file: keeps the rows until the end.
        """
        self.width, self.file = width, file
        self.count = 0
        self.low, self.high = np.full(width, np.inf), np.full(width, -np.inf)

    def append(self, rows: NDArray) -> None:
        """Add elements; any shape whose numbers, in order, are those of (K, width)."""
        values = np.ascontiguousarray(rows, "<f4").reshape(-1, self.width)
        if len(values):
            self.low = np.minimum(self.low, values.min(axis=0))
            self.high = np.maximum(self.high, values.max(axis=0))
        self.count += len(values)
        self.file.write(values.data)


class GlbWriter:
    """Collects buffer views and accessors, then writes the file.

    Attributes:
        views, accessors: as glTF's `bufferViews` and `accessors` will be.
    """

    def __init__(self, data: IO[bytes], new_file: Any) -> None:
        """See `open_glb`."""
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []
        self._data, self._new_file = data, new_file

    def column(self, width: int) -> Column:
        """Return an empty column; give it to `add_column` when it is full."""
        return Column(width, self._new_file())

    def add_column(self, column: Column, bounds: bool = False) -> int:
        """Store a column; returns the accessor's index.

        Args:
            column: at least one element.
            bounds: state the least and the greatest value, as glTF asks of times.
        """
        column.file.seek(0)
        view = self._add_view(column.file)
        accessor = {"bufferView": view, "componentType": 5126, "count": column.count, "type": _TYPES[column.width]}
        if bounds:
            accessor |= {"min": _plain(column.low), "max": _plain(column.high)}
        return self._add_accessor(accessor)

    def add_array(self, array: NDArray, target: int, bounds: bool = False) -> int:
        """Store an array (N,) or (N, K), float32 or uint32; returns the accessor's index.

        Args:
            array: at least one element.
            target: `VERTICES` or `INDICES`.
            bounds: as for `add_column`; glTF asks it of positions.
        """
        width = 1 if array.ndim == 1 else array.shape[1]
        view = self._add_view(array.tobytes(), target)
        accessor = {
            "bufferView": view,
            "componentType": _COMPONENTS[array.dtype],
            "count": len(array),
            "type": _TYPES[width],
        }
        if bounds:
            rows = array.reshape(len(array), width)
            accessor |= {"min": _plain(rows.min(axis=0)), "max": _plain(rows.max(axis=0))}
        return self._add_accessor(accessor)

    def add_bytes(self, content: bytes) -> int:
        """Store bytes, such as a picture's; returns the buffer view's index."""
        return self._add_view(content)

    def write(self, path: Path, document: dict[str, Any]) -> None:
        """Write the file.

        Args:
            path: of the file.
            document: the glTF object, without `buffers`, `bufferViews` and `accessors`.

        Raises:
            OSError: it cannot be written.
        """
        size = self._data.seek(0, 2)
        whole = document | {
            "buffers": [{"byteLength": size}],
            "bufferViews": self.views,
            "accessors": self.accessors,
        }
        text = json.dumps(whole, separators=(",", ":"), allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        padding = -size % 4
        with path.open("wb") as file:
            file.write(struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + size + padding))
            file.write(struct.pack("<I4s", len(text), b"JSON") + text)
            file.write(struct.pack("<I4s", size + padding, b"BIN\0"))
            self._data.seek(0)
            shutil.copyfileobj(self._data, file)
            file.write(bytes(padding))

    def _add_view(self, content: IO[bytes] | bytes, target: int | None = None) -> int:
        start = self._data.seek(0, 2)
        start += self._data.write(bytes(-start % 4))
        if isinstance(content, bytes):
            self._data.write(content)
        else:
            shutil.copyfileobj(content, self._data)
        view = {"buffer": 0, "byteOffset": start, "byteLength": self._data.tell() - start}
        if target is not None:
            view["target"] = target
        self.views.append(view)
        return len(self.views) - 1

    def _add_accessor(self, accessor: dict[str, Any]) -> int:
        self.accessors.append(accessor)
        return len(self.accessors) - 1


@contextmanager
def open_glb() -> Iterator[GlbWriter]:
    """Gives a writer, whose temporary files go in the end."""
    with tempfile.TemporaryDirectory(prefix="limelight-") as folder:
        files: list[IO[bytes]] = []

        def new_file() -> IO[bytes]:
            file = (Path(folder) / str(len(files))).open("w+b")
            files.append(file)
            return file

        try:
            yield GlbWriter(new_file(), new_file)
        finally:
            for file in files:
                file.close()


def _plain(values: NDArray) -> list[float]:
    """Return numbers that JSON can hold and that read back as the same float32."""
    return np.asarray(values, np.float32).astype(float).tolist()
