"""The landmark fit of the training data on the render set: what a network must beat."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import CROP_SIZE
from training.data.fit import FitConfig, fit_landmarks, learn_offsets
from training.data.photo_labels import PhotoLandmarker
from training.data.storage import EXTENT
from training.evaluation.context import Material
from training.evaluation.kept_arrays import kept_arrays
from training.evaluation.render_set import RenderSet


def fitted_renders(material: Material) -> NDArray[np.float32]:
    """Fit the face model to MediaPipe's points on each picture of the render set: (N, P) in crop px.

    Rows are NaN where MediaPipe finds no face. As for photos, the points' average offsets are learned from the set.

    Raises:
        LimelightError: the cache cannot be written.
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
