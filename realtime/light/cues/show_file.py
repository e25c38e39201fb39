"""Show files: YAML that people read and write; docs/show_files.md shows all of it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from facemodel import LimelightError
from realtime.light.cues.document import ShowDocument
from realtime.light.cues.show_reader import parse_show
from realtime.light.cues.show_writer import format_show

MAX_BYTES = 4_000_000

DEMO_SHOW = Path(__file__).resolve().parents[2] / "assets" / "demo_show.yaml"
"""A show to begin with."""


def load_show(path: Path) -> ShowDocument:
    """Read a show file.

    Raises:
        LimelightError: it cannot be read, or says something that no show can; with file and line.
    """
    try:
        data = path.read_bytes()
        if len(data) > MAX_BYTES:
            raise LimelightError(f"{path}: larger than {MAX_BYTES // 1_000_000} MB; that is no show file")
        text = data.decode("utf-8-sig")
    except FileNotFoundError:
        raise LimelightError(f"{path}: there is no such file") from None
    except OSError as error:
        raise LimelightError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise LimelightError(f"{path}: is not UTF-8 text; a show file is YAML") from None
    return parse_show(text, path)


def save_show(path: Path, document: ShowDocument) -> None:
    """Write a show file at once or not at all. Comments and order of what is in the file already stay.

    A show of 200 cues takes about a second of Python: not for the thread that draws.

    Raises:
        LimelightError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        old = path.read_text("utf-8-sig") if path.is_file() else ""
        text = format_show(document, path, old)
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, UnicodeError) as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise LimelightError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from None
