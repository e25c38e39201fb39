"""Shape on held-out renders, as Tables 2 to 4, and whether the identity vector is more than noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import FaceModel
from training.evaluation.bootstrap import Estimate, estimate
from training.evaluation.context import Context, Material, evenly
from training.evaluation.landmark_fit import fitted_renders
from training.evaluation.render_set import EXPRESSIONS, RenderSet
from training.evaluation.section import Findings, Measure, Section, count, ranked_cases
from training.evaluation.shape_error import FaceShapeError, PersonPairs, mean_over_views, neutral_shapes

_COLUMNS = ("face", "face_std", "face_rigid", "nose", "mouth", "regions", "regions_rigid")
_SINGLE, _AVERAGED, _ALONE = "single view", "averaged over views", "neutral shape, by the identity alone"
_EVERY = 4  # of the truth's vertices that the ICP measures: 1161 of the default face model
_Tables = dict[str, dict[str, dict[str, float]]]


@dataclass(frozen=True)
class _Errors:
    """Errors of one way of seeing.

    Attributes:
        title: of its tables.
        people: (N,) whose they are. kinds: (N,) of which expression; None where expressions do not count.
        columns: {who answered: (N, C) mm, a column for each of _COLUMNS; rows of NaN where there is no answer}.
    """

    title: str
    people: NDArray[np.int64]
    kinds: NDArray[np.str_] | None
    columns: dict[str, NDArray[np.float64]]

    def tables(self, chosen: NDArray[np.int64]) -> _Tables:
        """Return the means over rows `chosen`, by expression, of everybody who answered."""
        rows = {self.title: chosen}
        if self.kinds is not None:
            kinds = self.kinds[chosen]
            rows = {f"{self.title}, {kind.replace('_', ' ')}": chosen[kinds == kind] for kind in EXPRESSIONS}
        return {title: {who: _mean(each[row]) for who, each in self.columns.items()} for title, row in rows.items()}


def measure(context: Context) -> Findings:
    """Measure shapes in one view and averaged over views, of the network, the mean face and the landmark fit."""
    material, model, (_, _, renders, answers) = context.material, context.model, context.posed
    first = np.flatnonzero(renders.light == 0)
    index = first[evenly(len(first), material.extent.shapes)]  # under each person's first light
    fitted = fitted_renders(material)
    nobody = np.tile(model.layout.neutral(), (len(renders), 1))
    known = material.kept(
        "shape",
        lambda: {
            name: _errors(material, index, name, vectors)
            for name, vectors in (("landmark fit", fitted), ("mean face", nobody))
        },
    )
    errors = {"network": _errors(material, index, "network", answers), **known}
    ways = [
        _Errors(*way, {who: parts[n] for who, parts in errors.items()}) for n, way in enumerate(_ways(renders, index))
    ]

    def of(people: NDArray[np.int64]) -> dict[str, float]:
        rows = [np.concatenate([np.flatnonzero(way.people == person) for person in people]) for way in ways]
        tables = {title: table for way, row in zip(ways, rows, strict=True) for title, table in way.tables(row).items()}
        return _figures(tables, {who: _mean(each[rows[0]]) for who, each in ways[0].columns.items()})

    everybody = np.unique(renders.person)
    found = Estimate({"pictures": float(len(index))}) | estimate(lambda chosen: of(everybody[chosen]), everybody)
    for prefix, vectors in (("", answers), ("landmark_fit_", fitted)):
        found = found | _distances(model, renders, vectors).named(prefix)
    tables = {title: table for way in ways for title, table in way.tables(np.arange(len(way.people))).items()}
    regions = ways[0].columns["network"][:, _COLUMNS.index("regions")]
    cases = ranked_cases(regions, [context.posed.names[i] for i in index], answers[index])
    return Findings(found.figures, tables, {"regions": cases}, [], found.intervals)


def _views(renders: RenderSet) -> list[NDArray[np.int64]]:
    """Pictures under the first light of each person's three expressions in order."""
    return [
        np.flatnonzero((renders.person == person) & (renders.expression == kind) & (renders.light == 0))
        for person in np.unique(renders.person)
        for kind in EXPRESSIONS
    ]


