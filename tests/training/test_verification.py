"""Pairs by name and the area under the ROC curve."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.verification import name_pairs, roc_auc, verification

NAMES = np.array(["ann"] * 4 + ["bob"] * 2 + ["cem"] + ["dee"] * 30)


def test_pairs_are_right_by_name_balanced_limited_and_unique():
    pairs = name_pairs(NAMES, per_person=10)
    assert len(pairs.same) == 6 + 1 + 0 + 10
    assert (NAMES[pairs.same[:, 0]] == NAMES[pairs.same[:, 1]]).all()
    assert len(pairs.different) == len(pairs.same)
    assert (NAMES[pairs.different[:, 0]] != NAMES[pairs.different[:, 1]]).all()
    for part in (pairs.same, pairs.different):
        assert (part[:, 0] != part[:, 1]).all()
        assert len(np.unique(np.sort(part, axis=1), axis=0)) == len(part)


def test_pairs_depend_on_names_and_seed_alone():
    for names in (NAMES, np.repeat([f"p{i}" for i in range(400)], 2)):  # few photos are listed, many are drawn
        one, again, other = name_pairs(names), name_pairs(names), name_pairs(names, seed=1)
        np.testing.assert_array_equal(one.same, again.same)
        np.testing.assert_array_equal(one.different, again.different)
        assert not np.array_equal(one.different, other.different)
        assert (names[one.different[:, 0]] != names[one.different[:, 1]]).all()


def test_without_two_photos_of_anybody_or_anybody_else_there_are_no_pairs():
    with pytest.raises(ValueError):
        name_pairs(["ann", "bob"])
    with pytest.raises(ValueError):
        name_pairs(["ann", "ann"])


def test_auc_counts_pairs_in_the_right_order_and_ties_half():
    assert roc_auc([3, 4], [1, 2]) == 1.0
    assert roc_auc([1, 2], [3, 4]) == 0.0
    assert roc_auc([1, 3], [2, 4]) == 0.25
    assert roc_auc([1, 1], [1, 1]) == 0.5
    assert roc_auc([2, 3], [2, 1]) == pytest.approx(3.5 / 4)


def test_auc_agrees_with_scikit_learn():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    same, different = rng.normal(0.5, 1, 300).round(1), rng.normal(0, 1, 200).round(1)
    expected = roc_auc_score(np.repeat([1, 0], [300, 200]), np.concatenate([same, different]))
    assert roc_auc(same, different) == pytest.approx(expected)


def test_vectors_that_know_the_person_score_one_and_noise_scores_chance():
    rng = np.random.default_rng(1)
    names = np.repeat([f"p{i}" for i in range(100)], 4)
    person = rng.normal(size=(100, 20)).repeat(4, axis=0)
    known = verification(person + rng.normal(0, 0.2, person.shape) + 10.0, names)  # a common offset does no harm
    assert known["auc_cosine"] > 0.999 and known["auc_euclidean"] > 0.999
    assert (known["same_pairs"], known["different_pairs"]) == (600, 600)
    assert (known["photos"], known["people"]) == (400, 100)
    noise = verification(rng.normal(size=person.shape), names)
    assert 0.45 < noise["auc_cosine"] < 0.55 and 0.45 < noise["auc_euclidean"] < 0.55
