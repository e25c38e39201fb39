"""Photos of people whom no training saw: landmarks against MediaPipe's, colours against the pixels."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import FaceModel
from training.evaluation.bootstrap import estimate, mean, median
from training.evaluation.color_error import ColorError, color_error
from training.evaluation.context import Context
from training.evaluation.held_out import HeldOutPhotos, crop_picture
from training.evaluation.layers import face_layers
from training.evaluation.measures import errors_against_points
from training.evaluation.section import Findings, Measure, Section, count, ranked_cases

_ROUNDS = 400  # of the bootstrap


def measure(context: Context) -> Findings:
    """Find landmark and colour errors over the held-out photos, all together and by collection."""
    photos, answers, model = context.material.photos, context.photo_answers, context.model
    nme, inner, coverage = np.full((3, len(photos)), np.nan)
    color = np.zeros((len(photos), 3))
    for i in tqdm(range(len(photos)), unit="photo", desc="colours", leave=False):
        vector = answers[i]
        if vector is not None:
            nme[i], inner[i] = errors_against_points(model, vector, photos.landmarks[i].astype(float))
            error, coverage[i] = photo_color_error(model, photos, i, vector)
            color[i] = astuple(error)

    def figures(index: NDArray[np.int64]) -> dict[str, float]:
        pooled = ColorError(*color[index].sum(axis=0))
        return {
            "photos": float(len(index)),
            "followed": float(np.isfinite(nme[index]).mean()),
            "nme68": mean(nme[index]),
            "nme68_median": median(nme[index]),
            "nme68_inner": mean(inner[index]),
            "color": pooled.mean,
            "color_std": pooled.std,
            "coverage": mean(coverage[index]),
        }

    collections = photos.collections
    tables = {name: figures(np.flatnonzero(collections == name)) for name in dict.fromkeys(collections.tolist())}
    found = estimate(figures, photos.people, _ROUNDS)
    names = [f"photo:{path}" for path in photos.paths]
    errors = np.array([ColorError(*sums).mean for sums in color])
    return Findings(
        found.figures,
        {"collections": tables},
        {"nme68": ranked_cases(nme, names, answers), "color": ranked_cases(errors, names, answers)},
        [] if photos.skin is not None else ["without the segmentation teacher the face mask includes hair and glasses"],
        {key: interval for key, interval in found.intervals.items() if key != "photos"},
    )


def photo_color_error(
    model: FaceModel, photos: HeldOutPhotos, index: int, vector: NDArray[np.floating]
) -> tuple[ColorError, float]:
    """Return the colour error of parameters (P,) in photo px, and the share of the photo's face that they cover.

    Both are compared on the photo's crop, 224 x 224, where the face region is rendered and the photo shows skin.
    """
    crop = photos.crop(index)
    picture, inside = crop_picture(photos.image(index), crop)
    layers = face_layers(model, crop.lower(model.layout, np.asarray(vector, np.float32)))
    seen = photos.face(index) & inside
    both = layers.mask & inside & (seen if photos.skin is None else photos.skin[index])
    covered = float((layers.mask & seen).sum() / seen.sum()) if seen.any() else float("nan")
    rendered = np.clip(layers.color, 0.0, 1.0)
    return color_error(picture[..., ::-1] / 255.0, rendered, both), covered


SECTION = Section(
    "photos",
    "Photos of held-out people",
    "Photos split by person, MediaPipe's points as reference; the tracker begins at them and looks twice. Colour "
    "error: mean absolute difference of R, G and B in sRGB 0..1 over all pixels where the face is rendered and the "
    "photo shows skin (Table 1).",
    (
        count("photos", "photos"),
        Measure("followed", "accepted by the tracker", "%", larger_is_better=True, digits=1),
        Measure("nme68", "68-landmark NME", "%", limit=0.035),
        Measure("nme68_median", "the same, median", "%"),
        Measure("nme68_inner", "the same without the jaw line", "%"),
        Measure("color", "colour error", limit=0.08, digits=4),
        Measure("color_std", "its standard deviation over pixels", larger_is_better=None, digits=4),
        Measure("coverage", "photo's face that is covered", "%", larger_is_better=True, digits=1),
    ),
    measure,
)