def _ways(renders: RenderSet, index: NDArray[np.int64]) -> list[tuple[str, NDArray[np.int64], NDArray[np.str_] | None]]:
    """Title, people and expressions of each part of `_errors`."""
    first = np.array([group[0] for group in _views(renders)])
    return [
        (_SINGLE, renders.person[index], renders.expression[index]),
        (_AVERAGED, renders.person[first], renders.expression[first]),
        (_ALONE, renders.person[index], None),
    ]


def _errors(material: Material, index: NDArray[np.int64], name: str, vectors: NDArray) -> list[NDArray[np.float64]]:
    """Errors of answers (N, P) to the render set: single views, averaged over views, and of the identity alone."""
    model, truths, span = material.model, material.renders.parameters, material.model.layout.slices["expression"]
    error = FaceShapeError(model, _EVERY)
    alone, rest = vectors.copy(), truths.copy()
    alone[:, span] = rest[:, span] = 0.0
    single = [index[[n]] for n in range(len(index))]
    found = []
    several = _views(material.renders)
    for groups, own, true in ((single, vectors, truths), (several, vectors, truths), (single, alone, rest)):
        pairs = [(_shape(model, own[group]), _shape(model, true[group])) for group in groups]
        rows = []
        for shape, goal in tqdm(pairs, desc=f"shape of {name}", leave=False):
            each = None if shape is None or goal is None else error(shape, goal)
            rows.append([np.nan if each is None else each[key] for key in _COLUMNS])
        found.append(np.array(rows).reshape(-1, len(_COLUMNS)))
    return found


def _shape(model: FaceModel, vectors: NDArray[np.floating]) -> NDArray | None:
    """(V, 3) mm, the mean shape of answers (N, P); those that are NaN do not count, and None without any."""
    known = vectors[np.isfinite(vectors).all(axis=1)]
    return mean_over_views(model, known) if len(known) else None


def _figures(tables: _Tables, everything: dict[str, dict[str, float]]) -> dict[str, float]:
    """The network's figures on neutral faces in one view, and by what share it is closer than the mean face."""
    neutral, averaged, alone = (tables[title] for title in (f"{_SINGLE}, neutral", f"{_AVERAGED}, neutral", _ALONE))

    def closer(table: dict[str, dict[str, float]], key: str = "regions", who: str = "network") -> float:
        return 1.0 - table[who][key] / table["mean face"][key]

    return {
        **{key: neutral["network"][key] for key in _COLUMNS},
        "mean_face_regions": neutral["mean face"]["regions"],
        "closer_regions": closer(neutral),
        "closer_regions_rigid": closer(neutral, "regions_rigid"),
        "closer_regions_averaged": closer(averaged),
        "closer_regions_all": closer(everything),
        "closer_identity": closer(alone),
        "closer_face": closer(neutral, "face"),
        "landmark_fit_closer_regions": closer(neutral, who="landmark fit"),
    }


def _mean(errors: NDArray[np.float64]) -> dict[str, float]:
    known = errors[np.isfinite(errors).all(axis=1)]
    means = known.mean(axis=0) if len(known) else np.full(len(_COLUMNS), np.nan)
    return dict(zip(_COLUMNS, means.tolist(), strict=True)) | {"count": float(len(known))}


def _distances(model: FaceModel, renders: RenderSet, vectors: NDArray) -> Estimate:
    """Within-person and between-person distance over views and lights of the neutral face, and over everything."""
    found = Estimate()
    known = np.isfinite(vectors).all(axis=1)
    for suffix, chosen in (("", known & (renders.expression == "neutral")), ("_all", known)):
        people = np.unique(renders.person[chosen])
        if len(people) < 2 or len(people) == chosen.sum():
            continue
        pairs = PersonPairs.of(neutral_shapes(model, vectors[chosen]), renders.person[chosen])

        def figures(index: NDArray[np.int64], pairs: PersonPairs = pairs, suffix: str = suffix) -> dict[str, float]:
            within, between = pairs.distances(index)
            ratio = within / between if between else float("inf")
            return {f"within{suffix}": within, f"between{suffix}": between, f"within_over_between{suffix}": ratio}

        found = found | estimate(figures, people)
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
        count("pictures", "pictures"),
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
