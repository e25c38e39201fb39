"""What outputs can do to the show: devices and displays go away and come back, and every result is still delivered."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys

import pytest

from realtime.session import Session
from realtime.session_config import SessionConfig
from realtime.sinks.contract import Policy
from realtime.sinks.worker import SinkState, Worker, WorkerConfig
from tests.realtime.loop_parts import MODEL, Collector, ListSource, PictureTracker
from tests.realtime.outputs.picture_libraries import VirtualCameras, install
from tests.waiting import wait_for


class Patient(ListSource):
    """A live source that waits for the result of its last frame, so that a busy machine makes it slow, not incomplete.

    It goes on until its `count` is set.
    """

    def __init__(self, heard):
        super().__init__(math.inf, live=True, fps=100.0)
        self.heard = heard

    def read(self):
        wait_for(lambda: not self.index or (self.heard and self.heard[-1].frame.index == self.index - 1))
        return super().read()


class Anything(BaseException):
    """Of no type that anybody expects."""


@pytest.mark.parametrize("error", [RuntimeError("unplugged"), MemoryError(), SystemExit(3), Anything("two\nlines")])
def test_a_virtual_camera_that_is_taken_away_costs_nobody_a_result(monkeypatch, error):
    cameras = VirtualCameras()
    install(monkeypatch, pyvirtualcam=cameras)
    session = Session(MODEL, PictureTracker, SessionConfig())
    others = Collector()
    session.add_sink(Worker(others, WorkerConfig(Policy.EVERY)))
    camera = session.add_sink("vcam://?view=camera")
    source = Patient(others.results)
    loop = session.use_source(source)
    try:
        wait_for(lambda: camera.status().delivered)
        cameras.failure = error
        wait_for(lambda: camera.status().state is SinkState.FAILED)
        assert camera.problem.startswith("virtual camera: ")
        assert "\n" not in camera.problem
        cameras.failure = None
        wait_for(camera.restart)
        wait_for(lambda: camera.status().delivered)
        source.count = source.index + 20
        assert loop.wait(60)
    finally:
        session.stop()
    assert others.frames == list(range(source.count))
    assert [opened.closed for opened in cameras.opened] == [1, 1]


UNPLUG = """
import subprocess, time
from facemodel import FaceModel
from PyQt6.QtWidgets import QWidget
from realtime.frame import StreamInfo
from realtime.outputs.display import DisplayOutput
from realtime.sinks.address import Address
from realtime.ui.app import make_application
from realtime.ui.output_window import OutputScreens
from tests.realtime.fake_session import toy_result

def until(what):
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end, output.status()
        application.processEvents()
        time.sleep(0.01)

def monitor(*arguments):
    subprocess.run(["xrandr", *arguments], check=True, stdout=subprocess.DEVNULL)

LEFT, RIGHT = (("--setmonitor", name, f"800/200x600/150+{x}+0", on) for name, x, on in
               (("*left", 0, "screen"), ("right", 800, "none")))
monitor(*LEFT)
monitor(*RIGHT)
application = make_application()
desk = QWidget()
desk.resize(300, 200)
desk.show()
desk.activateWindow()
until(desk.isActiveWindow)
model = FaceModel.load()
screens = OutputScreens()
output = DisplayOutput(Address.parse("display://"))
output.screens = screens
output.begin(StreamInfo("test", 320, 240, 30.0, True, model))
output.submit(toy_result(model, width=320, height=240))
until(lambda: output.there and screens.windows[output].shown == 1)
window = screens.windows[output]
print(window.geometry().getRect(), output.status())
monitor("--delmonitor", "right")
until(lambda: output.there is False)
output.submit(toy_result(model, width=320, height=240))
application.processEvents()
print(window.isVisible(), output.status())
monitor(*RIGHT)
until(lambda: output.there and window.isVisible())
output.submit(toy_result(model, width=320, height=240))
until(lambda: window.shown >= 2)
print(window.geometry().getRect(), output.status())
print(desk.isActiveWindow())
screens.shut_down()
"""


@pytest.mark.skipif(not (shutil.which("Xvfb") and shutil.which("xrandr")), reason="needs Xvfb and xrandr")
def test_a_display_that_is_unplugged_takes_its_window_with_it_and_brings_it_back():
    """On a display server of its own, whose right half is the display for the audience."""
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-noreset", "-screen", "0", "1600x600x24"],
        pass_fds=(writer,),
        stderr=subprocess.DEVNULL,
    )
    try:
        os.close(writer)
        with os.fdopen(reader) as pipe:
            number = pipe.readline().strip()
        done = subprocess.run(
            [sys.executable, "-c", UNPLUG],
            env=os.environ | {"DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb"},
            capture_output=True,
            text=True,
            timeout=150,
        )
    finally:
        server.terminate()
        server.wait()
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "(800, 0, 800, 600) right 800x600, picture",
        "False waits: there is no second display (there is 1 left 800x600)",
        "(800, 0, 800, 600) right 800x600, picture",
        "True",
    ]
