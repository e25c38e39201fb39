"""Receivers that are closed after the test."""

from __future__ import annotations

import pytest

from realtime.streams import face_stream
from tests.realtime.streams.receivers import OscReceiver, Receiver


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
def clock(monkeypatch):
    """The clock that rates are measured by, in a list; it stands still unless a test moves it."""
    now = [1000.0]
    monkeypatch.setattr(face_stream, "monotonic", lambda: now[0])
    return now
