"""The main window: puts the parts together and turns what a person does into calls of the session and models."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter

from PyQt6.QtCore import QRect, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PyQt6.QtWidgets import QFileDialog, QHBoxLayout, QMainWindow, QVBoxLayout, QWidget

from facemodel import LimelightError
from realtime.light_rig import LightRig
from realtime.observable import Observable
from realtime.render import ENVIRONMENTS, ViewMode
from realtime.screen_latency import ScreenLatency
from realtime.ui.actions import MODE_TITLES, build_actions, mode_action
from realtime.ui.frame_sink import FrameSink
from realtime.ui.options import ViewOptions
from realtime.ui.overlays import ViewArea
from realtime.ui.playback_bar import PlaybackBar
from realtime.ui.session_protocol import CameraChoice, Playback, Session
from realtime.ui.settings import SettingsFile, WindowSettings
from realtime.ui.side_panel import SidePanel
from realtime.ui.source_opener import DEFAULT, SourceOpener
from realtime.ui.status_line import StatusLine
from realtime.ui.view import FaceView

_log = logging.getLogger(__name__)

_REFRESH_MS = 200
_STILL_SECONDS = 1.5
"""Without a new frame for so long, the picture is called still."""

_DEFAULT_SIZE = (1280, 800)
_MEDIA = "Videos and images (*.mp4 *.mov *.avi *.mkv *.webm *.m4v *.jpg *.jpeg *.png *.bmp *.webp);;All files (*)"


class MainWindow(QMainWindow):
    """Shows a session. It listens to the models `options` and `rig`, and reads the session's status on a timer.

    Closing it saves the settings and lets go of the session; ending the session is the caller's (`run_window`).
    `closed` is emitted once.
    """

    closed = pyqtSignal()

    def __init__(self, session: Session, settings: SettingsFile, playback: Playback | None = None) -> None:
        """
        Args:
            session: what is shown and controlled.
            settings: where the window remembers itself.
            playback: the transport of a session that replays a take; such a window has no source to choose and
                nothing to record.
        """
        super().__init__()
        self.session = session
        self._settings = settings
        self._playback = playback
        remembered = settings.load()
        self.rig = Observable(remembered.light)
        alone = playback is not None  # a take has no picture that a face could be laid over
        self.options = Observable(ViewOptions(_mode_named(remembered.mode), remembered.mirror, whole_head=alone))
        if playback is None:
            session.smoothing = min(max(remembered.smoothing, 0.0), 1.0)
        self._notice = ""
        self._shown_error = ("", False)
        self._last_arrival = perf_counter()
        self._remembered_source: str | None = remembered.source  # None once somebody chose another
        self._sources = SourceOpener(session)
        self._sink = FrameSink()
        self._sink.arrived.connect(self._show_newest)

        self.setWindowTitle("Limelight")
        self.setMinimumSize(720, 480)
        self.setAcceptDrops(True)
        self.view = FaceView(session.model, self.options, self.rig, ENVIRONMENTS)
        self.screen_latency = ScreenLatency()
        self.area = ViewArea(self.view)
        self.actions_by_name = build_actions(self, self.view, self.menuBar(), self._handlers())
        self.status_line = StatusLine()
        self._build()
        self._connect()
        self._restore(remembered)
        session.add_sink(self._sink)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.refresh)
        self._timer.start(_REFRESH_MS)
        self.refresh()
        self.view.setFocus()

    def start(self, source: str | None) -> None:
        """Open the first source and look for cameras.

        Args:
            source: as `Session.open_source` takes it, for this time only; None for the remembered one, or else the
                default.
        """
        if source is not None:
            self._sources.open(source)
        else:
            remembered = self._remembered_source or DEFAULT
            self._sources.open(remembered, otherwise_default=remembered != DEFAULT)
        self._sources.find_cameras()

    def open_source(self, spec: str) -> None:
        """Switch to a source that somebody chose, and remember it; a failure is shown with a way to try again."""
        self._remembered_source = None
        self._sources.open(spec)

    def refresh(self) -> None:
        """Bring everything that is read from the session up to date."""
        status, recording = self.session.status(), self.session.recording()
        still = perf_counter() - self._last_arrival > _STILL_SECONDS
        self.status_line.show_status(status, still, self._notice, self.screen_latency.median())
        if not self.isFullScreen():
            self._show_error(status.error, retry=still and self._playback is None)
        if self._playback is not None:
            self.playback_bar.refresh()
        else:
            self.panel.record.show_recording(recording)
            self.actions_by_name["record"].setChecked(recording is not None)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        if self._timer.isActive():
            self._timer.stop()
            self._sources.close()
            self._sink.close()
            self.session.remove_sink(self._sink)
            self._save()
            self.view.release()
            self.closed.emit()
        event.accept()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        if self._playback is None and any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        files = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if self._playback is None and files:
            event.acceptProposedAction()
            self.open_source(files[0])

    def _handlers(self) -> dict[str, Callable[[], object]]:
        """What each action of the table does."""
        handlers: dict[str, Callable[[], object]] = {
            "open_file": self._ask_file,
            "open_folder": self._ask_folder,
            "record": self._toggle_recording,
            "quit": self.close,
            "next_mode": self._next_mode,
            "mirror": lambda: self.options.update(mirror=not self.options.value.mirror),
            "whole_head": lambda: self.options.update(whole_head=not self.options.value.whole_head),
            "pause": self._toggle_pause,
            "full_screen": self._toggle_full_screen,
            "leave_full_screen": self._leave,
            "recenter": self.session.recenter,
            "new_person": self.session.reset_person,
            "light_override": lambda: self.rig.update(override=not self.rig.value.override),
            "diffuse": lambda: self.rig.update(diffuse=not self.rig.value.diffuse),
            "specular": lambda: self.rig.update(specular=not self.rig.value.specular),
            "match_light": self._match_light,
            "help": lambda: self._show_help(not self.area.help.isVisible()),
        }
        for mode in MODE_TITLES:
            handlers[mode_action(mode)] = partial(self.options.update, mode=mode)
        return handlers

    def _build(self) -> None:
        actions = self.actions_by_name
        replays = self._playback is not None
        self.panel = SidePanel(self.session, actions, self.options, self.rig, ENVIRONMENTS, replays)
        upper = QHBoxLayout()
        upper.setSpacing(0)
        upper.addWidget(self.area, 1)
        upper.addWidget(self.panel)
        central = QWidget()
        rows = QVBoxLayout(central)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addLayout(upper, 1)
        self._around_the_view: list[QWidget] = [self.panel, self.status_line]
        if self._playback is not None:
            self.playback_bar = PlaybackBar(self._playback, actions["pause"])
            rows.addWidget(self.playback_bar)
            for name in ("open_file", "open_folder", "record", "new_person"):
                actions[name].setEnabled(False)
            self._around_the_view.append(self.playback_bar)
        rows.addWidget(self.status_line)
        self.setCentralWidget(central)
        self.area.placeholder.setText("Starting …")

    def _connect(self) -> None:
        self.options.listen(self._show_options)
        self.rig.listen(self._show_rig)
        self.panel.source.chosen.connect(self.open_source)
        self.panel.source.refresh_requested.connect(self._sources.find_cameras)
        self.panel.view.smoothing_changed.connect(self._set_smoothing)
        self._sources.opening.connect(self._show_opening)
        self._sources.opened.connect(self._show_opened)
        self._sources.failed.connect(self._show_failed)
        self._sources.cameras_found.connect(self._show_cameras)
        self.view.shown.connect(self.screen_latency.note)
        self.view.light_dragged.connect(self._drag_light)
        self.view.failed.connect(lambda line: self.area.banner.show_error(line, retry=False))
        self.area.banner.retry.connect(self._sources.retry)
        self.area.help.closed.connect(lambda: self._show_help(False))

    def _show_opening(self, spec: str) -> None:
        self._notice = f"Opening {Path(spec).name if spec else 'the camera'} …"
        self.area.banner.hide()
        self.area.placeholder.setText(self._notice)
        self.panel.source.set_current(spec)
        self.refresh()

    def _show_opened(self, _spec: str, notice: str) -> None:
        self._notice = notice
        self._shown_error = ("", False)
        self._last_arrival = perf_counter()
        self.screen_latency.clear()
        self.options.update(frozen=False)
        self.area.placeholder.setText("Waiting for the first picture …")
        self.refresh()

    def _show_failed(self, still_open: str, line: str) -> None:
        self._notice = ""
        self.area.placeholder.setText("No picture")
        self.area.banner.show_error(line, retry=True)
        self.panel.source.set_current(still_open)
        self.refresh()

    def _show_cameras(self, cameras: tuple[CameraChoice, ...]) -> None:
        self.panel.source.set_cameras(cameras)
        if not cameras and self.panel.source.current == DEFAULT:
            self._notice = "No camera found: the synthetic performer acts"

    def _show_error(self, line: str, retry: bool) -> None:
        """Show an error of the loop once, and again when it has become one that a retry may help."""
        if (line, retry) != self._shown_error:
            self._shown_error = (line, retry)
            if line:
                self.area.banner.show_error(line, retry)

    def _show_newest(self) -> None:
        self._last_arrival = perf_counter()
        result = self._sink.take()
        if result is None or self.options.value.frozen:
            return
        self.area.placeholder.hide()
        self.view.show_result(result)
        estimate = None if result.smoothed is None else self.session.model.layout.view(result.smoothed).key_position
        self.panel.light.show_estimate(estimate)

    def _show_options(self, options: ViewOptions) -> None:
        self.actions_by_name[mode_action(options.mode)].setChecked(True)
        self.actions_by_name["mirror"].setChecked(options.mirror)
        self.actions_by_name["whole_head"].setChecked(options.whole_head)
        self.actions_by_name["pause"].setChecked(options.frozen)
        self.panel.light.pad.set_mirror(options.mirror)

    def _show_rig(self, rig: LightRig) -> None:
        for name, on in (("light_override", rig.override), ("diffuse", rig.diffuse), ("specular", rig.specular)):
            self.actions_by_name[name].setChecked(on)

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a video or an image", "", _MEDIA)
        if path:
            self.open_source(path)

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a folder of images")
        if path:
            self.open_source(path)

    def _toggle_recording(self) -> None:
        try:
            if self.session.recording() is None:
                self.session.start_recording()
            else:
                self.session.stop_recording()
        except LimelightError as error:
            self.area.banner.show_error(str(error), retry=False)
        self.refresh()

    def _next_mode(self) -> None:
        modes = list(MODE_TITLES)
        self.options.update(mode=modes[(modes.index(self.options.value.mode) + 1) % len(modes)])

    def _toggle_pause(self) -> None:
        if self._playback is None:
            self.options.update(frozen=not self.options.value.frozen)
        else:
            self._playback.playing = not self._playback.playing
            self.actions_by_name["pause"].setChecked(not self._playback.playing)
            self.refresh()

    def _set_smoothing(self, strength: float) -> None:
        self.session.smoothing = strength

    def _match_light(self) -> None:
        result = self.view.result
        if result is not None and result.smoothed is not None:
            estimate = self.session.model.layout.view(result.smoothed)
            self.rig.value = replace(self.rig.value.adopting(estimate), override=True)

    def _drag_light(self, right: float, up: float) -> None:
        self.rig.value = replace(self.rig.value.dragged(right, up), override=True)

    def _show_help(self, on: bool) -> None:
        self.area.help.setVisible(on)
        self.area.help.raise_()
        self.actions_by_name["help"].setChecked(on)

    def _toggle_full_screen(self) -> None:
        self._set_full_screen(not self.isFullScreen())

    def _leave(self) -> None:
        if self.area.help.isVisible():
            self._show_help(False)
        elif self.isFullScreen():
            self._set_full_screen(False)

    def _set_full_screen(self, on: bool) -> None:
        for part in self._around_the_view:
            part.setVisible(not on)
        if on:
            self.area.banner.hide()
        # A hidden menu bar would take its shortcuts with it on some platforms; one without height does not.
        self.menuBar().setMaximumHeight(0 if on else 16777215)
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)
        self.actions_by_name["full_screen"].setChecked(on)

    def _restore(self, remembered: WindowSettings) -> None:
        self.resize(*_DEFAULT_SIZE)
        if remembered.geometry:
            wanted = QRect(*(round(number) for number in remembered.geometry))
            if any(screen.availableGeometry().intersects(wanted) for screen in QGuiApplication.screens()):
                self.setGeometry(wanted)
        if remembered.maximized:
            self.setWindowState(Qt.WindowState.WindowMaximized)

    def _save(self) -> None:
        rect = self.normalGeometry() if self.isMaximized() or self.isFullScreen() else self.geometry()
        before = self._settings.load()
        settings = WindowSettings(
            geometry=(rect.x(), rect.y(), rect.width(), rect.height()),
            maximized=self.isMaximized(),
            source=before.source if self._remembered_source is not None else self._sources.lasting_spec,
            mode=self.options.value.mode.value,
            mirror=self.options.value.mirror,
            smoothing=before.smoothing if self._playback is not None else self.session.smoothing,
            light=self.rig.value,
        )
        try:
            self._settings.save(settings)
        except OSError as error:
            _log.warning("settings %s: cannot be written (%s)", self._settings.path, error.strerror)


def _mode_named(name: str) -> ViewMode:
    return next((mode for mode in ViewMode if mode.value == name), ViewMode.OVERLAY)
