"""The main window: puts the parts together, and keeps what they show up to date."""

from __future__ import annotations

from time import perf_counter

from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QResizeEvent
from PyQt6.QtWidgets import QMainWindow

from realtime.frame import Result
from realtime.light.lighting import Lighting
from realtime.observable import Observable
from realtime.outputs.display import display_outputs, set_displays
from realtime.screen_latency import ScreenLatency
from realtime.session import Session
from realtime.ui.actions import build_actions
from realtime.ui.alerts import Remedy, alert_of, stands_at_end, why_nothing_comes
from realtime.ui.frame_sink import FrameSink
from realtime.ui.handlers import handlers, keep_check_marks, offer_what_makes_sense
from realtime.ui.layout import fit_operator, lay_out, restyle
from realtime.ui.midi_menu import MidiMenu
from realtime.ui.options import ViewOptions
from realtime.ui.overlays import ViewArea
from realtime.ui.person_desk import PersonDesk
from realtime.ui.playback import Playback
from realtime.ui.remembering import restore_place, save_settings, view_options
from realtime.ui.settings import SettingsFile
from realtime.ui.show_desk import ShowDesk
from realtime.ui.show_panel import ShowPanel, state_of
from realtime.ui.side_panel import SidePanel
from realtime.ui.sink_desk import SinkDesk
from realtime.ui.source_desk import SourceDesk
from realtime.ui.status_line import StatusLine
from realtime.ui.take_desk import TakeDesk
from realtime.ui.tour_desk import TourDesk
from realtime.ui.view import FaceView

_REFRESH_MS = 200
_NARROWEST, _NARROWEST_OPERATED, _LOWEST = 720, 1010, 480
"""px of a window; with the operator's panel both panels and a picture stand side by side."""
_STILL_SECONDS = 1.5
"""Without a new picture for so long, the picture is called still."""


