"""The window, by real clicks and keys; needs a display (Xvfb will do)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from time import perf_counter

import numpy as np
import pytest

pytest.importorskip("pytestqt")
from PyQt6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import QDragEnterEvent, QDropEvent, QImage
from PyQt6.QtWidgets import QAbstractButton, QComboBox, QLabel, QSlider

from facemodel import FaceModel, LimelightError
from realtime.frame import Frame, TrackingState
from realtime.opencv import cv2
from realtime.render import ViewMode
from realtime.session import Session, SessionConfig
from realtime.takes import TakeHeader, TakeWriter, load_take
from realtime.takes.replay_session import ReplaySession
from realtime.ui.actions import ACTIONS, key_text
from realtime.ui.app import make_application
from realtime.ui.settings import SettingsFile
from realtime.ui.window import MainWindow
from tests.conftest import ROOT
from tests.realtime.fake_session import FakeSession, FakeStatus, toy_frame
from tests.toy_model import toy_model


@pytest.fixture(scope="session")
def qapp():
    try:
        return make_application()
    except LimelightError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model()


@pytest.fixture
def session(toy, tmp_path) -> FakeSession:
    return FakeSession(toy, tmp_path)


@pytest.fixture
def window(qtbot, session, tmp_path):
    window = open_window(qtbot, session, SettingsFile(tmp_path / "window.json"))
    yield window
    window.close()


def open_window(qtbot, session: FakeSession | Session, settings: SettingsFile) -> MainWindow:
    window = MainWindow(session, settings)
    qtbot.addWidget(window)
    window.resize(900, 640)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.view.setFocus()
    return window


def show_frame(qtbot, window: MainWindow, session: FakeSession, **kwargs) -> None:
    result = toy_frame(session.model, **kwargs)
    session.deliver(result)
    qtbot.waitUntil(lambda: window.view.result is result)


def pixels(window: MainWindow) -> np.ndarray:
    """(H, W, 3) of what the view shows."""
    image = window.view.grabFramebuffer().convertToFormat(QImage.Format.Format_RGB888)
    buffer = image.constBits()
    buffer.setsize(image.sizeInBytes())
    rows = np.frombuffer(bytes(buffer), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).mean())


def test_every_view_mode_shows_another_picture(qtbot, window, session):
    show_frame(qtbot, window, session)
    seen = {}
    for number, mode in enumerate(window.panel.view.modes, start=1):
        qtbot.mouseClick(window.panel.view.modes[mode], Qt.MouseButton.LeftButton)
        assert window.options.value.mode is mode
        assert window.panel.view.modes[mode].isChecked()
        by_click = pixels(window)
        qtbot.keyClick(window.view, Qt.Key.Key_1 if number != 1 else Qt.Key.Key_2)
        qtbot.keyClick(window.view, Qt.Key(Qt.Key.Key_0 + number))
        assert difference(pixels(window), by_click) < 0.5
        seen[mode] = by_click
    assert len(seen) == 8
    modes = list(seen)
    for i, first in enumerate(modes):
        for second in modes[:i]:
            assert difference(seen[first], seen[second]) > 0.2, (first, second)


def test_v_cycles_through_the_modes(qtbot, window):
    window.options.update(mode=ViewMode.WIREFRAME)
    qtbot.keyClick(window.view, Qt.Key.Key_V)
    assert window.options.value.mode is ViewMode.CAMERA


def test_mirror_flips_the_display_and_nothing_that_is_recorded(qtbot, window, session):
    window.options.update(mirror=False)
    qtbot.keyClick(window.view, Qt.Key.Key_R)
    show_frame(qtbot, window, session)
    plain = pixels(window)
    qtbot.keyClick(window.view, Qt.Key.Key_M)
    mirrored = pixels(window)
    show_frame(qtbot, window, session)
    assert difference(plain, mirrored) > 5
    assert difference(plain[:, ::-1], mirrored) < 1
    first, second = session.takes[0].written
    np.testing.assert_array_equal(first.raw, second.raw)
    np.testing.assert_array_equal(first.frame.image, second.frame.image)


def test_r_starts_and_ends_a_take(qtbot, window, session):
    qtbot.keyClick(window.view, Qt.Key.Key_R)
    assert session.current is not None
    session.current.seconds = 65.0
    show_frame(qtbot, window, session)
    window.refresh()
    assert "01:05" in window.panel.record.button.text()
    assert "1 frames" in window.panel.record.button.text()
    assert str(session.current.path) == window.panel.record.path.full_text()
    qtbot.mouseClick(window.panel.record.button, Qt.MouseButton.LeftButton)
    assert session.current is None
    assert str(session.takes[0].path) in window.panel.record.path.full_text()
    assert not window.panel.record.button.isChecked()


def test_a_take_that_cannot_be_written_is_said_and_not_shown_as_running(qtbot, window, session, monkeypatch):
    def refuse(path=None):
        raise LimelightError("takes folder /x: read-only; choose another folder")

    monkeypatch.setattr(session, "start_recording", refuse)
    qtbot.mouseClick(window.panel.record.button, Qt.MouseButton.LeftButton)
    assert "read-only" in window.area.banner.text.text()
    assert not window.panel.record.button.isChecked()


def test_help_lists_every_shortcut(qtbot, window):
    qtbot.keyClick(window.view, Qt.Key.Key_F1)
    assert window.area.help.isVisible()
    shown = {label.text() for label in window.area.help.findChildren(QLabel)}
    for spec in ACTIONS:
        assert spec.text in shown
        assert " ".join(map(key_text, spec.keys)) in shown
    qtbot.keyClick(window.view, Qt.Key.Key_Escape)
    assert not window.area.help.isVisible()


def test_no_two_actions_share_a_key():
    keys = [key for spec in ACTIONS for key in spec.keys]
    assert len(keys) == len(set(keys))


def test_every_action_is_in_a_menu(window):
    in_menus = {action for menu in window.menuBar().actions() for action in menu.menu().actions()}
    assert {window.actions_by_name[spec.name] for spec in ACTIONS} <= in_menus


def test_light_override_changes_the_picture_and_no_parameter(qtbot, window, session):
    window.options.update(mode=ViewMode.OVERLAY)
    show_frame(qtbot, window, session)
    result = window.view.result
    raw, smoothed = result.raw.copy(), result.smoothed.copy()
    followed = pixels(window)
    window.rig.update(key_direction=(0.9, 0.1, 0.42), key_intensity=2.0, key_color=(1.0, 0.1, 0.1))
    assert difference(pixels(window), followed) == 0
    qtbot.keyClick(window.view, Qt.Key.Key_L)
    assert difference(pixels(window), followed) > 0.05
    qtbot.mouseClick(window.panel.light.follow, Qt.MouseButton.LeftButton)
    assert difference(pixels(window), followed) == 0
    np.testing.assert_array_equal(result.raw, raw)
    np.testing.assert_array_equal(result.smoothed, smoothed)


def test_an_environment_relights_the_face(qtbot, window, session):
    show_frame(qtbot, window, session)
    followed = pixels(window)
    box = window.panel.light.environment
    box.setCurrentIndex(box.count() - 1)
    box.activated.emit(box.count() - 1)
    assert window.rig.value.override
    assert window.rig.value.environment == box.currentData()
    relit = pixels(window)
    assert difference(relit, followed) > 0.5
    qtbot.keyClick(window.panel.light.rotation.slider, Qt.Key.Key_PageUp)
    assert difference(pixels(window), relit) > 0.1


def test_terms_can_be_switched_off(qtbot, window, session):
    show_frame(qtbot, window, session)
    both = pixels(window)
    qtbot.mouseClick(window.panel.light.specular, Qt.MouseButton.LeftButton, pos=QPoint(8, 12))
    assert not window.rig.value.specular
    without_specular = pixels(window)
    qtbot.keyClick(window.view, Qt.Key.Key_D)
    dark = pixels(window)
    assert both.sum() > without_specular.sum() > dark.sum()


@pytest.mark.parametrize("mirror", [False, True])
def test_the_pad_moves_the_key_light_as_the_picture_shows_it(qtbot, window, mirror):
    window.options.update(mirror=mirror)
    pad = window.panel.light.pad
    at = pad.rect().center() + QPoint(30, 0)
    qtbot.mouseClick(pad, Qt.MouseButton.LeftButton, pos=at)
    x, y, _ = window.rig.value.key_direction
    assert window.rig.value.override
    assert (x < -0.4) if mirror else (x > 0.4)
    assert abs(y) < 0.1
    assert (pad.position_of(window.rig.value.key_direction) - QPointF(at)).manhattanLength() < 1.5


@pytest.mark.parametrize(
    ("button", "modifier"),
    [
        (Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier),
        (Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier),
    ],
)
def test_dragging_in_the_view_moves_the_key_light(qtbot, window, button, modifier):
    window.options.update(mirror=False)
    before = window.rig.value.key_direction
    qtbot.mousePress(window.view, button, modifier, QPoint(200, 200))
    qtbot.mouseMove(window.view, QPoint(260, 200))
    qtbot.mouseRelease(window.view, button, modifier, QPoint(260, 200))
    after = window.rig.value
    assert after.override
    assert after.key_direction[0] > before[0] + 0.1


def test_a_plain_drag_in_the_view_leaves_the_light_alone(qtbot, window):
    qtbot.mousePress(window.view, Qt.MouseButton.LeftButton, pos=QPoint(200, 200))
    qtbot.mouseMove(window.view, QPoint(260, 200))
    assert not window.rig.value.override


def test_keys_reach_the_session(qtbot, window, session):
    qtbot.keyClick(window.view, Qt.Key.Key_C)
    qtbot.keyClick(window.view, Qt.Key.Key_N)
    assert session.calls == ["recenter", "reset_person"]


def test_the_smoothing_slider_sets_the_strength(qtbot, window, session):
    qtbot.keyClick(window.panel.view.smoothing.slider, Qt.Key.Key_End)
    assert session.smoothing == 1.0
    assert "100" in {label.text().split()[0] for label in window.panel.view.smoothing.findChildren(QLabel)}


def test_space_freezes_the_picture_while_tracking_goes_on(qtbot, window, session):
    show_frame(qtbot, window, session)
    frozen = window.view.result
    qtbot.keyClick(window.view, Qt.Key.Key_Space)
    session.deliver(toy_frame(session.model, index=1))
    qtbot.wait(50)
    assert window.view.result is frozen
    qtbot.keyClick(window.view, Qt.Key.Key_Space)
    show_frame(qtbot, window, session, index=2)


def test_a_recentred_head_is_shown_where_it_is_shown_alone(qtbot, window, session):
    plain, centred = toy_frame(session.model), toy_frame(session.model)
    centred.centred = toy_frame(session.model, yaw=-0.4).smoothed
    for mode, changes in ((ViewMode.GEOMETRY, True), (ViewMode.OVERLAY, False)):
        window.options.update(mode=mode)
        window.view.show_result(plain)
        before = pixels(window)
        window.view.show_result(centred)
        assert (difference(pixels(window), before) > 0.2) is changes


def test_full_screen_shows_the_picture_alone(qtbot, window):
    qtbot.keyClick(window.view, Qt.Key.Key_F11)
    qtbot.waitUntil(window.isFullScreen)
    assert not window.panel.isVisible()
    assert not window.status_line.isVisible()
    assert window.menuBar().height() == 0
    qtbot.keyClick(window.view, Qt.Key.Key_M)
    assert not window.options.value.mirror
    qtbot.keyClick(window.view, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not window.isFullScreen())
    assert window.panel.isVisible()
    qtbot.waitUntil(lambda: window.menuBar().height() > 0)


def test_cameras_are_offered_by_name(qtbot, window, session):
    window.start(None)
    box = window.panel.source.choice
    qtbot.waitUntil(lambda: box.findText("FaceTime HD") >= 0)
    box.setCurrentIndex(box.findText("FaceTime HD"))
    box.activated.emit(box.currentIndex())
    qtbot.waitUntil(lambda: session.opened[-1] == "camera:2")


def test_a_source_that_fails_is_said_in_words_and_can_be_tried_again(qtbot, window, session):
    session.refused["clip.mp4"] = "video clip.mp4: no such file"
    window.open_source("clip.mp4")
    qtbot.waitUntil(window.area.banner.isVisible)
    assert window.area.banner.text.text() == "video clip.mp4: no such file"
    session.refused.clear()
    qtbot.mouseClick(window.area.banner.again, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.opened == ["clip.mp4", "clip.mp4"])
    qtbot.waitUntil(lambda: not window.area.banner.isVisible())


def test_a_lost_camera_offers_retry(qtbot, window, session):
    window.open_source("camera:0")
    qtbot.waitUntil(lambda: session.opened == ["camera:0"] and not window.status_line.message.full_text())
    session.state = FakeStatus(state=TrackingState.NEUTRAL, error="Logitech C920: unplugged; plug it in and retry")
    qtbot.waitUntil(window.area.banner.again.isVisible)
    assert "unplugged" in window.area.banner.text.text()
    assert "Stopped" in window.status_line.state.text()
    qtbot.mouseClick(window.area.banner.again, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.opened == ["camera:0", "camera:0"])


def test_a_sink_that_fails_is_said_while_the_loop_goes_on(qtbot, window, session):
    session.state = FakeStatus(error="take /x.mcap: the disk is full; the take ends here")
    show_frame(qtbot, window, session)
    window.refresh()
    assert "disk is full" in window.area.banner.text.text()
    assert not window.area.banner.again.isVisible()
    assert "Tracking" in window.status_line.state.text()
    window.area.banner.hide()
    show_frame(qtbot, window, session, index=1)
    window.refresh()
    assert not window.area.banner.isVisible()


def test_a_remembered_source_that_is_gone_gives_way_to_the_default(qtbot, session, tmp_path):
    settings = SettingsFile(tmp_path / "window.json")
    settings.path.write_text('{"source": "/gone.mp4"}')
    session.refused["/gone.mp4"] = "video /gone.mp4: no such file"
    window = open_window(qtbot, session, settings)
    window.start(None)
    qtbot.waitUntil(lambda: session.opened == ["/gone.mp4", None])
    window.close()


def test_the_status_line_names_the_state(window):
    for state, words in (
        (TrackingState.SEARCHING, "Searching"),
        (TrackingState.TRACKING, "Tracking"),
        (TrackingState.HELD, "held"),
        (TrackingState.NEUTRAL, "neutral"),
    ):
        status = FakeStatus(state=state, fps=29.6, latency_ms=41.2, message="several faces")
        window.status_line.show_status(status)
        assert words in window.status_line.state.text()
    assert window.status_line.speed.text() == "30 fps"
    assert window.status_line.latency.text() == "41 ms"
    assert window.status_line.message.full_text() == "several faces"


def test_the_latency_to_the_screen_is_of_the_frame_that_is_drawn(qtbot, window, session):
    window.refresh()
    assert window.status_line.to_screen.text() == ""
    drawn = []
    window.view.shown.connect(drawn.append)
    show_frame(qtbot, window, session, captured=perf_counter() - 60.0)  # long ago, and out of the median soon
    qtbot.waitUntil(lambda: len(drawn) == 1)
    window.screen_latency.clear()
    begun = perf_counter()
    for index in range(10):  # none but the last is drawn
        session.deliver(toy_frame(session.model, index, 64, 48, captured=begun - (0.5 if index == 9 else 30.0)))
    qtbot.waitUntil(lambda: len(drawn) == 2)
    assert drawn[1] is window.view.result and drawn[1].frame.index == 9
    window.refresh()
    milliseconds = screen_latency(window)
    assert 500.0 <= milliseconds <= 501.0 + 1000.0 * (perf_counter() - begun)
    window.options.update(mode=ViewMode.WIREFRAME)  # painted again: the picture is not a newer one
    qtbot.wait(200)
    assert len(drawn) == 2 and window.screen_latency.median() == pytest.approx(milliseconds, abs=0.51)
    qtbot.waitUntil(lambda: window.status_line.to_screen.text() == "", timeout=4000)


def screen_latency(window: MainWindow) -> float:
    """What the status line says, ms."""
    number, unit = window.status_line.to_screen.text().split(" ", 1)
    assert unit == "ms to screen"
    return float(number)


def test_pictures_without_a_moment_of_capture_have_no_latency(qtbot, window, session):
    drawn = []
    window.view.shown.connect(drawn.append)
    show_frame(qtbot, window, session)
    qtbot.waitUntil(lambda: len(drawn) == 1)
    window.refresh()
    assert window.status_line.to_screen.text() == ""


def test_a_dropped_file_is_opened(qtbot, window, session, tmp_path):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "clip.mp4"))])
    how = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(QPoint(100, 100), *how)
    window.dragEnterEvent(enter)
    assert enter.isAccepted()
    window.dropEvent(QDropEvent(QPointF(100, 100), *how))
    qtbot.waitUntil(lambda: session.opened == [str(tmp_path / "clip.mp4")])


def test_the_picture_is_repainted_only_for_something_new(qtbot, window, session, monkeypatch):
    show_frame(qtbot, window, session)
    qtbot.wait(100)
    painted = []
    draw = window.view._renderer.draw
    monkeypatch.setattr(window.view._renderer, "draw", lambda *a, **k: (painted.append(1), draw(*a, **k)))
    qtbot.wait(500)
    assert not painted
    show_frame(qtbot, window, session, index=1)
    qtbot.waitUntil(lambda: len(painted) == 1)


def test_frames_that_nobody_had_time_for_are_dropped(qtbot, window, session):
    def loop():
        for i in range(50):
            session.deliver(toy_frame(session.model, index=i, width=64, height=48))

    thread = threading.Thread(target=loop)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: window.view.result is not None and window.view.result.frame.index == 49)


def test_what_is_set_is_remembered(qtbot, session, tmp_path):
    settings = SettingsFile(tmp_path / "window.json")
    first = open_window(qtbot, session, settings)
    first.options.update(mode=ViewMode.ALBEDO, mirror=False)
    first.rig.update(override=True, environment="sunset", key_intensity=1.7)
    session.smoothing = 0.25
    first.open_source("synthetic")
    qtbot.waitUntil(lambda: session.opened == ["synthetic"] and not first.status_line.message.full_text())
    first.setGeometry(60, 50, 1000, 660)
    size, light = first.size(), first.rig.value
    first.close()

    again = FakeSession(session.model, tmp_path)
    second = open_window(qtbot, again, SettingsFile(tmp_path / "window.json"))
    second.start(None)
    qtbot.waitUntil(lambda: again.opened == ["synthetic"])
    assert second.options.value.mode is ViewMode.ALBEDO
    assert not second.options.value.mirror
    assert second.rig.value == light
    assert again.smoothing == 0.25
    assert second.panel.view.smoothing.value() == pytest.approx(0.25, abs=0.01)
    assert SettingsFile(tmp_path / "window.json").load().geometry[2:] == (size.width(), size.height())
    second.close()


def test_a_settings_folder_that_cannot_be_written_does_not_keep_the_window_open(qtbot, session, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    window = open_window(qtbot, session, SettingsFile(blocked / "window.json"))
    assert window.close()
    assert session.sinks == []


def test_everything_that_can_be_used_has_a_name_for_screen_readers(window):
    for kind in (QSlider, QAbstractButton, QComboBox):
        for widget in window.panel.findChildren(kind):
            assert widget.accessibleName() or widget.text(), widget
            assert widget.toolTip() or widget is window.panel.record.folder, widget.accessibleName()


CLOSE_WHILE_RECORDING = """
import os, signal, sys, threading
from pathlib import Path
from PyQt6.QtCore import QTimer
from realtime.ui import app
from realtime.ui.settings import SettingsFile
from tests.realtime.fake_session import FakeSession
from tests.toy_model import toy_model

