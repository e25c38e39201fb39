"""Play, pause, seek, step, speed, loop and in and out points, of takes and of files that are sources."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from realtime.loop.feed import FASTEST, SLOWEST
from realtime.loop.live_feed import LiveConfig, LiveFeed
from realtime.loop.loop import Loop
from realtime.opencv import cv2
from realtime.sources.images import ImageSource
from realtime.sources.rotated import RotatedSource
from realtime.sources.video import VideoSource
from realtime.takes import TakePlayer, load_take
from tests.faults.simulated_clock import SimulatedClock
from tests.realtime.loop_parts import ListSource, PictureTracker
from tests.realtime.take_factory import result, write_take
from tests.realtime.video_factory import grey, write_video
from tests.waiting import wait_for


class FileSource(ListSource):
    """Frames from memory that can be read again."""

    def __init__(self, count=30, fps=100.0):
        super().__init__(count, fps=fps)
        self.sought = []

    @property
    def duration(self):
        return self.count / self.fps

    def seek(self, seconds):
        self.sought.append(seconds)
        self.index = round(seconds * self.fps)


class Playing:
    """A loop over a file, and which of its frames came.

    Args:
        source: that is played.
        clock: by which it is played; the system's if None.
        settings: of its transport.
    """

    def __init__(self, source, clock=None, **settings):
        self.came = []
        self.results = []
        self.feed = LiveFeed(source, PictureTracker(), config=LiveConfig(paced=True), clock=clock)
        self.transport = self.feed.transport
        for name, value in settings.items():
            setattr(self.transport, name, value)
        self.loop = Loop(self.feed, [self._note])

    def _note(self, one):
        self.results.append(one)
        if not one.stalled:
            self.came.append(int(one.frame.image[0, 0, 0]))

    def wait_for(self, holds):
        wait_for(holds)


@pytest.fixture
def playing():
    """Starts to play a source, and ends it after the test."""
    begun = []

    def begin(source=None, **options):
        one = Playing(source or FileSource(), **options)
        begun.append(one)
        one.loop.start()
        return one

    yield begin
    for one in begun:
        assert one.loop.stop()


def at_end(one):
    return lambda: not one.transport.playing and one.transport.frame == one.transport.frames - 1


def test_a_file_that_ended_waits_and_plays_again(playing):
    one = playing()
    assert (one.transport.frames, one.transport.fps, one.transport.duration) == (30, 100.0, pytest.approx(0.29))
    one.wait_for(at_end(one))
    one.wait_for(lambda: one.came == list(range(30)))
    assert not one.loop.status().ended
    one.transport.playing = True
    one.wait_for(lambda: len(one.came) == 60)
    assert one.came[30:] == list(range(30))
    frames = [r.frame for r in one.results if not r.stalled]
    assert np.all(np.diff([frame.index for frame in frames]) > 0)
    assert np.all(np.diff([frame.timestamp for frame in frames]) > 0)  # a take of it has one rising time


def test_a_paused_file_gives_nothing_and_steps(playing):
    one = playing()
    one.wait_for(lambda: len(one.came) > 3)
    one.transport.step(1)
    assert not one.transport.playing
    one.wait_for(lambda: not one.transport._show_once and one.came[-1] == one.transport.frame)
    stands, results = one.transport.frame, len(one.results)
    time.sleep(0.1)
    assert one.transport.frame == stands and len(one.results) == results  # no tick either
    source = one.feed.source
    one.transport.step(1)
    one.wait_for(lambda: one.came[-1] == stands + 1)
    assert source.sought == []  # the next frame needs no search
    one.transport.step(-3)
    one.wait_for(lambda: one.came[-1] == stands - 2)
    one.transport.step(10)
    one.wait_for(lambda: one.came[-1] == stands + 8)
    one.transport.step(-100)
    one.wait_for(lambda: one.came[-1] == 0)
    one.transport.step(100)
    one.wait_for(lambda: one.came[-1] == 29)
    one.transport.step(1)  # there is none
    one.transport.seek(0.123)
    one.wait_for(lambda: one.came[-1] == 12)


def test_a_file_loops_between_its_in_and_out_points(playing):
    one = playing(loop=True, span=(5, 8))
    one.wait_for(lambda: len(one.came) > 20)
    came = one.came[one.came.index(8) + 1 :]
    assert came[:9] == [5, 6, 7, 8, 5, 6, 7, 8, 5]
    one.transport.loop = False
    one.wait_for(lambda: not one.transport.playing and one.came[-1] == 8)
    one.transport.show(20)  # after the out point it plays to the end
    one.transport.playing = True
    one.wait_for(at_end(one))
    one.transport.playing = True
    one.wait_for(lambda: one.came[-4:] == [5, 6, 7, 8])


def test_speed_changes_the_pace_of_a_file_and_not_its_times(playing):
    clock = SimulatedClock()
    started = clock.now()
    one = playing(FileSource(40, fps=100.0), clock=clock, speed=4.0)
    one.wait_for(at_end(one))
    assert clock.now() - started == pytest.approx(0.39 / 4.0, abs=0.02)  # s of those that it lasts
    one.wait_for(lambda: len(one.came) == 40)
    times = [r.frame.timestamp for r in one.results if not r.stalled]
    assert times == pytest.approx([i / 100.0 for i in range(40)])
    for asked, is_ in ((99.0, FASTEST), (0.0, SLOWEST)):
        one.transport.speed = asked
        assert one.transport.speed == is_


def test_a_slow_file_does_not_look_stalled(playing):
    # a frame each 80 ms, and ticks after 40 ms at full speed
    one = playing(FileSource(6, fps=50.0), clock=SimulatedClock(), speed=0.25)
    one.wait_for(lambda: len(one.came) == 6)
    assert [r.stalled for r in one.results] == [False] * 6


def test_a_source_that_cannot_be_read_again_is_paced_and_ends(playing):
    one = playing(ListSource(10, fps=100.0))
    assert one.transport is None
    one.wait_for(lambda: one.loop.status().ended)
    assert one.came == list(range(10))


def test_a_single_picture_has_no_transport(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), grey(7))
    feed = LiveFeed(ImageSource.from_file(tmp_path / "a.png"), PictureTracker(), config=LiveConfig(paced=True))
    assert feed.transport is None
    feed.close()


@pytest.mark.parametrize("options", [{"g": "250"}, {"g": "6"}, {"g": "1"}])
def test_a_video_goes_on_from_any_frame(tmp_path, options):
    path = write_video(tmp_path / "a.mp4", [grey(20 + 6 * i) for i in range(30)], fps=25, options=options)
    source = VideoSource(path)
    assert source.duration == pytest.approx(30 / 25, abs=0.05)

    def read():
        frame = source.read()
        return None if frame is None else (frame.index, round((float(frame.image.mean()) - 17.2) / 6), frame.timestamp)

    for wanted in (17, 3, 29, 0, 18, 2):
        source.seek(wanted / 25)
        assert read() == (wanted, wanted, pytest.approx(wanted / 25, abs=1e-3))
        after = wanted + 1
        assert read() == (None if wanted == 29 else (after, after, pytest.approx(after / 25, abs=1e-3)))
    while read() is not None:
        pass
    source.seek(5 / 25)  # also after its end
    assert read()[:2] == (5, 5)
    source.seek(99.0)
    assert read()[0] == 29 and read() is None
    source.close()
    source.seek(0.0)
    assert source.read() is None


def test_pictures_in_a_folder_and_turned_ones_go_on_from_any_frame(tmp_path):
    for i in range(5):
        cv2.imwrite(str(tmp_path / f"{i}.png"), grey(10 * i))
    source = RotatedSource(ImageSource.from_folder(tmp_path, fps=10.0), 90)
    assert source.duration == 0.5
    source.seek(0.3)
    frames = list(iter(source.read, None))
    assert [(f.index, f.timestamp, int(f.image[0, 0, 0])) for f in frames] == [(3, 0.3, 30), (4, 0.4, 40)]
    source.seek(0.0)
    assert source.read().index == 0


@pytest.fixture
def take(tmp_path):
    """One second of 31 frames."""
    return load_take(write_take(tmp_path / "a.mcap", [result(i) for i in range(31)]))


def indices(player, count):
    return [player.read().frame.index for _ in range(count)]


def test_a_take_steps_and_is_shown_by_frame(take):
    player = TakePlayer(take, live=True, at_end="pause")
    player.playing = False
    player.show(12)
    assert (player.frame, player.position) == (12, pytest.approx(0.4))
    assert indices(player, 1) == [12]
    for step, frame in ((1, 13), (-1, 12), (10, 22), (-100, 0), (100, 30), (1, 30)):
        player.step(step)
        assert player.frame == frame and indices(player, 1) == [frame]
    player.step(-1)
    player.step(-1)  # before the first was delivered
    assert indices(player, 1) == [28]
    player.seek(0.51)
    assert indices(player, 1) == [15]
    assert (player.frames, player.duration) == (31, pytest.approx(1.0))


def test_a_take_loops_between_its_in_and_out_points(take):
    player = TakePlayer(take, at_end="pause")
    player.span = (3, 5)
    player.loop = True
    assert indices(player, 12) == [0, 1, 2, 3, 4, 5, 3, 4, 5, 3, 4, 5]
    player.loop = False
    paused = threading.Thread(target=player.read)
    paused.start()
    while player.playing:
        time.sleep(0.002)
    assert player.frame == 5
    player.playing = True  # from the in point again
    paused.join(60)
    assert indices(player, 2) == [4, 5]
    player.show(20)  # after the out point it plays to the end
    player.playing = True
    assert indices(player, 11) == list(range(20, 31))
    player.close()


@pytest.mark.parametrize("speed", [4.0, 2.0])
def test_speed_changes_the_pace_of_a_take(take, speed):
    player = TakePlayer(take, live=True)
    player.speed = speed
    started = time.perf_counter()
    played = list(iter(player.read, None))
    assert 1.0 / speed - 0.01 <= time.perf_counter() - started
    assert played[-1].time - played[0].time == pytest.approx(1.0)
    player.speed = 100.0
    assert player.speed == FASTEST


def test_a_change_of_speed_keeps_the_place(take):
    player = TakePlayer(take, live=True)
    player.show(10)
    player.read()
    for speed in (0.1, 4.0, 1.0):
        player.speed = speed
        assert player.read().frame.index in (11, 12, 13, 14)
        player.show(10)
        player.read()
