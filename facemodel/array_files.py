"""Files of named arrays (`.npz`), read whole."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from facemodel.errors import LimelightError


def read_arrays(file: Path | IO[bytes], what: str) -> dict[str, NDArray]:
    """Return every array of a file by its name; nothing in it is unpickled.

    Args:
        file: its path, or open for reading.
        what: the file in error messages.

    Raises:
        LimelightError: it is unreadable, truncated or no such file.
    """
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {key: np.asarray(archive[key]) for key in archive.files}
    except (ValueError, TypeError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise LimelightError(f"{what}: unreadable or truncated ({error})") from error
