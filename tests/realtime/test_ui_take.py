"""The animator's window: a take, or a video file, under the keyboard and the mouse."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pytestqt")
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QColor, QWheelEvent
from PyQt6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit, QListWidget

from realtime.frame import StreamInfo, TrackingState
from realtime.light.lighting import Lighting
from realtime.render import ViewMode
from realtime.session import Session
from realtime.session_config import SessionConfig
from realtime.takes import TakeHeader, TakeWriter, load_take
from realtime.takes.curves import Quality
from realtime.takes.marks import marks_path
from realtime.ui.curves import CurvePlot
from realtime.ui.options import Compared
from realtime.ui.playback_bar import next_speed, timecode
from realtime.ui.settings import SettingsFile
from realtime.ui.time_axis import TimeAxis, tick_step
from realtime.ui.timeline import QUALITY_COLORS, Timeline
from tests.realtime.fake_session import toy_face, toy_result
from tests.realtime.loop_parts import MODEL, ListSource, PictureTracker
from tests.realtime.video_factory import grey, write_video
from tests.realtime.window_parts import difference, open_window, pixels, settle

SHIFT, NONE = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def session(tmp_path):
    session = Session(MODEL, PictureTracker, SessionConfig(takes=tmp_path / "takes"))
    yield session
    session.stop()


def write(path, yaw=0.0, frames=120):
    """Four seconds of a head that turns; what the network said is turned the other way. Of the frames 40 to 49 it was
    not sure, and 80 to 89 are held."""
    info = StreamInfo("clip.mp4", 640, 480, 30.0, live=False, model=MODEL, network="student")
    first = toy_result(MODEL)
    with TakeWriter(path, TakeHeader.describe(info), MODEL) as writer:
        for i in range(frames):
            state = TrackingState.HELD if 80 <= i < 90 else TrackingState.TRACKING
            one = toy_face(MODEL, centre=(320.0, 240.0), yaw=yaw + i / 200.0, state=state)
            raw = None if one.raw is None else toy_face(MODEL, centre=(320.0, 240.0), yaw=yaw - 0.5).raw
            one = replace(one, raw=raw, confidence=0.6 if 40 <= i < 50 else one.confidence)
            frame = replace(first.frame, index=i, timestamp=i / 30.0)
            writer.append(replace(first, frame=frame, time=i / 30.0, faces=(one,)))
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write(tmp_path_factory.mktemp("takes") / "a.mcap")


@pytest.fixture
def take(written, tmp_path):
    return Path(shutil.copy(written, tmp_path))


@pytest.fixture
def playing(qtbot, window, session, take):
    """The window with the take, paused at frame 60."""
    window.sources.start(str(take))
    settle(qtbot, window)
    qtbot.waitUntil(lambda: window.view.result is not None)
    session.transport.playing = False
    go_to(qtbot, window, 60)
    return window


def frame_of(window):
    return window.view.result.frame.index


def go_to(qtbot, window, frame):
    window.session.transport.show(frame)
    qtbot.waitUntil(lambda: frame_of(window) == frame)


def key(qtbot, window, what, modifier=NONE, widget=None):
    qtbot.keyClick(widget or window.view, what, modifier)


def test_arrows_step_and_home_and_end_jump(qtbot, playing, session):
    steps = [
        (Qt.Key.Key_Right, NONE, 61),
        (Qt.Key.Key_Right, SHIFT, 71),
        (Qt.Key.Key_Left, SHIFT, 61),
        (Qt.Key.Key_Left, NONE, 60),
        (Qt.Key.Key_End, NONE, 119),
        (Qt.Key.Key_Home, NONE, 0),
        (Qt.Key.Key_Left, NONE, 0),
    ]
    for widget in (playing.view, playing.playback.bar.timeline):
        go_to(qtbot, playing, 60)
        widget.setFocus()
        for what, modifier, frame in steps:
            key(qtbot, playing, what, modifier, widget)
            qtbot.waitUntil(lambda frame=frame: frame_of(playing) == frame)
            assert not session.transport.playing
    bar = playing.playback.bar
    assert bar.time.text() == "00:00:00:00 / 00:00:03:29   0" and bar.timeline.frame == 0


def test_the_timeline_is_dragged_by_frame(qtbot, playing):
    timeline = playing.playback.bar.timeline
    y = timeline.height() // 2
    qtbot.mousePress(timeline, Qt.MouseButton.LeftButton, pos=QPoint(round(timeline.x_of(30)), y))
    qtbot.waitUntil(lambda: frame_of(playing) == 30)
    qtbot.mouseMove(timeline, QPoint(round(timeline.x_of(90)), y))
    qtbot.waitUntil(lambda: frame_of(playing) == 90)
    qtbot.mouseRelease(timeline, Qt.MouseButton.LeftButton, pos=QPoint(5000, y))
    assert not timeline.dragged


def test_speed_and_loop(qtbot, playing, session):
    bar, transport = playing.playback.bar, session.transport
    key(qtbot, playing, Qt.Key.Key_Period)
    assert transport.speed == 2.0 and bar.speed.currentText() == "2 ×"
    for _ in range(3):
        key(qtbot, playing, Qt.Key.Key_Comma)
    assert transport.speed == 0.25
    bar.speed.setCurrentIndex(bar.speed.findText("4 ×"))
    bar.speed.activated.emit(bar.speed.currentIndex())
    assert transport.speed == 4.0
    key(qtbot, playing, Qt.Key.Key_P)
    assert transport.loop and bar.loop.isChecked()
    go_to(qtbot, playing, 110)
    key(qtbot, playing, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: frame_of(playing) < 60)  # it went around
    qtbot.mouseClick(bar.loop, Qt.MouseButton.LeftButton)
    assert not transport.loop


def test_points_and_markers_are_set_gone_to_and_kept_beside_the_take(qtbot, playing, session, take):
    before = take.read_bytes()
    for frame, what in ((20, Qt.Key.Key_I), (70, Qt.Key.Key_K), (100, Qt.Key.Key_O), (85, Qt.Key.Key_K)):
        go_to(qtbot, playing, frame)
        key(qtbot, playing, what)
    assert session.transport.span == (20, 100)
    timeline = playing.playback.bar.timeline
    assert timeline.markers == ((20, "in"), (70, ""), (85, ""), (100, "out")) and timeline.span == (20, 100)
    for what, modifier, frame in (
        (Qt.Key.Key_I, SHIFT, 20),
        (Qt.Key.Key_BracketRight, NONE, 70),
        (Qt.Key.Key_BracketRight, NONE, 85),
        (Qt.Key.Key_BracketLeft, NONE, 70),
        (Qt.Key.Key_O, SHIFT, 100),
    ):
        key(qtbot, playing, what, modifier)
        qtbot.waitUntil(lambda frame=frame: frame_of(playing) == frame)
    go_to(qtbot, playing, 85)
    key(qtbot, playing, Qt.Key.Key_K, SHIFT)
    times = [(round(m.time, 3), m.text) for m in load_take(take).markers]
    assert times == [(round(20 / 30, 3), "in"), (round(70 / 30, 3), ""), (round(100 / 30, 3), "out")]
    assert take.read_bytes() == before
    key(qtbot, playing, Qt.Key.Key_X)
    assert session.transport.span is None and [m.text for m in load_take(take).markers] == [""]
    playing.sources.open(str(write(take.with_name("b.mcap"))))
    qtbot.waitUntil(lambda: session.take is not None and session.take.path.name == "b.mcap")
    qtbot.waitUntil(lambda: timeline.markers == ())
    playing.sources.open(str(take))
    qtbot.waitUntil(lambda: timeline.markers == ((70, ""),))


def test_a_marker_is_named(qtbot, playing, monkeypatch, take):
    answers = [("smile", True), ("laugh", True), ("", False), ("out", True)]
    seen = []
    monkeypatch.setattr(
        "realtime.ui.take_desk.QInputDialog.getText", lambda *_, text: (seen.append(text), answers[len(seen) - 1])[1]
    )
    for _ in answers:
        key(qtbot, playing, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    assert seen == ["", "smile", "laugh", "laugh"]
    assert [m.text for m in load_take(take).markers] == ["laugh"]
    assert "is not called 'out'" in playing.area.banner.text.text()


def test_marks_that_cannot_be_written_are_said(qtbot, playing, take):
    marks_path(take).write_text("another program's")
    key(qtbot, playing, Qt.Key.Key_I)
    assert "another program's file" in playing.area.banner.text.text()


def test_playing_goes_from_the_in_point_to_the_out_point(qtbot, playing, session):
    for frame, what in ((30, Qt.Key.Key_I), (36, Qt.Key.Key_O)):
        go_to(qtbot, playing, frame)
        key(qtbot, playing, what)
    key(qtbot, playing, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: frame_of(playing) == 37 or not session.transport.playing)
    qtbot.waitUntil(lambda: frame_of(playing) == 36 and not session.transport.playing)


def color_at(timeline, frame):
    picture = timeline.grab().toImage()
    return picture.pixelColor(round(timeline.x_of(frame) * picture.width() / timeline.width()), 19).name()


def test_bad_frames_are_seen_on_the_timeline(qtbot, playing):
    timeline = playing.playback.bar.timeline
    qtbot.waitUntil(lambda: playing.takes.curves.read == 120)
    playing.refresh()
    for frame, quality in ((10, Quality.GOOD), (45, Quality.DOUBTFUL), (85, Quality.HELD), (100, Quality.GOOD)):
        assert color_at(timeline, frame) == QColor(QUALITY_COLORS[quality]).name()
    assert timeline.words_at(timeline.x_of(85)) == "frame 85: lost, the pose is held"
    key(qtbot, playing, Qt.Key.Key_K)
    assert timeline.words_at(timeline.x_of(60) + 2.0) == "marker"


def test_curves_are_chosen_zoomed_and_sought_in(qtbot, playing):
    curves = playing.playback.curves
    assert not curves.isVisible()
    key(qtbot, playing, Qt.Key.Key_G)
    qtbot.waitUntil(curves.isVisible)
    qtbot.waitUntil(lambda: curves.plot.lines and np.isfinite(curves.plot.lines[0].smoothed).all())
    assert curves.chosen == ("jawOpen", "eyeBlinkLeft", "headYaw")
    qtbot.keyClicks(curves.search, "pitch")
    shown = [item.text() for item in curves._items.values() if not item.isHidden()]
    assert shown == ["headPitch", "leftEyePitch", "rightEyePitch"]
    curves._items["headPitch"].setCheckState(Qt.CheckState.Checked)
    curves._items["jawOpen"].setCheckState(Qt.CheckState.Unchecked)
    assert [line.name for line in curves.plot.lines] == ["eyeBlinkLeft", "headYaw", "headPitch"]
    yaw = curves.plot.lines[1]
    np.testing.assert_allclose(yaw.smoothed, np.degrees(np.arange(120) / 200.0), atol=1e-2)
    assert "headYaw 17.2   raw -28.6" in yaw.words_at(60)
    plot = curves.plot
    at = QPoint(round(plot.x_of(100)), 60)
    qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=at)
    qtbot.waitUntil(lambda: frame_of(playing) == 100)
    wheel(plot, at, 120)
    wheel(plot, at, 120)
    assert plot.axis.end - plot.axis.begin < 80 and abs(plot.x_of(100) - at.x()) < 2.0
    begin = plot.axis.begin
    wheel(plot, at, 120, SHIFT)
    assert plot.axis.begin < begin
    key(qtbot, playing, Qt.Key.Key_Home)
    qtbot.waitUntil(lambda: frame_of(playing) == 0 and plot.axis.begin <= 0.0)  # it turns the page
    qtbot.mouseDClick(plot, Qt.MouseButton.LeftButton, pos=at)
    assert not plot.axis.zoomed
    key(qtbot, playing, Qt.Key.Key_G)
    assert not curves.isVisible()


def test_letters_look_for_a_channel_and_are_no_shortcuts_there(qtbot, playing):
    key(qtbot, playing, Qt.Key.Key_G)
    curves = playing.playback.curves
    qtbot.waitUntil(curves.isVisible)
    curves.list.setFocus()
    key(qtbot, playing, Qt.Key.Key_G, widget=curves.list)  # which elsewhere hides the curves
    assert curves.isVisible()
    qtbot.wait(QApplication.keyboardInputInterval() + 100)
    key(qtbot, playing, Qt.Key.Key_T, widget=curves.list)
    assert curves.list.currentItem().text() == "tongueOut"


def wheel(widget, at, turn, modifier=NONE):
    place = QPointF(at)
    event = QWheelEvent(
        place,
        widget.mapToGlobal(place),
        QPoint(0, 0),
        QPoint(0, turn),
        Qt.MouseButton.NoButton,
        modifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def test_curves_are_drawn_where_their_values_are(qtbot, playing):
    curves = playing.playback.curves
    key(qtbot, playing, Qt.Key.Key_G)
    for name in ("jawOpen", "eyeBlinkLeft"):
        curves._items[name].setCheckState(Qt.CheckState.Unchecked)
    qtbot.waitUntil(lambda: playing.takes.curves.read == 120)
    qtbot.waitUntil(lambda: curves.plot.lines and np.isfinite(curves.plot.lines[0].smoothed).all())
    go_to(qtbot, playing, 0)
    picture = curves.plot.grab().toImage()
    line = curves.plot.lines[0]
    plot = curves.plot._plot
    for frame in (60, 110):
        x = round(curves.plot.x_of(frame))
        column = [picture.pixelColor(x, y) for y in range(picture.height())]
        orange = [y for y, color in enumerate(column) if color.red() > 200 and 140 < color.green() < 200]
        y = plot.bottom() - (line.smoothed[frame] - line.low) / (line.high - line.low) * plot.height()
        assert orange and abs(np.mean(orange) - y) < 3.0


def test_chosen_curves_are_remembered(qtbot, playing, tmp_path):
    key(qtbot, playing, Qt.Key.Key_G)
    playing.playback.curves._items["jawOpen"].setCheckState(Qt.CheckState.Unchecked)
    playing.close()
    settings = SettingsFile(tmp_path / "window.json").load()
    assert settings.curves == ("eyeBlinkLeft", "headYaw") and settings.curves_shown


def test_a_is_smoothed_and_b_is_raw(qtbot, playing):
    playing.options.update(mode=ViewMode.GEOMETRY, mirror=False)
    a = pixels(playing)
    key(qtbot, playing, Qt.Key.Key_A)
    assert playing.playback.bar.compare.isChecked() and playing.options.value.compared is Compared.B
    b = pixels(playing)
    assert difference(a, b) > 0.2
    assert playing.area.compare.isVisible() and playing.area.compare.marks[0][2] == ("smoothed", "raw")
    key(qtbot, playing, Qt.Key.Key_W)
    both, middle = pixels(playing), a.shape[1] // 2
    assert difference(both[:, : middle - 2], a[:, : middle - 2]) < 0.1
    assert difference(both[:, middle + 2 :], b[:, middle + 2 :]) < 0.1
    line, y = playing.view.width() // 2, playing.view.height() // 2
    qtbot.mousePress(playing.view, Qt.MouseButton.LeftButton, pos=QPoint(line, y))
    qtbot.mouseMove(playing.view, QPoint(line // 2, y))
    qtbot.mouseRelease(playing.view, Qt.MouseButton.LeftButton, pos=QPoint(line // 2, y))
    assert playing.options.value.wipe == pytest.approx(0.25, abs=0.01)
    moved, quarter = pixels(playing), a.shape[1] // 4
    assert difference(moved[:, : quarter - 4], a[:, : quarter - 4]) < 0.1
    assert difference(moved[:, quarter + 4 :], b[:, quarter + 4 :]) < 0.1
    key(qtbot, playing, Qt.Key.Key_W)
    assert playing.options.value.compared is Compared.A and not playing.area.compare.isVisible()
    assert difference(pixels(playing), a) == 0


def test_another_take_is_b_at_the_same_moment(qtbot, playing, tmp_path):
    other = write(tmp_path / "b.mcap", yaw=-0.6, frames=80)
    playing.options.update(mode=ViewMode.GEOMETRY, mirror=False)
    a = pixels(playing)
    playing.takes.compare_with(other)
    qtbot.waitUntil(lambda: playing.view.companion is not None)
    there, model = playing.view.companion
    assert there.frame.index == 60 and model is playing.takes.other.model
    key(qtbot, playing, Qt.Key.Key_A)
    b = pixels(playing)
    assert difference(a, b) > 0.2 and playing.area.compare.marks[0][2] == ("a.mcap", "b.mcap")
    qtbot.waitUntil(lambda: playing.takes.other_curves.read == 80)
    key(qtbot, playing, Qt.Key.Key_G)
    qtbot.waitUntil(lambda: playing.playback.curves.plot.lines[2].other is not None)
    yaw = playing.playback.curves.plot.lines[2]
    qtbot.waitUntil(lambda: np.isfinite(playing.playback.curves.plot.lines[2].other[60]))
    yaw = playing.playback.curves.plot.lines[2].other
    assert yaw[60] == pytest.approx(np.degrees(-0.6 + 60 / 200.0), abs=0.01) and np.isnan(yaw[100])
    key(qtbot, playing, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)  # again for none
    qtbot.waitUntil(lambda: playing.view.companion is None)
    assert playing.playback.curves.plot.lines[2].other is None
    key(qtbot, playing, Qt.Key.Key_G)
    qtbot.waitUntil(lambda: pixels(playing).shape == b.shape)
    assert difference(pixels(playing), b) > 0.2  # B is raw again


def test_a_take_that_cannot_be_compared_with_is_said(qtbot, playing, tmp_path):
    (tmp_path / "none.mcap").write_bytes(b"no take")
    playing.takes.compare_with(tmp_path / "none.mcap")
    settle(qtbot, playing)
    assert playing.area.banner.isVisible()
    assert "none.mcap" in playing.area.banner.text.text() and playing.takes.other is None


def test_a_window_can_begin_with_two_takes(qtbot, session, take, tmp_path):
    window = open_window(qtbot, session, SettingsFile(tmp_path / "other.json"))
    window.takes.beside_next = write(tmp_path / "b.mcap", yaw=-0.6)
    window.sources.start(str(take))
    qtbot.waitUntil(lambda: window.view.companion is not None)
    window.close()


@pytest.fixture
def clip(tmp_path):
    return write_video(tmp_path / "clip.mp4", [grey(20 + 6 * i) for i in range(30)], fps=30)


def level(window):
    return round((float(window.view.result.frame.image.mean()) - 17.2) / 6)


def test_a_video_file_has_the_same_bar(qtbot, window, session, clip):
    window.sources.open(str(clip))
    bar = window.playback.bar
    settle(qtbot, window)
    assert bar.isVisible() and bar.timeline.frames == 30
    qtbot.waitUntil(lambda: window.view.result is not None)
    assert not window.actions_by_name["curves"].isEnabled() and window.actions_by_name["step_on"].isEnabled()
    qtbot.waitUntil(lambda: not session.transport.playing)  # at its end
    qtbot.waitUntil(lambda: level(window) == 29)
    window.refresh()
    assert "At the end" in window.status_line.state.text() and bar.button.text() == "▶"
    key(qtbot, window, Qt.Key.Key_Left)
    qtbot.waitUntil(lambda: level(window) == 28)
    key(qtbot, window, Qt.Key.Key_Home)
    qtbot.waitUntil(lambda: level(window) == 0)
    for frame, what in ((10, Qt.Key.Key_I), (14, Qt.Key.Key_O)):
        session.transport.show(frame)
        key(qtbot, window, what)
    assert session.transport.span == (10, 14) and bar.timeline.markers == ((10, "in"), (14, "out"))
    key(qtbot, window, Qt.Key.Key_X)
    key(qtbot, window, Qt.Key.Key_P)
    key(qtbot, window, Qt.Key.Key_End)
    qtbot.waitUntil(lambda: level(window) == 29)
    key(qtbot, window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: level(window) < 20)  # in a loop
    assert session.transport.playing


def test_recording_with_nothing_coming_in_says_so(qtbot, window, session, clip):
    window.sources.open(str(clip))
    settle(qtbot, window)
    qtbot.waitUntil(lambda: not session.transport.playing)
    key(qtbot, window, Qt.Key.Key_R)
    record = window.panel.record
    qtbot.waitUntil(lambda: "Nothing comes in" in record.path.full_text())
    assert "at its end, Space plays it again" in record.path.full_text()
    assert "nothing comes in" in window.status_line.message.full_text()
    key(qtbot, window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: session.recording().frames > 10)
    window.refresh()
    key(qtbot, window, Qt.Key.Key_R)
    settle(qtbot, window)
    assert session.recording() is None
    assert "Saved" in record.path.full_text()
    (path,) = session.config.takes.iterdir()
    assert len(load_take(path)) > 10


def test_bar_and_curves_have_names_for_screen_readers(window):
    for part in (window.playback.bar, window.playback.curves):
        for kind in (QAbstractButton, QComboBox, QLineEdit, QListWidget, Timeline, CurvePlot):
            for widget in part.findChildren(kind):
                if not isinstance(widget.parent(), QLineEdit):  # Qt's own button, that clears it
                    assert widget.accessibleName() or widget.text(), widget


def test_what_a_camera_cannot_do_is_not_offered(qtbot, window, session):
    session.use_source(ListSource(100_000, live=True, fps=60.0))
    qtbot.waitUntil(lambda: window.view.result is not None)
    window.refresh()
    off = ("step_on", "loop", "set_in", "faster", "curves", "compare_with")
    assert not any(window.actions_by_name[name].isEnabled() for name in off)
    assert window.actions_by_name["compare"].isEnabled()  # raw and smoothed, live too


@pytest.mark.parametrize(
    ("seconds", "fps", "text"),
    [
        (0.0, 30.0, "00:00:00:00"),
        (7 / 30.0, 30.0, "00:00:00:07"),
        (3725.04, 25.0, "01:02:05:01"),
        (1.0, 29.97, "00:00:01:00"),
    ],
)
def test_timecode_counts_frames_and_never_one_too_few(seconds, fps, text):
    assert timecode(seconds, fps) == text


def test_speeds_end_where_they_end():
    assert [next_speed(speed, True) for speed in (1.0, 0.1, 4.0, 0.3)] == [2.0, 0.25, 4.0, 0.5]
    assert [next_speed(speed, False) for speed in (1.0, 0.1, 4.0, 0.3)] == [0.5, 0.1, 2.0, 0.25]


def test_a_time_axis_zooms_about_a_place_and_stays_within_the_take():
    axis = TimeAxis(1001)
    axis.zoom(0.1, 400.0)
    assert (axis.begin, axis.end) == (pytest.approx(360.0), pytest.approx(460.0)) and axis.zoomed
    axis.move(-10_000)
    assert (axis.begin, axis.end) == (0.0, pytest.approx(100.0))
    assert axis.follow(500) and axis.begin == pytest.approx(490.0) and not axis.follow(550)
    assert axis.follow(20) and axis.begin <= 20 <= axis.end
    axis.zoom(1e-9, 50.0)
    assert axis.end - axis.begin == pytest.approx(8.0)
    axis.zoom(1e9, 50.0)
    assert (axis.begin, axis.end) == (0.0, 1000.0)
    assert (axis.frame_at(-1.0), axis.frame_at(0.5), axis.frame_at(2.0)) == (0, 500, 1000)
    assert TimeAxis(1).across(0) == 0.0
    assert [tick_step(seconds, 10) for seconds in (0.1, 10.0, 3600.0, 1e6)] == [0.02, 1.0, 600.0, 3600.0]


def test_a_timeline_maps_frames_to_places_and_back(qtbot):
    timeline = Timeline()
    qtbot.addWidget(timeline)
    timeline.resize(400, 34)
    timeline.show_position(0, 216_000)
    for frame in (0, 1234, 215_999):
        assert abs(timeline.frame_at(timeline.x_of(frame)) - frame) <= 1
    assert timeline.frame_at(-50) == 0 and timeline.frame_at(9999) == 215_999


def test_a_take_plays_in_its_own_light_until_somebody_changes_it(qtbot, window, session, tmp_path):
    info = StreamInfo("clip.mp4", 640, 480, 30.0, live=False, model=MODEL, network="student")
    red = {"light/source": "show", "environment/intensity": 0.0, "light/1/intensity": 1.5, "light/1/color": (1, 0, 0)}
    first = toy_result(MODEL)
    with TakeWriter(tmp_path / "lit.mcap", TakeHeader.describe(info), MODEL) as writer:
        for i in range(30):
            frame = replace(first.frame, index=i, timestamp=i / 30.0)
            lighting = Lighting() if i < 15 else Lighting.of(red)
            writer.append(replace(first, frame=frame, time=i / 30.0, lighting=lighting))
    action = window.actions_by_name["as_recorded"]
    assert not action.isEnabled() and not action.isChecked()
    window.sources.start(str(tmp_path / "lit.mcap"))
    settle(qtbot, window)
    session.transport.playing = False
    go_to(qtbot, window, 5)
    plain = pixels(window)
    go_to(qtbot, window, 20)
    lit = pixels(window)
    assert action.isEnabled() and action.isChecked()
    assert difference(plain, lit) > 1.0 and lit[..., 0].max() > lit[..., 1].max()
    window.panel.light.override.setFocus()
    qtbot.keyClick(window.view, Qt.Key.Key_L, SHIFT)
    assert not action.isChecked() and difference(plain, pixels(window)) < 0.2
    qtbot.keyClick(window.view, Qt.Key.Key_L, SHIFT)
    assert action.isChecked() and difference(lit, pixels(window)) < 0.2
    qtbot.mouseClick(window.panel.light.override, Qt.MouseButton.LeftButton)
    assert not action.isChecked() and not session.as_recorded
    go_to(qtbot, window, 21)
    assert difference(lit, pixels(window)) > 0.5
