"""Chases and LFOs."""

from __future__ import annotations

import math

import pytest

from facemodel import LimelightError
from realtime.light.cues.effects import Chase, Lfo, Pace, check_safe, strobe, turns_of
from realtime.light.values import DEFAULTS

A, B, C = "light/1/intensity", "light/2/intensity", "light/1/color"
AZIMUTH, ELEVATION = "light/1/azimuth", "light/1/elevation"
SECOND = Pace(seconds=1.0)
RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)


def over(effect, turns, level=1.0, **beneath):
    values = {**DEFAULTS, A: 1.0, B: 1.0, AZIMUTH: 0.0}
    values |= {"light/1/" + name: value for name, value in beneath.items()}
    effect.apply(values, turns, level)
    return values


@pytest.mark.parametrize(
    ("shape", "wave"),
    [
        ("sine", (0.0, 1.0, 0.0, -1.0)),
        ("triangle", (0.0, 1.0, 0.0, -1.0)),
        ("square", (1.0, 1.0, -1.0, -1.0)),
        ("saw", (0.0, 0.5, -1.0, -0.5)),
    ],
)
def test_shapes_of_an_lfo(shape, wave):
    lfo = Lfo((A,), SECOND, shape, depth=0.5)
    assert [over(lfo, 7 + t)[A] for t in (0.0, 0.25, 0.5, 0.75)] == pytest.approx([1.0 + 0.5 * w for w in wave])


def test_a_random_lfo_holds_a_new_value_each_period_and_the_same_every_time():
    lfo = Lfo((A,), SECOND, "random", depth=1.0)
    drawn = [over(lfo, turns)[A] for turns in range(20)]
    assert len(set(drawn)) == 20
    assert all(0.0 <= value <= 2.0 for value in drawn)
    assert over(lfo, 4.9)[A] == drawn[4]
    assert [over(lfo, turns)[A] for turns in range(20)] == drawn


def test_an_lfo_is_relative_offset_ahead_and_spread():
    lfo = Lfo((A, B), SECOND, "sine", depth=0.5, offset=0.25, phase=0.25, spread=0.5)
    values = over(lfo, 0.0, intensity=0.75)
    assert (values[A], values[B]) == pytest.approx((1.5, 0.75))
    assert over(lfo, 0.0, level=0.5, intensity=0.75)[A] == pytest.approx(1.125)


def test_an_lfo_stays_in_range_and_turns_go_round():
    assert over(Lfo((A,), SECOND, depth=9.0), 0.75)[A] == 0.0
    circle = Lfo((AZIMUTH,), SECOND, "saw", depth=180.0)
    around = [over(circle, turns, azimuth=90.0)[AZIMUTH] for turns in (0.0, 0.25, 0.5, 0.75)]
    assert [a % 360 for a in around] == pytest.approx([90.0, 180.0, 270.0, 0.0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Lfo((), SECOND), "needs a value"),
        (lambda: Lfo((C,), SECOND), "swings numbers"),
        (lambda: Lfo(("light/1/glow",), SECOND), "no such value"),
        (lambda: Lfo((A,), SECOND, "circle"), "sine"),
        (lambda: Lfo((A,), SECOND, depth=math.nan), "must be numbers"),
        (lambda: Pace(), "by seconds"),
        (lambda: Pace(1.0, 1.0), "by seconds"),
        (lambda: Pace(0.0), "pace"),
        (lambda: Chase(({A: 1.0},), SECOND), "two steps"),
        (lambda: Chase(({A: 1.0}, {A: "on"}), SECOND), "must be a number"),
        (lambda: Chase(({A: 1.0}, {}), SECOND, crossfade=2.0), "crossfade"),
        (lambda: Chase(({A: 1.0}, {}), SECOND, direction="up"), "forward"),
    ],
)
def test_what_is_no_effect_is_refused(make, message):
    with pytest.raises(LimelightError, match=message):
        make()


