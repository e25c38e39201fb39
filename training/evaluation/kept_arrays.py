"""Arrays that are slow to make, kept in a file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facemodel.whole_files import whole_file


def kept_arrays(path: Path, source: bytes, make: Callable[[], dict[str, NDArray]]) -> dict[str, NDArray]:
    """Return what the file holds if it was made from the same source, else make and write it.

    Raises:
        LimelightError: the file cannot be written.
    """
    digest = hashlib.sha256(source).hexdigest()
    try:
        with np.load(path) as archive:
            if str(archive["digest"]) == digest:
                return {name: archive[name] for name in archive.files if name != "digest"}
    except (OSError, ValueError, KeyError, EOFError):
        pass  # none yet, or damaged
    arrays: dict[str, Any] = dict(make())
    with whole_file(path, str(path)) as partial, partial.open("wb") as file:
        np.savez_compressed(file, digest=np.array(digest), **arrays)
    return arrays
