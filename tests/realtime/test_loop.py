"""The live loop: order, missed frames, ticks, failing sources and listeners, and that it always ends."""

from __future__ import annotations

import signal
import threading
import time

import numpy as np
import pytest

from facemodel import LimelightError
from realtime.frame import Frame, TrackingState
from realtime.loop.live_feed import LiveConfig, LiveFeed
from realtime.loop.loop import Loop
from tests.realtime.loop_parts import Collector, ListSource, PictureTracker
from tests.waiting import wait_for


def loop_of(source, tracker=None, listeners=(), **config):
    feed = LiveFeed(source, tracker or PictureTracker(), config=LiveConfig(**config))
    return Loop(feed, [listener.submit for listener in listeners])


def run(loop):
    loop.start()
    assert loop.wait(60)
    assert loop.stop()
    return loop.status()


def test_every_frame_of_a_file_reaches_every_listener_in_order():
    first, second = Collector(), Collector()
    source = ListSource(80)
    status = run(loop_of(source, PictureTracker(seconds=0.001), [first, second]))
    for listener in (first, second):
        assert [r.frame.index for r in listener.results] == list(range(80))
    assert (status.frames, status.tracked_frames, status.error, status.ended) == (80, 80, "", True)
    assert source.closed == 1


def test_a_result_is_complete_when_it_is_delivered_and_cannot_be_changed():
    listener = Collector()
    run(loop_of(ListSource(3), listeners=[listener]))
    result = listener.results[1]
    assert result.time == result.frame.timestamp == 1 / 200.0
    assert result.performer is result.faces[0]
    assert result.state is TrackingState.TRACKING
    assert {"wait", "track"} <= result.timings.keys()
    with pytest.raises(AttributeError):
        result.faces = ()
    with pytest.raises(AttributeError):
        result.faces[0].state = TrackingState.HELD


def test_a_slow_loop_misses_frames_of_a_camera_but_stays_current():
    class Late(PictureTracker):
        def track(self, frame, now, timings):
            wait_for(lambda: source.index >= min(frame.index + 4, source.count))
            return super().track(frame, now, timings)

    listener, source = Collector(), ListSource(100, live=True, fps=200.0)
    status = run(loop_of(source, Late(), [listener]))
    indices = listener.frames
    assert indices == sorted(set(indices))
    assert 1 < len(indices) < 60
    assert indices[-1] == 99  # the newest frame is never lost behind older ones
    assert status.frames == len(indices)


def test_every_frame_of_a_file_that_plays_at_its_own_pace_goes_through():
    listener = Collector()
    started = time.perf_counter()
    run(loop_of(ListSource(20, fps=50.0), PictureTracker(seconds=0.002), [listener], paced=True))
    assert listener.frames == list(range(20))
    assert time.perf_counter() - started > 19 / 50.0 - 0.01


def test_limits_end_a_source():
    for config, frames in (({"frames": 7}, 7), ({"seconds": 0.1}, 20), ({"frames": 500}, 50)):
        listener = Collector()
        source = ListSource(50)
        run(loop_of(source, listeners=[listener], **config))
        assert len(listener.results) == frames
        assert source.closed >= 1


def test_a_source_that_fails_ends_the_loop_with_its_reason():
    listener = Collector()
    status = run(loop_of(ListSource(50, fail_at=4), listeners=[listener]))
    assert len(listener.results) == 4
    assert status.error == "camera unplugged"


class Burning(ListSource):
    def read(self):
        if self.index == 2:
            raise RuntimeError("on fire")
        return super().read()


def test_a_bug_in_a_source_ends_the_loop_with_one_line():
    status = run(loop_of(Burning(50)))
    assert status.frames == 2
    assert status.error == "list: failed (RuntimeError: on fire)"


def test_a_bug_in_the_tracker_ends_the_loop_with_one_line():
    class Broken(PictureTracker):
        def track(self, frame, now, timings):
            raise ValueError("bad shape")

    status = run(loop_of(ListSource(5), Broken()))
    assert status.frames == 0
    assert "internal error (ValueError: bad shape)" in status.error


