"""Which files a command may write: never an input nor, unless forced, what somebody else wrote."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import platformdirs

from facemodel.errors import LimelightError
from facemodel.whole_files import is_device, is_file, is_folder, put, write_text

_REMEMBERED = 20_000
"""Files that the ledger keeps, the newest; a file that fell out of it counts as somebody else's."""

_LINE_BYTES = 130
"""Of a ledger's line: two SHA-256 digests in hexadecimal, a blank and the line's end."""


_WHOLE, _UNFINISHED = "whole", "unfinished"


def users_ledger() -> Path:
    """Return the path of the user's own ledger, in their cache folder."""
    return platformdirs.user_cache_path("limelight") / "outputs.txt"


def free_path(path: Path) -> Path:
    """Return a path, with a number behind its name where it exists already; NAME-2 is followed by NAME-3 where NAME
    exists too."""
    free, stem, count = path, path.stem, 2
    if (numbered := re.fullmatch(r"(.+)-(\d+)", stem)) and path.with_stem(numbered[1]).exists():
        stem, count = numbered[1], int(numbered[2]) + 1
    while free.exists():
        free, count = path.with_stem(f"{stem}-{count}"), count + 1
    return free


class Ledger:
    """Remembers which content was made from what; knows no names.

    A file that somebody changed, replaced or copied over is told by its content. The file is one line for each content
    and is only appended to, so that several processes lose nothing of each other's.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Use the user's own ledger if no path is given."""
        self._path = path or users_ledger()

    def knows(self, content: str, origin: str) -> bool:
        """Whether content of this digest was made from what has that digest."""
        return f"{content} {origin}" in self._lines()

    def note(self, content: str, origin: str) -> None:
        """Remember it. A ledger that cannot be written costs a `--force` later, nothing more."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab", buffering=0) as file:
                file.write(f"{content} {origin}\n".encode("ascii"))
                long = file.tell() > 2 * _REMEMBERED * _LINE_BYTES
            if long:
                write_text(self._path, "".join(f"{line}\n" for line in self._lines()[-_REMEMBERED:]))
        except (OSError, LimelightError):
            pass

    def _lines(self) -> list[str]:
        try:
            return self._path.read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            return []


class Outputs:
    """The output files of one run of a command.

    Every file is claimed before it is written, which refuses what must not be written, and noted once it is, which lets
    the same command write it again from the same input.
    """

    def __init__(
        self,
        command: str,
        inputs: Iterable[Path] = (),
        force: bool = False,
        ledger: Ledger | None = None,
        means: Sequence[str] = (),
    ) -> None:
        """
        Args:
            command: that writes.
            inputs: files that it reads; a folder stands for the files directly in it.
            force: replace files that exist, but never an input.
            ledger: of what was written before; the user's own if None.
            means: digests of what else shapes the results, such as a network: what was made by others is the command's
                own, and not done.
        """
        self._command = command
        self._inputs = _files(inputs)
        self._force = force
        self._ledger = ledger or Ledger()
        self._means = tuple(means)
        self._input_places = {place for path in self._inputs for place in _places(path)}
        self._claimed_places: dict[tuple[object, ...], Path] = {}
        self._origins: dict[Path, tuple[Path, ...]] = {}
        self._before: dict[Path, tuple[int, ...] | None] = {}
        self._digests: dict[Path, str | None] = {}

    @property
    def claimed(self) -> tuple[Path, ...]:
        """The claimed files, as they were named."""
        return tuple(self._origins)

    def claim(self, path: Path, made_from: Iterable[Path] | None = None) -> Path:
        """Make sure that a file may be written, and return its path.

        Args:
            path: of the file; its folder is made if absent.
            made_from: the inputs that it is made from; all of them if None.

        Raises:
            LimelightError: it is an input, a folder, claimed already, exists and is not this command's own from the
                same input, or it or its folder cannot be made or written to.
        """
        origin = self._inputs if made_from is None else _files(made_from)
        places = _places(path)
        if not self._input_places.isdisjoint(places) or any(not places.isdisjoint(_places(each)) for each in origin):
            raise LimelightError(
                f"{path}: is an input itself, and would be overwritten; choose another name or folder for the output"
            )
        own_places = places | ({_likeness(path)} if places else set())
        for place in own_places & self._claimed_places.keys():
            raise LimelightError(self._twins(path, origin, self._claimed_places[place]))
        if is_folder(path):
            raise LimelightError(f"{path}: is a folder, not a file; give a file's name")
        _check_place(path)
        if not self._force and is_file(path) and not self._is_own(path, origin):
            raise LimelightError(
                f"{path}: exists already, and holds something else; choose another name, or replace it with --force"
            )
        self._claimed_places |= dict.fromkeys(own_places, path)
        self._origins[path] = origin
        self._before[path] = _state(path)
        return path

    def done(self, path: Path, made_from: Iterable[Path]) -> bool:
        """Whether a file is whole, by this command and the same means, from the same input bytes, and unchanged."""
        return self._noted(path, _files(made_from), _WHOLE, self._means)

    def written(self, path: Path, whole: bool = True) -> bool:
        """Note what a claimed file holds now, and return whether it was written since it was claimed.

        Args:
            path: as it was claimed.
            whole: False if the command was interrupted: the file is its own, but not done.
        """
        state = _state(path)
        if state is None or state == self._before[path]:
            return False
        self._note(path, file_digest(path), whole)
        return True

    def publish(self, finished: Path, path: Path) -> None:
        """Put a whole file in the place of a claimed one.

        It is noted first: whatever ends the program, what lies there is never taken for somebody else's.

        Raises:
            OSError: it cannot be moved there.
        """
        self._note(path, file_digest(finished), whole=True)
        put(finished, path)

    def withdraw(self, path: Path) -> None:
        """Remove a claimed file that this run has nothing to write to: what is there would be taken for its result.

        Raises:
            OSError: it cannot be removed.
        """
        assert path in self._origins
        if is_file(path):
            path.unlink()

    @contextlib.contextmanager
    def replacing(self) -> Iterator[None]:
        """Make way for claimed files that are created in place, as a recording is, while the block runs.

        What stands there is put aside as `NAME.replaced`. It goes when the block has left a new file, and comes back
        when there is none, or when the block is refused with a LimelightError. A process that is killed leaves both.

        Raises:
            LimelightError: a file cannot be put aside.
        """
        aside: dict[Path, Path] = {}
        keep_old = False
        try:
            for path in self._origins:
                if os.path.lexists(path) and not is_device(path):
                    aside[path] = _put_aside(path)
            yield
        except LimelightError:
            keep_old = True
            raise
        finally:
            for path, old in aside.items():
                if keep_old or not os.path.lexists(path):
                    old.replace(path)
                else:
                    old.unlink()

    def _is_own(self, path: Path, origin: Sequence[Path]) -> bool:
        return any(self._noted(path, origin, state) for state in (_WHOLE, _UNFINISHED))

    def _noted(self, path: Path, origin: Sequence[Path], state: str, means: Sequence[str] = ()) -> bool:
        if not is_file(path):
            return False
        content, source = file_digest(path), self._source(origin, state, means)
        return content is not None and source is not None and self._ledger.knows(content, source)

    def _note(self, path: Path, content: str | None, whole: bool) -> None:
        for means in dict.fromkeys([(), self._means if whole else ()]):
            source = self._source(self._origins[path], _WHOLE if whole else _UNFINISHED, means)
            if content is not None and source is not None:
                self._ledger.note(content, source)

    def _source(self, inputs: Sequence[Path], state: str, means: Sequence[str] = ()) -> str | None:
        """Digest of the command, the bytes of its inputs, and means; None if they cannot be read again, or are none."""
        for path in inputs:
            if path not in self._digests:
                self._digests[path] = file_digest(path)
        digests = [self._digests[path] for path in inputs]
        if not digests or None in digests:
            return None
        words = [self._command, state, *map(str, digests), *means]
        return hashlib.sha256("\n".join(words).encode()).hexdigest()

    def _twins(self, path: Path, origin: Sequence[Path], other: Path) -> str:
        sources = [*self._origins[other][:1], *origin[:1]]
        if len(sources) == 2 and sources[0] != sources[1]:
            return f"{path}: would be the result of {sources[0]} and of {sources[1]}; rename one, or use two folders"
        return f"{path}: two outputs would have this one name; give each its own"


def _files(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return the paths, with the files directly in a folder in its place."""
    found: list[Path] = []
    for path in paths:
        if is_folder(path):
            try:
                found += sorted(child for child in path.iterdir() if is_file(child))
            except OSError:
                found.append(path)  # cannot be listed: whoever reads it says so
        else:
            found.append(path)
    return tuple(found)


