"""The main window: puts the parts together, and keeps what they show up to date."""

from __future__ import annotations

import logging
from dataclasses import replace
from time import perf_counter

from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PyQt6.QtWidgets import QHBoxLayout, QMainWindow, QVBoxLayout, QWidget

from realtime.observable import Observable
from realtime.render import ENVIRONMENTS
from realtime.screen_latency import ScreenLatency
from realtime.session import Session
from realtime.ui.actions import build_actions
from realtime.ui.alerts import Remedy, alert_of
from realtime.ui.frame_sink import FrameSink
from realtime.ui.handlers import handlers, keep_check_marks, offer_what_makes_sense
from realtime.ui.options import ViewOptions
from realtime.ui.overlays import ViewArea
from realtime.ui.playback_bar import PlaybackBar
from realtime.ui.remembering import place_of, restore_place, view_options
from realtime.ui.settings import SettingsFile, WindowSettings
from realtime.ui.side_panel import SidePanel
from realtime.ui.sink_desk import SinkDesk
from realtime.ui.source_desk import SourceDesk
from realtime.ui.status_line import StatusLine
from realtime.ui.view import FaceView

_log = logging.getLogger(__name__)

_REFRESH_MS = 200
_STILL_SECONDS = 1.5
"""Without a new picture for so long, the picture is called still."""


