"""The landmark fit of the training data on the render set: what a network must beat."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import CROP_SIZE
from facemodel.whole_files import whole_file
from training.data.fit import FitConfig, fit_landmarks, learn_offsets
from training.data.photo_labels import PhotoLandmarker
from training.data.storage import EXTENT
from training.evaluation.context import Material
from training.evaluation.render_set import RenderSet


def fitted_renders(material: Material) -> NDArray[np.float32]:
    """(N, P) fits of the face model to MediaPipe's points on each picture of the render set, in crop px.

    Rows are NaN where MediaPipe finds no face. As for photos, the points' average offsets are learned from the set.

    Raises:
        LimelightError: the cache cannot be written.
    """
    renders = material.renders
    landmarks, scores = render_points(renders, material.landmarker, material.cache / f"points_{len(renders)}.npz")
    found = np.isfinite(landmarks).all(axis=(1, 2))
    vectors = np.full((len(renders), material.model.layout.size), np.nan, np.float32)
    if found.any():
        config = FitConfig(offsets=learn_offsets(material.model, landmarks[found], scores[found], FitConfig()))
        vectors[found] = fit_landmarks(material.model, landmarks[found], scores[found], config)
    return vectors


def render_points(renders: RenderSet, bundle: Path, cache: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """MediaPipe's points (N, 478, 2) in crop px and scores (N, 52) of every picture; NaN where it finds no face.

    Raises:
        LimelightError: the cache cannot be written.
    """
    digest = hashlib.sha256(np.ascontiguousarray(renders.parameters).tobytes()).hexdigest()[:16]
    try:
        with np.load(cache) as archive:
            if str(archive["digest"]) == digest:
                return archive["landmarks"], archive["scores"]
    except (OSError, ValueError, KeyError, EOFError):
        pass  # none yet, or damaged: made anew
    landmarks = np.full((len(renders), 478, 2), np.nan, np.float32)
    scores = np.full((len(renders), 52), np.nan, np.float32)
    with closing(PhotoLandmarker(bundle)) as landmarker:
        for i in tqdm(range(len(renders)), unit="picture", desc="MediaPipe on renders", leave=False):
            image = renders.images[i]
            found = landmarker(image)
            if found is not None:
                landmarks[i] = found[0][:, :2] * EXTENT / image.shape[0] - (EXTENT - CROP_SIZE) / 2
                scores[i] = found[1]
    with whole_file(cache, str(cache)) as partial, partial.open("wb") as file:
        np.savez_compressed(file, digest=np.array(digest), landmarks=landmarks, scores=scores)
    return landmarks, scores
