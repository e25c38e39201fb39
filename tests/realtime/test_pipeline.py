"""The live loop: order, dropping, failing sources and sinks, and that it always ends."""

from __future__ import annotations

import signal
import threading
import time
import tracemalloc
from collections import deque

import numpy as np
import pytest

from facemodel import LimelightError
from realtime.frame import Frame, TrackedFrame, TrackingState
from realtime.loop.frame_pool import FramePool
from realtime.loop.pipeline import Pipeline
from realtime.loop.slot import LatestSlot
from realtime.sources.limited import LimitedSource
from realtime.tracking.recentering import Recentering
from realtime.tracking.smoothing import Smoother, SmoothingStage
from tests.toy_model import toy_model

LAYOUT = toy_model().layout


class ListSource:
    """Frames from memory; the value of every pixel is the frame's index, modulo 256."""

    def __init__(self, count, live=False, fps=200.0, fail_at=None, hang=None):
        self.name, self.width, self.height, self.fps, self.live = "list", 32, 24, fps, live
        self.count, self.fail_at, self.hang = count, fail_at, hang
        self.index, self.closed = 0, 0

    def read(self):
        if self.index == self.fail_at:
            raise LimelightError("camera unplugged")
        if self.hang is not None:
            self.hang.wait(20)
        if self.index == self.count:
            return None
        if self.live:
            time.sleep(1.0 / self.fps)
        stamp = time.perf_counter() if self.live else self.index / self.fps
        frame = Frame(self.index, stamp, np.full((24, 32, 3), self.index % 256, np.uint8))
        self.index += 1
        return frame

    def close(self):
        self.closed += 1


class PictureTracker:
    """Tracks every frame, except those whose index is in `lost`."""

    message = ""

    def __init__(self, lost=(), seconds=0.0):
        self.lost, self.seconds = set(lost), seconds

    def track(self, frame):
        time.sleep(self.seconds)
        if frame.index in self.lost:
            return TrackedFrame(frame, TrackingState.HELD)
        raw = LAYOUT.neutral()
        LAYOUT.view(raw).translation[:] = (16, 12)
        return TrackedFrame(frame, TrackingState.TRACKING, raw=raw, confidence=1.0)


class Collector:
    def __init__(self, fail_at=None):
        self.results, self.fail_at, self.closed = [], fail_at, 0

    def submit(self, result):
        if len(self.results) == self.fail_at:
            raise LimelightError("take.mcap: disk full")
        self.results.append(result)

    def close(self):
        self.closed += 1


def pipeline_of(source, tracker=None, sinks=(), **options):
    stage = SmoothingStage(Smoother(LAYOUT), Recentering(LAYOUT))
    return Pipeline(source, tracker or PictureTracker(), stage, sinks, **options)


def run(pipeline):
    pipeline.start()
    assert pipeline.wait(20)
    pipeline.stop()
    return pipeline.status()


def test_every_frame_of_a_file_reaches_every_sink_in_order():
    first, second = Collector(), Collector()
    source = ListSource(80)
    status = run(pipeline_of(source, PictureTracker(seconds=0.001), [first, second]))
    for sink in (first, second):
        assert [r.frame.index for r in sink.results] == list(range(80))
        assert all(r.smoothed is not None for r in sink.results)
    assert (status.frames, status.tracked_frames, status.error) == (80, 80, "")
    assert source.closed == 1


def test_a_slow_loop_misses_frames_of_a_camera_but_stays_current():
    sink = Collector()
    pipeline = pipeline_of(ListSource(100, live=True, fps=200.0), PictureTracker(seconds=0.02), [sink])
    status = run(pipeline)
    indices = [r.frame.index for r in sink.results]
    assert indices == sorted(set(indices))
    assert 5 < len(indices) < 60
    assert indices[-1] == 99  # the newest frame is never lost behind older ones
    assert status.frames == len(indices)


def test_a_loop_that_is_too_slow_does_not_fall_behind():
    """Frames are as young at the end as at the beginning: one waits at most, whatever the loop missed."""
    ages = []

    class Clock(Collector):
        def submit(self, result):
            ages.append(time.perf_counter() - result.frame.timestamp)

    run(pipeline_of(ListSource(300, live=True, fps=200.0), PictureTracker(seconds=0.03), [Clock()]))
    early, late = np.median(ages[:10]), np.median(ages[-10:])
    assert len(ages) >= 20
    assert late < early + 0.3  # in a queue the last frame would be older than a second