def test_a_listener_that_fails_costs_nobody_else_a_frame():
    class Broken(Collector):
        calls = 0

        def submit(self, result):
            self.calls += 1
            super().submit(result)

    broken, whole = Broken(fail_at=3, error=KeyError("anything")), Collector()
    status = run(loop_of(ListSource(30), listeners=[broken, whole]))
    assert (len(broken.results), broken.calls) == (3, 4)
    assert len(whole.results) == 30
    assert status.error == ""


def test_a_listener_may_leave_while_it_is_called():
    class Shy(Collector):
        def submit(self, result):
            super().submit(result)
            loop.unlisten(self.submit)

    shy = Shy()
    loop = loop_of(ListSource(30), listeners=[shy])
    run(loop)
    assert len(shy.results) == 1


class Garbage(ListSource):
    """Every third frame is no picture, in one way or another."""

    def read(self):
        frame = super().read()
        if frame is None or frame.index % 3 != 1:
            return frame
        bad = [None, np.zeros((24, 32), np.uint8), np.zeros((24, 32, 3)), np.zeros((0, 0, 3), np.uint8)]
        return Frame(frame.index, frame.timestamp, bad[frame.index // 3 % len(bad)])


def test_what_is_no_picture_is_left_out_and_counted():
    listener = Collector()
    status = run(loop_of(Garbage(30), listeners=[listener]))
    assert [r.frame.index for r in listener.results] == [i for i in range(30) if i % 3 != 1]
    assert status.feed.unusable == 10


class TimeTraveller(ListSource):
    """Its clock is set back, and once it says nothing at all."""

    def read(self):
        frame = super().read()
        if frame is None:
            return None
        stamp = {10: 0.001, 20: float("nan"), 25: -5.0}.get(frame.index, frame.timestamp)
        return Frame(frame.index, stamp if frame.index != 11 else 0.004, frame.image)


def test_time_always_rises():
    listener = Collector()
    run(loop_of(TimeTraveller(40), listeners=[listener]))
    times = [r.time for r in listener.results]
    assert len(times) == 40
    assert all(b > a for a, b in zip(times, times[1:], strict=False))
    assert times[-1] < 40 / 200.0 + 3 / 200.0


def test_stop_ends_a_loop_whose_source_hangs():
    hang = threading.Event()
    loop = loop_of(ListSource(10, hang=hang))
    loop.start()
    time.sleep(0.05)
    threading.Timer(0.5, hang.set).start()
    assert loop.stop()


def test_an_interrupted_wait_does_not_cost_the_frame_under_way():
    listener = Collector()
    loop = loop_of(ListSource(10_000), PictureTracker(seconds=0.02), [listener])
    loop.start()
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Timer(0.2, lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            loop.wait(60)
    finally:
        signal.signal(signal.SIGINT, previous)
    assert loop.stop()
    assert len(listener.results) == loop.status().frames < 10_000


def test_requests_reach_the_tracker_on_the_loops_thread():
    tracker = PictureTracker(seconds=0.005)
    asked = threading.Event()
    loop = loop_of(ListSource(60, hang=asked), tracker)
    loop.start()
    loop.feed.recenter()
    loop.feed.choose(2)
    loop.feed.choose_at(3.0, 4.0)
    loop.feed.reset_person()
    asked.set()
    assert loop.wait(60)
    loop.stop()
    assert tracker.asked == [("recenter",), ("choose", 2), ("choose_at", 3.0, 4.0), ("reset_person",)]


def test_a_failing_feed_says_why():
    class Feed:
        info = LiveFeed(ListSource(1), PictureTracker()).info
        transport = None

        def read(self):
            raise LimelightError("take x.mcap: damaged")

        def status(self):
            from realtime.loop.feed import FeedStatus

            return FeedStatus()

        def close(self):
            return True

    assert run(Loop(Feed())).error == "take x.mcap: damaged"
