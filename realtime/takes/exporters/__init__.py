"""Formats that a take can be exported to. A new one is a module here with `extension` and `write`."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from facemodel import LimelightError
from facemodel.whole_files import is_device, whole_file
from realtime.takes.clip import Clip, ClipEdit
from realtime.takes.take import Take


class Exporter(Protocol):
    """What a module of this package offers; its name is the name of the format, with `_` for a dash.

    Attributes:
        extension: of its files, such as ".csv"; "" for a folder of files, which a function `files` then names.
    """

    extension: str

    def write(self, clip: Clip, path: Path) -> None:
        """Write one face of a take to `path`, which may exist.

        Args:
            clip: at least one frame.
            path: to write.

        Raises:
            LimelightError: this take has no meaning in this format.
            OSError: the file cannot be written.
        """
        ...


class FolderExporter(Exporter, Protocol):
    """An exporter that writes a folder of files, each of them whole."""

    def files(self, clip: Clip, path: Path) -> Iterator[Path]:
        """Yield the files that `write` writes into the folder `path`: NAME_0001.EXT and so on."""
        ...


def formats() -> tuple[str, ...]:
    """Return the names of all formats, sorted."""
    return tuple(sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__)))


def exporter(name: str) -> Exporter:
    """Return the exporter of a format.

    Raises:
        LimelightError: there is no such format.
    """
    if name not in formats():
        raise LimelightError(f"takes cannot be exported to '{name}'; formats: {', '.join(formats())}")
    return cast(Exporter, import_module(f"{__name__}.{name.replace('-', '_')}"))


@dataclass(frozen=True, eq=False)
class Export:
    """One face of a take on its way into a format.

    Attributes:
        clip: that is written.
        path: of the file, or of the folder.
    """

    exporter: Exporter
    clip: Clip
    path: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it writes."""
        if self.exporter.extension:
            return (self.path,)
        return tuple(cast(FolderExporter, self.exporter).files(self.clip, self.path))

    @property
    def leftovers(self) -> tuple[Path, ...]:
        """Files of the same sequence in its folder that a longer export left, and that would be taken for its end."""
        if self.exporter.extension or not self.path.is_dir():
            return ()
        files = self.files
        name = re.compile(re.escape(self.path.name) + r"_\d+" + re.escape(files[0].suffix))
        found = (path for path in self.path.iterdir() if name.fullmatch(path.name))
        return tuple(sorted(set(found) - set(files)))

    def write(self) -> None:
        """Write it; a file is replaced only once the new one is whole.

        Raises:
            LimelightError: the take has no meaning in this format, or a file cannot be written.
        """
        try:
            if not self.exporter.extension:
                self.exporter.write(self.clip, self.path)
                return
            with whole_file(self.path, str(self.path), suffix=self.path.suffix or self.exporter.extension) as partial:
                self.exporter.write(self.clip, partial)
        except LimelightError as error:
            take = f"take {self.clip.take.path}"
            raise LimelightError(
                str(error) if str(error).startswith((take, str(self.path))) else f"{take}: {error}"
            ) from error


def exports(
    take: Take,
    name: str,
    path: str | Path,
    raw: bool = False,
    all_faces: bool = False,
    edit: ClipEdit | None = None,
    progress: Callable[[int], object] | None = None,
) -> tuple[Export, ...]:
    """Return what an export of a take writes.

    Args:
        take: to export.
        name: of the format.
        path: of the file; the format's extension is added where it has none that is known, but not to a device.
        raw: the network's own parameters instead of the smoothed ones.
        all_faces: one file for every face that is there, `NAME.faceID.csv`, instead of one for the performer.
        edit: what is done to the frames first; nothing if None.
        progress: see `Clip`.

    Raises:
        LimelightError: no such format, no face in the take, or no frame in the part of it.
    """
    chosen = exporter(name)
    path = _named(Path(path), name, chosen)
    if not all_faces:
        return (Export(chosen, Clip(take, None, raw, edit, progress), path),)
    if not take.face_ids:
        raise LimelightError(f"take {take.path}: there is no face in it; leave out --all-faces")
    clips = {number: Clip(take, number, raw, edit, progress) for number in take.face_ids}
    there = {number: clip for number, clip in clips.items() if clip.has_face}
    if not there:
        raise LimelightError(f"take {take.path}: there is no face in this part of it")
    return tuple(
        Export(chosen, clip, path.with_name(f"{path.stem}.face{number}{path.suffix}")) for number, clip in there.items()
    )


def _named(path: Path, name: str, chosen: Exporter) -> Path:
    """The path with the format's extension, where it has none that is known.

    Raises:
        LimelightError: it has another format's.
    """
    if is_device(path) or not chosen.extension:
        return path
    suffixes = {format_name: _suffixes(exporter(format_name)) for format_name in formats()}
    if path.suffix.lower() in suffixes[name]:
        return path
    if any(path.suffix.lower() in others for others in (*suffixes.values(), _OTHERS)):
        raise LimelightError(f"{path}: a {name} file ends in {', '.join(suffixes[name])}, not in {path.suffix}")
    return path.with_name(path.name + chosen.extension)


_OTHERS = (".mcap", ".obj", ".mp4")
"""Extensions that say that something else is meant."""


def _suffixes(chosen: Exporter) -> tuple[str, ...]:
    """The extensions that a format's files may have; none of a folder's."""
    return getattr(chosen, "suffixes", (chosen.extension,) if chosen.extension else ())


def export_take(
    take: Take,
    name: str,
    path: str | Path,
    raw: bool = False,
    all_faces: bool = False,
    edit: ClipEdit | None = None,
) -> tuple[Path, ...]:
    """Export a take; arguments are those of `exports`.

    Returns:
        The paths written.

    Raises:
        LimelightError: no such format, not this take's, or a file cannot be written.
    """
    made = exports(take, name, path, raw, all_faces, edit)
    for one in made:
        one.write()
    return tuple(one.path for one in made)
