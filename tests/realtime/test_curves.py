"""The curves of a take: values, how good each frame is, and what is drawn of very many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facemodel.channels import CHANNEL_NAMES, N_CHANNELS
from realtime.frame import TrackingState
from realtime.takes import load_take
from realtime.takes.clip import Clip
from realtime.takes.curves import BadSpan, Curves, Quality, bad_spans, extremes, runs, worst
from realtime.takes.summary import summarise, summary_lines
from tests.realtime.take_factory import face, result, write_take


def sure(index, confidence=0.95, state=TrackingState.TRACKING):
    return replace(face(index, state=state), confidence=confidence)


@pytest.fixture
def take(tmp_path):
    """600 frames, more than a block: one nobody is in, some doubtful, a loss."""
    results = [result(i, (sure(i, 0.6 if 10 <= i < 13 else 0.95),)) for i in range(600)]
    results[0] = result(0, ())
    results[520] = result(520, (sure(520, 0.0, TrackingState.HELD),))
    results[521] = result(521, (sure(521, 0.0, TrackingState.NEUTRAL),))
    return load_take(write_take(tmp_path / "a.mcap", results))


def test_curves_are_the_clips_channels(take):
    curves = Curves(take)
    assert curves.smoothed.shape == curves.raw.shape == (600, N_CHANNELS) and np.isnan(curves.smoothed).all()
    curves.load()
    assert curves.read == 600
    for rows, raw in ((curves.smoothed, False), (curves.raw, True)):
        expected = np.concatenate([block.channels.rows for block in Clip(take, raw=raw).blocks()])
        np.testing.assert_allclose(rows, expected, rtol=1e-6)
    assert np.isnan(curves.smoothed[0]).all() and np.isnan(curves.raw[520]).all()
    assert not np.isnan(curves.smoothed[520]).any()


def test_a_cancelled_reading_stops(take):
    curves = Curves(take)
    curves.load(lambda: True)
    assert 0 < curves.read < 600 and np.isnan(curves.smoothed[-1]).all()


def test_bad_frames_are_named_at_once(take):
    curves = Curves(take)
    assert bad_spans(curves.quality) == (
        BadSpan(0, 0, Quality.NOBODY),
        BadSpan(10, 12, Quality.DOUBTFUL),
        BadSpan(520, 521, Quality.LOST),
    )
    assert bad_spans(np.zeros(5, np.uint8)) == ()
    assert bad_spans(np.full(5, Quality.HELD, np.uint8)) == (BadSpan(0, 4, Quality.HELD),)


def test_a_summary_lists_bad_spans(take):
    summary = summarise(take)
    assert [(span["worst"], round(span["begin"] * 30), round(span["end"] * 30)) for span in summary["bad_spans"]] == [
        ("nobody", 0, 0),
        ("doubtful", 10, 12),
        ("lost", 520, 521),
    ]
    lines = list(summary_lines(summary))
    assert any(line.split() == ["doubtful", "0.33", "to", "0.40", "s"] for line in lines)
    many = summary | {"bad_spans": 21 * summary["bad_spans"][:1]}
    assert "  and 1 more such spans; --json has them" in list(summary_lines(many))


def test_ranges_to_draw_between(take):
    curves = Curves(take)
    assert curves.value_range(CHANNEL_NAMES.index("headYaw")) == (-1.0, 1.0)
    curves.load()
    assert curves.value_range(CHANNEL_NAMES.index("jawOpen")) == (0.0, 1.0)
    yaw = CHANNEL_NAMES.index("headYaw")
    low, high = curves.value_range(yaw)
    both = np.concatenate([curves.smoothed[1:, yaw], curves.raw[1:, yaw]])
    assert low < np.nanmin(both) < np.nanmax(both) < high


def test_no_spike_is_lost_however_many_frames_a_column_holds():
    values = np.zeros(100_003, np.float32)
    values[77_777], values[12_345] = 5.0, -3.0
    values[50_000:60_000] = np.nan
    low, high = extremes(values, 640)
    assert np.nanmax(high) == 5.0 and np.nanmin(low) == -3.0
    assert np.isnan(high).sum() >= 60
    quality = np.zeros(100_003, np.uint8)
    quality[99_999] = Quality.LOST
    assert worst(quality, 640).max() == Quality.LOST and np.count_nonzero(worst(quality, 640)) == 1
    assert worst(np.array([0, 4], np.uint8), 6).tolist() == [0, 0, 0, 4, 4, 4]


def test_gaps_part_a_line():
    values = np.array([np.nan, 1.0, 2.0, np.nan, 3.0])
    assert runs(values) == [slice(1, 3), slice(4, 5)]
    assert runs(np.full(3, np.nan)) == []
