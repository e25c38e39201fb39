"""Pairs by name and the area under the ROC curve."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.sections.identity import name_pairs, verification

NAMES = np.array(["ann"] * 4 + ["bob"] * 2 + ["cem"] + ["dee"] * 30)


def test_pairs_are_right_by_name_balanced_limited_and_unique():
    same, different = name_pairs(NAMES)
    assert len(same) == 6 + 1 + 0 + 10
    assert (NAMES[same[:, 0]] == NAMES[same[:, 1]]).all()
    assert len(different) == len(same)
    assert (NAMES[different[:, 0]] != NAMES[different[:, 1]]).all()
    for part in (same, different):
        assert (part[:, 0] != part[:, 1]).all()
        assert len(np.unique(np.sort(part, axis=1), axis=0)) == len(part)


def test_pairs_depend_on_names_and_seed_alone():
    for names in (NAMES, np.repeat([f"p{i}" for i in range(400)], 2)):  # few photos are listed, many are drawn
        one, again, other = name_pairs(names), name_pairs(names), name_pairs(names, seed=1)
        np.testing.assert_array_equal(one[0], again[0])
        np.testing.assert_array_equal(one[1], again[1])
        assert not np.array_equal(one[1], other[1])
        assert (names[one[1][:, 0]] != names[one[1][:, 1]]).all()


def test_without_two_photos_of_anybody_or_anybody_else_there_are_no_pairs():
    with pytest.raises(ValueError):
        name_pairs(["ann", "bob"])
    with pytest.raises(ValueError):
        name_pairs(["ann", "ann"])


def test_vectors_that_know_the_person_score_one_and_noise_scores_chance():
    rng = np.random.default_rng(1)
    names = np.repeat([f"p{i}" for i in range(100)], 4)
    pairs = name_pairs(names)
    assert [len(part) for part in pairs] == [600, 600]
    person = rng.normal(size=(100, 20)).repeat(4, axis=0)
    shifted = person + rng.normal(0, 0.2, person.shape) + 10.0  # a common offset does no harm
    known = verification(shifted, names, *pairs).figures
    assert known["auc_cosine"] > 0.999 and known["auc_euclidean"] > 0.999
    noise = verification(rng.normal(size=person.shape), names, *pairs)
    for key in ("auc_cosine", "auc_euclidean"):
        low, high = noise.intervals[key]
        assert 0.45 < noise.figures[key] < 0.55 and 0.40 < low < noise.figures[key] < high < 0.60


def test_ties_count_half():
    found = verification(np.ones((4, 2)), ["a", "a", "b", "b"], np.array([(0, 1), (2, 3)]), np.array([(0, 2)]))
    assert found.figures["auc_euclidean"] == 0.5
