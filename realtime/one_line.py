"""Errors as people read them: in one line."""

from __future__ import annotations

from facemodel import LimelightError


def one_line(error: BaseException) -> str:
    """Return what an error says in one line, with its type before it where the program did not expect it."""
    said = " ".join(str(error).splitlines())
    if isinstance(error, LimelightError):
        return said
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
