"""Whether the identity vector tells people apart: verification on held-out people with several photos."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import roc_auc_score

from training.evaluation.bootstrap import Estimate, estimate
from training.evaluation.context import Context
from training.evaluation.section import Findings, Measure, Section, UnmeasuredError, count

_COLLECTION = "lfw"
_PER_PERSON = 10  # pairs, at most, that nobody with many photos decides the figure
_ROUNDS = 400  # of the bootstrap


def measure(context: Context) -> Findings:
    """Find areas under the ROC curve of identity, and of albedo beside it."""
    photos, answers, spans = context.material.photos, context.photo_answers, context.model.layout.slices
    chosen = [i for i in np.flatnonzero(photos.collections == _COLLECTION) if answers[i] is not None]
    vectors = np.array([answers[i] for i in chosen], np.float64).reshape(len(chosen), context.model.layout.size)
    names = photos.people[chosen]
    try:
        pairs = name_pairs(names)
    except ValueError as error:
        raise UnmeasuredError(f"{_COLLECTION}: {error}") from error
    identity, albedo = (verification(vectors[:, spans[group]], names, *pairs) for group in ("identity", "albedo"))
    found = identity | albedo.named("albedo_")
    counts = {"photos": names, "people": np.unique(names), "same_pairs": pairs[0], "different_pairs": pairs[1]}
    figures = found.figures | {key: float(len(each)) for key, each in counts.items()} | {"nothing": 0.5}
    return Findings(figures, intervals=found.intervals)


def name_pairs(names: ArrayLike, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of photos with the same (S, 2) and with different names (D, 2), the same for the same seed.

    Every pair of the same person counts, at most ten of each, and as many pairs of different people, none twice, or
    all there are.

    Raises ValueError: nobody is there twice, or nobody else.
    """
    rng = np.random.default_rng(seed)
    people, who = np.unique(np.asarray(names), return_inverse=True)
    parts = [np.zeros((0, 2), np.int64)]
    for person in range(len(people)):
        photos = np.flatnonzero(who == person)
        pairs = np.stack(np.triu_indices(len(photos), 1), axis=1)
        parts.append(photos[pairs[np.sort(rng.permutation(len(pairs))[:_PER_PERSON])]])
    same = np.concatenate(parts)
    if not len(same) or len(people) < 2:
        raise ValueError(f"verification needs two photos of one person and one of another: {len(people)} people")
    if len(who) ** 2 <= 40 * len(same):  # few photos: list them all
        pairs = np.stack(np.triu_indices(len(who), 1), axis=1)
        unlike = np.flatnonzero(who[pairs[:, 0]] != who[pairs[:, 1]])
        return same, pairs[np.sort(rng.permutation(unlike)[: len(same)])]
    different: set[tuple[int, int]] = set()
    while len(different) < len(same):
        one, other = np.sort(rng.integers(len(who), size=2))
        if who[one] != who[other]:
            different.add((int(one), int(other)))
    return same, np.array(sorted(different), np.int64)


def verification(
    vectors: NDArray[np.floating], names: ArrayLike, same: NDArray[np.int64], different: NDArray[np.int64]
) -> Estimate:
    """Measure how well vectors (N, D) of photos tell the people on them, `names` (N,), apart over these pairs.

    In the intervals' draws of people a pair counts as often as both are there, but nobody is compared with themselves
    as if they were two.

    Returns: auc_cosine, auc_euclidean: the probability that a pair of one person is more alike than one of two, ties
        half, by the angle about the mean vector and by distance (0.5 is chance).
    """
    people, who = np.unique(np.asarray(names), return_inverse=True)
    one, other = np.concatenate([same, different]).T
    truth = np.repeat([True, False], [len(same), len(different)])
    vectors = np.asarray(vectors, np.float64)
    centred = vectors - vectors.mean(axis=0)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    likeness = {
        "auc_cosine": (unit[one] * unit[other]).sum(axis=1),
        "auc_euclidean": -np.linalg.norm(vectors[one] - vectors[other], axis=1),
    }

    def figures(drawn: NDArray[np.int64]) -> dict[str, float]:
        times = np.bincount(drawn, minlength=len(people))
        weight = times[who[one]] * np.where(truth, 1, times[who[other]])
        if not weight[truth].any() or not weight[~truth].any():
            return {}
        return {key: float(roc_auc_score(truth, values, sample_weight=weight)) for key, values in likeness.items()}

    return estimate(figures, people, _ROUNDS)


SECTION = Section(
    "identity",
    "Identity on photos",
    "Area under the ROC curve over pairs of lfw's photos of held-out people, by name: the probability that two photos "
    "of one person are more alike than two of different people. A constant vector has 0.5.",
    (
        count("people", "people"),
        count("same_pairs", "pairs of one person"),
        count("different_pairs", "pairs of two people"),
        Measure("auc_cosine", "AUC of the identity vector, by angle", larger_is_better=True, digits=3),
        Measure("auc_euclidean", "AUC of the identity vector, by distance", larger_is_better=True, digits=3),
        Measure("albedo_auc_cosine", "AUC of the albedo vector, by angle", larger_is_better=True, digits=3),
        Measure("nothing", "AUC of the mean face", larger_is_better=None, digits=3),
    ),
    measure,
)
