"""Intervals by bootstrap against what is known of means."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.bootstrap import estimate


def mean_of(values):
    return lambda index: {"mean": float(values[index].mean())}


def test_the_interval_of_a_mean_is_what_its_deviation_says():
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    found = estimate(mean_of(values), np.arange(400))
    low, high = found.intervals["mean"]
    assert found.figures["mean"] == values.mean()
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20.0, rel=0.1)
    assert low < values.mean() < high
    assert estimate(mean_of(values), np.arange(400)) == found  # the seed alone decides


def test_pictures_of_one_person_count_as_one():
    """Forty pictures each of ten people say no more about people than one each."""
    people = np.random.default_rng(1).normal(size=10)
    once, often = (
        estimate(mean_of(np.repeat(people, n)), np.repeat(np.arange(10), n)).intervals["mean"] for n in (1, 40)
    )
    assert often == pytest.approx(once)
    apart = estimate(mean_of(np.repeat(people, 40)), np.arange(400)).intervals["mean"]
    assert apart[1] - apart[0] < 0.3 * (often[1] - often[0])


def test_what_is_constant_has_no_width_and_what_is_unknown_no_interval():
    values = np.array([1.0, np.nan, np.nan, np.nan])
    found = estimate(
        lambda index: {
            "sure": 2.0,
            "rare": float(np.nanmean(values[index])) if np.isfinite(values[index]).any() else np.nan,
        },
        np.arange(4),
    )
    assert found.intervals == {"sure": (2.0, 2.0)}
    assert estimate(mean_of(np.ones(5)), np.zeros(5)).intervals == {}  # one person alone
