"""Expression in mm: lips, lids and brows on renders, mouth and eyes open as they should be on renders and photos."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facemodel import project
from training.evaluation.bootstrap import Estimate, estimate
from training.evaluation.context import Context
from training.evaluation.face_movement import PARTS, ExpressionMovement, picture_openings
from training.evaluation.section import Findings, Measure, Section, UnmeasuredError, ranked_cases

_SHUT = 2.0
"""mm; lips that are truly no further apart are shut: those of the mean face, at rest, are 1.4 apart."""

_OPENINGS = ("lip_gap", "lid_opening")


def measure(context: Context) -> Findings:
    """Errors on the random expressions beside two constant answers, and openings on photos beside MediaPipe's."""
    layout, renders, answers = context.model.layout, context.material.random_renders, context.random_answers
    weights, truth = (
        vectors[:, layout.slices["expression"]].astype(float) for vectors in (answers, renders.parameters)
    )
    identity = renders.parameters[:, layout.slices["identity"]]
    movement = ExpressionMovement(context.model)
    kinds = {"": weights, "zero_": np.zeros_like(truth), "mean_": np.tile(truth.mean(axis=0), (len(truth), 1))}
    columns: dict[str, NDArray[np.float64]] = {}  # (N,) each
    true = movement.openings(truth, identity)
    opened = {}
    for prefix, own in kinds.items():
        columns |= {prefix + part: errors for part, errors in movement.errors(own, truth).items()}
        opened[prefix] = movement.openings(own, identity)
        columns |= {prefix + name: np.abs(opened[prefix][name] - true[name]).mean(axis=1) for name in _OPENINGS}
    shut = true["lip_gap"][:, 0] < _SHUT

    def figures(index: NDArray[np.int64]) -> dict[str, float]:
        found = {name: float(values[index].mean()) for name, values in columns.items()}
        for name in _OPENINGS:
            found[f"{name}_correlation"] = correlation(opened[""][name][index], true[name][index])
        closed = index[shut[index]]
        excess = (opened[""]["lip_gap"] - true["lip_gap"])[closed]
        return found | {"shut_gap": float(excess.mean()) if len(closed) else float("nan")}

    found = estimate(figures, renders.person)
    notes = []
    try:
        photos = _photos(context)
        found = Estimate(found.figures | photos.figures, found.intervals | photos.intervals)
    except UnmeasuredError as error:
        notes.append(f"openings on photos are left out: {error}")
    names = [f"random:{i}" for i in range(len(renders))]
    cases = {part: ranked_cases(columns[part], names, list(answers)) for part in PARTS}
    return Findings(found.figures, {}, cases, notes, found.intervals)


def correlation(values: NDArray, truth: NDArray) -> float:
    """Return Pearson's correlation of two arrays of one shape over all their entries; NaN where one is constant."""
    own, true = (np.ravel(array) - np.mean(array) for array in (values, truth))
    norm = np.sqrt((own**2).sum() * (true**2).sum())
    return float(own @ true / norm) if norm > 1e-9 else float("nan")


def _photos(context: Context) -> Estimate:
    """Openings that are read off photos against those of MediaPipe's points, in mm by the same scale."""
    photos, answers, model = context.material.photos, context.photo_answers, context.model
    seen = [i for i, answer in enumerate(answers) if answer is not None]
    if not seen:
        raise UnmeasuredError("the tracker accepts no photo")
    pairs = []
    for i in seen:
        p = model.layout.view(np.asarray(answers[i]))
        points = project(model.landmarks478(model.shape(p.identity, p.expression)), p.rotation, p.translation, p.scale)
        scale = photos.pose(i)[2]
        pairs.append([picture_openings(marks, scale) for marks in (points, photos.landmarks[i].astype(float))])
    own, theirs = ({name: np.stack([pair[k][name] for pair in pairs]) for name in _OPENINGS} for k in (0, 1))

    def figures(index: NDArray[np.int64]) -> dict[str, float]:
        return {
            f"photo_{name}{suffix}": value
            for name in _OPENINGS
            for suffix, value in (
                ("_correlation", correlation(own[name][index], theirs[name][index])),
                ("_excess", float((own[name] - theirs[name])[index].mean())),
            )
        }

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