class MainWindow(QMainWindow):
    """Shows a session. It listens to the models `options`, `smoothing` and `rig`, and reads the session's status on a
    timer.

    Closing it saves the settings and takes no more results; ending the session is the caller's (`run_window`).
    `closed` is emitted once.
    """

    closed = pyqtSignal()

    def __init__(self, session: Session, settings: SettingsFile) -> None:
        """
        Args:
            session: what is shown and controlled.
            settings: where the window remembers itself.
        """
        super().__init__()
        self.session = session
        self._settings = settings
        remembered = settings.load()
        self.rig = Observable(remembered.light)
        self.options = Observable(view_options(remembered))
        self.smoothing = Observable(session.config.smoothing or remembered.smoothing)
        self._last_picture, self._waiting = perf_counter(), False
        self._sink = FrameSink(session)
        self.screen_latency = ScreenLatency()

        self.setWindowTitle("Limelight")
        self.setMinimumSize(720, 480)
        self.setAcceptDrops(True)
        self.view = FaceView(session.model, self.options, self.rig, ENVIRONMENTS)
        self.area = ViewArea(self.view)
        self.status_line = StatusLine()
        self.actions_by_name = build_actions(self, self.view, self.menuBar(), handlers(self))
        self.panel = SidePanel(self.actions_by_name, self.options, self.smoothing, self.rig, ENVIRONMENTS)
        self.playback_bar = PlaybackBar(self.actions_by_name["pause"])
        self.sources = SourceDesk(session, self.panel.source, self.area, remembered.source)
        self.sinks = SinkDesk(session)
        self._lay_out()
        self._connect()
        restore_place(self, remembered)
        session.listen(self._sink.submit)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.refresh)
        self._timer.start(_REFRESH_MS)
        self.refresh()
        self.view.setFocus()

    def refresh(self) -> None:
        """Bring everything that is read from the session up to date."""
        session = self.session
        status, recording, transport = session.status(), session.recording(), session.transport
        sinks = [(worker, worker.status()) for worker in session.workers()]
        alert = alert_of(status, [sink for _, sink in sinks])
        opening = self.sources.notice if self.sources.opening else ""
        self.status_line.show_status(
            status,
            [sink for _, sink in sinks],
            stopped=alert is not None and alert.remedy is Remedy.SOURCE,
            paused=transport is not None and not transport.playing,
            waiting=self._waiting,
            still=perf_counter() - self._last_picture > _STILL_SECONDS,
            message=opening or status.feed.problem or status.feed.message or self.sources.notice,
            screen_ms=self.screen_latency.median(),
        )
        if not self.isFullScreen() and not opening:
            self.area.banner.show_alert(alert)
        if (info := session.info) is not None:
            self.options.update(alone=not info.pictures)
        self.playback_bar.show_transport(transport)
        self.playback_bar.setVisible(transport is not None and not self.isFullScreen())
        offer_what_makes_sense(self.actions_by_name, plays_take=transport is not None)
        frozen = self.options.value.frozen if transport is None else not transport.playing
        self.actions_by_name["pause"].setChecked(frozen)
        self.actions_by_name["record"].setChecked(recording is not None)
        self.panel.source.network.setText(session.network_name)
        self.panel.smoothing.setEnabled(transport is None)
        self.panel.sinks.show_sinks(sinks)
        self.panel.record.show_recording(recording)

    def show_help(self, on: bool) -> None:
        """Show or hide the F1 page."""
        self.area.help.setVisible(on)
        self.area.help.raise_()
        self.actions_by_name["help"].setChecked(on)

    def set_full_screen(self, on: bool) -> None:
        """Let the picture alone fill the screen, or not."""
        for part in (self.panel, self.status_line):
            part.setVisible(not on)
        self.area.banner.forget()
        # A hidden menu bar would take its shortcuts with it on some platforms; one without height does not.
        self.menuBar().setMaximumHeight(0 if on else 16777215)
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)
        self.actions_by_name["full_screen"].setChecked(on)
        self.area.show_marks()
        self.refresh()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        if self._timer.isActive():
            self._timer.stop()
            self.sources.close()
            self.sinks.close()
            self._sink.close()
            self._save()
            self.view.release()
            self.closed.emit()
        event.accept()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        files = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if files:
            event.acceptProposedAction()
            self.sources.open(*files)

    def _lay_out(self) -> None:
        upper = QHBoxLayout()
        upper.setSpacing(0)
        upper.addWidget(self.area, 1)
        upper.addWidget(self.panel)
        central = QWidget()
        rows = QVBoxLayout(central)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addLayout(upper, 1)
        rows.addWidget(self.playback_bar)
        rows.addWidget(self.status_line)
        self.setCentralWidget(central)

    def _connect(self) -> None:
        keep_check_marks(self.actions_by_name, self.options, self.rig)
        self.options.listen(self._show_options)
        self.smoothing.listen(lambda settings: setattr(self.session, "smoothing", settings))
        self._sink.arrived.connect(self._show_newest)
        self.sources.opened.connect(self._begin_anew)
        self.sources.changed.connect(self.refresh)
        self.sinks.done.connect(self.refresh)
        self.sinks.failed.connect(self.area.banner.show_error)
        self.panel.sinks.add_asked.connect(self.sinks.add)
        self.panel.sinks.end_asked.connect(self.sinks.end)
        self.panel.sinks.restart_asked.connect(self.sinks.restart)
        self.view.shown.connect(self.screen_latency.note)
        self.view.light_dragged.connect(self._drag_light)
        self.view.picked.connect(self.session.choose_at)
        self.view.failed.connect(self.area.banner.show_error)
        self.area.banner.remedy_asked.connect(self._remedy)
        self.area.help.closed.connect(lambda: self.show_help(False))

    def _remedy(self, remedy: Remedy) -> None:
        if remedy is Remedy.SOURCE:
            self.sources.retry()
        else:
            self.area.banner.forget()
            self.sinks.restart_failed()

    def _begin_anew(self) -> None:
        self._last_picture, self._waiting = perf_counter(), False
        self.screen_latency.clear()
        self.options.update(frozen=False)

    def _show_newest(self) -> None:
        newest = self._sink.take()
        if newest is None:
            return
        result, model = newest
        self._waiting = result.stalled
        if not result.stalled:
            self._last_picture = perf_counter()
        if self.options.value.frozen:
            return
        self.area.placeholder.hide()
        self.view.show_result(result, model)
        self.area.show_marks()
        performer = result.performer
        self.panel.light.show_estimate(
            None if performer is None else model.layout.view(performer.smoothed).key_position
        )

    def _show_options(self, options: ViewOptions) -> None:
        self.panel.light.pad.set_mirror(options.mirror)
        self.area.show_marks()

    def _drag_light(self, right: float, up: float) -> None:
        self.rig.value = replace(self.rig.value.dragged(right, up), override=True)

    def _save(self) -> None:
        before = self._settings.load()
        asked_for_now = self.smoothing.value == self.session.config.smoothing
        settings = WindowSettings(
            geometry=place_of(self),
            maximized=self.isMaximized(),
            source=self.sources.remember(before.source),
            mode=self.options.value.mode.value,
            mirror=self.options.value.mirror,
            smoothing=before.smoothing if asked_for_now else self.smoothing.value,
            light=self.rig.value,
        )
        try:
            self._settings.save(settings)
        except OSError as error:
            _log.warning("settings %s: cannot be written (%s)", self._settings.path, error.strerror)
