"""What a solve knows of a picture: its crop, landmarks, and which of its pixels show the face and its skin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Protocol, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facemodel import CROP_SIZE, Crop, FaceModel, project
from facemodel.mediapipe_outlines import FACE_OVAL
from realtime.tracking.crop_warp import CropWarp
from training.data.calibration import load_calibration
from training.data.inner_mouth import inner_mouth_area
from training.data.segmenter import Segmenter
from training.data.skin_classifier import SkinClassifier
from training.losses.label_losses import landmark_weights
from training.losses.paper_losses import encode_srgb

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Observation:
    """B pictures of side S = 224 px or less, as the losses compare them.

    Attributes:
        image: (B, S, S, 3) sRGB 0..1.
        face: (B, S, S) 0..1 where the face is seen, I_face.
        skin: (B, S, S) probability of skin, Eq. 9.
        inner_mouth: (B, S, S) labelled share of inner mouth.
        landmarks: (B, 478, 2) crop px, where the face model has MediaPipe's points.
        trust: (B, 478) weights of the landmarks; 0 in a picture where no landmarks were found.
    """

    image: Tensor
    face: Tensor
    skin: Tensor
    inner_mouth: Tensor
    landmarks: Tensor
    trust: Tensor

    def __len__(self) -> int:
        return len(self.image)

    @classmethod
    def cat(cls, parts: list[Observation]) -> Observation:
        """Several observations as one."""
        return cls(*(torch.cat([getattr(part, f.name) for part in parts]) for f in fields(cls)))

    def rows(self, index: slice) -> Observation:
        """Some of the pictures."""
        return Observation(*(getattr(self, f.name)[index] for f in fields(self)))

    def shrunk(self, size: int) -> Observation:
        """The same at `size` px, which divides the present side; colours are averaged in linear light."""
        factor = self.image.shape[1] // size
        if factor == 1:
            return self

        def average(planes: Tensor) -> Tensor:
            return functional.avg_pool2d(planes, factor)

        linear = average(_decode_srgb(self.image).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        planes = {name: average(getattr(self, name)) for name in ("face", "skin", "inner_mouth")}
        return replace(self, image=encode_srgb(linear), **planes)


class Masker(Protocol):
    """Finds the pixels that show the face."""

    def face_mask(self, image: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """(H, W) of an aligned crop (H, W, 3) sRGB."""
        ...


class Observer:
    """Turns pictures into observations.

    With the segmentation network that ships with the training room, the face mask is its; without, it is what lies
    within MediaPipe's oval and is not much darker than skin and of another colour, as hair and frames of glasses are.

    Args:
        model: the face model.
        masker: finds the face's pixels; the shipped U-Net if there is one and None is given.
        classifier: tells skin; the shipped one if there is one and None is given.
    """

    def __init__(
        self, model: FaceModel, masker: Masker | None = None, classifier: SkinClassifier | None = None
    ) -> None:
        assets = Path(str(files("training") / "assets"))
        self.model = model
        self._masker = masker or _shipped(assets / "segmentation.pt", Segmenter.load)
        self._classifier = classifier or _shipped(assets / "skin_classifier.npz", SkinClassifier.load)
        calibration = _shipped(assets / f"calibration-{model.digest}.npz", load_calibration)
        self._offsets = None if calibration is None else calibration.offsets
        self._normals = model.landmarks478(model.normals(model.mean))  # (478, 3)
        self._weights = landmark_weights().numpy()
        self._warp = CropWarp(CROP_SIZE)

    def __call__(
        self, image: NDArray[np.uint8], crop: Crop, vector: NDArray[np.float32], landmarks: NDArray | None
    ) -> Observation:
        """Observe one face.

        Args:
            image: (H, W, 3) uint8 BGR.
            crop: the square of it that is looked at.
            vector: (P,) the network's answer in px of the image.
            landmarks: (478, 2) MediaPipe's points in px of the image; None if it found none.
        """
        p = self.model.layout.view(np.asarray(vector, np.float64))
        pixels = self._warp(image, crop).copy()  # (224, 224, 3) RGB
        trust = np.zeros(len(self._weights))
        vertices = self.model.shape(p.identity, p.expression)
        outline = project(self.model.landmarks478(vertices), p.rotation, p.translation, p.scale)
        points = outline
        if landmarks is not None:
            points = outline = np.asarray(landmarks, np.float64)
            facing = self._normals @ p.rotation[2]
            trust = self._weights * np.clip((facing + 0.15) / 0.4, 0.05, 1.0)
            if self._offsets is not None:
                points = outline - self._offsets @ p.rotation[:2].T * (p.scale, -p.scale)
        points, outline = crop.lower_points(points), crop.lower_points(outline)
        skin = self._skin(pixels)
        face = self._face(pixels, outline, skin) * self._within(image, crop)
        mouth = inner_mouth_area(points, CROP_SIZE)
        return Observation(
            *(
                torch.from_numpy(np.ascontiguousarray(array, np.float32))[None]
                for array in (pixels / np.float32(255.0), face, skin, mouth, points, trust)
            )
        )

    def _skin(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self._classifier is None:
            return np.ones(pixels.shape[:2], np.float32)
        return self._classifier.probability(pixels)

    def _face(self, pixels: NDArray[np.uint8], outline: NDArray, skin: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._masker is not None:
            return self._masker.face_mask(pixels).astype(np.float32)
        oval = np.zeros(pixels.shape[:2], np.uint8)
        corners = np.round((outline[list(FACE_OVAL)] - 0.5) * 16.0).clip(-1e6, 1e6).astype(np.int32)
        cv2.fillPoly(oval, [corners], 1, shift=4)
        brightness = pixels.max(axis=-1).astype(np.float32)
        of_skin = brightness[(oval > 0) & (skin > 0.5)]
        if not len(of_skin):
            return oval.astype(np.float32)
        dark_and_foreign = (skin < 0.3) & (brightness < 0.6 * np.median(of_skin))
        return oval * cv2.GaussianBlur(1.0 - dark_and_foreign.astype(np.float32), (0, 0), 1.0)

    def _within(self, image: NDArray[np.uint8], crop: Crop) -> NDArray[np.float32]:
        """(224, 224) 1 where the crop lies within the picture."""
        height, width = image.shape[:2]
        row, column = np.mgrid[:CROP_SIZE, :CROP_SIZE] + 0.5
        x, y = np.tensordot(crop.to_frame(), np.stack([column, row, np.ones_like(row)]), axes=1)
        return ((x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)).astype(np.float32)


def _shipped(path: Path, load: Callable[[Path], T]) -> T | None:
    return load(path) if path.is_file() else None


def _decode_srgb(encoded: Tensor) -> Tensor:
    power = ((encoded + 0.055) / 1.055).clamp(min=0.0) ** 2.4
    return torch.where(encoded <= 0.04045, encoded / 12.92, power)
