"""Shape on held-out renders, as Tables 2 to 4, and whether the identity vector is more than noise."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import CROP_SIZE, FaceModel
from training.data.fit import FitConfig, fit_landmarks, learn_offsets
from training.data.photo_labels import PhotoLandmarker
from training.data.storage import EXTENT
from training.evaluation.bootstrap import Estimate, estimate
from training.evaluation.context import Context, Material, evenly
from training.evaluation.held_out import kept_arrays
from training.evaluation.render_set import EXPRESSIONS, RenderSet
from training.evaluation.section import Findings, Measure, Section, count, ranked_cases
from training.evaluation.shape_error import FaceShapeError, PersonPairs, mean_over_views, neutral_shapes


def fitted_renders(material: Material) -> NDArray[np.float32]:
    """Fit the face model to MediaPipe's points on each picture of the render set: (N, P) in crop px.

    Rows are NaN where MediaPipe finds no face. As for photos, the points' average offsets are learned from the set.

    Raises LimelightError: the cache cannot be written.
    """
    renders, model = material.renders, material.model
    path, make = material.cache / f"points_{len(renders)}.npz", partial(_points, renders, material.landmarker)
    points = kept_arrays(path, np.ascontiguousarray(renders.parameters).tobytes(), make)
    landmarks, scores = points["landmarks"], points["scores"]
    found = np.isfinite(landmarks).all(axis=(1, 2))
    vectors = np.full((len(renders), model.layout.size), np.nan, np.float32)
    if found.any():
        config = FitConfig(offsets=learn_offsets(model, landmarks[found], scores[found]))
        vectors[found] = fit_landmarks(model, landmarks[found], scores[found], config)
    return vectors


def _points(renders: RenderSet, bundle: Path) -> dict[str, NDArray]:
    """MediaPipe's landmarks (N, 478, 2) in crop px and scores (N, 52) of every picture; NaN where it finds no face."""
    landmarks = np.full((len(renders), 478, 2), np.nan, np.float32)
    scores = np.full((len(renders), 52), np.nan, np.float32)
    with closing(PhotoLandmarker(bundle)) as landmarker:
        for i in tqdm(range(len(renders)), unit="picture", desc="MediaPipe on renders", leave=False):
            image = renders.image(i)
            found = landmarker(image)
            if found is not None:
                landmarks[i] = found[0][:, :2] * EXTENT / image.shape[0] - (EXTENT - CROP_SIZE) / 2
                scores[i] = found[1]
    return {"landmarks": landmarks, "scores": scores}


_COLUMNS = ("face", "face_std", "face_rigid", "nose", "mouth", "regions", "regions_rigid")
_SINGLE, _AVERAGED, _ALONE = "single view", "averaged over views", "neutral shape, by the identity alone"
_EVERY = 4  # of the truth's vertices that the ICP measures: 1161 of the default face model
_Means = dict[str, dict[str, float]]


class _Shapes(NamedTuple):
    """One shape that is measured: in which table, and of which pictures of one person; with or without expression."""

    title: str
    pictures: NDArray[np.int64]
    alone: bool = False


def measure(context: Context) -> Findings:
    """Measure shapes in one view and averaged over views, of the network, the mean face and the landmark fit."""
    material, model, (_, _, renders, answers) = context.material, context.model, context.posed
    first = np.flatnonzero(renders.light == 0)
    index = first[evenly(len(first), material.extent.shapes)]  # under each person's first light
    shapes, fitted = _shapes(renders, index), fitted_renders(material)
    nobody = np.tile(model.layout.neutral(), (len(renders), 1))
    known = material.kept(
        "shape",
        lambda: {
            name: _errors(material, shapes, name, vectors)
            for name, vectors in (("landmark fit", fitted), ("mean face", nobody))
        },
    )
    errors = {"network": _errors(material, shapes, "network", answers), **known}
    titles, number = np.unique([each.title for each in shapes], return_inverse=True)

    def tables(chosen: NDArray[np.int64]) -> dict[str, _Means]:
        return {
            str(title): {who: _mean(each[chosen[number[chosen] == n]]) for who, each in errors.items()}
            for n, title in enumerate(titles)
        }

    def figures(chosen: NDArray[np.int64]) -> dict[str, float]:
        return _figures(tables(chosen), {who: _mean(each[chosen[chosen < len(index)]]) for who, each in errors.items()})

    found = estimate(figures, [renders.person[each.pictures[0]] for each in shapes])
    for prefix, vectors in (("", answers), ("landmark_fit_", fitted)):
        found = found | _distances(model, renders, vectors).named(prefix)
    regions = errors["network"][: len(index), _COLUMNS.index("regions")]
    cases = ranked_cases(regions, [context.posed.names[i] for i in index], answers[index])
    return Findings(
        {"pictures": float(len(index))} | found.figures,
        tables(np.arange(len(shapes))),
        {"regions": cases},
        intervals=found.intervals,
    )


def _shapes(renders: RenderSet, index: NDArray[np.int64]) -> list[_Shapes]:
    """The pictures at `index` one by one, everybody's expressions averaged over views, and identities at `index`."""
    titles = {kind: kind.replace("_", " ") for kind in EXPRESSIONS}
    first = renders.light == 0
    return [
        *(_Shapes(f"{_SINGLE}, {titles[renders.expression[i]]}", np.array([i])) for i in index),
        *(
            _Shapes(
                f"{_AVERAGED}, {title}",
                np.flatnonzero((renders.person == person) & (renders.expression == kind) & first),
            )
            for person in np.unique(renders.person)
            for kind, title in titles.items()
        ),
        *(_Shapes(_ALONE, np.array([i]), alone=True) for i in index),
    ]


def _errors(material: Material, shapes: list[_Shapes], name: str, vectors: NDArray) -> NDArray[np.float64]:
    """(N, C) mm of shapes by answers (M, P) to the render set, a column for each of _COLUMNS; NaN without an answer."""
    model, truths, span = material.model, material.renders.parameters, material.model.layout.slices["expression"]
    error, rows = FaceShapeError(model, _EVERY), np.full((len(shapes), len(_COLUMNS)), np.nan)
    for row, shape in zip(rows, tqdm(shapes, desc=f"shape of {name}", leave=False), strict=True):
        own, true = (each[shape.pictures] for each in (vectors, truths))
        own = own[np.isfinite(own).all(axis=1)]
        if shape.alone:
            own[:, span] = true[:, span] = 0.0
        if len(own):
            found = error(mean_over_views(model, own), mean_over_views(model, true))
            row[:] = [found[key] for key in _COLUMNS]
    return rows


def _figures(tables: dict[str, _Means], everything: _Means) -> dict[str, float]:
    """The network's figures on neutral faces in one view, and by what share it is closer than the mean face."""
    neutral, averaged, alone = (tables[title] for title in (f"{_SINGLE}, neutral", f"{_AVERAGED}, neutral", _ALONE))

    def closer(table: _Means, key: str = "regions", who: str = "network") -> float:
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
