"""The filter for lids: blinks and winks pass, a lid at rest is steady, and nothing chatters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime.tracking.smoothing import LidFilter, OneEuroFilter

GOLDEN = Path(__file__).parent / "golden" / "lids.csv"
RATE = 30.0


def filtered(lid, strength=1.0, rate=RATE):
    """A lid (T,) through a filter of its own, as an array."""
    one = LidFilter()
    return np.array([one(float(x), i / rate, strength) for i, x in enumerate(lid)])


def test_golden_lids():
    """An independent script wrote the file."""
    times, seen, expected = np.loadtxt(GOLDEN, delimiter=",", skiprows=1, unpack=True)
    lid = LidFilter()
    np.testing.assert_allclose([lid(x, t) for t, x in zip(times, seen, strict=True)], expected, atol=1e-7)


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, 6.0])
def test_a_closing_lid_is_through_within_the_frame(strength):
    lid = np.full(40, 0.05)
    lid[20:22] = 0.8, 0.95  # a blink of two frames
    out = filtered(lid, strength)
    assert out[20] == pytest.approx(0.8)
    assert out[21] >= 0.85
    assert out[26] < 0.35  # and it is seen to open again


@pytest.mark.parametrize("rate", [15.0, 30.0, 60.0, 120.0])
def test_a_blink_closes_as_far_at_every_frame_rate(rate):
    times = np.arange(0.0, 2.0, 1.0 / rate)
    lid = 0.05 + 0.85 * np.clip(1.0 - np.abs(times - 1.0) / 0.12, 0.0, 1.0)  # 0.24 s
    assert filtered(lid, rate=rate).max() > 0.05 + 0.9 * (lid.max() - 0.05)


def test_two_blinks_in_a_row_stay_two():
    out = filtered([*[0.05] * 20, 0.5, 0.9, 0.3, 0.2, 0.6, 0.95, 0.4, *[0.05] * 20])
    first, valley, second = out[21], out[22:24].min(), out[24:26].max()
    assert min(first, second) - valley > 0.25


def test_a_lid_at_rest_is_as_steady_as_one_euro_makes_it():
    noise = np.clip(0.1 + np.random.default_rng(1).normal(0.0, 0.02, 600), 0.0, 1.0)
    rest = LidFilter().config.rest
    one_euro = OneEuroFilter([(rest, 1)])
    plain = np.array([float(one_euro(np.array([x]), i / RATE)[0]) for i, x in enumerate(noise)])
    out = filtered(noise)
    np.testing.assert_allclose(out, plain, atol=1e-3)
    assert np.diff(out).std() < 0.3 * np.diff(noise).std()


@pytest.mark.parametrize("level", [0.1, 0.8])
def test_strong_noise_does_not_chatter(level):
    """Steps that reach into the margin pass in part: no more of the noise comes out than went in."""
    noise = level + np.random.default_rng(2).normal(0.0, 0.05, 600)
    out = filtered(noise)
    assert np.diff(out).std() < 0.5 * np.diff(noise).std()
    assert out.std() < noise.std()
    assert abs(out[100:].mean() - level) < 0.01  # closing passes before opening does, but no bias comes of it


def test_the_output_is_continuous_in_what_is_seen():
    def after_rest(x):
        return filtered([0.2] * 10 + [x])[-1]

    seen = np.linspace(-0.5, 1.0, 1501)
    assert np.abs(np.diff([after_rest(x) for x in seen])).max() < 0.01


def test_time_that_stands_still_or_runs_back():
    lid = LidFilter()
    lid(0.1, 1.0)
    assert lid(0.9, 1.0) == 0.1
    assert lid(0.9, 1.0, 0.0) == 0.9
    assert lid(0.3, 0.5) == 0.3
    lid.reset()
    assert lid(0.7, 0.6) == 0.7
