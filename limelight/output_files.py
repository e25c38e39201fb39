"""What commands check of their outputs before they begin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facemodel import LimelightError


def refuse_twins(kind: str, paths: Sequence[Path]) -> None:
    """Results are called as their inputs are: two inputs of one name would overwrite each other's.

    Args:
        kind: of the inputs, plural.
        paths: the inputs.

    Raises:
        LimelightError: two have one name.
    """
    names = [path.stem for path in paths]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise LimelightError(f"two {kind} are called '{twice}': their results would overwrite each other; rename one")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it where they are absent.

    Raises:
        LimelightError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LimelightError(f"{folder}: cannot be created ({error.strerror})") from error
