"""Frame rates and timecode, against an independent implementation."""

from __future__ import annotations

from fractions import Fraction

import pytest
import timecode as independent
from hypothesis import example, given
from hypothesis import strategies as st

from facemodel import LimelightError
from realtime.frame_rate import RATES, FrameRate, Timecode

_THEIR_NAMES = {"23.976": "23.976", "29.97": "29.97", "29.97df": "29.97", "59.94": "59.94", "59.94df": "59.94"}


def theirs(rate: FrameRate, number: int) -> str:
    name = _THEIR_NAMES.get(rate.name, rate.name)
    return str(independent.Timecode(name, frames=number + 1, force_non_drop_frame=not rate.drop))


@given(st.sampled_from(RATES), st.integers(0, 24 * 3600 * 23))
def test_frames_are_counted_as_others_count_them(rate, number):
    assert str(Timecode(Fraction(number), rate)) == theirs(rate, number)


@given(st.sampled_from(RATES), st.integers(0, 10**7), st.fractions(0, 1).filter(lambda part: part < 1))
@example(RATES[0], 0, Fraction(999, 1000))
@example(RATES[0], RATES[0].frames_a_day - 1, Fraction(9999, 10000))
@example(RATES[0], 0, Fraction(998, 1000))
def test_what_is_written_is_read_back(rate, number, part):
    """A moment that lacks a thousandth of a frame or less is the next frame already."""
    moment = Timecode(number + part, rate)
    rounded = part >= Fraction(999, 1000)
    assert Timecode.parse(str(moment), rate).number == (int(moment.number) + rounded) % rate.frames_a_day
    assert moment.subframe == pytest.approx(0.0 if rounded else float(part))


@pytest.mark.parametrize("name", ["29.97df", "59.94df"])
def test_drop_frame_keeps_up_with_the_clock(name):
    assert str(Timecode.at(3600, FrameRate.parse(name)))[:8] == "01:00:00"
    assert str(Timecode.at(3600, FrameRate.parse(name[:-2])))[:8] == "00:59:56"


def test_a_frame_that_is_left_out_is_refused():
    rate = FrameRate.parse("29.97df")
    with pytest.raises(LimelightError, match="left out"):
        Timecode.parse("00:01:00;01", rate)
    assert Timecode.parse("00:10:00;01", rate).number == 17983


@pytest.mark.parametrize("text", ["1:2:3", "25:00:00:00", "00:00:00:25", "abc", "00:61:00:00", "-1:00:00:00"])
def test_what_is_no_timecode_is_refused(text):
    with pytest.raises(LimelightError, match="timecode"):
        Timecode.parse(text, FrameRate.parse("25"))


def test_unknown_rates_are_refused_with_those_there_are():
    with pytest.raises(LimelightError, match=r"23\.976, 24, 25"):
        FrameRate.parse("12")
    assert FrameRate.parse("29.97NDF").name == "29.97"
    assert FrameRate.parse("23.98").exact == Fraction(24000, 1001)
    assert FrameRate.nearest(29.98).name == "29.97"


def test_midnight_begins_anew_and_differences_go_the_shorter_way():
    rate = FrameRate.parse("25")
    late = Timecode.parse("23:59:59:24", rate)
    assert str(late.plus(Fraction(1, 25))) == "00:00:00:00"
    assert late.plus(2).minus(late) == 2
    assert late.minus(late.plus(2)) == -2


def test_what_seconds_rounded_down_is_still_the_frame():
    rate = FrameRate.parse("29.97")
    for number in range(0, 3000, 7):
        moment = Timecode.at(float(number / rate.exact) - 1e-7, rate)
        assert moment.whole == number
        assert moment.fields == Timecode(Fraction(number), rate).fields
        assert moment.subframe == 0.0
    assert Timecode(Fraction(rate.frames_a_day) - Fraction(1, 10**6), rate).whole == 0