def test_a_slow_sink_sees_each_face_on_the_frame_it_was_computed_from():
    """Also from pictures that are used again: the number in the picture is the number in the parameters."""

    class Pooled(ListSource):
        def __init__(self, count):
            super().__init__(count)
            self.pool = FramePool(24, 32)

        def read(self):
            frame = super().read()
            if frame is not None:
                picture = self.pool.take()
                picture[:] = frame.image
                frame.image = picture
            return frame

    class Numbered(PictureTracker):
        def track(self, frame):
            result = super().track(frame)
            LAYOUT.view(result.raw).translation[0] = frame.image[0, 0, 0]
            return result

    class Late:
        """Draws on a thread of its own, some frames behind, as a video writer does."""

        def __init__(self):
            self.queue, self.pairs = deque(), []

        def submit(self, result):
            self.queue.append(result)
            if len(self.queue) > 5:
                self.draw()

        def draw(self):
            result = self.queue.popleft()
            picture = result.frame.image
            assert (picture == picture[0, 0, 0]).all()
            self.pairs.append(
                (result.frame.index, int(picture[0, 0, 0]), float(LAYOUT.view(result.raw).translation[0]))
            )

        def close(self):
            pass

    sink, source = Late(), Pooled(120)
    run(pipeline_of(source, Numbered(), [sink]))
    while sink.queue:
        sink.draw()
    assert sink.pairs == [(i, i, float(i)) for i in range(120)]
    assert len(source.pool) <= 12


def test_the_capture_time_arrives_with_the_frame():
    """Live, the age of a frame counts from its capture, not from when the loop got to it."""
    sink = Collector()
    source = ListSource(20, live=True)
    stamps = []
    read = source.read

    def late():
        frame = read()
        if frame is not None:
            frame.timestamp -= 0.5
            stamps.append(frame.timestamp)
        return frame

    source.read = late
    pipeline = pipeline_of(source, sinks=[sink])
    status = run(pipeline)
    assert [r.frame.timestamp for r in sink.results] == [stamps[r.frame.index] for r in sink.results]
    assert [r.captured for r in sink.results] == [r.frame.timestamp for r in sink.results]
    assert status.latency_ms >= 500.0
    assert pipeline.times.summary()["total"]["median"] >= 500.0


def test_a_frame_through_the_loop_leaves_next_to_nothing_behind():
    """No pictures, no results, only its times: over thousands of frames memory stays flat."""

    class Forgetful(Collector):
        def submit(self, result):
            pass

    pipeline = pipeline_of(ListSource(3000), sinks=[Forgetful()])
    tracemalloc.start()
    try:
        run(pipeline)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept / 3000 < 200  # bytes a frame; a picture here has 2304


def test_a_file_in_real_time_keeps_its_pace():
    sink = Collector()
    start = time.perf_counter()
    run(pipeline_of(ListSource(31, fps=50.0), sinks=[sink], realtime=True))
    assert time.perf_counter() - start >= 0.6


def test_a_source_that_fails_ends_the_loop_with_its_words():
    sink = Collector()
    pipeline = pipeline_of(ListSource(100, fail_at=7), sinks=[sink])
    status = run(pipeline)
    assert len(sink.results) == 7
    assert status.error == "camera unplugged"
    assert pipeline.errors == ("camera unplugged",)


def test_a_sink_that_fails_is_closed_and_the_others_go_on():
    broken, good = Collector(fail_at=3), Collector()
    status = run(pipeline_of(ListSource(20), sinks=[broken, good]))
    assert len(broken.results) == 3 and broken.closed == 1
    assert len(good.results) == 20 and good.closed == 0
    assert "disk full" in status.error


def test_an_internal_error_ends_the_loop_instead_of_hanging(caplog):
    class Bug(PictureTracker):
        def track(self, frame):
            raise ZeroDivisionError

    status = run(pipeline_of(ListSource(5), Bug()))
    assert "internal error" in status.error
    assert "ZeroDivisionError" in caplog.text


def test_stop_ends_while_the_source_hangs():
    hang = threading.Event()
    source = ListSource(5, hang=hang)
    pipeline = pipeline_of(source)
    pipeline.start()
    start = time.perf_counter()
    pipeline.stop()
    assert time.perf_counter() - start < 8.0
    assert source.closed == 1
    hang.set()


def test_sinks_come_and_go_while_it_runs():
    late = Collector()
    pipeline = pipeline_of(ListSource(10_000), PictureTracker(seconds=0.001))
    pipeline.start()
    pipeline.add_sink(late)
    time.sleep(0.2)
    pipeline.remove_sink(late)
    count = len(late.results)
    assert count > 3
    time.sleep(0.05)
    assert len(late.results) == count
    pipeline.stop()


