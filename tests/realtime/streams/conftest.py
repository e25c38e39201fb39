"""Receivers that are closed after the test."""

from __future__ import annotations

import pytest

from realtime.streams import face_stream
from tests.realtime.streams.receivers import OscReceiver, Receiver, open_stream


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def osc_receiver():
    receiver = OscReceiver()
    yield receiver
    receiver.close()


@pytest.fixture
def ask_osc(osc_receiver):
    """Sends results through a stream of a scheme, and returns address: values, frame by frame."""

    def ask(scheme, *results, **options):
        stream = open_stream(scheme, osc_receiver.port, **options)
        frames = []
        for result in results:
            before = stream.sent
            stream.submit(result)
            messages = osc_receiver.take(stream.sent - before)
            frames.append(dict(messages))
            assert len(frames[-1]) == len(messages), "an address twice"
        stream.close()
        return frames

    return ask


@pytest.fixture
def clock(monkeypatch):
    """The clock that rates are measured by, in a list; it stands still unless a test moves it."""
    now = [1000.0]
    monkeypatch.setattr(face_stream, "monotonic", lambda: now[0])
    return now
