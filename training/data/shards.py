"""The one format of prepared data: a header, and shards of plain .npy arrays, which may be mapped.

    ROOT/dataset.json                      what the data were made for, such as the face model
    ROOT/NAME/shard_00000/COLUMN.npy       (N, ...) one array a column, N samples a shard

Labelled crops (`training.data`), prepared photos (`training.data.prepared`), label maps (`training.data.segmentation`)
and MediaPipe's labels (`training.data.photo_labels`) differ in their columns alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from facemodel.whole_files import whole_file, write_arrays

_HEADER = "dataset.json"
_MOST_OPEN = 60  # mapped files a column: CelebA has more shards than a process may open files


class ShardWriteError(LimelightError):
    """A shard that cannot be written, because the disk is full for one."""


class ShardFolder:
    """The shards of one kind of data.

    Args:
        folder: that they lie in.
        what: the data in error messages, such as `training data`.
    """

    def __init__(self, folder: Path, what: str) -> None:
        self.folder = folder
        self._what = what

    def exists(self, number: int) -> bool:
        """Return whether shard `number` has been written."""
        return self._path(number).is_dir()

    def read(self, number: int, column: str) -> NDArray:
        """Return a column of shard `number`.

        Raises LimelightError: the shard does not exist or is damaged.
        """
        return load_array(self._path(number) / f"{column}.npy", self._what)

    def write(self, number: int, columns: Any) -> None:
        """Write shard `number`, whole or not at all.

        Args:
            number: of the shard.
            columns: {name: array (N, ...)}, or a dataclass of such arrays.
        Raises ShardWriteError: it cannot be written; nothing of it is left then.
        """
        values = columns if isinstance(columns, Mapping) else vars(columns)
        arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
        try:
            write_arrays(self._path(number), arrays)
        except OSError as error:
            raise ShardWriteError(
                f"{self._what} {self.folder}: cannot be written ({error.strerror}); run again to go on"
            ) from error

    def _path(self, number: int) -> Path:
        return self.folder / f"shard_{number:05d}"


class Mapped:
    """A column of several shards as one sequence, memory-mapped. Several threads may read it.

    Args:
        shards: folders, at least one.
        column: name of the arrays (N_i, ...).
        what: the data in error messages.
    Raises LimelightError: an array is missing or damaged, or they differ in shape.
    """

    def __init__(self, shards: Sequence[Path], column: str, what: str) -> None:
        self._paths = [shard / f"{column}.npy" for shard in shards]
        self._map = lru_cache(_MOST_OPEN)(lambda path: load_array(path, what, mapped=True))
        shapes = [load_array(path, what, mapped=True).shape for path in self._paths]
        if len({shape[1:] for shape in shapes}) != 1:
            raise LimelightError(f"{what} {self._paths[0].parents[2]}: {column} of different sizes; prepare them alike")
        self._ends = np.cumsum([shape[0] for shape in shapes])
        self.shape: tuple[int, ...] = (len(self), *shapes[0][1:])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> NDArray:
        """Return row number `index`, copied to memory.

        Raises:
            IndexError: there is no such row. LimelightError: its file is damaged.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        shard = int(np.searchsorted(self._ends, index, side="right"))
        start = int(self._ends[shard - 1]) if shard else 0
        return np.array(self._map(self._paths[shard])[index - start])


def write_header(root: Path, what: str, model: FaceModel, **values: Any) -> None:
    """Write the header of a folder, which is made if absent, or check that the one there says the same.

    Args:
        root: the folder.
        what: the data in error messages.
        model: the face model that the labels belong to.
        values: more of what the data were made with.
    Raises LimelightError: the folder holds data made with something else, or cannot be written to.
    """
    header = {"model_digest": model.digest, "model_name": model.name, "parameters": model.layout.size, **values}
    path = root / _HEADER
    if not path.exists():
        with whole_file(path, f"{what} {root}", shared=True) as partial:
            partial.write_text(json.dumps(header, indent=1))
    there = _read_header(root, what)
    for key, value in header.items():
        if there.get(key) != value:
            raise LimelightError(f"{what} {root}: made with {key} '{there.get(key)}', not '{value}'; use another --out")


def find_shards(root: Path, what: str, model: FaceModel | None = None) -> list[Path]:
    """Return the folders of all whole shards below a prepared folder, in the order that they are read in.

    Args:
        root: the prepared folder.
        what: the data in error messages.
        model: the face model that the labels are to be used with; checked if given.
    Raises LimelightError: there is no header, it is damaged, or it names another face model.
    """
    digest = _read_header(root, what)["model_digest"]
    if model is not None and digest != model.digest:
        raise LimelightError(f"{what} {root}: made for face model {digest}, not {model.digest}; prepare it anew")
    return shards_below(root)


def shards_below(root: Path) -> list[Path]:
    """Return the folders of all whole shards below a folder, in the order that they are read in."""
    return sorted(root.glob("*/shard_*"))


def join_column(shards: Sequence[Path], column: str, what: str) -> NDArray:
    """Return a column of several shards, at least one, as one array (N, ...).

    Raises LimelightError: an array is missing or damaged.
    """
    return np.concatenate([load_array(shard / f"{column}.npy", what) for shard in shards])


def load_array(path: Path, what: str, mapped: bool = False) -> NDArray:
    """Return an array of a shard, read or mapped.

    Raises LimelightError: the file is missing or damaged.
    """
    try:
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise LimelightError(f"{what} {path}: damaged; remove {path.parent} and prepare it anew") from error


def _read_header(root: Path, what: str) -> dict[str, Any]:
    path = root / _HEADER
    if not path.is_file():
        raise LimelightError(f"{what} {root}: nothing prepared there; see docs/training.md")
    try:
        header = json.loads(path.read_text())
        header["model_digest"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LimelightError(f"{what} {path}: damaged; prepare it anew") from error
    return dict(header)
