"""The streams as users ask for them: by address, through a worker."""

from __future__ import annotations

import time

import numpy as np
import pytest

from facemodel import LimelightError
from realtime.sinks.registry import KINDS, open_sink
from realtime.sinks.worker import SinkState
from tests.realtime.streams.receivers import INFO, LAYOUT, Receiver, a_face, a_result, open_stream

DATAGRAMS = {"vmc": 39539, "livelink": 11111, "opentrack": 4242, "openseeface": 11573, "vrchat": 9000, "osc": 9010}


def test_each_scheme_has_its_known_port():
    for scheme, port in DATAGRAMS.items():
        sink = open_sink(f"{scheme}://").sink
        assert (sink.options.host, sink.options.port) == ("127.0.0.1", port)


@pytest.mark.parametrize(
    "example", [example for kind in KINDS if kind.name in DATAGRAMS for example, _ in kind.examples]
)
def test_the_examples_open(example):
    worker = open_sink(example)
    assert worker.sink.options.place in worker.sink.name
    worker.sink.close()


@pytest.mark.parametrize("scheme", DATAGRAMS)
@pytest.mark.parametrize("text", ["?colour=blue", "?rate=x", "?mirror=x", ":0"])
def test_what_makes_no_sense_is_refused_in_one_clear_line(scheme, text):
    with pytest.raises(LimelightError) as caught:
        open_sink(f"{scheme}://127.0.0.1{text}")
    message = str(caught.value)
    assert f"{scheme}://127.0.0.1{text}" in message
    assert "\n" not in message
    assert len(message) < 200


@pytest.mark.parametrize("scheme", DATAGRAMS)
def test_a_stream_runs_on_a_worker_whether_or_not_anybody_listens(scheme, receiver):
    heard, unheard = open_sink(f"{scheme}://127.0.0.1:{receiver.port}"), open_sink(f"{scheme}://127.0.0.1:1")
    for worker in (heard, unheard):
        assert worker.begin(INFO)
        for i in range(5):
            worker.offer(a_result(a_face(), time=i / 30))
    assert receiver.take(1)
    while heard.status().connected is None:  # the worker has not counted it yet
        time.sleep(0.001)
    assert heard.status().connected is True
    for worker in (heard, unheard):
        assert worker.status().state is SinkState.RUNNING
        worker.close()


@pytest.mark.parametrize("scheme", DATAGRAMS)
def test_the_rate_is_each_streams_own(scheme, receiver, clock):
    slow, fast = (open_stream(scheme, receiver.port, **options) for options in ({"rate": "10"}, {}))
    for i in range(30):
        clock[0] += 1 / 30
        for stream in (slow, fast):
            stream.submit(a_result(a_face(), time=i / 30))
    assert fast.sent == 3 * slow.sent > 0
    for stream in (slow, fast):
        stream.close()


@pytest.mark.parametrize("scheme", DATAGRAMS)
def test_an_ipv6_host(scheme):
    try:
        receiver = Receiver("::1")
    except OSError:
        pytest.skip("no IPv6 here")
    stream = open_stream(scheme, receiver.port, "::1")
    stream.submit(a_result(a_face()))
    assert receiver.take(1)
    assert stream.status().startswith(f"[::1]:{receiver.port}, ")
    stream.close()
    receiver.close()


@pytest.mark.parametrize("scheme", DATAGRAMS)
def test_what_is_no_number_is_not_sent(scheme, receiver):
    stream = open_stream(scheme, receiver.port)
    for i, place in enumerate(("expression", "rotation", "scale")):
        face = a_face()
        face.smoothed[LAYOUT.slices[place]] = np.nan
        stream.submit(a_result(face, time=float(i)))
    assert stream.sent == 0
    stream.submit(a_result(a_face({"jawOpen": 0.5}), time=9.0))
    assert stream.sent > 0
    stream.close()


def test_an_unknown_host_fails_in_one_line_and_can_be_tried_again():
    worker = open_sink("vmc://no.such.host.invalid")
    assert not worker.begin(INFO)
    assert worker.status().state is SinkState.FAILED
    assert worker.status().line.startswith("VMC no.such.host.invalid:39539: no such host (")
    worker.close()
