"""Smoothing: less noise, little lag, and nothing that only works near frontal poses."""

from __future__ import annotations

import numpy as np
import pytest

from facemodel.rotation import angle_between, matrix_from_euler, matrix_to_euler
from realtime.tracking.smoothing import (
    PRESETS,
    OneEuroConfig,
    OneEuroFilter,
    OneEuroRotation,
    PersonLock,
    PersonLockConfig,
    Smoother,
    SmoothingSettings,
)
from realtime.tracking.smoothing.one_euro import rotation_from_vector, rotation_vector
from tests.toy_model import toy_model

RATE = 30.0


def reference_one_euro(values, config, rate):
    """The filter as its authors publish it, on one number at a time."""

    def alpha(cutoff):
        tau = 1.0 / (2.0 * np.pi * cutoff)
        return 1.0 / (1.0 + tau * rate)

    output, derivative = [values[0]], 0.0
    for value in values[1:]:
        dx = (value - output[-1]) * rate
        derivative = alpha(config.derivative_cutoff) * dx + (1.0 - alpha(config.derivative_cutoff)) * derivative
        a = alpha(config.min_cutoff + config.beta * abs(derivative))
        output.append(a * value + (1.0 - a) * output[-1])
    return np.array(output)


def test_filter_follows_the_published_algorithm():
    config = OneEuroConfig(1.2, 0.4)
    values = np.cumsum(np.random.default_rng(0).normal(size=200))
    one_euro = OneEuroFilter([(config, 1)])
    ours = [float(one_euro(np.array([v]), i / RATE)[0]) for i, v in enumerate(values)]
    np.testing.assert_allclose(ours, reference_one_euro(values, config, RATE), rtol=1e-9)


def test_time_that_stands_still_changes_nothing():
    one_euro = OneEuroFilter([(OneEuroConfig(1.0, 0.0), 1)])
    one_euro(np.array([1.0]), 0.0)
    assert one_euro(np.array([5.0]), 0.0)[0] == 1.0
    assert one_euro(np.array([5.0]), 0.0, 0.0)[0] == 5.0  # nothing is held back


def test_time_that_runs_back_begins_anew():
    one_euro, rotation = OneEuroFilter([(OneEuroConfig(1.0, 0.0), 1)]), OneEuroRotation(OneEuroConfig(1.0, 0.0))
    turned = matrix_from_euler(0.5, 0.0, 0.0)
    one_euro(np.array([1.0]), 9.0)
    rotation(np.eye(3), 9.0)
    assert one_euro(np.array([5.0]), 2.0)[0] == 5.0
    np.testing.assert_array_equal(rotation(turned, 2.0), turned)
    assert 5.0 < one_euro(np.array([6.0]), 2.1)[0] < 6.0


def test_a_strength_for_each_component():
    value = np.array([5.0, 5.0, 5.0])
    one_euro = OneEuroFilter([(OneEuroConfig(1.0, 0.1), 3)])
    one_euro(np.zeros(3), 0.0)
    out = one_euro(value, 0.1, np.array([0.0, 1.0, 3.0])).copy()
    assert out[0] == 5.0 > out[1] > out[2] > 0.0
    for strength, expected in zip((1.0, 3.0), out[1:], strict=True):
        alone = OneEuroFilter([(OneEuroConfig(1.0, 0.1), 1)])
        alone(np.zeros(1), 0.0)
        assert alone(value[:1], 0.1, strength)[0] == pytest.approx(expected)


@pytest.mark.parametrize("angle", [1e-7, 0.3, 2.0, np.pi - 1e-6, np.pi])
def test_rotation_vector_round_trip(angle):
    vector = angle * np.array([0.36, -0.48, 0.8])
    turned = rotation_from_vector(vector)
    np.testing.assert_allclose(turned @ turned.T, np.eye(3), atol=1e-12)
    assert angle_between(rotation_from_vector(rotation_vector(turned)), turned) < 1e-6


def sweep(noise_deg, seed=1):
    """A 1 Hz sweep of 30 degrees at 30 frames a second, clean and with noise on all angles."""
    times = np.arange(120) / RATE
    yaw = np.radians(30.0) * np.sin(2.0 * np.pi * times)
    noise = np.radians(noise_deg) * np.random.default_rng(seed).normal(size=(120, 3))
    clean = [matrix_from_euler(y, 0.0, 0.0) for y in yaw]
    noisy = [matrix_from_euler(y + n[0], n[1], n[2]) for y, n in zip(yaw, noise, strict=True)]
    return times, clean, noisy


def test_rotation_filter_cuts_noise_at_rest_and_keeps_up_with_a_sweep():
    config = OneEuroConfig(0.5, 0.1)
    rng = np.random.default_rng(2)
    still = OneEuroRotation(config)
    rest = [still(matrix_from_euler(*np.radians(rng.normal(0, 0.4, 3))), i / RATE) for i in range(300)]
    jitter = np.degrees([angle_between(a, b) for a, b in zip(rest[100:], rest[101:], strict=False)]).mean()
    assert jitter < 0.2  # 0.4 degrees of noise alone moves 0.9 degrees from frame to frame
    moving = OneEuroRotation(config)
    times, clean, noisy = sweep(0.4)
    lag = np.degrees([angle_between(moving(n, t), c) for t, c, n in zip(times, clean, noisy, strict=True)])
    assert lag[30:].mean() < 4.0


def test_rotation_filter_treats_every_head_orientation_alike():
    """Filtering in another coordinate frame gives the same motion: no Euler angles inside."""
    turn = matrix_from_euler(1.2, 0.9, -2.0)
    plain, turned = OneEuroRotation(OneEuroConfig(0.5, 0.1)), OneEuroRotation(OneEuroConfig(0.5, 0.1))
    for time, _, noisy in zip(*sweep(0.4), strict=True):
        assert angle_between(turn @ plain(noisy, time), turned(turn @ noisy, time)) < 1e-6


