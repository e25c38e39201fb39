"""Shape on held-out renders, as Tables 2 to 4, and whether the identity vector is more than noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import FaceModel
from training.evaluation.bootstrap import Estimate, estimate
from training.evaluation.context import Context, Material
from training.evaluation.face_shape import FaceShapeError, PersonPairs, mean_over_views, neutral_shapes
from training.evaluation.landmark_fit import fitted_renders
from training.evaluation.render_set import EXPRESSIONS, RenderSet
from training.evaluation.section import Findings, Measure, Section, ranked_cases

_COLUMNS = ("face", "face_std", "face_rigid", "nose", "mouth", "regions", "regions_rigid")
_SINGLE, _AVERAGED, _ALONE = "single view", "averaged over views", "neutral shape, by the identity alone"
_EVERY = 4  # of the truth's vertices that the ICP measures: 1161 of the default face model


@dataclass(frozen=True)
class _ShapeErrors:
    """Errors in mm, a column for each of _COLUMNS; rows of NaN where there is no answer.

    Attributes:
        single: (N, C) of the shapes in one view. averaged: (M, C) of each person's expressions, averaged over views.
        alone: (N, C) of the neutral shapes that the identities give.
    """

    single: NDArray[np.float64]
    averaged: NDArray[np.float64]
    alone: NDArray[np.float64]


def measure(context: Context) -> Findings:
    """Shape errors in one view and averaged over views, of the network, the mean face and the landmark fit."""
    material, model, renders, answers = (
        context.material,
        context.model,
        context.material.renders,
        context.render_answers,
    )
    fitted = fitted_renders(material)
    index = _chosen(renders, material.extent.shapes)
    mean_face = np.tile(model.layout.neutral(), (len(renders), 1))
    errors = {"network": _shape_errors(material, index, answers, "network")} | material.kept(
        "shape",
        lambda: {
            name: _shape_errors(material, index, vectors, name)
            for name, vectors in (("landmark fit", fitted), ("mean face", mean_face))
        },
    )
    rows = _Rows.of(renders, index)
    tables = _tables(rows, errors)
    people = np.unique(renders.person)

    def of(chosen: NDArray[np.int64]) -> dict[str, float]:
        drawn, theirs = rows.of_people(people[chosen], errors)
        return _figures(_tables(drawn, theirs), theirs)

    found = estimate(of, people)
    apart = [_distances(model, renders, vectors, key) for key, vectors in (("", answers), ("landmark_fit_", fitted))]
    figures = {"pictures": float(len(index)), **found.figures}
    intervals = dict(found.intervals)
    for one in apart:
        figures |= one.figures
        intervals |= one.intervals
    regions = errors["network"].single[:, _COLUMNS.index("regions")]
    cases = ranked_cases(regions, [f"render:{i}" for i in index], [answers[i] for i in index])
    return Findings(figures, tables, {"regions": cases}, [], intervals)


@dataclass(frozen=True)
class _Rows:
    """Whose the rows of `_ShapeErrors` are, and of which expression.

    Attributes:
        people, kinds: (N,) of `single` and `alone`. averaged_people, averaged_kinds: (M,) of `averaged`.
    """

    people: NDArray[np.int64]
    kinds: NDArray[np.str_]
    averaged_people: NDArray[np.int64]
    averaged_kinds: NDArray[np.str_]

    @classmethod
    def of(cls, renders: RenderSet, index: NDArray[np.int64]) -> _Rows:
        first = np.array([group[0] for group in _groups_of_views(renders)])
        return cls(renders.person[index], renders.expression[index], renders.person[first], renders.expression[first])

    def of_people(
        self, people: NDArray[np.int64], errors: dict[str, _ShapeErrors]
    ) -> tuple[_Rows, dict[str, _ShapeErrors]]:
        """Return the rows of these people, of somebody who is there twice all rows twice."""
        one, many = (
            np.concatenate([np.flatnonzero(whose == person) for person in people])
            for whose in (self.people, self.averaged_people)
        )
        rows = _Rows(self.people[one], self.kinds[one], self.averaged_people[many], self.averaged_kinds[many])
        return rows, {
            name: _ShapeErrors(each.single[one], each.averaged[many], each.alone[one]) for name, each in errors.items()
        }


def _chosen(renders: RenderSet, limit: int) -> NDArray[np.int64]:
    """Pictures under each person's first light, evenly over the set."""
    known = np.flatnonzero(renders.light == 0)
    return known[np.linspace(0, len(known) - 1, min(limit, len(known))).round().astype(int)]


