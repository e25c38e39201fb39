"""What a sink can do to the show: whatever it raises and however long it hangs, nobody else lacks a result."""

from __future__ import annotations

import threading

import pytest

from facemodel import LimelightError
from realtime.loop.live_feed import LiveFeed
from realtime.loop.source_reader import Reopening
from realtime.session import Session
from realtime.session_config import SessionConfig
from realtime.sinks.contract import Policy
from realtime.sinks.worker import SinkState, Worker, WorkerConfig
from realtime.takes import load_take
from tests.faults.faulty_source import FPS, Device, Fault
from tests.faults.simulated_clock import SimulatedClock
from tests.realtime.loop_parts import MODEL, Collector, PictureTracker
from tests.waiting import wait_for

SECONDS = 3.0
BROKEN_AT, SEEN_AT, AGAIN_AT = 20, 35, 50  # results at which a sink fails, is known to have, and is started again


class Anything(BaseException):
    """Of no type that anybody expects."""


ERRORS = [
    LimelightError("the other side hung up"),
    OSError(28, "No space left on device"),
    MemoryError(),
    SystemExit(3),
    KeyboardInterrupt(),
    Anything("two\nlines"),
]


class Troubled(Collector):
    """A sink that raises, or hangs, in one of its methods while it is told to.

    Args:
        place: "begin", "prepare", "submit", "status" or "close".
        error: to raise; None to hang until `free` is set.
    """

    name = "troubled"

    def __init__(self, place, error=None, on=False):
        super().__init__()
        self.place, self.trouble, self.on = place, error, on
        self.free, self.stuck = threading.Event(), threading.Event()

    def suffer(self, place):
        if not self.on or place != self.place:
            return
        if self.trouble is not None:
            raise self.trouble
        self.stuck.set()
        assert self.free.wait(60)

    def begin(self, info):
        self.suffer("begin")
        super().begin(info)

    def prepare(self, result):
        self.suffer("prepare")
        return result

    def submit(self, result):
        self.suffer("submit")
        super().submit(result)

    def status(self):
        self.suffer("status")
        return super().status()

    def close(self):
        self.suffer("close")
        super().close()


class Show:
    """Three seconds before a camera with a take, a stream that works, and one that is troubled.

    Args:
        folder: for the take.
        sink: the troubled one.
        at: {number of a result: what is done after it}; called on the loop's thread, so time stands still meanwhile.
        faults: of the camera.
    """

    def __init__(self, folder, sink, at=None, policy=Policy.EVERY, patience=20.0, faults=()):
        clock = SimulatedClock()
        device = Device(clock, SECONDS, *faults)
        self.session = Session(MODEL, PictureTracker, SessionConfig())
        self.all, self.stream, self.sink = [], Collector(), sink
        self.at = dict(at or {})
        self.take = folder / "t.mcap"
        self.session.listen(self.note)
        self.worker = self.session.add_sink(Worker(sink, WorkerConfig(policy, patience=patience)))
        self.session.add_sink(str(self.take))
        self.session.add_sink(Worker(self.stream, WorkerConfig(Policy.EVERY)))
        feed = LiveFeed(device.open(), PictureTracker(), reopening=Reopening(device.open), clock=clock)
        self.loop = self.session.use(feed)
        assert self.loop.wait(60)
        self.problems = self.session.stop()

    def note(self, result):
        self.all.append(result)
        if act := self.at.get(len(self.all)):
            act(self)

    def catch_up(self):
        """Wait until the troubled sink is through with all that it was offered before the result that is noted now."""
        offered = len(self.all) - 1
        wait_for(lambda: (status := self.worker.status()).delivered + status.dropped == offered)

    def check_the_others(self):
        """Nobody else lacks a result, and the loop ran to its end."""
        assert len(self.all) == pytest.approx(SECONDS * FPS, abs=2)
        assert self.loop.status().error == ""
        assert self.stream.results == self.all
        take = load_take(self.take)
        assert take.cut is None
        assert [frame.index for frame in take.frames] == [r.frame.index for r in self.all if not r.stalled]


def failed(show):
    wait_for(lambda: show.worker.status().state is SinkState.FAILED)
    assert "\n" not in show.worker.status().line
    assert show.worker.status().line.startswith("troubled")
    assert show.session.status().error == show.worker.problem
    assert not show.loop.status().ended


def broken(show):
    show.catch_up()
    show.sink.on = True


def mended(show):
    show.sink.on = False
    show.sink.free.set()


def started_again(show):
    mended(show)
    wait_for(lambda: show.session.restart_sink(show.worker).status().state is SinkState.RUNNING)


