"""Figures by group."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.groups import by_group, worst_ratio


def test_means_medians_and_counts_by_group_without_nan():
    groups = by_group(np.array([1.0, 3.0, 8.0, np.nan, 5.0]), ["a", "a", "a", "b", "c"])
    assert list(groups) == ["a", "b", "c"]
    assert groups["a"] == {"mean": 4.0, "median": 3.0, "count": 3}
    assert groups["b"]["count"] == 0 and np.isnan(groups["b"]["mean"])


def test_the_worst_group_is_set_against_everybodys_average():
    groups = by_group(np.array([1.0, 1.0, 1.0, 5.0]), ["a", "a", "a", "b"])
    assert worst_ratio(groups) == ("b", pytest.approx(2.5))
    assert worst_ratio(groups, least=2) == ("a", pytest.approx(1.0))
    with pytest.raises(ValueError):
        worst_ratio(groups, least=4)
