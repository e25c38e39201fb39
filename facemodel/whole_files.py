"""Files and folders that appear whole or not at all, whatever ends their writing."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel.errors import LimelightError


@contextlib.contextmanager
def whole_file(path: Path, what: str, shared: bool = False, suffix: str = "") -> Iterator[Path]:
    """Gives a path to write to, which becomes `path` in the end; an older file survives a failed write.

    Args:
        path: of the file; its folder is made if absent.
        what: the file in error messages, such as `checkpoint FILE`.
        shared: several processes may write it at once.
        suffix: of the path that is given, for writers that go by it.

    Raises:
        LimelightError: the file cannot be written; RuntimeError, which PyTorch raises on a full disk, counts as that.
    """
    with contextlib.ExitStack() as cleaning:
        try:
            if is_device(path):
                folder = Path(cleaning.enter_context(tempfile.TemporaryDirectory(prefix="limelight-")))
            else:
                folder = Path(os.path.realpath(path)).parent
                folder.mkdir(parents=True, exist_ok=True)
            partial = folder / f"{path.name}{f'.{os.getpid()}' if shared else ''}.part{suffix}"
            cleaning.callback(_remove, partial)
            yield partial
            put(partial, path)
        except (OSError, RuntimeError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error).partition("\n")[0]
            raise LimelightError(f"{what}: cannot be written ({reason})") from error


def put(finished: Path, path: Path) -> None:
    """Put a whole file in the place of another. A link stays one; into a device or a pipe the bytes are copied.

    Raises:
        OSError: it cannot be put there.
    """
    if is_device(path):
        with finished.open("rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)
        finished.unlink()
    else:
        finished.replace(os.path.realpath(path))


def is_file(path: Path) -> bool:
    """Whether there is a regular file, links followed; False of what cannot be looked at, such as too long a name."""
    return _type(path) == stat.S_IFREG


def is_folder(path: Path) -> bool:
    """Whether there is a folder, links followed."""
    return _type(path) == stat.S_IFDIR


def is_device(path: Path) -> bool:
    """Whether there is neither a file nor a folder but something else, such as /dev/stdout."""
    return _type(path) not in (stat.S_IFREG, stat.S_IFDIR, None)


def _type(path: Path) -> int | None:
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except OSError:
        return None


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


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
