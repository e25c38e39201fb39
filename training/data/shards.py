"""Sharded arrays on disk: the one format of renders, labelled photographs, the paper's photographs and label maps.

    dataset.json             what the arrays were made with, and dtype and shape of every column
    NAME/shard_00000/        COLUMN.npy of each column, one row a sample; the shard appears whole or not at all
    NAME/shard_00001/ ...

Kinds of data differ in their columns and in what the header says, not in how they are written and read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from facemodel.whole_files import whole_file, write_arrays

_FORMAT_VERSION = 2
_MOST_OPEN = 180  # mapped files; CelebA has more shards than a process may open files


@dataclass(frozen=True)
class Columns:
    """What a folder of shards holds.

    Attributes:
        what: the data in error messages, such as `training data`.
        command: that makes them, such as `python -m training.data.prepare`.
        columns: name of every column, its dtype (`str` for text of any length) and the shape of one row.
    """

    what: str
    command: str
    columns: Mapping[str, tuple[str, tuple[int, ...]]]

    def check(self, arrays: Mapping[str, NDArray]) -> None:
        """Refuse arrays that are not of these columns.

        Raises:
            ValueError: a column is missing or unknown, or of another dtype or shape.
        """
        if set(arrays) != set(self.columns):
            raise ValueError(f"columns {sorted(arrays)}, expected {sorted(self.columns)}")
        for name, (dtype, shape) in self.columns.items():
            array = arrays[name]
            if (array.dtype.kind != "U" if dtype == "str" else array.dtype != dtype) or array.shape[1:] != shape:
                raise ValueError(f"column {name}: {array.dtype} {array.shape}, expected {dtype} (N, *{shape})")


class ShardWriter:
    """Writes the shards of one kind below a folder, each of them whole or not at all.

    Args:
        root: the folder of all kinds; made if absent.
        name: of this kind's folder.
        columns: what it holds.
        made_with: what all shards below `root` must agree in, such as the segmenter.
        model: the face model that the labels belong to; None where there is none.

    Raises:
        LimelightError: the folder holds data that were made with something else, or cannot be written to.
    """

    def __init__(
        self,
        root: Path,
        name: str,
        columns: Columns,
        made_with: Mapping[str, Any] | None = None,
        model: FaceModel | None = None,
    ) -> None:
        self.root = root
        self.folder = root / name
        self._columns = columns
        what = columns.what
        header: dict[str, Any] = {"format_version": _FORMAT_VERSION, "data": what}
        if model is not None:
            header |= {"model_digest": model.digest, "model_name": model.name, "parameters": model.layout.size}
        header |= dict(made_with or {})
        header["columns"] = {key: [dtype, list(shape)] for key, (dtype, shape) in columns.columns.items()}
        path = root / "dataset.json"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LimelightError(f"{what} {root}: cannot be written ({error.strerror})") from error
        if not path.exists():
            with whole_file(path, f"{what} {root}", shared=True) as partial:
                partial.write_text(json.dumps(header, indent=1))
        there = read_header(root, columns)
        for key in header:
            if there.get(key) != header[key]:
                raise LimelightError(
                    f"{what} {root}: made with {key} '{there.get(key)}', not '{header[key]}'; use another --out"
                )

    def exists(self, number: int) -> bool:
        """Return whether shard `number` has been written."""
        return self._path(number).is_dir()

    def read(self, number: int, column: str) -> NDArray:
        """Return a column of shard `number`.

        Raises:
            LimelightError: the shard does not exist or is damaged.
        """
        return load_array(self._path(number) / f"{column}.npy", self._columns.what)

    def write(self, number: int, arrays: Mapping[str, NDArray]) -> None:
        """Write shard `number`.

        Raises:
            OSError: it cannot be written; nothing of it is left then.
            ValueError: the arrays are not of the columns.
        """
        self._columns.check(arrays)
        write_arrays(self._path(number), arrays)

    def _path(self, number: int) -> Path:
        return self.folder / f"shard_{number:05d}"


class ShardReader:
    """Reads everything below a folder so far; may be used by several threads.

    Args:
        root: the folder.
        columns: what it holds.
        model: the face model that the labels must belong to; None for any.

    Attributes:
        header: what `dataset.json` says.
        shards: folders of the shards, in the order that they are read in.

    Raises:
        LimelightError: nothing is there, it is damaged, or the labels belong to another face model.
    """

    def __init__(self, root: Path, columns: Columns, model: FaceModel | None = None) -> None:
        self.root = root
        self._what = columns.what
        self.header = read_header(root, columns)
        digest = self.header.get("model_digest")
        if model is not None and digest != model.digest:
            raise LimelightError(
                f"{columns.what} {root}: made for face model {digest}, not {model.digest}; prepare it anew"
            )
        self.shards = shards_below(root)
        if not self.shards:
            raise LimelightError(f"{columns.what} {root}: nothing prepared there yet; see '{columns.command} -h'")

    def parts(self, column: str, mapped: bool = False) -> list[NDArray]:
        """Return a column of every shard, in memory or mapped from disk.

        Raises:
            LimelightError: a file is missing or damaged.
        """
        return [load_array(shard / f"{column}.npy", self._what, mapped) for shard in self.shards]

    def column(self, name: str) -> NDArray:
        """Return a column of all shards, (N, ...) in memory.

        Raises:
            LimelightError: a file is missing or damaged.
        """
        return np.concatenate(self.parts(name))

    def mapped(self, name: str) -> MappedColumn:
        """Return a column of all shards that is read from disk row by row.

        Raises:
            LimelightError: a file is missing or damaged.
        """
        return MappedColumn([shard / f"{name}.npy" for shard in self.shards], self._what)


class MappedColumn:
    """A column of several shards as one sequence; rows are read from disk one by one.

    Args:
        paths: (N_i, ...) arrays, of rows of one shape.
        what: the data in error messages.

    Raises:
        LimelightError: a file is missing or damaged, or the rows' shapes differ.
    """

    def __init__(self, paths: Sequence[Path], what: str) -> None:
        self._paths = list(paths)
        self._open = lru_cache(_MOST_OPEN)(lambda path: load_array(path, what, mapped=True))
        shapes = [self._open(path).shape for path in self._paths]
        if len({shape[1:] for shape in shapes if shape[0]}) > 1:
            raise LimelightError(f"{what} {self._paths[0].parents[2]}: shards of different shapes; prepare it anew")
        self._row = next((shape[1:] for shape in shapes if shape[0]), shapes[0][1:])
        self._ends = np.cumsum([shape[0] for shape in shapes])

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self._row)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> NDArray:
        """Row number `index`, copied to memory."""
        if not 0 <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        shard = int(np.searchsorted(self._ends, index, side="right"))
        start = int(self._ends[shard - 1]) if shard else 0
        return np.array(self._open(self._paths[shard])[index - start])


def shards_below(root: Path) -> list[Path]:
    """Return the folders of all whole shards below a folder, in the order that they are read in."""
    return sorted(root.glob("*/shard_*"))


def read_header(root: Path, columns: Columns) -> dict[str, Any]:
    """Return what `dataset.json` says.

    Raises:
        LimelightError: it is missing or damaged, of another version of the format, or of other data.
    """
    path = root / "dataset.json"
    if not path.is_file():
        raise LimelightError(f"{columns.what} {root}: nothing prepared there; see '{columns.command} -h'")
    try:
        header = json.loads(path.read_text())
        version, data = header.get("format_version", 1), header.get("data")
    except (OSError, ValueError, AttributeError) as error:
        raise LimelightError(f"{columns.what} {path}: damaged; prepare it anew") from error
    if version != _FORMAT_VERSION:
        raise LimelightError(f"{columns.what} {path}: format {version}, not {_FORMAT_VERSION}; prepare it anew")
    if data != columns.what:
        raise LimelightError(f"{columns.what} {root}: that folder holds {data}; name another one")
    return dict(header)


def load_array(path: Path, what: str, mapped: bool = False) -> NDArray:
    """Return an array of a shard, read or mapped.

    Raises:
        LimelightError: the file is missing or damaged.
    """
    try:
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise LimelightError(f"{what} {path}: damaged; remove {path.parent} and prepare it anew") from error
