"""Markers of a take that are set afterwards: they stand in a small file beside it, and the take itself is not touched.

Once there is such a file, its markers are the take's, in the place of those that were set during the recording. The
markers "in" and "out" are the part that is wanted: playing loops it, and exports take it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from facemodel import LimelightError
from facemodel.whole_files import whole_file
from realtime.takes.messages import Marker

IN, OUT = "in", "out"
"""Texts of the markers that bound the part of a take that is wanted."""

_FORMAT = "limelight marks"


def marks_path(take: Path) -> Path:
    """Return where the marks of a take stand: beside it."""
    return take.with_name(f"{take.name}.marks.json")


def read_marks(take: Path, created: str) -> tuple[Marker, ...] | None:
    """Return the markers that were set afterwards, in order of time; None if nobody set any.

    Args:
        take: path of the take.
        created: of its header; marks of another take that had this name before do not count.
    """
    try:
        content = _content(marks_path(take))
        if content is None or content["take_created"] != created:
            return None
        marks = [Marker(float(mark["time"]), str(mark["text"])) for mark in content["markers"]]
        return in_order(marks) if all(math.isfinite(mark.time) for mark in marks) else None
    except (OSError, KeyError, TypeError, ValueError):
        return None


def write_marks(take: Path, created: str, markers: Iterable[Marker]) -> None:
    """Replace the marks of a take in one step.

    Args:
        take: path of the take.
        created: of its header.
        markers: all of them.

    Raises:
        LimelightError: the folder cannot be written, or another program's file has the name.
    """
    path = marks_path(take)
    try:
        if path.exists() and _content(path) is None:
            raise LimelightError(f"marks {path}: another program's file has this name; move it away")
    except OSError as error:
        raise LimelightError(f"marks {path}: cannot be read ({error.strerror})") from error
    marks = [{"time": mark.time, "text": mark.text} for mark in in_order(markers)]
    content = {"format": _FORMAT, "take_created": created, "markers": marks}
    with whole_file(path, f"marks {path}", shared=True) as partial:
        partial.write_text(json.dumps(content, indent=1), encoding="utf-8")


def remove_marks(take: Path) -> None:
    """Remove the marks of a take, if there are any; another program's file of that name stays.

    Raises:
        LimelightError: they cannot be removed.
    """
    path = marks_path(take)
    try:
        if path.exists() and _content(path) is not None:
            path.unlink()
    except OSError as error:
        raise LimelightError(f"marks {path}: cannot be removed ({error.strerror})") from error


def in_order(markers: Iterable[Marker]) -> tuple[Marker, ...]:
    """Return markers in order of time."""
    return tuple(sorted(markers, key=lambda marker: marker.time))


def point(markers: Iterable[Marker], text: str) -> float | None:
    """Return the time of the last marker with a text, `IN` or `OUT`; None without one."""
    return next((marker.time for marker in reversed(tuple(markers)) if marker.text == text), None)


def with_point(markers: Sequence[Marker], text: str, time: float | None) -> tuple[Marker, ...]:
    """Return markers with another in or out point; the other point goes where the two would cross.

    Args:
        markers: that there are.
        text: `IN` or `OUT`.
        time: of the point, on the clock of the feed, s; None for none.
    """
    kept = [marker for marker in markers if marker.text != text]
    if time is None:
        return tuple(kept)
    other = OUT if text == IN else IN
    crossed = [m for m in kept if m.text == other and (m.time < time if other == OUT else m.time > time)]
    return in_order([*(marker for marker in kept if marker not in crossed), Marker(time, text)])


def without(markers: Iterable[Marker], time: float, within: float) -> tuple[Marker, ...]:
    """Return markers without those nearer to a time than `within` s; in and out points stay."""
    return tuple(m for m in markers if m.text in (IN, OUT) or abs(m.time - time) > within)


def _content(path: Path) -> dict[str, Any] | None:
    """What a file of marks says; None of a file that is none.

    Raises:
        OSError: it cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return content if isinstance(content, dict) and content.get("format") == _FORMAT else None