def _shape_errors(material: Material, index: NDArray[np.int64], vectors: NDArray, name: str) -> _ShapeErrors:
    """Errors of answers (N, P) to the render set; single views at `index`."""
    model, truths = material.model, material.renders.parameters
    error = FaceShapeError(model, _EVERY)
    layout = model.layout
    rest = vectors.copy(), truths.copy()
    for each in rest:
        each[:, layout.slices["expression"]] = 0.0
    people = _groups_of_views(material.renders)
    pairs = {
        "": [(_shape(model, vectors[[i]]), _shape(model, truths[[i]])) for i in index],
        ", averaged": [(_shape(model, vectors[group]), _shape(model, truths[group])) for group in people],
        ", identity alone": [(_shape(model, rest[0][[i]]), _shape(model, rest[1][[i]])) for i in index],
    }
    single, averaged, alone = (_errors(error, each, f"shape of {name}{title}") for title, each in pairs.items())
    return _ShapeErrors(single, averaged, alone)


def _groups_of_views(renders: RenderSet) -> list[NDArray[np.int64]]:
    """Pictures under the first light of each person's three expressions in order."""
    return [
        np.flatnonzero((renders.person == person) & (renders.expression == kind) & (renders.light == 0))
        for person in np.unique(renders.person)
        for kind in EXPRESSIONS
    ]


def _shape(model: FaceModel, vectors: NDArray[np.floating]) -> NDArray | None:
    """(V, 3) mm, the mean shape of answers (N, P); those that are NaN do not count, and None without any."""
    known = vectors[np.isfinite(vectors).all(axis=1)]
    return mean_over_views(model, known) if len(known) else None


def _errors(error: FaceShapeError, pairs: Sequence[tuple[NDArray | None, NDArray | None]], title: str) -> NDArray:
    """(N, C) errors of shapes against true ones; NaN where there is no shape."""
    rows = []
    for shape, true in tqdm(pairs, desc=title, leave=False):
        found = None if shape is None or true is None else error(shape, true)
        rows.append([np.nan if found is None else found[key] for key in _COLUMNS])
    return np.array(rows).reshape(-1, len(_COLUMNS))


def _tables(rows: _Rows, errors: dict[str, _ShapeErrors]) -> dict[str, dict[str, dict[str, float]]]:
    """Means by expression, and of the identity alone, of everybody who answered."""
    tables = {_ALONE: {name: _mean(found.alone) for name, found in errors.items()}}
    kinds, averaged = rows.kinds, rows.averaged_kinds
    for kind in EXPRESSIONS:
        name = kind.replace("_", " ")
        tables[f"{_SINGLE}, {name}"] = {who: _mean(found.single[kinds == kind]) for who, found in errors.items()}
        tables[f"{_AVERAGED}, {name}"] = {who: _mean(found.averaged[averaged == kind]) for who, found in errors.items()}
    return tables


def _figures(tables: dict[str, dict[str, dict[str, float]]], errors: dict[str, _ShapeErrors]) -> dict[str, float]:
    """The network's figures on neutral faces in one view, and by what share it is closer than the mean face."""
    neutral, averaged, alone = (tables[title] for title in (f"{_SINGLE}, neutral", f"{_AVERAGED}, neutral", _ALONE))
    everything = {name: _mean(found.single) for name, found in errors.items()}

    def closer(table: dict[str, dict[str, float]], key: str, who: str = "network") -> float:
        return 1.0 - table[who][key] / table["mean face"][key]

    return {
        **{key: neutral["network"][key] for key in _COLUMNS},
        "mean_face_regions": neutral["mean face"]["regions"],
        "closer_regions": closer(neutral, "regions"),
        "closer_regions_rigid": closer(neutral, "regions_rigid"),
        "closer_regions_averaged": closer(averaged, "regions"),
        "closer_regions_all": closer(everything, "regions"),
        "closer_identity": closer(alone, "regions"),
        "closer_face": closer(neutral, "face"),
        "landmark_fit_closer_regions": closer(neutral, "regions", "landmark fit"),
    }


