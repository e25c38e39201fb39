"""What a source can do to the loop, on a simulated clock: the show goes on, and is back in time."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.frame import TrackingState
from realtime.loop.live_feed import LiveConfig, LiveFeed
from realtime.loop.loop import Loop
from realtime.loop.source_reader import Reopening
from realtime.tracking.tracker import Tracker, TrackerConfig
from tests.faults.faulty_source import FPS, Device, Fault
from tests.faults.simulated_clock import SimulatedClock
from tests.realtime.scene import MODEL, Head, Scene, head_at

TRACKING, HELD, NEUTRAL = TrackingState.TRACKING, TrackingState.HELD, TrackingState.NEUTRAL


class Show:
    """A performance of some seconds before a device with faults, and what came of it.

    Attributes:
        results: (s from the start, result), of all.
        statuses: the feed's status at each of them.
    """

    def __init__(self, length, *faults, reopens=True, device=Device, **config):
        self.clock = SimulatedClock()
        self.device = device(self.clock, length, *faults)
        scene = Scene(Head(head_at(32, 24, 0.15)))
        tracker = Tracker(MODEL, scene, scene, TrackerConfig())
        tracker._warp = scene.warp
        tracker.reset(thorough=False)
        reopening = Reopening(self.device.open) if reopens else None
        self.feed = LiveFeed(
            self.device.open(), tracker, config=LiveConfig(**config), reopening=reopening, clock=self.clock
        )
        self.results, self.statuses = [], []
        loop = Loop(self.feed, [self.note])
        loop.start()
        assert loop.wait(60)
        assert loop.stop()
        self.status = loop.status()

    def note(self, result):
        self.results.append((self.device.now(), result))
        self.statuses.append(self.feed.status())

    def state_at(self, moment):
        return next(result.state for time, result in reversed(self.results) if time <= moment)

    def status_at(self, moment):
        return next(s for (t, _), s in reversed(list(zip(self.results, self.statuses, strict=True))) if t <= moment)

    def back_at(self, moment):
        """When a face was tracked again after a moment."""
        return next(t for t, result in self.results if t >= moment and not result.stalled and result.state is TRACKING)

    def longest_gap(self):
        times = [time for time, _ in self.results]
        return max(np.diff(times))


def test_without_faults_every_frame_gives_a_result_and_nothing_ticks():
    show = Show(3.0)
    assert [r.frame.index for _, r in show.results] == list(range(len(show.results)))
    assert len(show.results) in (88, 89, 90)
    assert not any(r.stalled for _, r in show.results)
    assert (show.status.error, show.status.feed.problem, show.status.feed.stalls) == ("", "", 0)


def test_a_stalled_camera_does_not_stop_the_results():
    show = Show(6.0, Fault("stall", 1.0, 4.0))
    assert show.longest_gap() < 2.1 / FPS
    stalled = [(t, r) for t, r in show.results if r.stalled]
    assert len(stalled) == pytest.approx(3.0 * FPS, abs=3)  # at the frame rate
    assert {t for t, _ in stalled} <= {t for t, _ in show.results if 1.0 <= t <= 4.0}
    assert len({id(r.frame) for _, r in stalled}) == 1  # the last frame again
    assert show.state_at(1.2) is HELD
    assert show.state_at(2.0) is NEUTRAL
    assert show.back_at(4.0) - 4.0 < 0.3
    assert show.status.feed.stalls == 1
    assert {face.id for _, r in show.results for face in r.faces} == {1}
    times = [r.time for _, r in show.results]
    assert all(b >= a for a, b in zip(times, times[1:], strict=False))


@pytest.mark.parametrize("kind", ["gone", "crash", "exit"])
@pytest.mark.parametrize("seconds", [0.4, 3.0, 20.0])
def test_a_camera_that_was_unplugged_is_back_two_seconds_after_it_returns(kind, seconds):
    show = Show(seconds + 5.0, Fault(kind, 1.0, 1.0 + seconds))
    assert show.longest_gap() < 2.1 / FPS
    during = show.status_at(1.0 + 0.9 * seconds)
    assert during.lost
    assert "trying again" in during.problem
    assert "\n" not in during.problem
    assert show.back_at(1.0 + seconds) - (1.0 + seconds) < 2.0
    assert show.status.feed.reopened == 1
    assert (show.status.error, show.status.feed.problem) == ("", "")
    assert {face.id for _, r in show.results for face in r.faces} == {1}  # who sat there
    frames = [r.frame.index for _, r in show.results if not r.stalled]
    assert frames == sorted(set(frames))  # its indices go on
    assert show.device.refused <= 2 + seconds  # in growing pauses


def test_a_camera_that_cannot_be_opened_again_ends_the_loop_with_its_reason():
    show = Show(3.0, Fault("gone", 1.0, 9.0), reopens=False)
    assert show.status.error == "camera stopped delivering frames"
    assert max(t for t, _ in show.results) < 1.1  # nothing ticks after the end


def test_a_camera_that_cannot_even_be_closed_is_back_all_the_same():
    show = Show(5.0, Fault("gone", 1.0, 2.0), Fault("unclosable", 0.0, 9.0))
    assert show.status.feed.reopened == 1
    assert show.back_at(2.0) < 4.0
    assert (show.status.error, show.device.closed) == ("", 2)


def test_garbage_is_ticked_over_and_counted():
    show = Show(4.0, Fault("garbage", 1.0, 2.0))
    assert show.longest_gap() < 2.1 / FPS
    assert show.status.feed.unusable == pytest.approx(FPS, abs=2)
    assert show.back_at(2.0) - 2.0 < 0.3


@pytest.mark.parametrize(("kind", "word"), [("black", "black"), ("still", "not changed")])
def test_a_picture_that_is_black_or_does_not_change_is_named_after_two_seconds(kind, word):
    show = Show(8.0, Fault(kind, 1.0, 6.0))
    assert show.status_at(2.8).message == ""
    assert word in show.status_at(3.2).message
    assert word in show.status_at(5.9).message
    assert show.status_at(6.2).message == ""


def test_another_resolution_goes_through():
    show = Show(4.0, Fault("size", 1.0, 3.0))
    sizes = {result.frame.image.shape for t, result in show.results if 1.1 < t < 2.9}
    assert sizes == {(96, 128, 3)}
    assert show.longest_gap() < 2.1 / FPS


def test_time_that_runs_backwards_is_put_right():
    show = Show(4.0, Fault("backwards", 1.0, 2.0))
    times = [result.time for _, result in show.results]
    assert all(b > a for a, b in zip(times, times[1:], strict=False))
    assert times[-1] - times[0] == pytest.approx(show.results[-1][0] - show.results[0][0], abs=0.1)
    assert all(result.state is TRACKING for _, result in show.results)


def test_a_camera_that_is_slower_than_it_says_does_not_stall():
    """In the dark a webcam gives ten frames a second whatever it promised."""

    class Slow(Device):
        fps = 10.0

    show = Show(6.0, device=Slow)
    assert sum(result.stalled for t, result in show.results if t > 1.0) == 0
    assert {result.state for t, result in show.results if t > 1.0} == {TRACKING}


@pytest.mark.parametrize("limit", [{"seconds": 3.0}, {"frames": 20}])
def test_a_limit_ends_a_show_whose_camera_stays_away(limit):
    show = Show(60.0, Fault("gone", 1.0, 50.0), **limit)
    frames = sum(not result.stalled for _, result in show.results)
    if "frames" in limit:
        assert frames == 20
    else:
        assert show.results[-1][0] == pytest.approx(3.0, abs=0.1)


def test_everything_at_once():
    faults = [
        Fault("stall", 1, 2),
        Fault("gone", 3, 5),
        Fault("garbage", 6, 7),
        Fault("size", 7, 9),
        Fault("crash", 8, 9),
    ]
    show = Show(12.0, *faults, Fault("backwards", 10, 11))
    assert show.longest_gap() < 2.1 / FPS
    assert show.status.feed.reopened == 2
    assert show.status.error == ""
    assert show.results[-1][1].state is TRACKING
