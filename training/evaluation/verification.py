"""Whether the identity vector tells people apart: area under the ROC curve over pairs of photos, by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata


@dataclass(frozen=True)
class Pairs:
    """Pairs of indices into a list of photos.

    Attributes:
        same: (S, 2) of one person. different: (D, 2) of two people.
    """

    same: NDArray[np.int64]
    different: NDArray[np.int64]


def name_pairs(names: ArrayLike, per_person: int = 10, seed: int = 0) -> Pairs:
    """Pairs of photos with the same and with different names, the same list for the same names and seed.

    Args:
        names: (N,) who is on each photo.
        per_person: of one person's pairs at most so many, that nobody with many photos decides the figure.
        seed: of the choice.

    Returns:
        Every pair of the same person within the limit, and as many pairs of different people, none twice, or all
        there are.

    Raises:
        ValueError: nobody is there twice, or nobody else.
    """
    rng = np.random.default_rng(seed)
    people, who = np.unique(np.asarray(names), return_inverse=True)
    same = []
    for person in range(len(people)):
        photos = np.flatnonzero(who == person)
        pairs = np.stack(np.triu_indices(len(photos), 1), axis=1)
        chosen = np.sort(rng.permutation(len(pairs))[:per_person])
        same.append(photos[pairs[chosen]])
    found = np.concatenate([np.zeros((0, 2), np.int64), *same])
    if not len(found) or len(people) < 2:
        raise ValueError(f"verification needs two photos of one person and one of another: {len(people)} people")
    return Pairs(found, _different(who, len(found), rng))


def _different(who: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """At most `count` pairs (D, 2) of photos of different people, each once."""
    if len(who) ** 2 <= 40 * count:  # few photos: list them all
        one, other = np.triu_indices(len(who), 1)
        unlike = np.flatnonzero(who[one] != who[other])
        chosen = np.sort(rng.permutation(unlike)[:count])
        return np.stack([one[chosen], other[chosen]], axis=1)
    pairs: set[tuple[int, int]] = set()
    while len(pairs) < count:
        one, other = np.sort(rng.integers(len(who), size=2))
        if who[one] != who[other]:
            pairs.add((int(one), int(other)))
    return np.array(sorted(pairs), np.int64)


def roc_auc(same: ArrayLike, different: ArrayLike) -> float:
    """Probability that a pair of one person is more alike than a pair of two; ties count half (Mann-Whitney).

    Args:
        same, different: (S,), (D,) likeness of pairs, larger is more alike.
    """
    s, d = np.asarray(same, float), np.asarray(different, float)
    ranks = rankdata(np.concatenate([s, d]))[: len(s)]
    return float((ranks.sum() - len(s) * (len(s) + 1) / 2) / (len(s) * len(d)))


def verification(vectors: NDArray[np.floating], names: ArrayLike, pairs: Pairs | None = None) -> dict[str, float]:
    """How well identity vectors (N, D) tell people apart.

    Args:
        vectors: one per photo.
        names: (N,) who is on each photo.
        pairs: `name_pairs(names)` unless given.

    Returns:
        auc_cosine, auc_euclidean: by angle about the mean vector and by distance (0.5 is chance); same_pairs,
        different_pairs, photos, people: counts.
    """
    pairs = pairs or name_pairs(names)
    vectors = np.asarray(vectors, np.float64)
    centred = vectors - vectors.mean(axis=0)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)

    def cosine(index: NDArray[np.int64]) -> NDArray:
        return (unit[index[:, 0]] * unit[index[:, 1]]).sum(axis=1)

    def nearness(index: NDArray[np.int64]) -> NDArray:
        return -np.linalg.norm(vectors[index[:, 0]] - vectors[index[:, 1]], axis=1)

    return {
        "auc_cosine": roc_auc(cosine(pairs.same), cosine(pairs.different)),
        "auc_euclidean": roc_auc(nearness(pairs.same), nearness(pairs.different)),
        "same_pairs": float(len(pairs.same)),
        "different_pairs": float(len(pairs.different)),
        "photos": float(len(vectors)),
        "people": float(len(np.unique(np.asarray(names)))),
    }
