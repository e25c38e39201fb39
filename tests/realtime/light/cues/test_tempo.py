"""Tapped tempo and the beat."""

from __future__ import annotations

import pytest

from facemodel import LimelightError
from realtime.light.cues.tempo import Tempo


def tapped(*times):
    tempo = Tempo()
    for time in times:
        tempo.tap(time)
    return tempo


def test_taps_make_the_tempo_and_are_beats():
    tempo = tapped(10.0, 10.6, 11.2, 11.8)
    assert tempo.bpm == pytest.approx(100.0)
    assert tempo.beat(11.8) == round(tempo.beat(11.8))
    assert tempo.beat(12.4) - tempo.beat(11.8) == pytest.approx(1.0)


def test_one_tap_alone_changes_no_tempo():
    assert tapped(5.0).bpm == 120.0


def test_a_tap_that_is_off_counts_for_nothing():
    assert tapped(0.0, 0.51, 1.0, 1.9, 2.41, 2.9).bpm == pytest.approx(120.0)


def test_taps_are_forgotten_after_two_seconds():
    assert tapped(0.0, 0.5, 1.0, 4.0, 4.75, 5.5).bpm == pytest.approx(80.0)


def test_many_taps_follow_a_new_tempo():
    times = [0.5 * i for i in range(12)]
    times += [times[-1] + 0.6 * i for i in range(1, 9)]
    assert tapped(*times).bpm == pytest.approx(100.0)


def test_beats_go_on_through_a_change_of_tempo():
    tempo = Tempo(120.0)
    before = tempo.beat(7.3)
    tempo.set(7.3, 90.0)
    assert tempo.beat(7.3) == pytest.approx(before)
    tempo.resync(9.01)
    assert tempo.beat(9.01) == round(tempo.beat(9.01))


@pytest.mark.parametrize("bad", [0.0, 29.0, 301.0, float("nan")])
def test_what_is_no_tempo_is_refused(bad):
    with pytest.raises(LimelightError, match="tempo"):
        Tempo().set(0.0, bad)
