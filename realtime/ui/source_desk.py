"""What a person does about sources, and what the window says of them: choose, drop, try again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtWidgets import QFileDialog, QWidget

from realtime.session import Session
from realtime.sources.base import CameraChoice
from realtime.ui.alerts import Remedy
from realtime.ui.overlays import ViewArea
from realtime.ui.source_opener import DEFAULT, SourceOpener
from realtime.ui.source_panel import SourcePanel

_MEDIA = (
    "Videos, images and takes (*.mp4 *.mov *.avi *.mkv *.webm *.m4v *.gif *.jpg *.jpeg *.png *.bmp *.webp *.mcap);;"
    "Takes (*.mcap);;All files (*)"
)


class SourceDesk(QObject):
    """Opens what is asked for, and tells it in the panel, over the picture and in a notice.

    `changed` is emitted when there is something new to tell, `opened` when another source or take is open.
    """

    changed = pyqtSignal()
    opened = pyqtSignal()

    def __init__(self, session: Session, panel: SourcePanel, area: ViewArea, remembered: str) -> None:
        """
        Args:
            session: whose source it is.
            panel: where one is chosen.
            area: where is said what is going on.
            remembered: source of the last time; "" for the default.
        """
        super().__init__()
        self._panel = panel
        self._area = area
        self._remembered: str | None = remembered  # None once somebody chose another
        self._opener = SourceOpener(session)
        self._opening = False
        self._notice = ""
        panel.chosen.connect(self.open)
        panel.refresh_requested.connect(self._opener.find_cameras)
        self._opener.opening.connect(self._show_opening)
        self._opener.opened.connect(self._show_opened)
        self._opener.failed.connect(self._show_failed)
        self._opener.cameras_found.connect(self._show_cameras)
        area.placeholder.setText("Starting …")

    @property
    def opening(self) -> bool:
        """Whether a source is being opened."""
        return self._opening

    @property
    def notice(self) -> str:
        """One line on the source; "" if there is nothing to tell."""
        return self._notice

    def remember(self, before: str) -> str:
        """Return what to open the next time: what somebody chose, or else `before`."""
        return before if self._remembered is not None else self._opener.lasting_spec

    def start(self, source: str | None) -> None:
        """Open the first source and look for cameras.

        Args:
            source: as `Session.open` takes it, for this time only; None for the remembered one, or else the default.
        """
        if source is not None:
            self._opener.open(source)
        else:
            remembered = self._remembered or DEFAULT
            self._opener.open(remembered, otherwise_default=remembered != DEFAULT)
        self._opener.find_cameras()

    def open(self, *specs: str) -> None:
        """Switch to the first that can be opened of what somebody chose, and remember it; a failure is shown with a way
        to try again."""
        self._remembered = None
        self._opener.open(*specs)

    def retry(self) -> None:
        """Open again what was asked for last."""
        self._opener.retry()

    def ask_file(self, parent: QWidget) -> None:
        """Let a person choose a file, and open it."""
        path, _ = QFileDialog.getOpenFileName(parent, "Open a video, an image or a take", "", _MEDIA)
        if path:
            self.open(path)

    def ask_folder(self, parent: QWidget) -> None:
        """Let a person choose a folder, and open it."""
        path = QFileDialog.getExistingDirectory(parent, "Open a folder of images")
        if path:
            self.open(path)

    def close(self) -> None:
        """Open nothing more."""
        self._opener.close()

    def _show_opening(self, spec: str) -> None:
        self._opening = True
        self._notice = f"Opening {Path(spec).name if spec else 'the camera'} …"
        self._area.banner.hide()
        self._area.placeholder.setText(self._notice)
        self._panel.set_current(spec)
        self.changed.emit()

    def _show_opened(self, spec: str, notice: str) -> None:
        self._opening = False
        self._notice = notice
        self._area.banner.forget()
        self._area.placeholder.setText("Waiting for the first picture …")
        self._panel.set_current(spec)
        self.opened.emit()
        self.changed.emit()

    def _show_failed(self, still_open: str, line: str) -> None:
        self._opening = False
        self._notice = ""
        self._area.placeholder.setText("No picture")
        self._area.banner.show_error(line, Remedy.SOURCE)
        self._panel.set_current(still_open)
        self.changed.emit()

    def _show_cameras(self, cameras: Sequence[CameraChoice]) -> None:
        self._panel.set_cameras(cameras)
        if not cameras and self._panel.current == DEFAULT and not self._opening:
            self._notice = "No camera found: the synthetic performer acts"
