"""What a solve knows of a picture: its crop, landmarks, and which of its pixels show the face."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facemodel import CROP_SIZE, Crop, FaceModel
from facemodel.color import decode_srgb
from realtime.tracking.crop_warp import CropWarp
from training.data.inner_mouth import inner_mouth_area
from training.data.prepare import load_calibration
from training.data.segmenter import Segmenter
from training.evaluation.measures import landmarks478_px
from training.losses.label_losses import landmark_weights
from training.losses.paper_losses import encode_srgb

_IRISES = 4.0  # weight of each of their ten points


@dataclass(frozen=True, eq=False)
class Observation:
    """B pictures of side S = 224 px or less, as the losses compare them.

    Attributes:
        image: (B, S, S, 3) sRGB 0..1.
        face: (B, S, S) 0..1 where the face is seen, I_face.
        inner_mouth: (B, S, S) labelled share of inner mouth.
        landmarks: (B, 478, 2) crop px, where the face model has MediaPipe's points.
        network: (B, 478, 2) the same points by the network.
        trust: (B, 478) weights of the landmarks; 0 in a picture where no landmarks were found.
    """

    image: Tensor
    face: Tensor
    inner_mouth: Tensor
    landmarks: Tensor
    network: Tensor
    trust: Tensor

    @classmethod
    def cat(cls, parts: list[Observation]) -> Observation:
        """Return several observations as one."""
        return cls(*(torch.cat([getattr(part, f.name) for part in parts]) for f in fields(cls)))

    def shrunk(self, size: int) -> Observation:
        """Return the same at `size` px, which divides the present side; colours are averaged in linear light."""
        factor = self.image.shape[1] // size
        if factor == 1:
            return self

        def average(planes: Tensor) -> Tensor:
            return functional.avg_pool2d(planes, factor)

        linear = torch.from_numpy(decode_srgb(self.image.numpy())).to(self.image)
        colors = average(linear.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        planes = {name: average(getattr(self, name)) for name in ("face", "inner_mouth")}
        return replace(self, image=encode_srgb(colors), **planes)


class Masker(Protocol):
    """Finds the pixels that show the face."""

    def face_mask(self, image: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return the mask (H, W) of an aligned crop (H, W, 3) sRGB."""
        ...


class Observer:
    """Turns pictures into observations.

    Args:
        model: the face model.
        masker: finds the face's pixels; the shipped U-Net if None.
    Raises LimelightError: a network that ships with the training room is missing.
    """

    def __init__(self, model: FaceModel, masker: Masker | None = None) -> None:
        self.model = model
        self._masker = masker or Segmenter.load()
        calibration = Path(str(files("training") / "assets" / f"calibration-{model.digest}.npz"))
        self._offsets = load_calibration(calibration).offsets if calibration.is_file() else None
        self._normals = model.landmarks478(model.normals(model.mean))  # (478, 3)
        self._weights = landmark_weights(irises=_IRISES).numpy()
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
        network = points = landmarks478_px(self.model, p.vector)
        if landmarks is not None:
            points = np.asarray(landmarks, np.float64)
            trust = self._weights * np.clip((self._normals @ p.rotation[2] + 0.15) / 0.4, 0.05, 1.0)
            if self._offsets is not None:
                points = points - self._offsets @ p.rotation[:2].T * (p.scale, -p.scale)
        points, network = crop.lower_points(points), crop.lower_points(network)
        face = self._masker.face_mask(pixels) & _within(image, crop)
        mouth = inner_mouth_area(points, CROP_SIZE)
        return Observation(
            *(
                torch.from_numpy(np.ascontiguousarray(array, np.float32))[None]
                for array in (pixels / np.float32(255.0), face, mouth, points, network, trust)
            )
        )


def _within(image: NDArray[np.uint8], crop: Crop) -> NDArray[np.bool_]:
    """(224, 224) True where the crop lies within the picture."""
    height, width = image.shape[:2]
    row, column = np.mgrid[:CROP_SIZE, :CROP_SIZE] + 0.5
    x, y = np.tensordot(crop.to_frame(), np.stack([column, row, np.ones_like(row)]), axes=1)
    return (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)
