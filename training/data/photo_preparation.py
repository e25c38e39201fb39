"""Prepares a photo as section 4 of the paper does once, before the training: face, fit, crop and masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemodel import ARKIT_NAMES, CROP_SIZE, MEDIAPIPE_TO_IBUG68, Crop, FaceModel, LimelightError
from facemodel.landmarks import normalized_mean_error
from training.data.datasets import FaceSample
from training.data.face_classes import face_mask, label_of
from training.data.fit import FitConfig, LandmarkFitter, landmark_errors, without_offsets
from training.data.prepared import PreparedShard
from training.data.skin_classifier import SkinClassifier
from training.data.storage import cut

MainFaceLandmarker = Callable[[NDArray[np.uint8]], tuple[NDArray, NDArray, NDArray] | None]
"""From a picture (H, W, 3) to landmarks (478, 3) px, scores (52,) and matrix (4, 4) of its main face, or None."""

Segmenter = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""From a crop (224, 224, 3) sRGB to `face_classes.CLASSES` of its pixels (224, 224)."""

WORST_FIT = 0.06
"""NME of a fit beyond which what MediaPipe found is no face that could be reconstructed."""

_FIVE = np.array([468, 473, 4, 61, 291])  # MediaPipe's indices of `FaceSample.landmarks5`
_WINDOW = 5.0  # side of what is searched, in sizes of the labelled points' box
_SAME = 0.2  # largest NME of a face that is the labelled one
_LEAST_SEEN = 0.25  # share of the face that the mask shows, for the mask to be believed and the face to be of use


def find_labelled_face(
    landmarker: MainFaceLandmarker, sample: FaceSample, picture: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return landmarks (478, 3) px and scores (52,) of the face that a sample's own points mark, else of the main one.

    With points, only a window around them is searched, so that nobody else is found, nor a small face missed.

    Raises LimelightError: there is no face, or only another one.
    """
    if sample.landmarks5 is None:
        if (found := landmarker(picture)) is None:
            raise LimelightError(f"photo {sample.name}: no face found")
        return found[0], found[1]
    low, high = sample.landmarks5.min(axis=0), sample.landmarks5.max(axis=0)
    half = 0.5 * _WINDOW * float((high - low).max())
    left, top = np.maximum((low + high) / 2 - half, 0).astype(int)
    right, bottom = np.ceil((low + high) / 2 + half).astype(int)
    window = picture[top:bottom, left:right]
    found = landmarker(np.ascontiguousarray(window)) if min(window.shape) > 0 else None
    if found is None:
        raise LimelightError(f"photo {sample.name}: no face found where its points are")
    landmarks = found[0] + np.array([left, top, 0], np.float32)
    if normalized_mean_error(landmarks[_FIVE, :2], sample.landmarks5) > _SAME:
        raise LimelightError(f"photo {sample.name}: the face that was found is not where its points are")
    return landmarks, found[1]


@dataclass(frozen=True)
class PreparedPhoto:
    """One photo; arrays as in `PreparedShard`, for one photo. `vector` (P,) is that of the fit, crop px."""

    sample: FaceSample
    image: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    skin: NDArray[np.uint8]
    landmarks68: NDArray[np.float32]
    landmarks478: NDArray[np.float32]
    scores: NDArray[np.float32]
    vector: NDArray[np.float32]
    nme: float


class PhotoPreparer:
    """Prepares photos.

    Args:
        model: the face model that is fitted.
        landmarker: MediaPipe's points and scores.
        segmenter: the paper's U-Net, or what stands in for it.
        classifier: of skin, Eq. 9.
        fit: the calibrated fit.
    """

    def __init__(
        self,
        model: FaceModel,
        landmarker: MainFaceLandmarker,
        segmenter: Segmenter,
        classifier: SkinClassifier,
        fit: FitConfig,
    ) -> None:
        self._model = model
        self._landmarker = landmarker
        self._segmenter = segmenter
        self._classifier = classifier
        self._fitter = LandmarkFitter(model, fit)

    def __call__(self, sample: FaceSample) -> PreparedPhoto:
        """Return crop, points, masks and fit of a photo.

        Raises LimelightError: it is unreadable, or shows no face that can be used.
        """
        picture = sample.picture()
        model = self._model
        landmarks, scores = find_labelled_face(self._landmarker, sample, picture)
        vector = self._fitter(landmarks[None], scores[None])[0]
        offsets = self._fitter.config.offsets
        points = landmarks[:, :2]
        if offsets is not None:
            points = without_offsets(vector[None], model, landmarks[None], offsets)[0]
        nme = float(landmark_errors(model, vector[None], points[None])[0])
        if not nme < WORST_FIT:
            raise LimelightError(f"photo {sample.name}: no face that the model fits (landmarks off by {nme:.0%})")
        p = model.layout.view(vector)
        crop = Crop.around_head(p.rotation, p.translation, p.scale)
        vector = model.layout.constrain(crop.lower(model.layout, vector))
        points = crop.lower_points(points).astype(np.float32)
        image = cut(picture, crop, size=CROP_SIZE, extent=CROP_SIZE)
        classes = self._segmenter(image)
        on_picture = (
            cut(np.full(picture.shape[:2], 255, np.uint8), crop, cv2.BORDER_CONSTANT, CROP_SIZE, CROP_SIZE) > 127
        )
        classes[~on_picture] = label_of("background")
        face = face_mask(classes)
        if (seen := float(face[_outline(points)].mean())) < _LEAST_SEEN:
            raise LimelightError(f"photo {sample.name}: hardly any of the face is seen ({seen:.0%})")
        skin = np.zeros(face.shape, np.uint8)
        skin[face] = np.round(255.0 * self._classifier.posterior(image[face]))
        return PreparedPhoto(
            sample=sample,
            image=image,
            classes=classes,
            skin=skin,
            landmarks68=points[MEDIAPIPE_TO_IBUG68],
            landmarks478=points,
            scores=scores,
            vector=vector,
            nme=nme,
        )

    def shard(self, dataset: str, photos: Sequence[PreparedPhoto], entries: Sequence[str]) -> PreparedShard:
        """Return photos of a data set, and the names of all entries that were looked at."""
        size, layout = CROP_SIZE, self._model.layout

        def column(name: str, dtype: type, *shape: int) -> NDArray:
            return np.array([getattr(photo, name) for photo in photos], dtype).reshape(-1, *shape)

        samples = [photo.sample for photo in photos]
        return PreparedShard(
            images=column("image", np.uint8, size, size, 3),
            classes=column("classes", np.uint8, size, size),
            skin=column("skin", np.uint8, size, size),
            landmarks68=column("landmarks68", np.float32, 68, 2),
            landmarks478=column("landmarks478", np.float32, 478, 2),
            scores=column("scores", np.float32, len(ARKIT_NAMES)),
            parameters=column("vector", np.float32, layout.size),
            nme=column("nme", np.float32),
            names=np.array([f"{dataset}/{sample.name}" for sample in samples], np.str_),
            persons=np.array([sample.person for sample in samples], np.str_),
            splits=np.array([sample.split for sample in samples], np.str_),
            entries=np.array(entries, np.str_),
        )


def _outline(points: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the inside (224, 224) of the outline of points (N, 2), crop px."""
    inside = np.zeros((CROP_SIZE, CROP_SIZE), np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(points.round().astype(np.int32)), 1)
    return inside > 0
