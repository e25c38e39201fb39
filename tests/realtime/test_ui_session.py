"""The window on a real session: sources, takes and sinks come and go."""

from __future__ import annotations

import threading
import time
from time import perf_counter
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("pytestqt")
from PyQt6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import QDragEnterEvent, QDropEvent

from facemodel import LimelightError
from realtime.frame import Frame, StreamInfo, TrackingState
from realtime.loop.source_reader import Reopening
from realtime.opencv import cv2
from realtime.session import Session
from realtime.session_config import SessionConfig
from realtime.sinks.contract import Policy
from realtime.sinks.worker import Worker, WorkerConfig
from realtime.takes import TakeHeader, TakeWriter, load_take
from realtime.ui import app
from realtime.ui.settings import SettingsFile
from tests.realtime.fake_session import toy_face, toy_result
from tests.realtime.loop_parts import MODEL, Collector, ListSource, PictureTracker
from tests.realtime.window_parts import difference, open_window, pixels, settle


@pytest.fixture
def tracker():
    return PictureTracker()


@pytest.fixture
def session(tmp_path, tracker):
    session = Session(MODEL, lambda: tracker, SessionConfig(takes=tmp_path / "takes"))
    yield session
    session.stop()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of 300 pictures: ten seconds."""
    folder = tmp_path_factory.mktemp("seconds") / "pictures"
    folder.mkdir()
    for i in range(300):
        cv2.imwrite(str(folder / f"{i:03d}.png"), np.full((48, 64, 3), i % 256, np.uint8))
    return folder


@pytest.fixture(scope="module")
def take(tmp_path_factory):
    """Four seconds of two faces, of which the performer turns its head."""
    path = tmp_path_factory.mktemp("take") / "two.mcap"
    info = StreamInfo("clip.mp4", 640, 480, 30.0, live=False, model=MODEL, network="student")
    with TakeWriter(path, TakeHeader.describe(info), MODEL) as writer:
        for i in range(120):
            performer = toy_face(MODEL, 1, (450.0, 240.0), 0.8, yaw=i / 200.0)
            writer.append(toy_result(MODEL, i, faces=(performer, toy_face(MODEL, 2, (200.0, 240.0), 0.6))))
    return path


def camera(**options):
    """A live source that goes on for as long as a test may take."""
    return ListSource(100_000, live=True, fps=60.0, **options)


def show(qtbot, window, path) -> None:
    """Open a file, and wait until it is open and its first picture is shown."""
    window.sources.open(str(path))
    settle(qtbot, window)
    qtbot.waitUntil(lambda: window.view.result is not None)


def drop(window, *paths) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    how = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(QPoint(100, 100), *how)
    window.dragEnterEvent(enter)
    assert enter.isAccepted()
    window.dropEvent(QDropEvent(QPointF(100, 100), *how))


def drag_to(qtbot, timeline, frame) -> None:
    at = QPoint(round(timeline.x_of(frame)), timeline.height() // 2)
    qtbot.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=at)


def index_of(window) -> int:
    return window.view.result.frame.index


def test_from_a_live_source_to_a_take_and_back(qtbot, window, session, pictures, take):
    bar, record = window.playback.bar, window.panel.record.button
    show(qtbot, window, pictures)
    assert bar.isVisible() and bar.timeline.frames == 300 and record.isEnabled()
    assert window.panel.source.network.full_text() == "no network"
    drop(window, take)
    settle(qtbot, window)
    assert bar.timeline.frames == 120
    qtbot.waitUntil(lambda: len(window.view.result.faces) == 2)
    assert window.status_line.source.text() == "two.mcap"
    assert window.panel.source.choice.currentText() == "two.mcap"
    assert window.panel.source.network.full_text() == "student"
    assert "nothing to record" in record.toolTip()
    assert not window.actions_by_name["new_person"].isEnabled()
    assert not window.panel.smoothing.isEnabled()
    qtbot.keyClick(window.view, Qt.Key.Key_R)
    assert session.recording() is None and "nothing to record" in window.area.banner.text.text()
    session.use_source(camera())
    qtbot.waitUntil(lambda: not bar.isVisible())
    assert record.isEnabled() and "(R)" in record.toolTip() and window.panel.smoothing.isEnabled()
    qtbot.waitUntil(lambda: window.view.result.frame.image.shape == (24, 32, 3))


def test_a_take_is_paused_sought_and_played_on(qtbot, window, session, take):
    show(qtbot, window, take)
    bar = window.playback.bar
    assert bar.isVisible()
    session.transport.show(0)
    session.transport.playing = True  # however long it has played by now
    qtbot.keyClick(window.view, Qt.Key.Key_Space)
    assert not session.transport.playing and not window.options.value.frozen
    assert window.actions_by_name["pause"].isChecked() and "Paused" in window.status_line.state.text()
    drag_to(qtbot, bar.timeline, 60)
    qtbot.waitUntil(lambda: index_of(window) == 60)
    before = pixels(window)
    drag_to(qtbot, bar.timeline, 105)
    qtbot.waitUntil(lambda: index_of(window) == 105)
    assert difference(pixels(window), before) > 0.1
    qtbot.mouseClick(bar.button, Qt.MouseButton.LeftButton)
    assert session.transport.playing and not window.actions_by_name["pause"].isChecked()
    qtbot.waitUntil(lambda: index_of(window) == 119)
    qtbot.waitUntil(lambda: not session.transport.playing and bar.button.text() == "▶")  # it pauses at its end
    assert bar.time.text() == "00:00:03:29 / 00:00:03:29   119"
    qtbot.mouseClick(bar.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: index_of(window) < 60)


def test_a_take_without_pictures_shows_whole_heads(qtbot, window, session, take, pictures):
    window.sources.open(str(take))
    qtbot.waitUntil(lambda: window.options.value.alone)
    settle(qtbot, window)
    assert not window.options.value.whole_head and not window.actions_by_name["whole_head"].isChecked()
    window.sources.open(str(pictures))
    qtbot.waitUntil(lambda: not window.options.value.alone)


def test_full_screen_has_no_playback_bar(qtbot, window, take):
    window.sources.open(str(take))
    qtbot.waitUntil(window.playback.bar.isVisible)
    qtbot.keyClick(window.view, Qt.Key.Key_F11)
    qtbot.waitUntil(window.isFullScreen)
    window.refresh()
    assert not window.playback.bar.isVisible()
    qtbot.keyClick(window.view, Qt.Key.Key_Escape)
    qtbot.waitUntil(window.playback.bar.isVisible)


def test_the_performer_of_a_take_is_chosen_by_click_and_key(qtbot, window, session, take):
    window.options.update(mirror=True)
    window.sources.open(str(take))
    qtbot.waitUntil(lambda: window.area.marks.isVisible())
    assert window.view.result.performer.id == 1
    x, y = window.view.fit.to_view(200.0, 240.0)
    qtbot.mouseClick(window.view, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))
    qtbot.waitUntil(lambda: window.view.result.performer.id == 2)
    assert [(mark.number, mark.performer) for mark in window.area.marks.marks] == [(1, True), (2, False)]
    qtbot.keyClick(window.view, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.view.result.performer.id == 1)


def test_choosing_and_smoothing_reach_the_tracker(qtbot, window, session, tracker):
    session.use_source(camera())
    qtbot.waitUntil(lambda: window.view.result is not None)
    qtbot.mouseClick(window.panel.smoothing.presets["raw"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: ("set_smoothing", session.smoothing) in tracker.asked)
    assert session.smoothing.preset == "raw"
    x, y = window.view.fit.to_view(16.0, 12.0)
    qtbot.mouseClick(window.view, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))
    qtbot.keyClick(window.view, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: ("choose", 3) in tracker.asked)
    ((_, at_x, at_y),) = (asked for asked in tracker.asked if asked[0] == "choose_at")
    assert (at_x, at_y) == pytest.approx((16.0, 12.0), abs=0.1)


def test_a_lost_source_comes_back_by_itself(qtbot, window, session):
    plugged_in = threading.Event()

    def again():
        if not plugged_in.is_set():
            raise LimelightError("camera gone")
        return camera()

    session.use_source(camera(fail_at=20), Reopening(again, first_pause=0.05, longest_pause=0.1))
    banner = window.area.banner
    qtbot.waitUntil(lambda: window.view.result is not None)
    qtbot.waitUntil(banner.isVisible)
    assert "unplugged" in banner.text.text() and "trying again" in banner.text.text()
    assert "Source lost" in window.status_line.state.text()
    qtbot.waitUntil(lambda: window.view.result.stalled and window.view.result.state is TrackingState.HELD)
    last = index_of(window)
    plugged_in.set()
    qtbot.waitUntil(lambda: not banner.isVisible() and index_of(window) > last)
    qtbot.waitUntil(lambda: "Tracking" in window.status_line.state.text())


def test_a_failing_sink_is_shown_and_started_again_while_the_picture_goes_on(qtbot, window, session):
    sink = Collector(fail_at=5, error=ConnectionResetError("peer went away"))
    session.use_source(camera())
    session.add_sink(Worker(sink, address="test://"))
    qtbot.waitUntil(window.area.banner.again.isVisible)
    assert "peer went away" in window.area.banner.text.text()
    qtbot.waitUntil(lambda: window.view.result is not None)
    shown = index_of(window)
    qtbot.waitUntil(lambda: index_of(window) > shown + 5)
    sink.fail_at = None
    qtbot.mouseClick(window.area.banner.again, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(sink.results) > 10)
    qtbot.waitUntil(lambda: not window.area.banner.isVisible())
    settle(qtbot, window)
    assert len(sink.begun) == 2
    assert "cannot be known" in window.panel.sinks.rows["test://"].sign.accessibleName()


def test_a_sink_is_added_by_its_address_and_ended(qtbot, window, session, tmp_path):
    session.use_source(camera())
    path = tmp_path / "added.mcap"
    qtbot.keyClicks(window.panel.sinks.address, str(path))
    qtbot.mouseClick(window.panel.sinks.add, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(window.panel.sinks.rows) == 1 and session.recording() is not None)
    qtbot.waitUntil(lambda: session.recording().frames > 5)
    (row,) = window.panel.sinks.rows.values()
    assert str(path) in row.name.full_text()
    qtbot.mouseClick(row.end, Qt.MouseButton.LeftButton)
    settle(qtbot, window)
    assert not window.panel.sinks.rows
    assert len(load_take(path)) > 5


def test_a_file_that_a_sink_cannot_write_is_said_and_leaves_no_sink(qtbot, window, session, tmp_path):
    session.use_source(camera())
    (tmp_path / "file").write_text("")
    qtbot.keyClicks(window.panel.sinks.address, str(tmp_path / "file" / "take.mcap"))
    qtbot.keyClick(window.panel.sinks.address, Qt.Key.Key_Return)
    settle(qtbot, window)
    assert window.area.banner.isVisible()
    assert str(tmp_path / "file") in window.area.banner.text.text()
    assert session.workers() == ()


def test_of_several_dropped_files_the_first_that_opens_is_played(qtbot, window, session, take, pictures, tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("no video")
    drop(window, notes, take, pictures)
    settle(qtbot, window)
    assert window.playback.bar.isVisible()
    notice = window.status_line.message.full_text()
    assert "notes.txt" in notice and "pictures: not opened" in notice and "two.mcap" not in notice
    assert not window.area.banner.isVisible()
    window.close()
    assert window._settings.load().source == str(take)


def test_dropped_files_of_which_none_opens_leave_what_runs(qtbot, window, session, tmp_path, pictures):
    show(qtbot, window, pictures)
    bad = [tmp_path / name for name in ("a.txt", "b.mcap")]
    for path in bad:
        path.write_text("nothing")
    drop(window, *bad)
    settle(qtbot, window)
    assert window.area.banner.isVisible()
    assert "a.txt" in window.area.banner.text.text() and "b.mcap" in window.area.banner.text.text()
    assert session.status().source_name.endswith("pictures") and not session.status().ended
    assert window.panel.source.choice.currentText() == "pictures"


def test_every_frame_of_a_file_is_recorded(qtbot, window, session, pictures):
    show(qtbot, window, pictures)
    qtbot.keyClick(window.view, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: session.recording() is not None and session.recording().frames > 20)
    window.sources.open(str(pictures / "none.mp4"))
    settle(qtbot, window)
    assert window.area.banner.isVisible()
    assert "no such file" in window.area.banner.text.text()
    assert session.recording() is not None  # what cannot be opened ends nothing
    qtbot.keyClick(window.view, Qt.Key.Key_R)
    settle(qtbot, window)
    assert session.recording() is None
    (path,) = session.config.takes.iterdir()
    frames = [frame.index for frame in load_take(path).frames]
    assert frames == list(range(frames[0], frames[0] + len(frames)))


def test_closing_the_window_and_stopping_finishes_the_take(qtbot, session, tmp_path):
    window = open_window(qtbot, session, SettingsFile(tmp_path / "other.json"))
    session.use_source(camera())
    qtbot.keyClick(window.view, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: session.recording() is not None and session.recording().frames > 5)
    window.close()
    assert session.stop() == ()
    (path,) = session.config.takes.iterdir()
    assert len(load_take(path)) > 5 and load_take(path).cut is None


class SlowSink(Collector):
    """Takes its time for each result, or does not come back from one."""

    def __init__(self, hang=None):
        super().__init__()
        self.hang = hang

    def submit(self, result):
        if self.hang is not None:
            self.hang.wait(60)
        time.sleep(0.03)
        super().submit(result)


def test_a_closed_window_waits_for_a_sink_that_still_writes(session, monkeypatch):
    sink = SlowSink(hang=threading.Event())
    monkeypatch.setattr(app, "_STOP_SECONDS", 0.5)
    clock = SimpleNamespace(monotonic=lambda: 0.03 * len(sink.results))  # time passes as the sink writes
    monkeypatch.setattr(app, "time", clock)
    session.add_sink(Worker(sink, WorkerConfig(Policy.EVERY)))
    assert session.use_source(ListSource(60)).wait(60)
    sink.hang.set()
    assert len(sink.results) < 40
    assert app._stop(session) == ()
    assert sink.frames == list(range(60)) and sink.closed


def test_a_closed_window_gives_up_a_sink_that_hangs(session, monkeypatch):
    monkeypatch.setattr(app, "_STOP_SECONDS", 0.5)
    hang = threading.Event()
    session.add_sink(Worker(SlowSink(hang), WorkerConfig(Policy.EVERY)))
    assert session.use_source(ListSource(5)).wait(60)
    assert app._stop(session) is None
    hang.set()


class ChangingSource(ListSource):
    """A camera that gives larger pictures once it is told to."""

    large = False

    def read(self):
        frame = super().read()
        if not self.large:
            return frame
        return Frame(frame.index, frame.timestamp, np.full((72, 128, 3), frame.index % 256, np.uint8))


def test_another_resolution_of_a_running_camera_is_shown(qtbot, window, session):
    source = ChangingSource(100_000, live=True, fps=60.0)
    session.use_source(source)
    qtbot.waitUntil(lambda: window.view.fit is not None and window.view.fit.frame_size == (32, 24))
    source.large = True
    qtbot.waitUntil(lambda: window.view.fit.frame_size == (128, 72))
    _, _, width, height = window.view.fit.rectangle
    assert width / height == pytest.approx(128 / 72, rel=0.01)
    assert not window.area.banner.isVisible()


class OldPictures(ListSource):
    """A live source whose pictures are half a second old when they can be read."""

    def read(self):
        frame = super().read()
        return Frame(frame.index, perf_counter() - 0.5, frame.image)


def test_a_capture_time_reaches_the_screen_through_the_whole_loop(qtbot, window, session):
    session.use_source(OldPictures(100_000, live=True, fps=60.0))
    qtbot.waitUntil(lambda: window.status_line.to_screen.text() != "")
    number, unit = window.status_line.to_screen.text().split(" ", 1)
    assert unit == "ms to screen" and 500.0 <= float(number) < 100_000.0
