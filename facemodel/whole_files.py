"""Files and folders that appear whole or not at all, whatever ends their writing."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel.errors import LimelightError


@contextlib.contextmanager
def whole_file(path: Path, what: str, shared: bool = False) -> Iterator[Path]:
    """Gives a path to write to, which becomes `path` in the end; an older file survives a failed write.

    Args:
        path: of the file; its folder is made if absent.
        what: the file in error messages, such as `checkpoint FILE`.
        shared: several processes may write it at once.

    Raises:
        LimelightError: the file cannot be written; RuntimeError, which PyTorch raises on a full disk, counts as that.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.part" if shared else f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error).partition("\n")[0]
        raise LimelightError(f"{what}: cannot be written ({reason})") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """See whether a file can be written, before hours are spent on what belongs in it.

    Raises:
        LimelightError: it cannot.
    """
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.touch()
        partial.unlink()
        if path.is_dir():
            raise IsADirectoryError(None, "is a folder")
    except OSError as error:
        raise LimelightError(f"{path}: cannot be written ({error.strerror})") from error


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all.

    Raises:
        LimelightError: the file cannot be written.
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, contents: bytes) -> None:
    """Write a file, whole or not at all.

    Raises:
        LimelightError: the file cannot be written.
    """
    with whole_file(path, str(path)) as partial:
        partial.write_bytes(contents)


def write_arrays(folder: Path, arrays: Mapping[str, NDArray]) -> None:
    """Write arrays as `NAME.npy` into a folder, in place of any that is there.

    Raises:
        OSError: they cannot be written; nothing of them is left then.
    """
    partial = folder.with_name(f".partial_{folder.name.removeprefix('shard_')}")  # what a killed run left has this name
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        for name, array in arrays.items():
            np.save(partial / f"{name}.npy", array)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
        raise
