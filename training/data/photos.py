"""Turns labelled photos into training samples: fits the face model to them and cuts crops, some without a face.

Albedo and light are not fitted: renders alone teach them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import Crop, FaceModel, ParameterLayout
from training.data.fit import (
    FitConfig,
    LandmarkFitter,
    fit_landmarks,
    landmark_errors,
    learn_gains,
    learn_offsets,
    without_offsets,
)
from training.data.labels import label_points, scored_expressions, shut_lids, shut_lips
from training.data.photo_labels import PhotoLabels, read_rgb
from training.data.shut_eyes import random_closing, shut_eyes
from training.data.storage import Samples, ShardWriter, cut, faceless

_LOOSE = 0.6  # expression deviation of the fit that the gains are learned from
_CALIBRATION_PHOTOS = 1024  # that gains and the landmarks' offsets are learned from
_SHUT_SHARE = 0.2  # of photos, whose eyes are shut afterwards
_GOOD_NME = 0.016  # largest of a fit whose pose, identity and expression count


def prepare_photos(
    model: FaceModel,
    labels: PhotoLabels,
    photos: Path,
    out: Path,
    seed: int = 0,
    negatives: int = 3000,
    shard: int = 500,
) -> None:
    """Write every labelled photo to `out`/photos, some again with shut eyes and misplaced crops, shard by shard.

    Shards that exist stay; order and split depend on the labels and the seed alone.

    Raises LimelightError: `out` holds the data of another face model.
    """
    writer = ShardWriter(out, "photos", model)
    shut_writer = ShardWriter(out, "shut_eyes", model)
    faceless_writer = ShardWriter(out, "negatives", model)
    labels = labels.take(np.random.default_rng(seed).permutation(len(labels)))
    labels = replace(labels, landmarks=shut_lids(labels.landmarks, labels.scores))
    first = labels.take(slice(_CALIBRATION_PHOTOS))
    fitter = LandmarkFitter(model, calibrate(model, first.landmarks, first.scores))
    for number, start in enumerate(tqdm(range(0, len(labels), shard), unit="shard", desc="photos")):
        if writer.exists(number):
            continue
        part = labels.take(slice(start, start + shard))
        images = [read_rgb(photos / path) for path in part.paths]
        readable = np.array([image is not None for image in images])
        part, images = part.take(readable), [image for image in images if image is not None]
        samples, vectors = _fit_shard(model, fitter, part, images)
        rng = np.random.default_rng((seed, number))
        chosen = np.flatnonzero(rng.random(len(part)) < negatives / len(labels))
        if len(chosen):
            faceless_writer.write(number, _misplaced(model.layout, part, images, vectors, chosen, rng))
        if (shut := _with_shut_eyes(model, samples, rng)) is not None:
            shut_writer.write(number, shut)
        writer.write(number, samples)


def calibrate(model: FaceModel, landmarks: NDArray, scores: NDArray) -> FitConfig:
    """Return the fit's configuration with offsets and gains learned from MediaPipe's labels of photos.

    Args:
        model: the face model.
        landmarks, scores: (N, 478, 2+) px and (N, 52).
    """
    offsets = learn_offsets(model, landmarks, scores)
    loose = FitConfig(expression=_LOOSE, offsets=offsets)
    fitted = fit_landmarks(model, landmarks, scores, loose)
    return FitConfig(offsets=offsets, gains=learn_gains(model, fitted, scores))


def _fit_shard(
    model: FaceModel, fitter: LandmarkFitter, labels: PhotoLabels, images: list[NDArray[np.uint8]]
) -> tuple[Samples, NDArray[np.float32]]:
    """Return samples of photos, and their parameters (N, P) in the photos' own pixels."""
    vectors = fitter(labels.landmarks, labels.scores)
    offsets = fitter.config.offsets
    landmarks = labels.landmarks if offsets is None else without_offsets(vectors, model, labels.landmarks, offsets)
    nme = landmark_errors(model, vectors, landmarks)
    targets, weights = label_points(model, vectors, labels.landmarks)
    vectors = shut_lips(model, vectors, labels.landmarks)
    crops = [_crop(model.layout, vector) for vector in vectors]
    parameters = np.stack(
        [model.layout.constrain(crop.lower(model.layout, v)) for crop, v in zip(crops, vectors, strict=True)]
    )
    yes = np.ones(len(labels), bool)
    samples = Samples(
        images=np.stack([cut(image, crop) for image, crop in zip(images, crops, strict=True)]),
        parameters=parameters,
        landmarks=np.stack([crop.lower_points(points) for crop, points in zip(crops, targets, strict=True)]).astype(
            np.float32
        ),
        face=yes,
        photo=yes,
        geometry=nme < _GOOD_NME,
        light=~yes,
        held_out=labels.validation,
        landmark_weight=weights,
        scored=np.tile(scored_expressions(), (len(labels), 1)),
    )
    return samples, vectors


