"""Windows for the audience: what they show, that they leave everybody alone, and that they never show an error."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QGuiApplication, QImage

from facemodel import FaceModel
from realtime.frame import StreamInfo
from realtime.outputs.display import DisplayOutput, DisplayState, display_for
from realtime.render import Composer
from realtime.sinks.address import Address
from realtime.sinks.registry import open_sink
from realtime.sinks.worker import SinkState
from realtime.ui.app import make_application
from realtime.ui.output_window import OutputScreens, OutputWindow
from tests.realtime.fake_session import FakeSession, toy_result

MODEL = FaceModel.load()
INFO = StreamInfo("test", 320, 240, 30.0, True, MODEL)


@pytest.fixture(scope="session")
def qapp():
    return make_application()


@pytest.fixture
def screens(qtbot):
    opened = OutputScreens()
    yield opened
    opened.shut_down()


def show(
    qtbot, screens: OutputScreens, query: str = "view=camera", place: str = "1"
) -> tuple[DisplayOutput, OutputWindow]:
    """An output on the first display, with its window."""
    output = DisplayOutput(Address.parse(f"display://{place}?{query}"))
    output.screens = screens
    output.begin(INFO)
    qtbot.waitUntil(lambda: output in screens.windows)
    return output, screens.windows[output]


def plain(level: int, height: int = 240):
    """A result whose frame has one colour."""
    shown = toy_result(MODEL, width=320, height=height)
    return replace(shown, frame=replace(shown.frame, image=np.full((height, 320, 3), level, np.uint8)))


def pixels(window: OutputWindow) -> np.ndarray:
    """(H, W, 3) of the window's OpenGL."""
    image = window.grabFramebuffer().convertToFormat(QImage.Format.Format_RGB888)
    buffer = image.constBits()
    buffer.setsize(image.sizeInBytes())
    rows = np.frombuffer(bytes(buffer), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def middle(window: OutputWindow) -> int:
    """Level in the middle of the window."""
    picture = pixels(window)
    return int(picture[picture.shape[0] // 2, picture.shape[1] // 2].mean())


def test_it_fills_its_display_with_the_picture_and_black(qtbot, screens):
    output, window = show(qtbot, screens)
    output.submit(plain(120, height=160))
    qtbot.waitUntil(lambda: window.shown == 1)
    screen = QGuiApplication.screens()[0]
    assert window.geometry() == screen.geometry()
    picture = pixels(window)
    height, width = picture.shape[:2]
    rows = picture[:, width // 2].mean(-1)
    assert abs(np.count_nonzero(np.abs(rows - 120) < 3) - width / 2) <= 2  # the frame's shape, as large as can be
    assert np.count_nonzero(rows == 0) >= height - width / 2 - 2
    assert abs(rows[: height // 2].sum() - rows[height // 2 :].sum()) <= 240  # and in the middle
    assert output.status() == f"{screen.name()} {width}x{height}, picture"
    assert output.connected()


def test_it_has_no_frame_and_no_cursor_and_takes_no_keys(qtbot, screens):
    _, window = show(qtbot, screens)
    flags = window.windowFlags()
    assert flags & Qt.WindowType.FramelessWindowHint
    assert flags & Qt.WindowType.WindowDoesNotAcceptFocus
    assert window.cursor().shape() == Qt.CursorShape.BlankCursor
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    window.close()
    assert window.isVisible()
    assert not window.isActiveWindow()


def test_black_freeze_and_picture(qtbot, screens):
    output, window = show(qtbot, screens)
    output.submit(plain(120))
    qtbot.waitUntil(lambda: window.shown == 1)
    output.state = DisplayState.FREEZE
    output.submit(plain(60))
    qtbot.wait(50)
    assert middle(window) == pytest.approx(120, abs=2)
    output.state = DisplayState.BLACK
    assert pixels(window).max() == 0
    output.state = DisplayState.PICTURE
    output.submit(plain(60))
    qtbot.waitUntil(lambda: middle(window) == pytest.approx(60, abs=2))


def test_a_test_card_needs_no_picture_and_says_which_display_it_is(qtbot, screens, monkeypatch):
    said = []
    monkeypatch.setattr("realtime.ui.output_window.draw_test_card", lambda widget, lines: said.append(lines))
    output, window = show(qtbot, screens, "state=test-card")
    window.grabFramebuffer()
    screen = QGuiApplication.screens()[0]
    size = screen.size()
    assert said[-1] == (f"{screen.name()} {size.width()}x{size.height()}", "display 1", "frame 0")
    output.submit(plain(1))
    qtbot.waitUntil(lambda: said[-1][2] == "frame 1")


def test_the_test_card_reaches_every_edge(qtbot, screens):
    _, window = show(qtbot, screens, "state=test-card")
    picture = pixels(window)
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert edge.min() > 200  # a white line on the outermost pixels
    assert {tuple(color) for color in picture.reshape(-1, 3)[::7]} >= {(192, 192, 0), (0, 0, 192), (0, 0, 0)}


@pytest.mark.parametrize(("query", "level"), [("view=camera", 120), ("view=camera&on-failure=black", 0)])
def test_when_nothing_comes_it_holds_the_last_picture_or_goes_black(qtbot, screens, monkeypatch, query, level):
    output, window = show(qtbot, screens, query)
    output.submit(plain(120))
    qtbot.waitUntil(lambda: window.shown == 1)
    monkeypatch.setattr("realtime.outputs.display.perf_counter", lambda: output._came + 2.1)
    qtbot.waitUntil(lambda: middle(window) == pytest.approx(level, abs=2))
    assert "nothing comes" in output.status()


@pytest.mark.parametrize(("query", "level"), [("view=camera", 120), ("view=camera&on-failure=black", 0)])
def test_when_drawing_fails_it_holds_the_last_picture_or_goes_black(qtbot, screens, monkeypatch, query, level):
    output, window = show(qtbot, screens, query)
    output.submit(plain(120))
    qtbot.waitUntil(lambda: window.shown == 1)

    def fail(composer, target, viewport, scene) -> None:
        target.clear(1.0, 0.0, 0.0)  # half-way
        raise KeyError("lost\ncontext")

    monkeypatch.setattr(Composer, "draw", fail)
    output.submit(plain(60))
    qtbot.waitUntil(lambda: bool(output.trouble))
    assert middle(window) == pytest.approx(level, abs=2)
    assert "drawing failed: KeyError" in output.status() and "\n" not in output.status()
    monkeypatch.undo()
    output.submit(plain(60))
    qtbot.waitUntil(lambda: not output.trouble)
    assert middle(window) == pytest.approx(60, abs=2)


def test_another_feed_goes_on_in_the_same_window(qtbot, screens):
    output, window = show(qtbot, screens)
    output.close()
    output.begin(replace(INFO, name="another"))
    qtbot.wait(1200)
    assert screens.windows[output] is window
    assert window.isVisible()
    output.close()
    output.close()
    qtbot.waitUntil(lambda: not screens.windows)


def test_a_display_that_is_not_there_is_waited_for(qtbot, screens, monkeypatch):
    output, window = show(qtbot, screens, place="7")
    assert not window.isVisible()
    assert output.status().startswith("waits: there is no display 7 (there is 1 ")
    assert output.connected() is False
    output.submit(plain(120))
    real = QGuiApplication.screens()[0]
    monkeypatch.setattr("realtime.ui.output_window.display_for", lambda wanted, names: 1)
    screens.place()  # as when a display is plugged in
    assert window.isVisible()
    qtbot.waitUntil(lambda: window.shown == 1)
    assert output.connected()
    monkeypatch.undo()
    screens.place(without=real)  # and out
    assert not window.isVisible()
    assert output.connected() is False
    assert "there is none" in output.status()


def test_displays_are_meant_by_number_or_name():
    names = {1: "eDP-1", 2: "HDMI-1"}
    assert display_for("", names) == 2
    assert display_for("", {1: "eDP-1"}) is None  # never over the operator's window
    assert (display_for("1", names), display_for("3", names)) == (1, None)
    assert (display_for("hdmi-1", names), display_for("DP-4", names)) == (2, None)


def test_without_a_window_system_the_line_says_so():
    worker = open_sink("display://2")
    assert not worker.begin(INFO)
    assert worker.problem == "display 2: needs Limelight's window; run without --headless, on a desktop"
    assert worker.status().state is SinkState.FAILED


@pytest.mark.parametrize("query", ["state=off", "on-failure=desktop", "view=relight"])
def test_options_that_make_no_sense_are_refused(query):
    with pytest.raises(Exception, match="must be"):
        open_sink(f"display://2?{query}")


def test_a_session_gives_its_displays_to_sinks_that_are_there_and_that_come(tmp_path):
    session = FakeSession(MODEL, tmp_path)
    before = session.add_sink("display://1")
    displays = SimpleNamespace()
    session.show_on(displays)
    after = session.add_sink("display://2")
    assert before.sink.screens is displays
    assert after.sink.screens is displays


CLOSE_WITH_AN_OUTPUT = """
import sys
from pathlib import Path
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication
from realtime.frame import StreamInfo
from realtime.ui.app import make_application, run_window
from realtime.ui.settings import SettingsFile
from tests.realtime.fake_session import FakeSession
from tests.toy_model import toy_model

folder = Path(sys.argv[1])
application = make_application()
session = FakeSession(toy_model(), folder)
worker = session.add_sink("display://1")

def windows(title):
    return [w for w in QApplication.topLevelWidgets() if w.windowTitle() == title and w.isVisible()]

def close():
    if not windows("Limelight output"):
        QTimer.singleShot(50, close)
        return
    print("open", flush=True)
    windows("Limelight")[0].close()

QTimer.singleShot(300, lambda: worker.begin(StreamInfo("test", 320, 240, 30.0, True, session.model)))
QTimer.singleShot(400, close)
QTimer.singleShot(60000, lambda: application.exit(9))
sys.exit(run_window(session, SettingsFile(folder / "window.json")))
"""


def test_the_program_ends_with_its_main_window_whatever_is_open_on_displays(qapp, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CLOSE_WITH_AN_OUTPUT, str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout.splitlines()[:1]) == (0, ["open"]), done.stderr