STEPS = tuple({A: level} for level in (0.1, 0.2, 0.3))


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        ({}, (0.1, 0.2, 0.3, 0.1, 0.2, 0.3)),
        ({"direction": "backward"}, (0.3, 0.2, 0.1, 0.3, 0.2, 0.1)),
        ({"direction": "bounce"}, (0.1, 0.2, 0.3, 0.2, 0.1, 0.2)),
        ({"loop": False}, (0.1, 0.2, 0.3, 0.3, 0.3, 0.3)),
        ({"loop": False, "direction": "bounce"}, (0.1, 0.2, 0.3, 0.2, 0.1, 0.1)),
    ],
)
def test_ways_of_a_chase(more, seen):
    chase = Chase(STEPS, SECOND, **more)
    assert tuple(over(chase, turns + 0.5)[A] for turns in range(6)) == seen


@pytest.mark.parametrize("n", [2, 3, 5])
def test_a_random_chase_repeats_no_step_and_leaves_none_out(n):
    chase = Chase(tuple({A: i / 10} for i in range(n)), SECOND, direction="random", seed=4)
    seen = [over(chase, turns)[A] for turns in range(40 * n)]
    assert all(one != other for one, other in zip(seen, seen[1:], strict=False))
    assert all(len(set(seen[i : i + n])) == n for i in range(0, 40 * n, n))
    other = Chase(chase.steps, SECOND, direction="random", seed=5)
    assert n == 2 or [over(other, turns)[A] for turns in range(40 * n)] != seen


def test_a_chase_crossfades_and_lets_what_it_does_not_say_lie():
    chase = Chase(({A: 0.0, C: RED}, {A: 1.0, C: BLUE}, {}), SECOND, crossfade=0.5)
    assert over(chase, 1.25)[C] == (0.5, 0.0, 0.5)
    assert over(chase, 1.5)[C] == BLUE
    assert over(chase, 2.25, color=(0.0, 0.0, 0.0))[C] == (0.0, 0.0, 0.5)
    assert over(chase, 2.75, intensity=0.4)[A] == 0.4
    assert over(chase, 1.75, level=0.5, intensity=0.0)[A] == 0.5


def test_a_chase_goes_along_great_circles():
    steps = ({AZIMUTH: -90.0, ELEVATION: 60.0}, {AZIMUTH: 90.0, ELEVATION: 60.0})
    values = over(Chase(steps, SECOND, crossfade=1.0), 1.25)
    assert (values[AZIMUTH], values[ELEVATION]) == pytest.approx((-90.0, 75.0))


@pytest.mark.parametrize(
    "effect",
    [
        strobe((A,), 4.0),
        Lfo((A,), Pace(seconds=0.3), "sine", depth=0.26),
        Lfo((A,), Pace(beats=0.5), depth=1.0),
        Chase(({A: 1.0}, {A: 0.0}), Pace(seconds=0.1)),
        Chase(({A: 0.1}, {}), Pace(seconds=0.1)),
        Chase(({C: RED}, {C: BLUE}), Pace(seconds=0.1)),
    ],
)
def test_fast_deep_flashes_must_be_allowed(effect):
    with pytest.raises(LimelightError, match="allow strobe"):
        check_safe("flash", effect)


@pytest.mark.parametrize(
    "effect",
    [
        strobe((A,), 3.0),
        Lfo((A,), Pace(seconds=0.1), depth=0.25),
        Lfo((A,), Pace(beats=1.0), depth=1.0),
        Lfo((AZIMUTH,), Pace(seconds=0.1), "saw", depth=180.0),
        Chase(({A: 1.0}, {A: 0.0}), Pace(seconds=0.2)),
        Chase(({A: 1.0}, {A: 0.6}), Pace(seconds=0.05)),
    ],
)
def test_slow_or_shallow_ones_need_not(effect):
    check_safe("pulse", effect)


def test_on_a_beat_too_fast_an_effect_takes_every_other_beat():
    pulse = Lfo((A,), Pace(beats=1.0), "square", depth=1.0)
    assert turns_of(pulse, 0.0, 8.0, bpm=170.0, allow_strobe=False) == 8.0
    assert turns_of(pulse, 0.0, 8.0, bpm=240.0, allow_strobe=False) == 4.0
    assert turns_of(pulse, 0.0, 8.0, bpm=240.0, allow_strobe=True) == 8.0


def test_a_strobe_is_what_lies_beneath_or_dark():
    assert [over(strobe((A,)), turns)[A] for turns in (0.0, 0.5)] == [1.0, 0.0]
    assert over(strobe((A,)), 0.5, intensity=3.0)[A] == 0.0
