"""Clips at even times: nothing dropped, nothing made up, gaps stay gaps."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemodel.rotation import angle_between, matrix_from_6d
from realtime.frame import TrackingState
from realtime.frame_rate import RATES
from realtime.takes.resample import EvenTimes, resample
from realtime.takes.rows import Rows
from tests.realtime.clip_rows import assert_equal, in_blocks, rows_at
from tests.realtime.take_factory import LAYOUT

EXPRESSION, ROTATION = LAYOUT.slices["expression"], LAYOUT.slices["rotation"]


def resampled(rows: Rows, rate: Fraction, *sizes: int, fps: float = 30.0) -> Rows:
    times = EvenTimes.within(rows.time[0], rows.time[-1], rate)
    found = Rows.join(resample(in_blocks(rows, *(sizes or (len(rows),))), times, LAYOUT, fps))
    assert len(found) == times.count
    return found


@pytest.mark.parametrize("rate", [rate for rate in RATES if not rate.drop], ids=str)
def test_every_rate_shows_the_motion_that_the_frames_sample(rate):
    time = 100.0 + np.arange(600) / 60.0
    found = resampled(rows_at(time), rate.exact, 64, fps=60.0)
    expected = rows_at(100.0 + np.arange(len(found)) / float(rate.exact))
    np.testing.assert_allclose(found.time, expected.time, rtol=0, atol=1e-9)
    assert found.time[-1] <= time[-1] + 1e-6 < found.time[-1] + 1.0 / float(rate.exact) + 2e-6
    np.testing.assert_allclose(found.vectors[:, EXPRESSION], expected.vectors[:, EXPRESSION], atol=0.03)  # chords
    turned = [matrix_from_6d(rows.vectors[:, ROTATION].astype(float)) for rows in (found, expected)]
    assert np.degrees(angle_between(*turned)).max() < 0.01
    assert found.index.tolist() == list(range(len(found)))


@settings(max_examples=60)
@given(
    st.lists(st.floats(0.004, 0.4), min_size=3, max_size=60),
    st.sampled_from([Fraction(24000, 1001), Fraction(25), Fraction(60), Fraction(7, 2)]),
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
    st.integers(0, 30),
    st.integers(0, 9),
)
def test_blocks_make_no_difference(steps, rate, sizes, begin, length):
    rows = rows_at(np.cumsum([5.0, *steps]), [(begin, begin + length)])
    assert_equal(resampled(rows, rate, *sizes), resampled(rows, rate))


def test_the_same_rate_changes_nothing():
    rows = rows_at(np.arange(90) / 30.0, [(20, 30)])
    found = resampled(rows, Fraction(30))
    assert_equal(found, rows, atol=2e-5)


def test_a_gap_stays_a_gap_of_its_length():
    time = np.arange(120) / 60.0
    found = resampled(rows_at(time, [(40, 70)]), Fraction(24), fps=60.0)
    there = found.there
    begin, end = found.time[~there].min(), found.time[~there].max()
    assert 39.4 / 60.0 <= begin <= 39.5 / 60.0 + 1 / 24.0 and 69.5 / 60.0 - 1 / 24.0 <= end <= 69.6 / 60.0
    for state, is_there, person in zip(found.state, there, found.person, strict=True):
        assert (state is TrackingState.TRACKING) == is_there == (person == 1)
    assert (found.confidence[~there] == 0).all() and np.isnan(found.crop[~there]).all()


def test_a_dropped_frame_is_bridged_and_a_stall_is_not():
    time = np.arange(120) / 30.0
    kept = np.delete(time, [30, 31])  # 0.1 s between two frames
    assert resampled(rows_at(kept), Fraction(30)).there.all()
    stalled = np.delete(time, slice(30, 60))
    found = resampled(rows_at(stalled), Fraction(30))
    assert len(found) == 120
    assert found.there.tolist() == [not 30 <= i < 60 for i in range(120)]


def test_persons_and_sizes_are_not_mixed():
    rows = rows_at(np.arange(20) / 10.0)
    rows.person[10:] = 2
    rows.size[15:] = (1280, 960)
    found = resampled(rows, Fraction(30), fps=10.0)
    for vector, time, person, size in zip(found.vectors, found.time, found.person, found.size, strict=True):
        after = int(np.searchsorted(rows.time, time - 1e-9))
        if after not in (10, 15):
            continue
        row = after if time - rows.time[after - 1] >= 0.05 else after - 1
        assert person == rows.person[row] and size.tolist() == rows.size[row].tolist()
        np.testing.assert_array_equal(vector, rows.vectors[row])


def test_times_are_exact_after_a_day():
    times = EvenTimes(0.5, Fraction(30000, 1001), 3_000_000)
    (last,) = times[2_999_999:3_000_000]
    assert last == float(Fraction(1, 2) + Fraction(2_999_999 * 1001, 30000))
    assert times.before(last) in (2_999_999, 3_000_000)
    assert EvenTimes.within(0.0, 1.0, Fraction(25)).count == 26
    assert EvenTimes.within(3.0, 3.0, Fraction(25)).count == 1


def test_a_gap_of_hours_comes_in_pieces():
    time = np.concatenate([np.arange(10) / 30.0, 7200.0 + np.arange(10) / 30.0])
    times = EvenTimes.within(time[0], time[-1], Fraction(5))
    pieces = [len(rows) for rows in resample(in_blocks(rows_at(time), 20), times, LAYOUT, 30.0)]
    assert sum(pieces) == times.count == 36_002 and max(pieces) == 512
    alone = [len(rows) for rows in resample(in_blocks(rows_at(time[:1]), 1), times, LAYOUT, 30.0)]
    assert sum(alone) == times.count and max(alone) == 512
