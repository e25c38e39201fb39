"""Inner-mouth errors against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.measures import inner_mouth_error, mouth_gap_error

TRUTH = np.random.default_rng(0).uniform(0, 200, (68, 2))


def test_only_the_inner_mouth_counts_and_the_scale_makes_mm():
    points = TRUTH.copy()
    points[:60] += 100.0
    assert inner_mouth_error(points, TRUTH) == 0.0
    points[60:] += (3.0, 4.0)
    assert inner_mouth_error(points, TRUTH) == pytest.approx(5.0)
    assert inner_mouth_error(points, TRUTH, scale=2.0) == pytest.approx(2.5)
    points[60] = TRUTH[60]
    assert inner_mouth_error(points, TRUTH) == pytest.approx(5.0 * 7 / 8)


def test_points_in_space_are_measured_in_space():
    truth = np.zeros((68, 3))
    assert inner_mouth_error(truth + (2.0, 3.0, 6.0), truth) == pytest.approx(7.0)


def test_a_mouth_more_open_than_it_should_be_shows_in_the_gap_and_a_shifted_one_does_not():
    truth = np.zeros((68, 2))
    truth[[61, 62, 63], 0] = truth[[67, 66, 65], 0] = (-10.0, 0.0, 10.0)
    opened = truth.copy()
    opened[[67, 66, 65], 1] += (3.0, 6.0, 3.0)
    assert mouth_gap_error(opened, truth) == pytest.approx(4.0)
    assert mouth_gap_error(opened, truth, scale=4.0) == pytest.approx(1.0)
    assert mouth_gap_error(opened + 20.0, opened) == pytest.approx(0.0)
