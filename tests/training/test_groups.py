"""Figures by group."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.sections.groups import by_group, worst_ratio


def test_means_medians_and_counts_by_group_without_nan():
    groups = by_group(np.array([1.0, 3.0, 8.0, np.nan, 5.0]), ["a", "a", "a", "b", "c"], ["c", "a", "b"])
    assert list(groups) == ["c", "a", "b"]
    assert groups["a"] == {"mean": 4.0, "median": 3.0, "count": 3}
    assert groups["b"]["count"] == 0 and np.isnan(groups["b"]["mean"])


def test_the_worst_group_is_set_against_everybodys_average():
    assert worst_ratio(np.array([1.0, 1.0, 1.0, 5.0]), ["a", "a", "a", "b"]) == pytest.approx(2.5)
    assert worst_ratio(np.array([1.0, 1.0]), ["a", "a"]) == 1.0
    assert worst_ratio(np.zeros(2), ["a", "b"]) == 1.0