def _mean(errors: NDArray[np.float64]) -> dict[str, float]:
    known = errors[np.isfinite(errors).all(axis=1)]
    means = known.mean(axis=0) if len(known) else np.full(len(_COLUMNS), np.nan)
    return dict(zip(_COLUMNS, means.tolist(), strict=True)) | {"count": float(len(known))}


def _distances(model: FaceModel, renders: RenderSet, vectors: NDArray, prefix: str) -> Estimate:
    """Within-person and between-person distance over views and lights of the neutral face, and over everything."""
    found = Estimate({}, {})
    known = np.isfinite(vectors).all(axis=1)
    for suffix, chosen in (("", known & (renders.expression == "neutral")), ("_all", known)):
        people = np.unique(renders.person[chosen])
        if len(people) < 2 or len(people) == chosen.sum():
            continue
        pairs = PersonPairs.of(neutral_shapes(model, vectors[chosen]), renders.person[chosen])

        def figures(index: NDArray[np.int64], pairs: PersonPairs = pairs, suffix: str = suffix) -> dict[str, float]:
            try:
                distances = pairs.distances(index)
            except ValueError:  # one person alone was drawn
                return {}
            return {
                f"{prefix}within{suffix}": distances.within,
                f"{prefix}between{suffix}": distances.between,
                f"{prefix}within_over_between{suffix}": distances.ratio,
            }

        one = estimate(figures, people)
        found = Estimate(found.figures | one.figures, found.intervals | one.intervals)
    return found


SECTION = Section(
    "shape",
    "Shape on held-out renders",
    "Random people that no training saw, in mm. face: point-to-plane distance after ICP with an isotropic scale "
    "(Tables 2 to 4); face_rigid: without a free scale; nose, mouth, regions: each region aligned by itself, regions "
    "being the mean of nose, mouth, forehead and cheeks. The figures here are of neutral faces in one view, where "
    "nothing but identity brings a shape closer than the mean face; the tables have every expression. The landmark "
    "fit is that of the training data, on MediaPipe's points of the same pictures. Within and between: distances of "
    "the neutral shapes that are read off one person's pictures and off different people's.",
    (
        Measure("pictures", "pictures", digits=0, larger_is_better=None),
        Measure("face", "ICP with isotropic scale", "mm"),
        Measure("face_std", "its standard deviation", "mm", larger_is_better=None),
        Measure("face_rigid", "ICP without a free scale", "mm"),
        Measure("nose", "nose alone", "mm"),
        Measure("mouth", "mouth alone", "mm"),
        Measure("regions", "region-wise", "mm"),
        Measure("regions_rigid", "region-wise without a free scale", "mm"),
        Measure("mean_face_regions", "region-wise, mean face", "mm", larger_is_better=None),
        Measure("closer_regions", "closer than the mean face, region-wise", "%", 0.30, larger_is_better=True, digits=1),
        Measure("closer_regions_rigid", "the same without a free scale", "%", larger_is_better=True, digits=1),
        Measure("closer_regions_averaged", "the same averaged over views", "%", larger_is_better=True, digits=1),
        Measure("closer_regions_all", "the same over all three expressions", "%", larger_is_better=True, digits=1),
        Measure("closer_identity", "the same of the identity alone", "%", larger_is_better=True, digits=1),
        Measure("closer_face", "closer than the mean face, ICP", "%", larger_is_better=True, digits=1),
        Measure(
            "landmark_fit_closer_regions",
            "landmark fit: closer than the mean face, region-wise",
            "%",
            larger_is_better=None,
            digits=1,
        ),
        Measure("within", "within-person distance", "mm"),
        Measure("between", "between-person distance", "mm", larger_is_better=True),
        Measure("within_over_between", "within over between", limit=0.5, digits=3),
        Measure("within_over_between_all", "the same over expressions too", digits=3),
        Measure(
            "landmark_fit_within_over_between", "landmark fit: within over between", larger_is_better=None, digits=3
        ),
    ),
    measure,
)
