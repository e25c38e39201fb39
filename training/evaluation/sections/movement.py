"""Expression in mm: lips, lids and brows on renders, mouth and eyes open as they should be on renders and photos.

Expression weights are a bad unit, since many shapes look alike: what is seen is where the points go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from facemodel import FaceModel
from facemodel.mediapipe_outlines import INNER_LIPS, LEFT_BROW, LEFT_EYE, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE, facing
from training.evaluation.bootstrap import Estimate, estimate, mean
from training.evaluation.context import Context
from training.evaluation.measures import landmarks478_px
from training.evaluation.section import Findings, Measure, Section, UnmeasuredError, ranked_cases

PARTS: dict[str, tuple[int, ...]] = {
    "lips": OUTER_LIPS + INNER_LIPS,
    "lids": RIGHT_EYE + LEFT_EYE,
    "brows": RIGHT_BROW + LEFT_BROW,
}
"""Points of MediaPipe's 478."""

_SHUT = 2.0  # mm; lips that are truly no further apart are shut: those of the mean face, at rest, are 1.4 apart


_OPENINGS = {
    "lip_gap": (facing(INNER_LIPS, range(3, 8)),),  # the middle five of nine
    "lid_opening": (facing(RIGHT_EYE, range(3, 6)), facing(LEFT_EYE, range(3, 6))),  # the middle three of seven
}
"""Lower points of MediaPipe's 478, and the upper ones that they face: of the mouth; of each eye."""


def measure(context: Context) -> Findings:
    """Find errors on the random expressions beside two constant answers, and openings on photos beside MediaPipe's."""
    spans, model, (_, _, renders, answers) = context.model.layout.slices, context.model, context.random
    weights, truth = (vectors[:, spans["expression"]].astype(float) for vectors in (answers, renders.parameters))
    identity = renders.parameters[:, spans["identity"]]
    true = openings(model, truth, identity)
    columns: dict[str, NDArray[np.float64]] = {}  # (N,) each
    opened = {}
    for prefix, own in (
        ("", weights),
        ("zero_", np.zeros_like(truth)),
        ("mean_", np.tile(truth.mean(axis=0), (len(truth), 1))),
    ):
        columns |= {prefix + part: errors for part, errors in movement_errors(model, own, truth).items()}
        opened[prefix] = openings(model, own, identity)
        columns |= {prefix + name: np.abs(opened[prefix][name] - true[name]).mean(axis=1) for name in _OPENINGS}
    excess = opened[""]["lip_gap"][:, 0] - true["lip_gap"][:, 0]
    excess[true["lip_gap"][:, 0] >= _SHUT] = np.nan

    def figures(index: NDArray[np.int64]) -> dict[str, float]:
        return {
            **{name: float(values[index].mean()) for name, values in columns.items()},
            **{f"{name}_correlation": correlation(opened[""][name][index], true[name][index]) for name in _OPENINGS},
            "shut_gap": mean(excess[index]),
        }

    found = estimate(figures, renders.person)
    notes = []
    try:
        found = found | _photos(context)
    except UnmeasuredError as error:
        notes.append(f"openings on photos are left out: {error}")
    cases = {part: ranked_cases(columns[part], context.random.names, answers) for part in PARTS}
    return Findings(found.figures, {}, cases, notes, found.intervals)


def movement_errors(
    model: FaceModel, weights: NDArray, truth: NDArray, parts: Mapping[str, Sequence[int]] = PARTS
) -> dict[str, NDArray[np.float64]]:
    """Return how far weights move points from where the true ones do, with the true head pose and identity.

    Args:
        model: whose expressions move MediaPipe's points linearly.
        weights, truth: (N, Ne).
        parts: points of MediaPipe's 478, by name.
    Returns: {part: (N,) mm, mean distance of its points}.
    """
    moves = np.stack([model.landmarks478(shape) for shape in model.expression]).astype(np.float64)  # (Ne, 478, 3)
    difference = np.asarray(weights, np.float64) - truth
    return {
        part: np.linalg.norm(np.tensordot(difference, moves[:, list(points)], axes=1), axis=2).mean(1)
        for part, points in parts.items()
    }


