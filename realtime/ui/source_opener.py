"""Opens sources and looks for cameras without holding up the window."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QObject, pyqtSignal

from realtime.ui.background import Background
from realtime.ui.session_protocol import CameraChoice, Session

DEFAULT, SYNTHETIC = "", "synthetic"


class SourceOpener(QObject):
    """Opens one source after another; of several asked for meanwhile only the last one counts.

    Sources are named as `Session.open_source` names them, with DEFAULT for its None.

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

    def open(self, spec: str, otherwise_default: bool = False, notice: str = "") -> None:
        """Open `spec` in the background.

        Args:
            spec: the source.
            otherwise_default: if it fails, open the default source and say so in its notice.
            notice: comes with `opened`.
        """
        self._turn += 1
        turn = self._turn
        self._wanted = spec
        self.opening.emit(spec)

        def opened(_: None) -> None:
            if turn == self._turn:
                self._current = spec
                self.opened.emit(spec, notice)

        def failed(line: str) -> None:
            if turn != self._turn:
                return
            if otherwise_default:
                self.open(DEFAULT, notice=f"{line}; the default source is used instead")
            else:
                self.failed.emit(self._current, line)

        self._background.submit(lambda: self._session.open_source(spec or None), opened, failed)

    def retry(self) -> None:
        """Open again what was asked for last."""
        self.open(self._wanted)

    def find_cameras(self) -> None:
        """Look for cameras in the background."""

        def found(cameras: Sequence[CameraChoice]) -> None:
            self._cameras = tuple(cameras)
            self.cameras_found.emit(self._cameras)

        self._background.submit(self._session.cameras, found, lambda _line: found(()))

    def close(self) -> None:
        """Open nothing more; what is being opened is left to itself."""
        self._background.close()
