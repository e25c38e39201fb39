"""Shards of plain .npy arrays, `NAME/shard_00000/COLUMN.npy`: how all kinds of prepared data are written and read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from facemodel.whole_files import write_arrays


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

        Raises:
            LimelightError: the shard does not exist or is damaged.
        """
        return load_array(self._path(number) / f"{column}.npy", self._what)

    def write(self, number: int, arrays: Mapping[str, NDArray]) -> None:
        """Write shard `number`, whole or not at all.

        Raises:
            OSError: it cannot be written; nothing of it is left then.
        """
        write_arrays(self._path(number), arrays)

    def _path(self, number: int) -> Path:
        return self.folder / f"shard_{number:05d}"


def shards_below(root: Path) -> list[Path]:
    """Return the folders of all whole shards below a prepared folder, in the order that they are read in."""
    return sorted(root.glob("*/shard_*"))


def load_array(path: Path, what: str, mapped: bool = False) -> NDArray:
    """Return an array of a shard, read or mapped.

    Raises:
        LimelightError: the file is missing or damaged.
    """
    try:
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise LimelightError(f"{what} {path}: damaged; remove {path.parent} and prepare it anew") from error
