"""What commands say where packages of an extra are missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from facemodel import LimelightError


@contextmanager
def importing_train_extra(what: str) -> Iterator[None]:
    """Import packages of the extra `train` in the block.

    Args:
        what: needs them, "building".

    Raises:
        LimelightError: one is missing.
    """
    try:
        yield
    except ImportError as error:
        raise LimelightError(f"{what} needs more packages ({error.name}): pip install 'limelight[train]'") from error
