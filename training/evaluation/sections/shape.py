"""Shape on held-out renders, as Tables 2 to 4, and whether the identity vector is more than noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import FaceModel
from training.evaluation.context import Context
from training.evaluation.face_shape import FaceShapeError, mean_over_views, neutral_shapes, person_distances
from training.evaluation.landmark_fit import fitted_renders
from training.evaluation.render_set import EXPRESSIONS, RenderSet
from training.evaluation.section import Findings, Measure, Section, ranked_cases

_COLUMNS = ("face", "face_std", "face_rigid", "nose", "mouth", "regions", "regions_rigid")
_EVERY = 4  # of the truth's vertices that the ICP measures: 1161 of the default face model


def measure(context: Context) -> Findings:
    """Shape errors in one view and averaged over views, of the network, the mean face and the landmark fit."""
    model, renders = context.model, context.material.renders
    fitted = fitted_renders(context.material)
    answers = {"network": context.render_answers, "landmark fit": fitted}
    index = _chosen(renders, context.material.extent.shapes)
    error = FaceShapeError(model, _EVERY)
    shapes: dict[str, list[NDArray | None]] = {
        name: [_shape(model, vectors[i]) for i in index] for name, vectors in answers.items()
    }
    shapes["mean face"] = [model.mean.astype(np.float64)] * len(index)
    truth = [model.shape(*_coefficients(model, renders.parameters[i])) for i in index]
    single = {name: _errors(error, each, truth, name) for name, each in shapes.items()}
    views = _over_views(model, renders, answers)
    averaged = {name: _errors(error, each, views["truth"], f"{name}, averaged") for name, each in views.items()}
    expression = renders.expression[index]
    tables = {"neutral shape, by the identity alone": _identity_alone(error, model, renders, answers, index)}
    for title, errors, kinds in (
        ("single view", single, expression),
        ("averaged over views", averaged, np.tile(list(EXPRESSIONS), len(np.unique(renders.person)))),
    ):
        for kind in EXPRESSIONS:
            tables[f"{title}, {kind.replace('_', ' ')}"] = {
                name: _mean(errors[name][kinds == kind]) for name in ("network", "landmark fit", "mean face")
            }
    neutral = tables["single view, neutral"]
    own, mean, fit = (neutral[name] for name in ("network", "mean face", "landmark fit"))
    alone = tables["neutral shape, by the identity alone"]
    everything = {name: _mean(errors) for name, errors in single.items()}
    figures = {
        "pictures": float(len(index)),
        **{key: own[key] for key in _COLUMNS},
        "mean_face_regions": mean["regions"],
        "closer_regions": 1.0 - own["regions"] / mean["regions"],
        "closer_regions_rigid": 1.0 - own["regions_rigid"] / mean["regions_rigid"],
        "closer_identity": 1.0 - alone["network"]["regions"] / alone["mean face"]["regions"],
        "closer_face": 1.0 - own["face"] / mean["face"],
        "closer_regions_all": 1.0 - everything["network"]["regions"] / everything["mean face"]["regions"],
        "landmark_fit_closer_regions": 1.0 - fit["regions"] / mean["regions"],
        "closer_regions_averaged": 1.0
        - tables["averaged over views, neutral"]["network"]["regions"]
        / tables["averaged over views, neutral"]["mean face"]["regions"],
    }
    figures |= _distances(model, renders, context.render_answers, "")
    figures |= _distances(model, renders, fitted, "landmark_fit_")
    pictures = [f"render:{i}" for i in index]
    regions = single["network"][:, _COLUMNS.index("regions")]
    return Findings(
        figures, tables, {"regions": ranked_cases(regions, pictures, [context.render_answers[i] for i in index])}
    )


def _chosen(renders: RenderSet, limit: int) -> NDArray[np.int64]:
    """Pictures under each person's first light, evenly over the set."""
    known = np.flatnonzero(renders.light == 0)
    return known[np.linspace(0, len(known) - 1, min(limit, len(known))).round().astype(int)]


