"""Formats that a take can be exported to. A new one is a module here with `extension` and `write`."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from facemodel import LimelightError
from facemodel.whole_files import is_device, whole_file
from realtime.takes.take import Take, Track


class Exporter(Protocol):
    """What a module of this package offers; its name is the name of the format.

    Attributes:
        extension: of its files, such as ".csv".
    """

    extension: str

    def write(self, track: Track, path: Path, raw: bool) -> None:
        """Write one face of a take to `path`, which may exist.

        Args:
            track: at least one frame; its `take` has the model to draw it with.
            path: to write.
            raw: the network's own parameters instead of the smoothed ones.

        Raises:
            LimelightError: this take has no meaning in this format.
            OSError: the file cannot be written.
        """
        ...


def formats() -> tuple[str, ...]:
    """Return the names of all formats, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def exporter(name: str) -> Exporter:
    """Return the exporter of a format.

    Raises:
        LimelightError: there is no such format.
    """
    if name not in formats():
        raise LimelightError(f"takes cannot be exported to '{name}'; formats: {', '.join(formats())}")
    return cast(Exporter, import_module(f"{__name__}.{name}"))


def export_paths(take: Take, name: str, path: str | Path, all_faces: bool = False) -> dict[Path, int | None]:
    """Return the files that an export writes, each with the id of its face; None is the performer.

    Args:
        take: to export.
        name: of the format.
        path: of the file; the format's extension is added where it has none, but not to a device.
        all_faces: one file for every face, `NAME.faceID.csv`, instead of one for the performer.

    Raises:
        LimelightError: no such format, or no face in the take.
    """
    path = Path(path)
    if not path.suffix and not is_device(path):
        path = path.with_suffix(exporter(name).extension)
    if not all_faces:
        return {path: None}
    if not take.face_ids:
        raise LimelightError(f"take {take.path}: there is no face in it; leave out --all-faces")
    return {path.with_name(f"{path.stem}.face{number}{path.suffix}"): number for number in take.face_ids}


def export_take(
    take: Take, name: str, path: str | Path, raw: bool = False, all_faces: bool = False
) -> tuple[Path, ...]:
    """Export a take; a file is replaced only once the new one is whole.

    Args:
        take: to export.
        name: of the format.
        path: see `export_paths`.
        raw: see `Exporter`.
        all_faces: see `export_paths`.

    Returns:
        The paths written.

    Raises:
        LimelightError: no such format, not this take's, or a file cannot be written.
    """
    chosen = exporter(name)
    paths = export_paths(take, name, path, all_faces)
    for target, face_id in paths.items():
        _write_whole(chosen, take.track(face_id), target, raw)
    return tuple(paths)


def _write_whole(chosen: Exporter, track: Track, path: Path, raw: bool) -> None:
    with whole_file(path, str(path), suffix=chosen.extension) as partial:
        try:
            chosen.write(track, partial, raw)
        except LimelightError as error:
            raise LimelightError(f"take {track.take.path}: {error}") from error