class MainWindow(QMainWindow):
    """Shows a session. It listens to the models `options`, `smoothing` and `selected_light`, and reads the session's
    status and its show on a timer.

    Closing it saves the settings and takes no more results; ending the session is the caller's (`run_window`).
    `closed` is emitted once, `light_changed` whenever the show tells of a change.
    """

    closed = pyqtSignal()
    light_changed = pyqtSignal()

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
        if not session.show.document.cues:  # a show with cues says itself how it begins
            session.show.set({**remembered.light, **session.config.lighting})
        self.selected_light = Observable(1)
        self._shown_light = session.show.now()
        self.options = Observable(view_options(remembered, session.config.show is not None))
        self.smoothing = Observable(session.config.smoothing or remembered.smoothing)
        self._last_picture, self._waiting = perf_counter(), False
        self.takes = TakeDesk(session)
        self._sink = FrameSink(session, self.takes.companion)
        self.screen_latency = ScreenLatency()

        self.setWindowTitle("Limelight")
        self.setAcceptDrops(True)
        self.view = FaceView(session.model, self.options, self._lighting, warm=session.config.show is not None)
        self.area = ViewArea(self.view, self.selected_light)
        self.status_line = StatusLine()
        self.cues = ShowDesk(session.show)
        self.actions_by_name = build_actions(self, self.view, self.menuBar(), handlers(self))
        self.panel = SidePanel(self.actions_by_name, self.options, self.smoothing, session.show, self.selected_light)
        self.operator = ShowPanel(session.show, self.cues, self.actions_by_name)
        self.playback = Playback(session, self.takes, self.actions_by_name, self.options, self.area.compare, remembered)
        self.sources = SourceDesk(session, self.panel.source, self.area, remembered.source)
        self.sinks = SinkDesk(session, remembered.streams)
        self.persons = PersonDesk(session, self.panel.person, self.area)
        self.tour = TourDesk(self, remembered.tour_seen)
        lay_out(self)
        self.show_operator(bool(session.show.document.cues))
        self.midi = MidiMenu(self)
        for part in (self.operator, self.panel.light, self.panel.look):
            self.midi.offer(part.bindable())
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
        still = perf_counter() - self._last_picture > _STILL_SECONDS
        nothing_comes = why_nothing_comes(status, transport, still)
        self.takes.follow()
        alert = alert_of(status, [sink for _, sink in sinks])
        opening = self.sources.notice if self.sources.opening else ""
        self.status_line.show_status(
            status,
            [sink for _, sink in sinks],
            stopped=alert is not None and alert.remedy is Remedy.SOURCE,
            paused=transport is not None and not transport.playing,
            at_end=stands_at_end(transport),
            waiting=self._waiting,
            still=still,
            message=opening
            or (f"recording, but nothing comes in: {nothing_comes}" if recording and nothing_comes else "")
            or status.feed.problem
            or status.feed.message
            or self.sources.notice,
            screen_ms=self.screen_latency.median(),
            show_state="" if self._operated else state_of(session.show.status()),
        )
        if not self.isFullScreen() and not opening:
            self.area.banner.show_alert(alert)
        if session.show.now() != self._shown_light:
            self.show_light()  # it fades
        if (info := session.info) is not None:
            self.options.update(alone=not info.pictures)
        if (asked := session.asked_view) is not None:
            session.asked_view = None
            self.options.update(mode=asked)
        self.operator.refresh()
        self.operator.displays.show_states([display.state for display in display_outputs(session.workers())])
        self.playback.refresh(self.isFullScreen())
        plays_take = session.take is not None
        offer_what_makes_sense(self.actions_by_name, plays_take, transport)
        self.show_recorded_light()
        frozen = self.options.value.frozen if transport is None else not transport.playing
        self.actions_by_name["pause"].setChecked(frozen)
        self.actions_by_name["record"].setChecked(recording is not None)
        self.tour.follow_recording(recording is not None)
        self.panel.source.network.setText(session.network_name)
        self.panel.source.show_controls(session.camera_controls)
        self.panel.smoothing.setEnabled(not plays_take)
        self.persons.refresh()
        self.panel.sinks.show_entries(self.sinks.list.entries(sinks, perf_counter()))
        self.panel.record.show_recording(recording, nothing_comes)
        self.panel.record.slate.show_slate(session.slate)
        self.panel.record.slate.show_timecode(session.timecode.name, session.timecode.status())

    def show_light(self) -> None:
        """Bring what shows the show up to date, and the picture."""
        self._shown_light = self.session.show.now()
        self.panel.light.show_values()
        self.panel.look.show_values()
        own = self.session.show.values()["light/source"] == "show"
        self.actions_by_name["light_override"].setChecked(own)
        self.show_recorded_light()
        self.area.show_marks()
        self.tour.follow_light()
        self.view.update()

    def show_recorded_light(self) -> None:
        """Show whether a take plays in its own light; only those that know it can."""
        take, action = self.session.take, self.actions_by_name["as_recorded"]
        action.setEnabled(take is not None and take.light is not None)
        action.setChecked(action.isEnabled() and self.session.as_recorded)

    def show_operator(self, on: bool) -> None:
        """Show or hide the operator's panel."""
        self._operated = on
        self.setMinimumSize(_NARROWEST_OPERATED if on else _NARROWEST, _LOWEST)
        self.panel.arrange(on)
        restyle(self.status_line, "operated", on)
        self.operator.setVisible(on and not self.isFullScreen())
        self.actions_by_name["operator"].setChecked(on)

    def show_help(self, on: bool) -> None:
        """Show or hide the F1 page."""
        self.area.help.setVisible(on)
        self.area.help.raise_()
        self.tour.place()
        self.actions_by_name["help"].setChecked(on)

    def set_full_screen(self, on: bool) -> None:
        """Let the picture alone fill the screen, or not."""
        for part in (self.panel, self.status_line):
            part.setVisible(not on)
        self.operator.setVisible(self._operated and not on)
        self.area.banner.forget()
        # A hidden menu bar would take its shortcuts with it on some platforms; one without height does not.
        self.menuBar().setMaximumHeight(0 if on else 16777215)
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)
        self.actions_by_name["full_screen"].setChecked(on)
        self.area.show_marks()
        self.tour.place()
        self.refresh()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        fit_operator(self)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        if event.spontaneous() and not self.cues.may_close(self):
            event.ignore()
            return
        if self._timer.isActive():
            self._timer.stop()
            self.session.show.unlisten(self._hear_show)
            for part in (self.sources, self.sinks, self.persons, self._sink, self.takes, self.cues):
                part.close()
            save_settings(self, self._settings)
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
            if files[0].lower().endswith((".hdr", ".exr")):
                self.panel.light.load_panorama(files[0])
            else:
                self.sources.open(*files)

    def _connect(self) -> None:
        keep_check_marks(self.actions_by_name, self.options)
        self.options.listen(self._show_options)
        self.smoothing.listen(lambda settings: setattr(self.session, "smoothing", settings))
        self._sink.arrived.connect(self._show_newest)
        self.sources.opened.connect(self._begin_anew)
        self.sources.changed.connect(self.refresh)
        self.sinks.done.connect(self.refresh)
        self.sinks.failed.connect(self.area.banner.show_error)
        self.panel.source.hold_asked.connect(self._hold_camera)
        self.panel.sinks.add_asked.connect(self.sinks.add)
        self.panel.sinks.switch_asked.connect(self.sinks.switch)
        self.panel.sinks.remove_asked.connect(self.sinks.remove)
        self.panel.sinks.restart_asked.connect(self.sinks.restart)
        self.panel.record.slate.changed.connect(lambda slate: setattr(self.session, "slate", slate))
        self.panel.record.slate.timecode_asked.connect(self.sinks.use_timecode)
        self.view.shown.connect(self.screen_latency.note)
        self.view.light_grabbed.connect(lambda number: setattr(self.selected_light, "value", number))
        self.view.light_held.connect(self.panel.light.hold)
        self.view.light_dragged.connect(self.panel.light.move_light)
        self.view.light_dimmed.connect(self.panel.light.change_intensity)
        self.light_changed.connect(self.show_light)
        self.session.show.listen(self._hear_show)
        self.selected_light.listen(lambda _number: self.area.show_marks())
        self.view.picked.connect(self.session.choose_at)
        self.view.failed.connect(self.area.banner.show_error)
        self.view.wiped.connect(lambda at: self.options.update(wipe=at))
        self.takes.failed.connect(self.area.banner.show_error)
        self.operator.displays.asked.connect(lambda state: set_displays(self.session.workers(), state))
        self.cues.failed.connect(self.area.banner.show_error)
        self.midi.failed.connect(self.area.banner.show_error)
        self.panel.light.failed.connect(self.area.banner.show_error)
        self.panel.light.restore_panorama()
        self.playback.changed.connect(self.refresh)
        self.area.banner.remedy_asked.connect(self._remedy)
        self.area.help.closed.connect(lambda: self.show_help(False))

    def _lighting(self, result: Result | None) -> Lighting:
        return self.session.show.now() if result is None else self.session.lighting(result)

    def _hear_show(self, _changed: object) -> None:
        self.light_changed.emit()  # from any thread to the window's own

    def _remedy(self, remedy: Remedy) -> None:
        if remedy is Remedy.SOURCE:
            self.sources.retry()
        else:
            self.area.banner.forget()
            self.sinks.restart_failed()

    def _hold_camera(self, on: bool) -> None:
        if (controls := self.session.camera_controls) is not None:
            controls.hold(on)

    def _begin_anew(self) -> None:
        self._last_picture, self._waiting = perf_counter(), False
        self.screen_latency.clear()
        self.options.update(frozen=False)

    def _show_newest(self) -> None:
        newest = self._sink.take()
        if newest is None:
            return
        (result, model), companion = newest
        self._waiting = result.stalled
        if not result.stalled:
            self._last_picture = perf_counter()
        if self.options.value.frozen:
            return
        self.area.placeholder.hide()
        self.view.show_result(result, model, companion)
        self.area.show_marks()
        self.playback.show_position()
        performer = result.performer
        self.panel.light.show_estimate(
            None if performer is None else model.layout.view(performer.smoothed).key_position
        )

    def _show_options(self, options: ViewOptions) -> None:
        self.panel.light.pad.set_mirror(options.mirror)
        self.area.show_marks()