def _coefficients(model: FaceModel, vector: NDArray[np.floating]) -> tuple[NDArray, NDArray]:
    p = model.layout.view(vector)
    return p.identity.astype(np.float64), p.expression.astype(np.float64)


def _shape(model: FaceModel, vector: NDArray[np.floating]) -> NDArray | None:
    """(V, 3) mm of parameters (P,); None where they are NaN, as where there were no points to fit."""
    return model.shape(*_coefficients(model, vector)) if np.isfinite(vector).all() else None


def _identity_alone(
    error: FaceShapeError, model: FaceModel, renders: RenderSet, answers: dict[str, NDArray], index: NDArray
) -> dict[str, dict[str, float]]:
    """Errors of the shapes without expression, of the pictures at `index`: what of a person is known, and no more."""
    rest = np.zeros(model.layout.n_expression)

    def neutral(vector: NDArray) -> NDArray | None:
        return model.shape(_coefficients(model, vector)[0], rest) if np.isfinite(vector).all() else None

    truth = [model.shape(_coefficients(model, renders.parameters[i])[0], rest) for i in index]
    shapes: dict[str, list[NDArray | None]] = {
        name: [neutral(vectors[i]) for i in index] for name, vectors in answers.items()
    }
    shapes["mean face"] = [model.mean.astype(np.float64)] * len(index)
    return {name: _mean(_errors(error, each, truth, f"identity of {name}")) for name, each in shapes.items()}


def _over_views(model: FaceModel, renders: RenderSet, answers: dict[str, NDArray]) -> dict[str, list]:
    """Shapes (V, 3) averaged over views under the first light, each person's three expressions in order."""
    result: dict[str, list] = {name: [] for name in (*answers, "mean face", "truth")}
    for person in np.unique(renders.person):
        for kind in EXPRESSIONS:
            chosen = (renders.person == person) & (renders.expression == kind) & (renders.light == 0)
            for name, vectors in answers.items():
                known = vectors[chosen][np.isfinite(vectors[chosen]).all(axis=1)]
                result[name].append(mean_over_views(model, known) if len(known) else None)
            result["mean face"].append(model.mean.astype(np.float64))
            result["truth"].append(mean_over_views(model, renders.parameters[chosen]))
    return result


def _errors(
    error: FaceShapeError, shapes: Sequence[NDArray | None], truth: list[NDArray], name: str
) -> NDArray[np.float64]:
    """(N, columns) errors in mm; NaN where there is no shape."""
    rows = []
    for shape, true in zip(tqdm(shapes, desc=f"shape of {name}", leave=False), truth, strict=True):
        found = None if shape is None else error(shape, true)
        rows.append([np.nan if found is None else found[key] for key in _COLUMNS])
    return np.array(rows).reshape(-1, len(_COLUMNS))


def _mean(errors: NDArray[np.float64]) -> dict[str, float]:
    known = errors[np.isfinite(errors).all(axis=1)]
    means = known.mean(axis=0) if len(known) else np.full(len(_COLUMNS), np.nan)
    return dict(zip(_COLUMNS, means.tolist(), strict=True)) | {"count": float(len(known))}


def _distances(model: FaceModel, renders: RenderSet, vectors: NDArray, prefix: str) -> dict[str, float]:
    """Within-person and between-person distance over views and lights of the neutral face, and over everything."""
    figures = {}
    known = np.isfinite(vectors).all(axis=1)
    for suffix, chosen in (("", known & (renders.expression == "neutral")), ("_all", known)):
        people = renders.person[chosen]
        if len(np.unique(people)) < 2 or len(np.unique(people)) == len(people):
            continue
        found = person_distances(neutral_shapes(model, vectors[chosen]), people)
        figures[f"{prefix}within{suffix}"] = found.within
        figures[f"{prefix}between{suffix}"] = found.between
        figures[f"{prefix}within_over_between{suffix}"] = found.ratio
    return figures


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
        Measure("within_over_between", "within over between", limit=0.5),
        Measure("within_over_between_all", "the same over expressions too"),
        Measure("landmark_fit_within_over_between", "landmark fit: within over between", larger_is_better=None),
    ),
    measure,
)
