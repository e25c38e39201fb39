"""Workers: policies, and the fence that nothing a sink raises gets over."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from facemodel import LimelightError
from realtime.frame import Frame, Result
from realtime.sinks.contract import Policy
from realtime.sinks.worker import SinkState, Worker, WorkerConfig
from tests.realtime.loop_parts import INFO, Collector, face_in
from tests.waiting import wait_for

EVERY = WorkerConfig(Policy.EVERY)
NEWEST = WorkerConfig(Policy.NEWEST)
IN_STEP = WorkerConfig(Policy.IN_STEP, patience=0.3)
PICTURE = np.zeros((24, 32, 3), np.uint8)


def result(index):
    return Result(Frame(index, index / 30.0, PICTURE), index / 30.0, (face_in(),))


class Slow(Collector):
    """Takes its time, or waits until it is let go."""

    def __init__(self, gate=None, **options):
        super().__init__(**options)
        self.gate = gate or threading.Event()
        self.busy = threading.Event()

    def submit(self, result):
        self.busy.set()
        self.gate.wait(60)
        super().submit(result)


def indices(sink):
    return [result.frame.index for result in sink.results]


def test_every_result_waits_in_the_queue_and_nobody_is_held_up():
    sink = Slow()
    worker = Worker(sink, EVERY)
    assert worker.begin(INFO)
    for index in range(50):
        worker.offer(result(index))
    assert worker.status().waiting >= 49
    sink.gate.set()
    worker.close()
    assert indices(sink) == list(range(50))
    assert (sink.begun, sink.closed) == ([INFO], 1)
    status = worker.status()
    assert (status.state, status.delivered, status.dropped) == (SinkState.CLOSED, 50, 0)


def test_of_those_that_wait_only_the_newest_counts_where_that_is_the_policy():
    sink = Slow()
    worker = Worker(sink, NEWEST)
    worker.begin(INFO)
    worker.offer(result(0))
    sink.busy.wait(60)
    for index in range(1, 20):
        worker.offer(result(index))
    sink.gate.set()
    worker.close()
    assert indices(sink) == [0, 19]
    assert worker.status().dropped == 18


def test_the_feed_waits_for_a_sink_that_goes_in_step():
    sink = Slow(gate=threading.Event())
    worker = Worker(sink, replace(IN_STEP, patience=20.0))
    worker.begin(INFO)
    offered = []

    def offer():
        for index in range(10):
            worker.offer(result(index))
            offered.append(index)

    thread = threading.Thread(target=offer)
    thread.start()
    sink.busy.wait(60)
    time.sleep(0.05)
    assert len(offered) <= 2  # one is being taken, one waits
    sink.gate.set()
    thread.join(60)
    worker.close()
    assert indices(sink) == list(range(10))


def test_towards_a_feed_that_waits_another_policy_may_hold():
    sink = Slow()
    sink.gate.set()
    worker = Worker(sink, WorkerConfig(Policy.NEWEST, offline=Policy.IN_STEP))
    worker.begin(replace(INFO, live=False))
    for index in range(30):
        worker.offer(result(index))
    worker.close()
    assert indices(sink) == list(range(30))


class Anything(BaseException):
    """Of no type that anybody expects."""


@pytest.mark.parametrize("error", [LimelightError("the disk is full"), OSError(28, "No space left"), Anything("!")])
def test_whatever_a_sink_raises_ends_that_sink_alone(error, caplog):
    sink = Collector(fail_at=2, error=error)
    worker = Worker(sink, EVERY)
    worker.begin(INFO)
    with caplog.at_level(logging.INFO):
        for index in range(5):
            worker.offer(result(index))
        wait_for(lambda: sink.closed)
        worker.offer(result(5))
    status = worker.status()
    assert status.state is SinkState.FAILED
    assert str(error) in status.line
    assert "\n" not in status.line
    assert status.line.startswith("collector")
    assert len(sink.results) == 2
    assert 1 <= status.dropped <= 3  # those that came once it was known to have failed
    assert any(record.exc_info for record in caplog.records)  # its traceback is in the log
    worker.close()
    assert worker.status().state is SinkState.FAILED


def test_a_failed_sink_can_be_started_again():
    sink = Collector(fail_at=1)
    worker = Worker(sink, EVERY)
    worker.begin(INFO)
    worker.offer(result(0))
    worker.offer(result(1))
    wait_for(lambda: sink.closed)
    sink.fail_at = None
    assert worker.restart()
    worker.offer(result(2))
    worker.close()
    assert indices(sink) == [0, 2]
    assert worker.status().line == "2 results"
    assert worker.problem == ""


def test_a_sink_that_cannot_begin_is_failed_from_the_start():
    class Unable(Collector):
        def begin(self, info):
            raise LimelightError("collector: the address is taken")

    sink = Unable()
    worker = Worker(sink, EVERY)
    assert not worker.begin(INFO)
    worker.offer(result(0))
    assert worker.problem == "collector: the address is taken"
    assert sink.results == []
    worker.close()


def test_a_sink_that_fails_while_it_is_closed_says_so():
    class Unclosable(Collector):
        def close(self):
            raise OSError("the last block could not be written")

    worker = Worker(Unclosable(), EVERY)
    worker.begin(INFO)
    worker.close()
    assert "the last block" in worker.problem


def test_a_sink_that_hangs_costs_its_patience_once():
    sink = Slow()
    worker = Worker(sink, IN_STEP)
    worker.begin(INFO)
    started = time.monotonic()
    for index in range(50):
        worker.offer(result(index))
    assert time.monotonic() - started < 5.0  # not 50 times
    assert "hangs" in worker.problem
    assert not worker.restart()
    assert "still hangs" in worker.problem
    sink.gate.set()
    worker.close()


def test_closing_does_not_wait_for_ever_for_a_sink_that_hangs():
    sink = Slow()
    worker = Worker(sink, WorkerConfig(Policy.EVERY, patience=0.2))
    worker.begin(INFO)
    worker.offer(result(0))
    sink.busy.wait(60)
    worker.close()
    assert "given up" in worker.problem
    sink.gate.set()


def test_closing_waits_for_a_sink_that_is_slow_but_gets_on():
    class Steady(Collector):
        def submit(self, result):
            time.sleep(0.05)
            super().submit(result)

    sink = Steady()
    worker = Worker(sink, WorkerConfig(Policy.EVERY, patience=1.0))
    worker.begin(INFO)
    for index in range(24):
        worker.offer(result(index))
    worker.close()
    assert indices(sink) == list(range(24))


def test_what_waits_is_what_the_sink_prepares():
    class Frugal(Collector):
        """Keeps no pictures in the queue."""

        def prepare(self, result):
            return result.frame.index

    sink = Frugal()
    worker = Worker(sink, EVERY)
    worker.begin(INFO)
    worker.offer(result(7))
    worker.close()
    assert sink.results == [7]


def test_a_status_line_that_cannot_be_had_is_no_failure():
    class Silent(Collector):
        def status(self):
            raise RuntimeError("no")

    worker = Worker(Silent(), EVERY)
    worker.begin(INFO)
    assert worker.status().line == ""
    worker.close()