folder, case = Path(sys.argv[1]), sys.argv[2]

class Session(FakeSession):
    def stop_recording(self):
        print("finalised" if self.current else "nothing to finalise", flush=True)
        super().stop_recording()

    def stop(self):
        if case == "hangs":
            threading.Event().wait()

def close():
    window = next(w for w in application.topLevelWidgets() if w.windowTitle() == "Limelight")
    session.start_recording()
    if case == "interrupted":
        os.kill(os.getpid(), signal.SIGINT)
    elif case == "interrupted while painting":
        window.view.paintGL = interrupt
        window.view.update()
    elif case == "fails":
        QTimer.singleShot(0, window.close)
        raise ValueError("a bug in the window")
    else:
        window.close()

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    window = next(w for w in application.topLevelWidgets() if w.windowTitle() == "Limelight")
    print("painted to the end" if window.isVisible() else "closed while painting", file=sys.stderr, flush=True)

app._STOP_SECONDS = 0.5
application = app.make_application()
session = Session(toy_model(), folder)
QTimer.singleShot(500, close)
sys.exit(app.run_window(session, SettingsFile(folder / "window.json"), "synthetic"))
"""


def run_python(code: str, *arguments: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={name: value for name, value in variables.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("case", ["ends", "hangs", "interrupted", "fails"])
def test_closing_the_window_ends_the_process_and_the_take(qapp, tmp_path, case):
    done = run_python(CLOSE_WHILE_RECORDING, str(tmp_path), case)
    assert done.stdout.splitlines()[:1] == ["finalised"], done.stderr
    assert (done.returncode == 0) is (case != "hangs"), done.stderr
    assert ("did not let go" in done.stderr) is (case == "hangs")
    assert (tmp_path / "window.json").is_file()


def test_an_interrupt_waits_for_the_end_of_painting(qapp, tmp_path):
    done = run_python(CLOSE_WHILE_RECORDING, str(tmp_path), "interrupted while painting")
    assert "painted to the end" in done.stderr and "closed while painting" not in done.stderr
    assert done.returncode == 0 and done.stdout.splitlines()[:1] == ["finalised"], done.stderr


def test_without_a_display_there_is_one_clear_line():
    code = "from realtime.ui.app import make_application; make_application()"
    done = run_python(code, DISPLAY=None, WAYLAND_DISPLAY=None, QT_QPA_PLATFORM=None)
    assert done.returncode != 0
    assert "LimelightError: no display" in done.stderr
    done = run_python(code, DISPLAY=":999", WAYLAND_DISPLAY=None, QT_QPA_PLATFORM="xcb")
    assert "display :999 does not answer" in done.stderr or "system library" in done.stderr


def test_a_take_is_replayed_with_pause_and_seek(qtbot, qapp, toy, tmp_path):
    path = tmp_path / "take.mcap"
    header = TakeHeader(
        layout=toy.layout,
        model_name=toy.name,
        model_digest=toy.digest,
        source_name="clip.mp4",
        width=640,
        height=480,
        fps=30.0,
        network="student",
        created="2026-11-22T21:30:00+00:00",
    )
    with TakeWriter(path, header) as writer:
        for i in range(60):
            writer.append(toy_frame(toy, index=i, yaw=i / 100.0))
    session = ReplaySession(load_take(path), toy)
    window = MainWindow(session, SettingsFile(tmp_path / "window.json"), session.playback)
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.view.setFocus()
    qtbot.waitUntil(lambda: window.view.result is not None)
    qtbot.keyClick(window.view, Qt.Key.Key_Space)
    assert not session.playback.playing
    window.playback_bar.slider.setValue(100)
    qtbot.waitUntil(lambda: window.view.result.frame.index == 30)
    assert not window.actions_by_name["record"].isEnabled()
    assert not window.panel.source.isVisible()
    qtbot.mouseClick(window.playback_bar.button, Qt.MouseButton.LeftButton)
    assert session.playback.playing
    window.close()
    session.stop()


class NoFaceFinder:
    def find(self, image):
        return []


class UnusedEngine:
    name, resolution = "none", 128

    def __init__(self, model: FaceModel) -> None:
        self.model_digest = model.digest

    def infer(self, crop, pose=None):
        raise AssertionError("there is no face to look at")


def test_the_window_drives_a_real_session(qtbot, qapp, toy, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i in range(90):
        cv2.imwrite(str(pictures / f"{i:03d}.png"), np.full((48, 64, 3), i, np.uint8))
    session = Session(toy, UnusedEngine(toy), NoFaceFinder(), SessionConfig(takes=tmp_path / "takes"))
    window = open_window(qtbot, session, SettingsFile(tmp_path / "window.json"))
    window.open_source(str(pictures))
    qtbot.waitUntil(lambda: window.view.result is not None)
    qtbot.keyClick(window.view, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: session.recording().frames > 5)
    window.open_source(str(tmp_path / "none.mp4"))
    qtbot.waitUntil(window.area.banner.isVisible)
    assert "no such file" in window.area.banner.text.text()
    qtbot.keyClick(window.view, Qt.Key.Key_R)
    window.close()
    session.stop()
    (path,) = (tmp_path / "takes").iterdir()
    assert len(load_take(path)) > 5


class OldPictures:
    """A live source whose pictures are half a second old when they can be read."""

    name, width, height, fps, live = "slow link", 64, 48, 30.0, True

    def __init__(self) -> None:
        self.index, self.closed = 0, threading.Event()

    def read(self) -> Frame | None:
        if self.closed.wait(1.0 / self.fps):
            return None
        self.index += 1
        return Frame(self.index, perf_counter() - 0.5, np.full((48, 64, 3), self.index % 256, np.uint8))

    def close(self) -> None:
        self.closed.set()


def test_a_capture_time_reaches_the_screen_through_the_whole_loop(qtbot, qapp, toy, tmp_path):
    session = Session(toy, UnusedEngine(toy), NoFaceFinder())
    window = open_window(qtbot, session, SettingsFile(tmp_path / "window.json"))
    session.use_source(OldPictures())
    qtbot.waitUntil(lambda: window.status_line.to_screen.text() != "")
    assert 500.0 <= screen_latency(window) < 5000.0
    window.close()
    session.stop()


def test_a_swatch_colours_the_key_light(qtbot, window):
    amber = next(b for b in window.findChildren(QAbstractButton) if b.accessibleName() == "Amber key light")
    qtbot.mouseClick(amber, Qt.MouseButton.LeftButton)
    red, green, blue = window.rig.value.key_color
    assert window.rig.value.override
    assert red == 1.0 > green > blue


def test_arrow_keys_move_the_key_light(qtbot, window):
    before = window.rig.value.key_direction
    qtbot.keyClick(window.panel.light.pad, Qt.Key.Key_Up)
    assert window.rig.value.key_direction[1] > before[1]


def test_without_a_camera_it_is_said_who_acts(qtbot, window, session, monkeypatch):
    monkeypatch.setattr(session, "cameras", list)
    window.start(None)
    qtbot.waitUntil(lambda: "synthetic performer" in window.status_line.message.full_text())
    assert session.opened == [None]


def test_a_camera_is_remembered_by_its_name_since_numbers_change(qtbot, session, tmp_path):
    settings = SettingsFile(tmp_path / "window.json")
    first = open_window(qtbot, session, settings)
    first.start(None)
    qtbot.waitUntil(lambda: first.panel.source.choice.findText("FaceTime HD") >= 0)
    first.open_source("camera:2")
    qtbot.waitUntil(lambda: session.opened[-1] == "camera:2" and not first.status_line.message.full_text())
    first.close()
    assert settings.load().source == "camera:FaceTime HD"

    second = open_window(qtbot, session, settings)
    second.start(None)
    qtbot.waitUntil(lambda: session.opened[-1] == "camera:FaceTime HD")
    qtbot.waitUntil(lambda: second.panel.source.choice.currentText() == "FaceTime HD")
    second.close()
    assert settings.load().source == "camera:FaceTime HD"


def test_a_source_given_for_one_time_is_not_remembered(qtbot, window, session, tmp_path):
    window.start("clip.mp4")
    qtbot.waitUntil(lambda: session.opened == ["clip.mp4"] and not window.status_line.message.full_text())
    assert window.panel.source.choice.currentText() == "clip.mp4"
    window.close()
    assert SettingsFile(tmp_path / "window.json").load().source == ""
