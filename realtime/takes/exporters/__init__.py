"""Formats that a take can be exported to. A new one is a module here with `extension` and `write`."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from facemodel import LimelightError
from realtime.takes.reader import Take


class Exporter(Protocol):
    """What a module of this package offers; its name is the name of the format.

    Attributes:
        extension: of its files, such as ".csv".
    """

    extension: str

    def write(self, take: Take, path: Path, raw: bool) -> None:
        """Write `take` to `path`, which may exist.

        Args:
            take: at least one frame.
            path: to write.
            raw: the network's own parameters instead of the smoothed ones.

        Raises:
            LimelightError: this take has no meaning in this format.
            OSError: the file cannot be written.
        """
        ...


def formats() -> tuple[str, ...]:
    """Names of all formats, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def exporter(name: str) -> Exporter:
    """The exporter of a format.

    Raises:
        LimelightError: there is no such format.
    """
    if name not in formats():
        raise LimelightError(f"takes cannot be exported to '{name}'; formats: {', '.join(formats())}")
    return cast(Exporter, import_module(f"{__name__}.{name}"))


def export_take(take: Take, name: str, path: str | Path, raw: bool = False) -> Path:
    """Export a take; a file is replaced only once the new one is whole.

    Args:
        take: to export.
        name: of the format.
        path: of the file; the format's extension is added where it has none.
        raw: see `Exporter`.

    Returns:
        The path written.

    Raises:
        LimelightError: no such format, not this take's, or the file cannot be written.
    """
    chosen = exporter(name)
    path = Path(path)
    if not path.suffix:
        path = path.with_suffix(chosen.extension)
    if path.exists() and path.samefile(take.path):
        raise LimelightError(f"{path}: is the take itself; give another --out")
    unfinished = path.with_name(f".{path.name}.unfinished{chosen.extension}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        chosen.write(take, unfinished, raw)
        unfinished.replace(path)
    except OSError as error:
        raise LimelightError(f"{path}: cannot be written ({error.strerror or error})") from error
    except LimelightError as error:
        raise LimelightError(f"take {take.path}: {error}") from error
    finally:
        if unfinished.is_file():
            unfinished.unlink()
    return path
