"""Whether the identity vector tells people apart: verification on held-out people with several photos."""

from __future__ import annotations

import numpy as np

from training.evaluation.context import Context
from training.evaluation.section import Findings, Measure, Section, UnmeasuredError
from training.evaluation.verification import verification

_COLLECTION = "lfw"


def measure(context: Context) -> Findings:
    """Areas under the ROC curve of identity, and of albedo beside it."""
    photos, answers, layout = context.material.photos, context.photo_answers, context.model.layout
    chosen = [i for i in np.flatnonzero(photos.collections == _COLLECTION) if answers[i] is not None]
    vectors = np.array([answers[i] for i in chosen], np.float64).reshape(len(chosen), layout.size)
    names = photos.people[chosen]
    try:
        found = verification(vectors[:, layout.slices["identity"]], names)
        albedo = verification(vectors[:, layout.slices["albedo"]], names)
    except ValueError as error:
        raise UnmeasuredError(f"{_COLLECTION}: {error}") from error
    return Findings(found | {"albedo_auc_cosine": albedo["auc_cosine"], "nothing": 0.5})


SECTION = Section(
    "identity",
    "Identity on photos",
    "Area under the ROC curve over pairs of lfw's photos of held-out people, by name: the probability that two photos "
    "of one person are more alike than two of different people. A constant vector has 0.5.",
    (
        Measure("people", "people", digits=0, larger_is_better=None),
        Measure("same_pairs", "pairs of one person", digits=0, larger_is_better=None),
        Measure("different_pairs", "pairs of two people", digits=0, larger_is_better=None),
        Measure("auc_cosine", "AUC of the identity vector, by angle", larger_is_better=True, digits=3),
        Measure("auc_euclidean", "AUC of the identity vector, by distance", larger_is_better=True, digits=3),
        Measure("albedo_auc_cosine", "AUC of the albedo vector, by angle", larger_is_better=True, digits=3),
        Measure("nothing", "AUC of the mean face", larger_is_better=None, digits=3),
    ),
    measure,
)
