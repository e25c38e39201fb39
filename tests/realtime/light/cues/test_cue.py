"""Cues and their numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facemodel import LimelightError
from realtime.light.cues.cue import MAX_NUMBER, Cue, CueNumber, Times
from realtime.light.values import Category

ONE = CueNumber.of(1)


@given(st.integers(1, MAX_NUMBER))
def test_a_number_is_read_as_it_is_printed(thousandths):
    number = CueNumber(thousandths)
    assert CueNumber.of(str(number)) == number
    assert CueNumber.of(float(str(number))) == number


@pytest.mark.parametrize(
    ("written", "printed"), [(2, "2"), ("2.50", "2.5"), (0.125, "0.125"), ("10", "10"), (3.0, "3")]
)
def test_numbers_are_printed_as_short_as_can_be(written, printed):
    assert str(CueNumber.of(written)) == printed


@pytest.mark.parametrize("bad", [0, -1, "1.2345", "", "one", "1.", 10000, math.nan, math.inf, True, 1e-5, "0.000"])
def test_what_is_no_number_is_refused(bad):
    with pytest.raises(LimelightError, match=r"0\.001 to 9999\.999"):
        CueNumber.of(bad)


def test_times_that_are_not_said_are_as_up():
    times = Times(2.0, down=4.0, color=0.0)
    assert times.of(Category.INTENSITY) == 2.0
    assert times.of(Category.INTENSITY, falls=True) == 4.0
    assert times.of(Category.FOCUS) == 2.0
    assert times.of(Category.COLOR) == 0.0
    assert Times(3.0).of(Category.INTENSITY, falls=True) == 3.0


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf, 1e9])
def test_impossible_times_are_refused(bad):
    with pytest.raises(LimelightError, match="color"):
        Times(1.0, color=bad)
    with pytest.raises(LimelightError, match="follow"):
        Cue(ONE, follow=bad)


def test_a_cue_follows_or_hangs():
    with pytest.raises(LimelightError, match="not both"):
        Cue(ONE, follow=1.0, hang=1.0)
    with pytest.raises(LimelightError, match="hang"):
        Cue(ONE, hang=math.nan)
    assert Cue(ONE, hang=-2.0).hang == -2.0


def test_moves_are_checked():
    with pytest.raises(LimelightError, match="no such value"):
        Cue(ONE, moves={"light/9/intensity": 1.0})
    assert Cue(ONE, moves={"light/1/intensity": 7}).moves == {"light/1/intensity": 3.0}