SCRIPT = {BROKEN_AT: broken, SEEN_AT: failed, AGAIN_AT: started_again}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("place", ["begin", "prepare", "submit"])
def test_what_a_sink_raises_costs_nobody_else_a_result_and_it_starts_again(tmp_path, place, error):
    sink = Troubled(place, error, on=place == "begin")
    show = Show(tmp_path, sink, SCRIPT)
    show.check_the_others()
    assert show.problems == ()
    before = show.all[: BROKEN_AT - 1] if place != "begin" else []
    assert sink.results == before + show.all[AGAIN_AT - 1 :]
    assert sink.closed >= 1


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_sink_that_cannot_say_how_it_goes_goes_on(tmp_path, error):
    sink = Troubled("status", error, on=True)
    lines = []
    show = Show(tmp_path, sink, {SEEN_AT: lambda show: lines.extend(show.session.sinks())})
    show.check_the_others()
    assert (lines[0].name, lines[0].state, lines[0].line) == ("troubled", SinkState.RUNNING, "")
    assert sink.results == show.all


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_sink_that_cannot_end_is_told_and_the_others_end(tmp_path, error):
    show = Show(tmp_path, Troubled("close", error, on=True))
    show.check_the_others()
    (problem,) = show.problems
    assert problem.startswith("troubled") and "\n" not in problem
    assert show.stream.closed == 1


def test_a_stream_that_hangs_is_never_late_afterwards(tmp_path):
    sink = Troubled("submit")
    states = []

    def stuck(show):
        assert sink.stuck.wait(60)

    def look(show):
        states.append(show.worker.status().state)
        mended(show)
        show.catch_up()

    show = Show(tmp_path, sink, {BROKEN_AT: broken, SEEN_AT: stuck, AGAIN_AT: look}, Policy.NEWEST)
    show.check_the_others()
    assert states == [SinkState.RUNNING]
    indices = [result.frame.index for result in sink.results]
    assert indices == sorted(set(indices))
    assert not [index for index in indices if SEEN_AT <= index < AGAIN_AT - 2]  # the newest, not what waited
    assert indices[-1] >= AGAIN_AT - 2
    assert show.worker.status().dropped >= AGAIN_AT - SEEN_AT - 5
    assert show.problems == ()


def test_a_sink_that_must_have_everything_has_it_after_it_hung(tmp_path):
    sink = Troubled("submit")
    show = Show(tmp_path, sink, {BROKEN_AT: broken, AGAIN_AT: mended}, Policy.EVERY)
    show.check_the_others()
    assert sink.results == show.all
    assert show.problems == ()


def test_a_sink_that_goes_in_step_and_hangs_is_given_up_and_starts_again(tmp_path):
    sink = Troubled("submit")
    show = Show(tmp_path, sink, SCRIPT, Policy.IN_STEP, patience=1.0)
    show.check_the_others()
    assert show.problems == ()
    indices = [result.frame.index for result in sink.results]
    assert indices == sorted(set(indices))
    assert len([index for index in indices if index > AGAIN_AT]) >= len(show.all) - AGAIN_AT - 2


@pytest.mark.parametrize("policy", Policy)
def test_a_sink_that_does_not_begin_is_not_waited_for_longer_than_its_patience(tmp_path, policy):
    sink = Troubled("begin", on=True)
    show = Show(tmp_path, sink, {SEEN_AT: failed, AGAIN_AT: started_again}, policy, patience=1.0)
    show.check_the_others()
    assert show.problems == ()
    assert sink.results[-1].frame.index >= len(show.all) - 3


@pytest.mark.parametrize("policy", Policy)
def test_a_sink_that_does_not_end_is_given_up_and_the_others_end(tmp_path, policy):
    sink = Troubled("close", on=True)
    show = Show(tmp_path, sink, policy=policy, patience=0.3)
    sink.free.set()
    show.check_the_others()
    assert show.problems == ("troubled: hangs; given up without an end",)
    assert show.stream.closed == 1


def test_a_broken_camera_and_a_broken_sink_at_once(tmp_path):
    faults = (Fault("stall", 0.5, 0.9), Fault("gone", 1.2, 1.8), Fault("garbage", 2.0, 2.3))
    sink = Troubled("submit", OSError("no"))
    show = Show(tmp_path, sink, SCRIPT, faults=faults)
    show.check_the_others()
    assert [r.stalled for r in show.all].count(True) > 20
    assert show.loop.status().feed.reopened == 1
    assert sink.results[-1] is show.all[-1]
