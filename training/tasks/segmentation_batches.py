"""Batches for the segmentation U-Net: pictures moved, mirrored and exposed at random, their labels with them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from training.data.face_classes import IGNORED, MIRRORED
from training.data.segmentation import SegmentationSamples


@dataclass(frozen=True)
class SegmentationAugment:
    """Bounded changes of a labelled picture.

    Attributes:
        shift: largest shift, share of the side. scale: largest change of size, natural logarithm.
        angle: largest turn, degrees.
        exposure: largest change of brightness, natural logarithm of sRGB values. white_balance: of one channel
            against the others. tone: of the exponent of a tone curve.
        flip_share, gray_share, blur_share: probability of a mirrored, a colourless, a blurred picture.
        blur: largest Gaussian, px.
    """

    shift: float = 0.08
    scale: float = 0.22
    angle: float = 20.0
    exposure: float = 0.3
    white_balance: float = 0.1
    tone: float = 0.25
    flip_share: float = 0.5
    gray_share: float = 0.05
    blur_share: float = 0.2
    blur: float = 1.2


class SegmentationBatcher:
    """Makes batches of the training part; the one for a step depends on the seed and the step alone.

    Args:
        samples: labelled pictures.
        resolution: side of the network's input, px; shows all of a picture.
        batch_size: pictures a batch.
        augment: how they are changed.
        seed: of everything random.
    """

    def __init__(
        self, samples: SegmentationSamples, resolution: int, batch_size: int, augment: SegmentationAugment, seed: int
    ) -> None:
        self.samples = samples
        self.resolution = resolution
        self.batch_size = batch_size
        self.augment = augment
        self.seed = seed
        self._training = np.flatnonzero(~samples.held_out)

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """sRGB pictures (B, 3, R, R) 0..1 and their labels (B, R, R)."""
        rng = np.random.default_rng((self.seed, step))
        chosen = rng.choice(self._training, self.batch_size)
        pictures = [resized(self.samples, int(index), self.resolution) for index in chosen]
        return stacked([changed(*picture, self.augment, rng) for picture in pictures])


def resized(samples: SegmentationSamples, index: int, resolution: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Picture number `index`, (R, R, 3), and its labels (R, R)."""
    size = (resolution, resolution)
    image = cv2.resize(samples.images[index], size, interpolation=cv2.INTER_AREA)
    labels = cv2.resize(samples.labels[index], size, interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(image, np.uint8), np.asarray(labels, np.uint8)


def changed(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], augment: SegmentationAugment, rng: Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A picture (R, R, 3) and labels (R, R) moved alike; what comes in from outside repeats the edge, IGNORED."""
    a, side = augment, len(image)
    if rng.random() < a.flip_share:
        image, labels = image[:, ::-1], MIRRORED[labels[:, ::-1]]
    middle = np.full(2, 0.5 * (side - 1))  # OpenCV counts from pixel centres
    angle, size = rng.uniform(-a.angle, a.angle), float(np.exp(rng.uniform(-a.scale, a.scale)))
    matrix = cv2.getRotationMatrix2D(middle.tolist(), float(angle), size)  # (2, 3)
    matrix[:, 2] += rng.uniform(-a.shift, a.shift, 2) * side
    size_px = (side, side)
    image = cv2.warpAffine(image, matrix, size_px, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    labels = cv2.warpAffine(labels, matrix, size_px, flags=cv2.INTER_NEAREST, borderValue=IGNORED)
    gains = np.exp(rng.uniform(-a.exposure, a.exposure) + rng.uniform(-a.white_balance, a.white_balance, 3))
    exponent = np.exp(rng.uniform(-a.tone, a.tone))
    curve = 255.0 * np.clip(np.linspace(0.0, 1.0, 256)[:, None] ** exponent * gains, 0.0, 1.0)  # (256, 3)
    image = cv2.LUT(image, np.rint(curve).astype(np.uint8)[None])
    if rng.random() < a.gray_share:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < a.blur_share:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, max(a.blur, 0.31)))
    return np.asarray(image, np.uint8), np.asarray(labels, np.uint8)


def stacked(pictures: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> tuple[Tensor, Tensor]:
    """Pictures as the network takes them, (B, 3, R, R) 0..1, and labels (B, R, R) uint8."""
    images, labels = zip(*pictures, strict=True)
    planes = torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).astype(np.float32) / 255.0)
    return planes, torch.from_numpy(np.stack(labels))