def test_lost_frames_are_held_and_counted():
    sink = Collector()
    status = run(pipeline_of(ListSource(10), PictureTracker(lost=[4, 5]), [sink]))
    assert status.tracked_frames == 8
    held = sink.results[5]
    assert held.raw is None and held.state is TrackingState.HELD
    np.testing.assert_array_equal(held.smoothed, sink.results[3].smoothed)


def test_recentring_moves_the_shown_head_and_not_the_overlay():
    sink = Collector()
    pipeline = pipeline_of(ListSource(10), sinks=[sink])
    pipeline.recenter()
    run(pipeline)
    result = sink.results[-1]
    np.testing.assert_array_equal(LAYOUT.view(result.raw).translation, (16, 12))
    np.testing.assert_allclose(LAYOUT.view(result.centred).rotation, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(LAYOUT.view(result.centred).translation, (16, 12), atol=1e-4)


def test_a_recentring_asked_for_without_a_face_waits_for_one():
    sink = Collector()
    pipeline = pipeline_of(ListSource(10), PictureTracker(lost=[0, 1, 2]), [sink])
    pipeline.recenter()
    run(pipeline)
    assert sink.results[-1].centred is not None


def test_an_interrupted_wait_does_not_cost_the_frame_under_way():
    """Ctrl-C in `wait`, then `stop`: whoever closes the sinks next has every frame that was counted."""

    class Interrupting(PictureTracker):
        def track(self, frame):
            if frame.index == 3:
                time.sleep(0.05)
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
                time.sleep(0.3)
            return super().track(frame)

    sink = Collector()
    pipeline = pipeline_of(ListSource(1000), Interrupting(), [sink])
    pipeline.start()
    with pytest.raises(KeyboardInterrupt):
        pipeline.wait(20)
    assert pipeline.stop()
    assert len(sink.results) == 4
    time.sleep(0.4)
    assert len(sink.results) == pipeline.status().frames == 4


def test_waiting_for_its_turn_is_not_latency():
    """A file's frame is ready before the loop is: the time it waits says nothing about the loop."""
    sink = Collector()
    pipeline = pipeline_of(ListSource(20), PictureTracker(seconds=0.02), [sink])
    run(pipeline)
    assert {result.captured for result in sink.results} == {None}
    assert pipeline.times.summary()["wait"]["median"] < 5.0


def test_a_hand_before_the_face_does_not_cost_the_person_but_an_empty_chair_does():
    class Clocked(ListSource):
        def read(self):
            frame = super().read()
            if frame is not None and frame.index >= 5:
                frame.timestamp += self.gap
            return frame

    class Changing(PictureTracker):
        def track(self, frame):
            result = super().track(frame)
            if result.raw is None:
                result.state = TrackingState.NEUTRAL
            else:
                LAYOUT.view(result.raw).identity[:] = 1.0 if frame.index < 4 else -1.0
            return result

    identities = {}
    for gap in (0.5, 10.0):
        source, sink = Clocked(6), Collector()
        source.gap = gap
        run(pipeline_of(source, Changing(lost=[4]), [sink]))
        identities[gap] = float(LAYOUT.view(sink.results[-1].smoothed).identity[0])
    assert identities[0.5] > 0.0
    assert identities[10.0] == -1.0


def test_stage_times_cover_the_run():
    pipeline = pipeline_of(ListSource(25))
    run(pipeline)
    summary = pipeline.times.summary()
    assert {"wait", "track", "smooth", "deliver", "total"} <= set(summary)
    assert all(0.0 <= s["median"] <= s["p95"] for s in summary.values())


@pytest.mark.parametrize(("limits", "expected"), [({"frames": 7}, 7), ({"seconds": 0.1}, 20), ({}, 50)])
def test_limited_source(limits, expected):
    source = LimitedSource(ListSource(50, fps=200.0), **limits)
    count = 0
    while source.read() is not None:
        count += 1
    assert count == expected


def test_slot_keeps_the_newest_and_wakes_on_close():
    slot: LatestSlot[int] = LatestSlot()
    slot.put(1)
    slot.put(2)
    assert slot.take() == 2
    assert slot.take(timeout=0.01) is None
    waiter = threading.Thread(target=slot.take)
    waiter.start()
    slot.close()
    waiter.join(2)
    assert not waiter.is_alive()
    assert slot.put_in_turn(3) is False
