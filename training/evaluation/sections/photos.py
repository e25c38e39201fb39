"""Photos of people whom no training saw: landmarks against MediaPipe's, colours against the pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import FaceModel
from training.evaluation.bootstrap import estimate
from training.evaluation.color_error import ColorError, color_error
from training.evaluation.context import Context
from training.evaluation.held_out import HeldOutPhotos, crop_picture
from training.evaluation.layers import face_layers
from training.evaluation.measures import errors_against_points
from training.evaluation.section import Findings, Measure, Section, ranked_cases


def measure(context: Context) -> Findings:
    """Landmark and colour errors over the held-out photos, all together and by collection."""
    photos, answers, model = context.material.photos, context.photo_answers, context.model
    nme, inner = np.full((2, len(photos)), np.nan)
    color = [ColorError() for _ in answers]
    coverage = np.full(len(photos), np.nan)
    for i in tqdm(range(len(photos)), unit="photo", desc="colours", leave=False):
        vector = answers[i]
        if vector is not None:
            nme[i], inner[i] = errors_against_points(model, vector, photos.landmarks[i].astype(float))
            color[i], coverage[i] = photo_color_error(model, photos, i, vector)
    errors = np.array([error.mean for error in color])
    names = [f"photo:{path}" for path in photos.paths]
    tables = {}
    collections = photos.collections
    for name in dict.fromkeys(collections.tolist()):
        chosen = collections == name
        tables[name] = _figures(
            nme[chosen], inner[chosen], [color[i] for i in np.flatnonzero(chosen)], coverage[chosen]
        )
    found = estimate(
        lambda index: _figures(nme[index], inner[index], [color[i] for i in index], coverage[index]), photos.people, 400
    )
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
    """Colour error of parameters (P,) in photo px, and the share of the photo's face that the rendered face covers.

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


def _figures(nme: NDArray, inner: NDArray, color: list[ColorError], coverage: NDArray) -> dict[str, float]:
    pooled = sum(color, ColorError())
    followed = np.isfinite(nme)
    some = bool(followed.any())
    nothing = float("nan")
    return {
        "photos": float(len(nme)),
        "followed": float(followed.mean()),
        "nme68": float(nme[followed].mean()) if some else nothing,
        "nme68_median": float(np.median(nme[followed])) if some else nothing,
        "nme68_inner": float(inner[followed].mean()) if some else nothing,
        "color": pooled.mean,
        "color_std": pooled.std,
        "coverage": float(np.nanmean(coverage)) if np.isfinite(coverage).any() else nothing,
    }


SECTION = Section(
    "photos",
    "Photos of held-out people",
    "Photos split by person, MediaPipe's points as reference; the tracker begins at them and looks twice. Colour "
    "error: mean absolute difference of R, G and B in sRGB 0..1 over all pixels where the face is rendered and the "
    "photo shows skin (Table 1).",
    (
        Measure("photos", "photos", digits=0, larger_is_better=None),
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