def openings(model: FaceModel, weights: NDArray, identity: NDArray) -> dict[str, NDArray[np.float64]]:
    """Return how far mouth and eyes are open along the head's up axis; 0 where lips or lids overlap.

    Args:
        model: the face model.
        weights: (N, Ne).
        identity: (N, Ni), of the same people.
    Returns: {"lip_gap": (N, 1) mm, "lid_opening": (N, 2) mm of the right and the left eye}.
    """
    parts = [
        np.stack([model.landmarks478(shape) for shape in shapes]).astype(np.float64)
        for shapes in (model.mean[None], model.identity, model.expression)
    ]  # (1, 478, 3), (Ni, 478, 3), (Ne, 478, 3)
    coefficients = np.concatenate([np.ones((len(weights), 1)), identity, weights], axis=1, dtype=np.float64)

    def opening(lower: list[int], upper: list[int]) -> NDArray[np.float64]:  # (N,)
        gaps = np.concatenate([(points[:, upper, 1] - points[:, lower, 1]).mean(axis=1) for points in parts])
        return coefficients @ gaps

    return {
        name: np.maximum(0.0, np.stack([opening(*pair) for pair in pairs], axis=1)) for name, pairs in _OPENINGS.items()
    }


def picture_openings(points: NDArray, scale: float) -> dict[str, NDArray[np.float64]]:
    """Return how far mouth and eyes are open in a picture.

    Args:
        points: (478, 2) px.
        scale: of the head, px/mm.
    Returns: {"lip_gap": (1,) mm, "lid_opening": (2,) mm of the right and the left eye}, never below 0.
    """
    return {
        name: np.array([np.linalg.norm(points[up] - points[low], axis=1).mean() / scale for low, up in pairs])
        for name, pairs in _OPENINGS.items()
    }


def correlation(values: NDArray, truth: NDArray) -> float:
    """Return Pearson's correlation of two arrays of one shape over all their entries; NaN where one is constant."""
    own, true = (np.ravel(array) - np.mean(array) for array in (values, truth))
    norm = np.sqrt((own**2).sum() * (true**2).sum())
    return float(own @ true / norm) if norm > 1e-9 else float("nan")


def _photos(context: Context) -> Estimate:
    """Openings that are read off photos against those of MediaPipe's points, in mm by the same scale."""
    photos, answers = context.material.photos, context.photo_answers
    seen = [i for i, answer in enumerate(answers) if answer is not None]
    if not seen:
        raise UnmeasuredError("the tracker accepts no photo")
    own, theirs = (
        [picture_openings(marks(i), photos.pose(i)[2]) for i in seen]
        for marks in (
            lambda i: landmarks478_px(context.model, np.asarray(answers[i])),
            lambda i: photos.landmarks[i].astype(float),
        )
    )
    pairs = {name: [np.stack([each[name] for each in side]) for side in (own, theirs)] for name in _OPENINGS}

    def figures(index: NDArray[np.int64]) -> dict[str, float]:
        found = {}
        for name, (ours, reference) in pairs.items():
            found[f"photo_{name}_correlation"] = correlation(ours[index], reference[index])
            found[f"photo_{name}_excess"] = float((ours - reference)[index].mean())
        return found

    return estimate(figures, photos.people[seen])


def _beside(key: str, title: str) -> tuple[Measure, ...]:
    """An error in mm and what it is of the two constant answers."""
    return (
        Measure(key, title, "mm"),
        Measure(f"zero_{key}", "the same, always zero", "mm", larger_is_better=None),
        Measure(f"mean_{key}", "the same, the mean expression", "mm", larger_is_better=None),
    )


SECTION = Section(
    "movement",
    "Expression in mm",
    "How far the expression moves points from where they should be, with the true head pose and identity: mean "
    "distance of 40 points of the lips, 32 of the lids and 20 of the brows on random expressions. Gap and opening: "
    "along the head's up axis, between the middle of the lips and of the lids. On photos of held-out people they are "
    "compared with those of MediaPipe's points in the picture.",
    (
        *_beside("lips", "lips"),
        *_beside("lids", "lids"),
        *_beside("brows", "brows"),
        *_beside("lip_gap", "lip gap: error"),
        Measure("lip_gap_correlation", "lip gap: correlation with the truth", larger_is_better=True),
        Measure("shut_gap", f"lip gap read too wide where the true one is below {_SHUT:.0f} mm", "mm"),
        *_beside("lid_opening", "lid opening: error"),
        Measure("lid_opening_correlation", "lid opening: correlation with the truth", larger_is_better=True),
        Measure("photo_lip_gap_correlation", "photos: lip gap, correlation", larger_is_better=True),
        Measure("photo_lip_gap_excess", "photos: lip gap, wider than MediaPipe's by", "mm", larger_is_better=None),
        Measure("photo_lid_opening_correlation", "photos: lid opening, correlation", larger_is_better=True),
        Measure(
            "photo_lid_opening_excess", "photos: lid opening, wider than MediaPipe's by", "mm", larger_is_better=None
        ),
    ),
    measure,
)
