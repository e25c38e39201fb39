"""Calibration: monotone, in range, without a dead zone, near 0 at rest and 1 where it should be."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facemodel import ARKIT_NAMES, LimelightError
from realtime.persons.calibration import Calibration, neutral_of

NAMES = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft")

shares = st.floats(0, 1)
calibrations = st.builds(
    lambda n, t, g, c, x: Calibration(("a",), *(np.array([value]) for value in (n, t, g, c, x))),
    st.floats(0, 0.6),
    st.floats(0.1, 1.0),
    st.floats(0, 4),
    st.floats(0.25, 4),
    shares,
)


def read(calibration: Calibration, weight: float) -> float:
    return float(
        calibration.apply(np.full(len(calibration.names), weight, np.float32), np.zeros(len(calibration.names)))[0]
    )


@given(calibrations, shares, shares)
def test_the_reading_rises_with_the_weight_and_stays_in_range(calibration, a, b):
    low, high = sorted((a, b))
    assert 0.0 <= read(calibration, low) <= read(calibration, high) <= calibration.limit[0] <= 1.0


@given(st.floats(0.02, 0.5), st.floats(0.3, 1.0))
def test_rest_is_near_0_and_the_top_is_1(neutral, top):
    calibration = Calibration.none(("a",)).measured(np.array([neutral]), np.array([top]))
    assert read(calibration, neutral) < 0.05
    assert read(calibration, calibration.top[0]) == pytest.approx(1.0, abs=1e-3)
    assert read(calibration, 1.0) == pytest.approx(1.0, abs=1e-3)


@given(st.floats(0.05, 0.4))
def test_small_motions_about_the_neutral_pass(neutral):
    """At least a third of what they are, whichever way they go."""
    calibration = Calibration.none(("a",)).measured(np.array([neutral]), np.array([1.0]))
    for at in (neutral - 0.005, neutral, neutral + 0.01, neutral + 0.1):
        assert read(calibration, at + 0.01) - read(calibration, at) > 0.01 / 3


GAZE = ("eyeLookUpLeft", "eyeLookDownLeft")


def look(neutral: tuple[float, float], weights: tuple[float, float]) -> np.ndarray:
    base = Calibration.none(GAZE)
    return base.measured(np.array(neutral), base.top).apply(np.array(weights), np.empty(2))


@given(st.tuples(shares, shares), st.floats(-0.5, 0.5), st.floats(0, 0.2), shares, shares)
def test_gaze_is_turned_without_a_dead_zone(weights, direction, both, a, b):
    """By the neutral's direction, as far as there is room, and every motion passes as it is."""
    neutral = max(direction, 0.0) + both, max(-direction, 0.0) + both
    read_now = look(neutral, weights)
    assert np.all((read_now >= 0) & (read_now <= 1))
    if read_now.max() < 1.0:
        turned = weights[0] - weights[1] - (min(neutral[0], 0.6) - min(neutral[1], 0.6))
        assert read_now[0] - read_now[1] == pytest.approx(turned, abs=1e-6)
    low, high = sorted((a, b))
    assert look(neutral, (low, weights[1]))[0] <= look(neutral, (high, weights[1]))[0] + 1e-9


def test_gaze_at_rest_is_straight_ahead():
    assert look((0.08, 0.33), (0.08, 0.33)) == pytest.approx((0, 0), abs=1e-9)
    assert look((0.08, 0.33), (0.08, 0.34)) == pytest.approx((0, 0.01), abs=1e-6)
    assert look((0.08, 0.33), (0.09, 0.33)) == pytest.approx((0.01, 0), abs=1e-6)
    assert look((0.08, 0.33), (0.18, 0.18)) == pytest.approx((0.25, 0), abs=1e-6)


def test_the_neutral_of_gaze_is_its_direction_and_what_points_both_ways():
    random = np.random.default_rng(2)
    frames = np.abs(random.normal((0.3, 0.06), 0.01, (400, 2)))
    neutral = neutral_of(frames, GAZE)
    assert neutral[0] - neutral[1] == pytest.approx(0.24, abs=0.005)
    assert neutral[1] == pytest.approx(0.06, abs=0.005)
    jaw = neutral_of(frames, ("jawOpen", "mouthLeft"))
    assert jaw == pytest.approx((0.3, 0.06), abs=0.005)


def test_none_changes_nothing():
    weights = np.random.default_rng(1).random(52).astype(np.float32)
    calibration = Calibration.none(ARKIT_NAMES)
    assert calibration.changes_nothing
    assert np.array_equal(calibration.apply(weights, np.empty(52, np.float32)), weights)
    assert calibration.to_json() == {}


def test_gain_curve_and_limit():
    base = Calibration.none(NAMES)
    assert read(base.with_setting("jawOpen", "gain", 1.5), 0.4) == pytest.approx(0.6)
    assert read(base.with_setting("all", "curve", 2.0), 0.5) == pytest.approx(0.25)
    assert read(base.with_setting("jawOpen", "limit", 0.3), 0.9) == pytest.approx(0.3)
    smile = base.with_setting("mouthSmile", "gain", 2.0)
    assert list(smile.gain) == [1, 2, 2, 1]


@pytest.mark.parametrize(
    ("expression", "setting", "value", "says"),
    [
        ("jaw", "gain", 1.0, "no expression jaw; there are jawOpen$"),
        ("mouth", "gain", 1.0, "no expression mouth; there are mouthLeft, mouthRight, mouthSmileLeft"),
        ("", "gain", 1.0, "no expression ; there are jawOpen, "),
        ("jawOpen", "neutral", 0.1, "neutral cannot be set"),
        ("jawOpen", "gain", 9.0, "from 0 to 4"),
        ("jawOpen", "gain", float("nan"), "from 0 to 4"),
    ],
)
def test_bad_settings_are_refused_in_one_line(expression, setting, value, says):
    with pytest.raises(LimelightError, match=says):
        Calibration.none((*NAMES[:1], "mouthLeft", "mouthRight", *NAMES[1:])).with_setting(expression, setting, value)


def test_what_is_written_is_read_back_whatever_the_order_of_the_names():
    calibration = Calibration.none(NAMES).measured(np.array([0.1, 0, 0.2, 0]), np.array([1, 0.7, 1, 1]))
    calibration = calibration.with_setting("jawOpen", "gain", 1.3)
    content = json.loads(calibration.encode())
    again = Calibration.from_json(content, NAMES[::-1])
    assert again.to_json() == calibration.to_json()
    assert list(again.neutral) == [0, 0.2, 0, 0.1]
    assert again.for_names(NAMES).encode() == calibration.encode()


@pytest.mark.parametrize(
    "content", [[], {"jawOpen": 3}, {"jawOpen": {"gain": "x"}}, {"jawOpen": {"top": float("nan")}}]
)
def test_damage_is_told(content):
    with pytest.raises(ValueError):
        Calibration.from_json(content, NAMES)


def test_a_narrow_range_does_not_make_noise_large():
    calibration = Calibration.none(("a",)).measured(np.array([0.3]), np.array([0.31]))
    assert read(calibration, 0.32) < 0.2
