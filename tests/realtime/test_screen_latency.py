"""The age of pictures on the screen: of those that have one, and of the last seconds only."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.frame import Frame, Result
from realtime.screen_latency import ScreenLatency


def result(captured: float | None) -> Result:
    return Result(Frame(0, 0.0, np.zeros((2, 2, 3), np.uint8)), 0.0, captured=captured)


def test_the_median_of_the_last_seconds():
    latency = ScreenLatency(seconds=2.0)
    assert latency.median(10.0) is None
    for moment, age in ((10.0, 0.9), (11.0, 0.04), (11.5, 0.05), (12.0, 0.06)):
        latency.note(result(moment - age), moment)
    assert latency.median(12.0) == pytest.approx(55.0)
    assert latency.median(12.5) == pytest.approx(50.0)
    assert latency.median(13.8) == pytest.approx(60.0)
    assert latency.median(14.1) is None


def test_a_picture_without_a_moment_of_capture_does_not_count():
    latency = ScreenLatency()
    latency.note(result(None), 10.0)
    assert latency.median(10.0) is None


def test_another_source_begins_anew():
    latency = ScreenLatency()
    latency.note(result(9.0), 10.0)
    latency.clear()
    assert latency.median(10.0) is None
