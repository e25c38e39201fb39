"""Landmarks by groups of people: age and the label's group on photos, skin tone on renders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facemodel.landmarks import normalized_mean_error
from training.evaluation.context import Context
from training.evaluation.groups import by_group, worst_ratio
from training.evaluation.measures import errors_against_points, landmarks68_px
from training.evaluation.section import Findings, Measure, Section, UnmeasuredError
from training.evaluation.skin_tone import TONE_GROUPS

_COLLECTION = "utkface"
_AGES = ((0, 29), (30, 44), (45, 59), (60, 200))
_RACES = ("White", "Black", "Asian", "Indian", "other")
_GENDERS = ("male", "female")
_LEAST = 8  # members that a group needs to be compared


def measure(context: Context) -> Findings:
    """Mean NME of every group with its count, and the worst group over the average."""
    figures, tables = _tones(context)
    notes = [f"groups of fewer than {_LEAST} are not compared"]
    try:
        more, photo_tables = _photos(context)
        figures |= more
        tables |= photo_tables
    except UnmeasuredError as error:
        notes.append(f"{_COLLECTION} is left out: {error}")
    return Findings(figures, tables, {}, notes)


def age_group(age: int) -> str:
    """Name of an age's group."""
    low, high = next((low, high) for low, high in _AGES if low <= age <= high)
    return f"{low}-{high}" if high < 200 else f"{low} and over"


def label_of(path: str) -> tuple[int, str, str] | None:
    """Age, gender and group that utkface's file name `age_gender_race_date.jpg` tells; None for another name."""
    parts = path.rpartition("/")[2].split("_")
    try:
        age, gender, race = (int(part) for part in parts[:3])
        return age, _GENDERS[gender], _RACES[race]
    except (ValueError, IndexError):
        return None


def _tones(context: Context) -> tuple[dict[str, float], dict[str, dict[str, dict[str, float]]]]:
    model, renders = context.model, context.material.renders
    errors = np.array(
        [
            normalized_mean_error(landmarks68_px(model, vector), landmarks68_px(model, truth))
            for vector, truth in zip(context.render_answers, renders.parameters, strict=True)
        ]
    )
    order = [name for name in TONE_GROUPS if name in renders.tone_group]
    found = by_group(errors, renders.tone_group)
    table = {name: found[name] for name in order}
    return _compared("tone", table), {"skin tone (renders)": table}


def _photos(context: Context) -> tuple[dict[str, float], dict[str, dict[str, dict[str, float]]]]:
    photos, answers = context.material.photos, context.photo_answers
    errors, labels = [], []
    for i in np.flatnonzero(photos.collections == _COLLECTION):
        vector, label = answers[i], label_of(str(photos.paths[i]))
        if vector is not None and label is not None:
            errors.append(errors_against_points(context.model, vector, photos.landmarks[i].astype(float))[0])
            labels.append(label)
    if not errors:
        raise UnmeasuredError(f"no held-out photo of {_COLLECTION}")
    nme = np.array(errors)
    ages, genders, races = zip(*labels, strict=True)
    kinds: dict[str, tuple[str, NDArray]] = {
        "age": ("age (photos)", np.array([age_group(age) for age in ages])),
        "gender": ("gender (photos)", np.array(genders)),
        "race": ("utkface's groups (photos)", np.array(races)),
    }
    figures: dict[str, float] = {"photos": float(len(nme))}
    tables = {}
    for key, (title, groups) in kinds.items():
        table = by_group(nme, groups)
        tables[title] = dict(sorted(table.items()))
        figures |= _compared(key, table)
    return figures, tables


def _compared(key: str, table: dict[str, dict[str, float]]) -> dict[str, float]:
    try:
        return {f"{key}_worst": worst_ratio(table, _LEAST)[1]}
    except ValueError:
        return {}


SECTION = Section(
    "groups",
    "Groups of people",
    "68-landmark NME by group: on held-out photos of utkface against MediaPipe's points, by the age, gender and group "
    "that its file names tell; on renders against truth, by the typology angle of the skin. The figure is the worst "
    "group's mean over everybody's.",
    (
        Measure("tone_worst", "skin tone (renders): worst over average", limit=1.5),
        Measure("photos", "photos", digits=0, larger_is_better=None),
        Measure("age_worst", "age (photos): worst over average", limit=1.5),
        Measure("race_worst", "utkface's groups (photos): worst over average", limit=1.5),
        Measure("gender_worst", "gender (photos): worst over average", limit=1.5),
    ),
    measure,
)