def _with_shut_eyes(model: FaceModel, samples: Samples, rng: Generator) -> Samples | None:
    """Return some of the well fitted photos that are not held out, with their eyes shut; None where there is none."""
    able = samples.geometry & ~samples.held_out & (rng.random(len(samples)) < _SHUT_SHARE)
    chosen, made = [], []
    for i in np.flatnonzero(able).tolist():
        stored = samples.images[i], samples.parameters[i], samples.landmarks[i]
        if (shut := shut_eyes(model, *stored, random_closing(rng))) is not None:
            chosen.append(i)
            made.append(shut)
    if not made:
        return None
    images, parameters, landmarks = (np.stack(column) for column in zip(*made, strict=True))
    return replace(samples.take(chosen), images=images, parameters=parameters, landmarks=landmarks)


def _misplaced(
    layout: ParameterLayout,
    labels: PhotoLabels,
    images: list[NDArray[np.uint8]],
    vectors: NDArray,
    chosen: NDArray[np.int64],
    rng: Generator,
) -> Samples:
    """Return crops of the chosen photos that a tracker must not accept."""
    crops = [misplaced_crop(_crop(layout, vectors[i]), rng) for i in chosen]
    borders = rng.choice([cv2.BORDER_REPLICATE, cv2.BORDER_CONSTANT], len(chosen), p=[0.75, 0.25])
    pictures = [cut(images[i], crop, int(b)) for i, crop, b in zip(chosen, crops, borders, strict=True)]
    return faceless(layout, np.stack(pictures), True, labels.validation[chosen])


def misplaced_crop(crop: Crop, rng: Generator) -> Crop:
    """Return a crop that misses the face of a good one: off by 45 % of its side, 1.8 times its size, or upside down."""
    kind = rng.choice(["aside", "beyond", "close", "far", "turned"], p=[0.35, 0.25, 0.1, 0.15, 0.15])
    direction = rng.uniform(0, 2 * np.pi)
    distance = {"aside": rng.uniform(0.45, 0.9), "beyond": rng.uniform(0.9, 1.8)}.get(str(kind), rng.uniform(0, 0.15))
    factor = {"close": rng.uniform(0.3, 0.55), "far": rng.uniform(1.85, 4.0)}.get(str(kind), rng.uniform(0.6, 1.4))
    turn = rng.uniform(1.3, np.pi) * rng.choice([-1, 1]) if kind == "turned" else rng.uniform(-0.4, 0.4)
    shift = distance * max(1.0, factor) * crop.side * np.array([np.cos(direction), np.sin(direction)])
    return Crop((crop.centre[0] + shift[0], crop.centre[1] + shift[1]), crop.side * factor, crop.angle + turn)


def _crop(layout: ParameterLayout, vector: NDArray) -> Crop:
    p = layout.view(vector)
    return Crop.around_head(p.rotation, p.translation, p.scale)
