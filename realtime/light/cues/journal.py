"""Where a running show is, kept on disk, so that after a crash it comes up there.

One small file per show, written whole or not at all, a moment after each command or edit, never per frame; a show that
was ended as it should be leaves none.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from facemodel import LimelightError
from realtime.light.cues.cue import CueNumber
from realtime.light.cues.document import ShowDocument
from realtime.light.cues.playback import Place
from realtime.light.cues.show_reader import parse_show
from realtime.light.cues.show_writer import escaped_show
from realtime.light.values import spec_of
from realtime.threads import Ticker

if TYPE_CHECKING:
    from realtime.light.show import Show

VERSION = 1
SECONDS = 0.1
"""Between two looks at the show."""


@dataclass(frozen=True)
class ShowState:
    """Where a show was, its edits aside.

    Attributes:
        place: of its playback.
        paused: fades stood still; they are complete otherwise.
        master: 0..1.
        blackout: it was dark.
        bpm: beats a minute.
    """

    place: Place
    paused: bool
    master: float
    blackout: bool
    bpm: float


@dataclass(frozen=True)
class Left:
    """What a show left behind that was not ended.

    Attributes:
        document: with edits that were not saved; None if the file was edited elsewhere since, and counts instead.
        state: where it was.
    """

    document: ShowDocument | None
    state: ShowState


def default_folder() -> Path:
    """Return where the journals of this user are."""
    return platformdirs.user_state_path("limelight", appauthor=False) / "shows"


def recall(file: Path, folder: Path | None = None) -> Left | None:
    """Return what a show left behind, or None if it was ended, or never ran.

    Args:
        file: of the show.
        folder: of journals; None: the user's.

    Raises:
        LimelightError: there is something that cannot be read; the show begins anew then.
    """
    path = _path(file, folder)
    try:
        said = json.loads(path.read_text("utf-8"))
        if said["version"] != VERSION:
            raise ValueError(f"it is of format {said['version']}")
        document = parse_show(said["show"], file) if said["digest"] == _digest(file) else None
        return Left(document, _state_of(said["state"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, LimelightError) as error:
        reason = f"{error}".splitlines()[0] if f"{error}" else type(error).__name__
        raise LimelightError(f"{file}: where the show was cannot be read ({reason}); it begins anew") from None


def _nobody(_line: str) -> None:
    pass


class Journal:
    """Writes where a show is, on a thread of its own, until it is closed."""

    def __init__(
        self, show: Show, file: Path, folder: Path | None = None, tell: Callable[[str], object] = _nobody
    ) -> None:
        """
        Args:
            show: that runs.
            file: of it.
            folder: of journals; None: the user's.
            tell: is given in one line why it cannot be written, once until it can be again; on the journal's thread.
        """
        self._tell = tell
        self._show = show
        self._file = file
        self._path = _path(file, folder)
        self._written: int | None = None
        self._document: tuple[ShowDocument, str] | None = None  # the last that was written, and as text
        self._trouble: str | None = None
        self._writing = threading.Lock()
        self._ticker = Ticker(self.write, SECONDS, "journal")
        self._ticker.start()

    @property
    def trouble(self) -> str | None:
        """Return in one line why it cannot be written, or None."""
        return self._trouble

    def close(self, ended: bool = True) -> None:
        """Write no more. A show that has ended leaves nothing behind; else, or with edits that were not saved, it will
        come up where it is."""
        self._ticker.stop()
        if ended and not self._show.status().edited:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        else:
            self.write()

    def write(self) -> None:
        """Write where the show is now, unless that is written already."""
        with self._writing:
            self._write()

    def _write(self) -> None:
        revision = self._show.revision
        if revision == self._written:
            return
        document = self._show.document
        if self._document is None or self._document[0] is not document:
            self._document = document, escaped_show(document, self._file)
        said = {
            "version": VERSION,
            "file": str(self._file),
            "digest": _digest(self._file),
            "show": self._document[1],
            "state": _state_said(self._show.state()),
        }
        temporary = self._path.with_suffix(f".{os.getpid()}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("w", encoding="utf-8") as file:
                json.dump(said, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            trouble = f"{self._path}: where the show is cannot be written: {error.strerror or error}"
            if trouble != self._trouble:
                self._trouble = trouble
                self._tell(trouble)
            return
        self._trouble = None
        self._written = revision


def _path(file: Path, folder: Path | None) -> Path:
    key = hashlib.sha256(str(file.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return (folder or default_folder()) / f"{file.stem}-{key}.json"


def _digest(file: Path) -> str:
    """Return a digest of what is in a file, or "" if there is none."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def _state_said(state: ShowState) -> dict[str, object]:
    place = state.place
    return {
        "active": str(place.active) if place.active else None,
        "standby": str(place.standby) if place.standby else None,
        "values": dict(place.values),
        "owned": sorted(place.owned),
        "effects": list(place.effects),
        "rate": place.rate,
        "paused": state.paused,
        "master": state.master,
        "blackout": state.blackout,
        "bpm": state.bpm,
    }


def _state_of(said: dict) -> ShowState:
    place = Place(
        CueNumber.of(said["active"]) if said["active"] else None,
        CueNumber.of(said["standby"]) if said["standby"] else None,
        {name: spec_of(name).checked(value) for name, value in said["values"].items()},
        frozenset(spec_of(name).name for name in said["owned"]),
        tuple(str(name) for name in said["effects"]),
        float(said["rate"]),
    )
    return ShowState(place, bool(said["paused"]), float(said["master"]), bool(said["blackout"]), float(said["bpm"]))
