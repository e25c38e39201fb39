"""Opens sources and looks for cameras without holding up the window."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from facemodel import LimelightError
from realtime.session import Session
from realtime.sources.base import CameraChoice
from realtime.ui.background import Background

DEFAULT, SYNTHETIC = "", "synthetic"


class SourceOpener(QObject):
    """Opens one source after another; of several asked for meanwhile only the last one counts.

    Sources, and takes, are named as `Session.open` names them, with DEFAULT for its None.

    Signals: `opening` (spec), `opened` (spec, a notice to show with it or ""), `failed` (spec of the source that is
    still open, one line), `cameras_found` (a tuple of `CameraChoice`).
    """

    opening = pyqtSignal(str)
    opened = pyqtSignal(str, str)
    failed = pyqtSignal(str, str)
    cameras_found = pyqtSignal(tuple)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._background = Background()
        self._cameras: tuple[CameraChoice, ...] = ()
        self._wanted = self._current = DEFAULT
        self._turn = 0

    @property
    def lasting_spec(self) -> str:
        """A name of the open source that will still mean it tomorrow: a camera's own name, since numbers change."""
        for camera in self._cameras:
            if camera.spec == self._current and [c.name for c in self._cameras].count(camera.name) == 1:
                return f"camera:{camera.name}"
        return self._current

    def open(self, *specs: str, otherwise_default: bool = False, notice: str = "") -> None:
        """Open the first of `specs` that can be opened, in the background.

        Args:
            specs: at least one source; `opened` says in its notice what became of the others.
            otherwise_default: if none can be opened, open the default source and say so in its notice.
            notice: comes with `opened`.
        """
        self._turn += 1
        turn = self._turn
        self._wanted = specs[0]
        self.opening.emit(specs[0])

        def opened(outcome: tuple[str, list[str]]) -> None:
            self._current = outcome[0]  # even if another one is being opened already, which may fail
            if turn == self._turn:
                self._wanted = outcome[0]
                self.opened.emit(self._current, "; ".join(filter(None, [notice, *outcome[1]])))

        def failed(line: str) -> None:
            if turn != self._turn:
                return
            if otherwise_default:
                self.open(DEFAULT, notice=f"{line}; the default source is used instead")
            else:
                self.failed.emit(self._current, line)

        self._background.submit(partial(self._open_first, specs), opened, failed)

    def retry(self) -> None:
        """Open again what was asked for last."""
        self.open(self._wanted)

    def find_cameras(self) -> None:
        """Look for cameras in the background."""

        def found(cameras: Sequence[CameraChoice]) -> None:
            self._cameras = tuple(cameras)
            self.cameras_found.emit(self._cameras)

        self._background.submit(self._session.cameras, found, lambda _line: found(()))

    def _open_first(self, specs: Sequence[str]) -> tuple[str, list[str]]:
        """Return which source was opened, and a line on each of the others."""
        lines: list[str] = []
        for i, spec in enumerate(specs):
            try:
                self._session.open(spec or None)
            except LimelightError as error:
                lines.append(str(error))
                continue
            lines += [f"{Path(other).name}: not opened, one source plays at a time" for other in specs[i + 1 :]]
            return spec, lines
        raise LimelightError("; ".join(lines))

    def close(self) -> None:
        """Open nothing more; what is being opened is left to itself."""
        self._background.close()
