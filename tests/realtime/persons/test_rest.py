"""The neutral of somebody who was not calibrated."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel import ARKIT_NAMES
from realtime.persons.rest import RestEstimator

GAZING = {"eyeLookUp": 0.06, "eyeLookDown": 0.3, "eyeLookIn": 0.1, "eyeLookOut": 0.06}
REST = np.array([GAZING.get(name.removesuffix("Left").removesuffix("Right"), 0.08) for name in ARKIT_NAMES], np.float32)
BLINK, SMILE, GAZE = (ARKIT_NAMES.index(name) for name in ("eyeBlinkLeft", "mouthSmileLeft", "eyeLookUpLeft"))


def watch(rest: RestEstimator, seconds: float, begin: float = 0.0, change=lambda w, t: None, **facts) -> np.ndarray:
    """(N, 52) what is read of a face at rest with a little noise, 30 frames a second."""
    random = np.random.default_rng(5)
    read = []
    for i in range(int(30 * seconds)):
        time = begin + i / 30
        weights = np.clip(REST + random.normal(0, 0.01, 52), 0, 1).astype(np.float32)
        change(weights, time)
        calibration = rest.see(weights, time, facts.get("confidence", 1.0), facts.get("frontal", 1.0))
        read.append(calibration.apply(weights, np.empty(52)))
    return np.array(read)


def test_after_some_seconds_rest_is_near_0_and_the_direction_of_gaze_is_left_alone():
    read = watch(RestEstimator(ARKIT_NAMES), 4.0)
    late = dict(zip(ARKIT_NAMES, read[-15:].mean(axis=0), strict=True))
    assert all(weight < 0.03 for name, weight in late.items() if not name.startswith("eyeLook"))
    for one, other, direction in (("Up", "Down", -0.24), ("In", "Out", 0.04)):
        for side in ("Left", "Right"):
            weights = late[f"eyeLook{one}{side}"], late[f"eyeLook{other}{side}"]
            assert weights[0] - weights[1] == pytest.approx(direction, abs=0.02)
            assert min(weights) < 0.02


def test_it_comes_in_without_a_jump():
    read = watch(RestEstimator(ARKIT_NAMES), 4.0)
    steps = np.abs(np.diff(read[:, SMILE]))
    assert steps.max() < 0.05  # the noise alone has steps of .03


def test_blinks_are_not_the_neutral():
    def blink(weights, time):
        if time % 0.9 < 0.15:
            weights[BLINK] = 0.9

    read = watch(RestEstimator(ARKIT_NAMES), 4.0, change=blink)
    assert read[-60:, BLINK].max() >= 0.9  # not weaker than the network says
    assert np.median(read[-60:, BLINK]) < 0.03


def test_a_smile_at_the_start_is_not_taken_away():
    def smile(weights, time):
        if time < 5:
            weights[SMILE] = 0.7

    rest = RestEstimator(ARKIT_NAMES)
    read = watch(rest, 30.0, change=smile)
    assert read[100:140, SMILE].mean() > 0.45
    assert read[-30:, SMILE].mean() < 0.05
    late = watch(rest, 1.0, begin=30.0, change=lambda w, _: w.__setitem__(SMILE, 0.7))
    assert late[-10:, SMILE].mean() > 0.6


def test_a_smile_that_lasts_does_not_fade():
    rest = RestEstimator(ARKIT_NAMES)
    watch(rest, 4.0)
    read = watch(rest, 60.0, begin=4.0, change=lambda w, _: w.__setitem__(SMILE, 0.5))
    assert read[-30:, SMILE].mean() > 0.95 * read[:30, SMILE].mean()


def test_unsure_and_turned_frames_say_nothing():
    for facts in ({"confidence": 0.6}, {"frontal": 0.5}):
        rest = RestEstimator(ARKIT_NAMES)
        watch(rest, 4.0, **facts)
        assert rest.calibration.changes_nothing


def test_another_person_begins_anew():
    rest = RestEstimator(ARKIT_NAMES)
    watch(rest, 4.0)
    assert not rest.calibration.changes_nothing
    rest.reset()
    assert rest.calibration.changes_nothing