def _places(path: Path) -> set[tuple[object, ...]]:
    """Return what tells a file from others, through links too; empty for a device such as /dev/null, nobody's file."""
    try:
        status = path.stat()
    except OSError:
        return {(os.path.normcase(os.path.realpath(path)),)}
    if not stat.S_ISREG(status.st_mode):
        return set()
    places: set[tuple[object, ...]] = {(os.path.normcase(os.path.realpath(path)),)}
    if status.st_ino:
        places.add((status.st_dev, status.st_ino))
    return places


def _likeness(path: Path) -> tuple[str, str]:
    """Return what two names have in common that are one to a file system which ignores capitals or composes accents."""
    folder, name = os.path.split(os.path.realpath(path))
    return folder, unicodedata.normalize("NFC", name).casefold()


def _state(path: Path) -> tuple[int, ...] | None:
    """Return what changes when a file is written or replaced; None where there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_ino, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def _put_aside(path: Path) -> Path:
    """Rename a file to a free name beside it, and return that.

    Raises:
        LimelightError: it cannot be renamed.
    """
    old, count = path.with_name(f"{path.name}.replaced"), 2
    while os.path.lexists(old):
        old, count = path.with_name(f"{path.name}.replaced-{count}"), count + 1
    try:
        path.rename(old)
    except OSError as error:
        raise LimelightError(f"{path}: cannot be replaced ({error.strerror})") from error
    return old


def _check_place(path: Path) -> None:
    """Make a file's folder, and see whether the file could be written.

    Raises:
        LimelightError: it could not.
    """
    if is_device(path):
        return  # a device, a pipe
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LimelightError(f"{path}: cannot be written, its folder cannot be made ({error.strerror})") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise LimelightError(f"{path}: cannot be written, its folder may not be written to; choose another one")
    try:
        path.stat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise LimelightError(f"{path}: cannot be written ({error.strerror})") from error


def file_digest(path: Path) -> str | None:
    """Return the SHA-256 of a file's bytes; None of what is no file, such as a camera or a pipe, or cannot be read."""
    if not is_file(path):
        return None
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
