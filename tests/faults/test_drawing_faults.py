"""What a graphics driver can do to the show: an output that cannot draw is one line, and the others go on."""

from __future__ import annotations

import threading

import moderngl
import numpy as np
import pytest

from facemodel import LimelightError
from realtime.outputs.overlay import Overlay
from realtime.outputs.picture_options import PictureOptions
from realtime.outputs.picture_stream import PictureStream
from realtime.outputs.video_file import VideoFile
from realtime.render import HeadlessComposer, RenderOptions
from realtime.render.composer import Composer
from realtime.sinks.address import Address
from realtime.sinks.worker import SinkState
from tests.faults.test_sink_faults import AGAIN_AT, BROKEN_AT, SEEN_AT, Show
from tests.realtime.loop_parts import MODEL
from tests.realtime.video_factory import read_video
from tests.waiting import wait_for


class Driver:
    """Something between the composer and OpenGL that fails while it is told to.

    Args:
        place: "draw" (drawing raises), "overlay" (so does what is around it), "release" (drawing raises, and the lost
            context cannot even be freed), "memory" and "context" (OpenGL itself says nothing but its error).
    """

    def __init__(self, monkeypatch, place):
        self.place, self.lost = place, False
        self.replace(monkeypatch, Composer, "draw", ("draw", "release"))
        self.replace(monkeypatch, Overlay, "draw", ("overlay",))
        self.replace(monkeypatch, Composer, "release", ("release",))
        error = {"memory": "GL_OUT_OF_MEMORY", "context": "GL_UNKNOWN_ERROR"}.get(place, "GL_NO_ERROR")
        said = property(lambda _ctx: error if self.lost else "GL_NO_ERROR")
        monkeypatch.setattr(moderngl.Context, "error", said)

    def replace(self, monkeypatch, owner, name, places):
        real = getattr(owner, name)

        def method(this, *arguments):
            if self.lost and self.place in places:
                raise moderngl.Error("context lost\nat 0x7f")
            return real(this, *arguments)

        monkeypatch.setattr(owner, name, method)


class Screen:
    """Receives pictures."""

    line = "a screen"

    def __init__(self):
        self.pictures, self.opened, self.closed = [], 0, 0

    def open(self, _size, _fps):
        self.opened += 1
        return self

    def send(self, picture):
        self.pictures.append(picture.copy())

    def connected(self):
        return None

    def close(self):
        self.closed += 1


@pytest.mark.parametrize("place", ["draw", "overlay", "release", "memory", "context"])
def test_an_output_whose_context_is_lost_fails_in_one_line_and_starts_again(tmp_path, monkeypatch, place):
    driver, screen, lines = Driver(monkeypatch, place), Screen(), []

    def lose(show):
        show.catch_up()
        driver.lost = True

    def failed(show):
        wait_for(lambda: show.worker.status().state is SinkState.FAILED and screen.closed)
        lines.append(show.worker.status().line)
        assert show.session.status().error == lines[0]
        assert not show.loop.status().ended

    def again(show):
        driver.lost = False
        wait_for(lambda: show.session.restart_sink(show.worker).status().state is SinkState.RUNNING)

    options = PictureOptions.of(Address.parse("vcam://"))
    show = Show(
        tmp_path,
        PictureStream("screen", options, screen.open),
        {BROKEN_AT: lose, SEEN_AT: failed, AGAIN_AT: again},
    )
    show.check_the_others()
    assert show.problems == ()
    (line,) = lines
    assert line.startswith("screen: ") and "\n" not in line
    assert (screen.opened, screen.closed) == (2, 2)
    missed = AGAIN_AT - BROKEN_AT
    assert len(screen.pictures) == len(show.all) - missed
    assert all(picture.shape == (48, 64, 3) for picture in screen.pictures)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("headless-composer")]


def test_a_video_whose_context_is_lost_is_whole_up_to_there(tmp_path, monkeypatch):
    driver, lines = Driver(monkeypatch, "release"), []

    def lose(show):
        show.catch_up()
        driver.lost = True

    def failed(show):
        wait_for(lambda: show.worker.status().state is SinkState.FAILED)
        lines.append(show.worker.status().line)

    def again(show):
        driver.lost = False
        show.session.restart_sink(show.worker)
        wait_for(lambda: "under another name" in show.worker.status().line)

    video = VideoFile(tmp_path / "v.mp4", lambda info: Overlay(info, RenderOptions()))
    show = Show(tmp_path, video, {BROKEN_AT: lose, SEEN_AT: failed, AGAIN_AT: again})
    show.check_the_others()
    assert "v.mp4" in lines[0] and "context lost" in lines[0] and "\n" not in lines[0]
    times, _ = read_video(tmp_path / "v.mp4")
    assert len(times) == len([result for result in show.all[: BROKEN_AT - 1] if not result.stalled])


def test_a_composer_says_that_opengl_failed_and_another_draws(monkeypatch):
    driver = Driver(monkeypatch, "memory")
    face = MODEL.layout.neutral()
    with HeadlessComposer(MODEL, 32, 24) as composer:
        before = composer.render(None, face).copy()
        driver.lost = True
        with pytest.raises(LimelightError, match=r"^OpenGL draws no more"):
            composer.render(None, face)
        driver.lost = False
        with HeadlessComposer(MODEL, 32, 24) as other:
            np.testing.assert_array_equal(other.render(None, face), before)
