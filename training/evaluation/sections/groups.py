"""Landmarks by groups of people: age and the label's group on photos, skin tone on renders."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.evaluation.bootstrap import Estimate, estimate, mean, median
from training.evaluation.context import Context
from training.evaluation.measures import errors_against_points, landmarks68_px, nme68
from training.evaluation.section import Findings, Measure, Section, UnmeasuredError, count
from training.evaluation.skin_tone import TONE_GROUPS

_COLLECTION = "utkface"
_AGES = ((0, 29), (30, 44), (45, 59), (60, 200))
_RACES = ("White", "Black", "Asian", "Indian", "other")
_GENDERS = ("male", "female")
_LEAST = 8  # members that a group needs to be compared


def measure(context: Context) -> Findings:
    """Find the mean NME of every group with its count, and the worst group over the average."""
    model, (_, _, renders, answers) = context.model, context.posed
    pairs = zip(answers, renders.parameters, strict=True)
    errors = np.array([nme68(*(landmarks68_px(model, vector) for vector in pair))[0] for pair in pairs])
    order = [name for name in TONE_GROUPS if name in renders.tone_group]
    tables = {"skin tone (renders)": by_group(errors, renders.tone_group, order)}
    found = _worst("tone", errors, renders.tone_group, renders.person)
    notes = [f"groups of fewer than {_LEAST} are not compared"]
    try:
        nme, labels = _photos(context)
        found = found | Estimate({"photos": float(len(nme))})
        for key, title, groups in zip(
            ("age", "gender", "race"),
            ("age (photos)", "gender (photos)", "utkface's groups (photos)"),
            labels.T,
            strict=True,
        ):
            tables[title] = by_group(nme, groups, sorted(set(groups.tolist())))
            found = found | _worst(key, nme, groups, np.arange(len(nme)))
    except UnmeasuredError as error:
        notes.append(f"{_COLLECTION} is left out: {error}")
    return Findings(found.figures, tables, {}, notes, found.intervals)


def by_group(values: NDArray[np.floating], groups: ArrayLike, names: list[str]) -> dict[str, dict[str, float]]:
    """Return {name: {"mean", "median", "count"}} of values (N,) by their groups (N,); NaN values do not count."""
    groups, finite = np.asarray(groups), np.isfinite(values)
    members = {name: values[(groups == name) & finite] for name in names}
    return {name: {"mean": mean(m), "median": median(m), "count": float(len(m))} for name, m in members.items()}


def worst_ratio(values: NDArray[np.floating], groups: ArrayLike) -> float:
    """Return the largest mean of a group of values (N,) over the mean of all; 1 where nobody has an error."""
    _, number = np.unique(np.asarray(groups), return_inverse=True)
    average = float(values.mean())
    return float((np.bincount(number, values) / np.bincount(number)).max() / average) if average else 1.0


def _worst(key: str, values: NDArray[np.float64], groups: NDArray, people: NDArray) -> Estimate:
    """`worst_ratio` among the groups that are large enough; nothing without such a group."""
    names, number = np.unique(groups, return_inverse=True)
    finite = np.isfinite(values)
    large = np.flatnonzero(finite & (np.bincount(number[finite], minlength=len(names))[number] >= _LEAST))
    if not len(large):
        return Estimate()
    return estimate(lambda i: {f"{key}_worst": worst_ratio(values[large[i]], number[large[i]])}, people[large])


def age_group(age: int) -> str:
    """Return the name of an age's group."""
    low, high = next((low, high) for low, high in _AGES if low <= age <= high)
    return f"{low}-{high}" if high < 200 else f"{low} and over"


def label_of(path: str) -> tuple[int, str, str] | None:
    """Return age, gender and group of utkface's file name `age_gender_race_date.jpg`; None for another name."""
    try:
        age, gender, race = (int(part) for part in path.rpartition("/")[2].split("_")[:3])
        return age, _GENDERS[gender], _RACES[race]
    except (ValueError, IndexError):
        return None


def _photos(context: Context) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """NME (N,) of utkface's photos, and (N, 3) the age's group, gender and group of each."""
    photos, errors, labels = context.material.photos, [], []
    for i in np.flatnonzero(photos.collections == _COLLECTION):
        vector, label = context.photo_answers[i], label_of(str(photos.paths[i]))
        if vector is not None and label is not None:
            errors.append(errors_against_points(context.model, vector, photos.landmarks[i].astype(float))[0])
            labels.append((age_group(label[0]), *label[1:]))
    if not errors:
        raise UnmeasuredError(f"no held-out photo of {_COLLECTION}")
    return np.array(errors), np.array(labels)


SECTION = Section(
    "groups",
    "Groups of people",
    "68-landmark NME by group: on held-out photos of utkface against MediaPipe's points, by the age, gender and group "
    "that its file names tell; on renders against truth, by the typology angle of the skin. The figure is the worst "
    "group's mean over everybody's.",
    (
        Measure("tone_worst", "skin tone (renders): worst over average", limit=1.5),
        count("photos", "photos"),
        Measure("age_worst", "age (photos): worst over average", limit=1.5),
        Measure("race_worst", "utkface's groups (photos): worst over average", limit=1.5),
        Measure("gender_worst", "gender (photos): worst over average", limit=1.5),
    ),
    measure,
)