def test_person_converges_then_freezes():
    rng = np.random.default_rng(3)
    person = np.array([1.0, -2.0, 0.5])
    lock = PersonLock(3, PersonLockConfig(evidence=50.0))
    for _ in range(60):
        estimate = np.array(lock.update(person + rng.normal(0, 0.5, 3), 1.0))
    assert lock.frozen
    assert np.abs(estimate - person).max() < 0.25
    assert np.array_equal(lock.update(person + 10.0, 1.0), estimate)
    lock.reset()
    assert np.allclose(lock.update(-person, 1.0), -person)


def test_frames_without_weight_do_not_shape_the_person():
    lock = PersonLock(2)
    lock.update(np.array([1.0, 1.0]), 1.0)
    assert np.allclose(lock.update(np.array([9.0, 9.0]), 0.0), 1.0)


def test_the_smoother_tells_whose_face_it_is(layout):
    smoother = Smoother(layout)
    assert not smoother.identity.any() and not smoother.person_frozen
    raw = layout.neutral()
    p = layout.view(raw)
    p.identity[:], p.albedo[:] = 0.5, -0.25
    first = smoother.update(raw, 0.0)
    seen = smoother.identity
    np.testing.assert_array_equal(seen, first[layout.slices["identity"]])
    p.identity[:] = 1.5
    for i in range(1, 130):
        smoother.update(raw, i / RATE)
    assert smoother.person_frozen
    assert (seen == 0.5).all() and (smoother.identity > 1.0).all()  # what was handed out stays what it was
    assert (smoother.albedo == -0.25).all()
    smoother.reset_person()
    assert not smoother.person_frozen


@pytest.fixture
def layout():
    return toy_model().layout


def test_smoother_off_passes_motion_unchanged(layout):
    smoother = Smoother(layout, settings=PRESETS["raw"])
    rng = np.random.default_rng(4)
    for i in range(5):
        raw = layout.neutral()
        p = layout.view(raw)
        p.translation[:] = rng.uniform(0, 400, 2)
        p.expression[:] = rng.uniform(0.3, 0.6, layout.n_expression)
        raw = layout.constrain(raw)
        out = smoother.update(raw, i / RATE)
        for group in ("expression", "rotation", "translation", "scale", "sh", "key_position", "shininess"):
            np.testing.assert_array_equal(out[layout.slices[group]], raw[layout.slices[group]])


def test_stronger_smoothing_is_steadier(layout):
    def jitter(strength):
        smoother = Smoother(layout, settings=SmoothingSettings.uniform(strength))
        rng = np.random.default_rng(5)
        track = []
        for i in range(150):
            raw = layout.neutral()
            p = layout.view(raw)
            p.translation[:] = (320, 240) + rng.normal(0, 1.0, 2)
            p.rotation = matrix_from_euler(*np.radians(rng.normal(0, 1.0, 3)))
            track.append(smoother.update(raw, i / RATE).copy())
        moves = np.diff(np.array(track)[50:], axis=0)
        return np.abs(moves[:, layout.slices["translation"]]).mean(), np.abs(moves[:, layout.slices["rotation"]]).mean()

    off, medium, heavy = jitter(0.0), jitter(0.5), jitter(1.0)
    assert medium[0] < 0.5 * off[0] and medium[1] < 0.5 * off[1]
    assert heavy[0] < 0.5 * medium[0] and heavy[1] < 0.5 * medium[1]


def test_a_smoothed_rotation_is_a_rotation(layout):
    smoother = Smoother(layout)
    for i, (_, _, noisy) in enumerate(zip(*sweep(2.0), strict=True)):
        raw = layout.neutral()
        layout.view(raw).rotation = noisy
        out = smoother.update(raw, i / RATE)
        six = out[layout.slices["rotation"]]
        assert abs(six[:3] @ six[3:]) < 1e-5
        assert np.linalg.norm(six[:3]) == pytest.approx(1.0, abs=1e-5)


def test_hold_then_ease_to_neutral(layout):
    smoother = Smoother(layout)
    raw = layout.neutral()
    p = layout.view(raw)
    p.rotation = matrix_from_euler(0.6, -0.2, 0.1)
    p.expression[:] = 0.5
    p.translation[:] = (100, 50)
    last = smoother.update(layout.constrain(raw), 0.0)
    np.testing.assert_array_equal(smoother.hold(0.1), last)
    yaws = []
    for i in range(1, 90):
        out = smoother.ease_to_neutral(0.1 + i / RATE)
        yaws.append(float(matrix_to_euler(layout.view(out).rotation)[0]))
    assert all(a >= b for a, b in zip(yaws, yaws[1:], strict=False))
    assert abs(yaws[-1]) < 0.01
    assert layout.view(out).expression.max() < 0.01
    np.testing.assert_array_equal(layout.view(out).translation, (100, 50))


def test_filters_side_by_side_are_those_filters() -> None:
    rng = np.random.default_rng(0)
    groups = [(OneEuroConfig(0.7, 0.1), 2), (OneEuroConfig(1.5, 3.0, 2.0), 3)]
    together, apart = OneEuroFilter(groups), [OneEuroFilter([group]) for group in groups]
    for i in range(20):
        value, unit = rng.normal(size=5), np.array([2.0, 2.0, 1.0, 1.0, 1.0])
        found = together(value, i / 30.0, 0.8, unit)
        expected = [apart[0](value[:2], i / 30.0, 0.8, 2.0), apart[1](value[2:], i / 30.0, 0.8)]
        np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-12)
    together.reset()
    np.testing.assert_array_equal(together(np.ones(5), 1.0), np.ones(5))
