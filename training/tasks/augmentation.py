"""Bounded changes of training crops, with labels that change as the picture does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from facemodel import CROP_SIZE, Crop, ParameterLayout
from facemodel.arkit import mirrored_name
from facemodel.color import decode_srgb, encode_srgb
from training.config import AugmentConfig

_LINEAR = decode_srgb(np.arange(256) / 255.0)
_FLIPPED_SH = np.array([1, 1, 1, -1, -1, 1, 1, -1, 1], np.float32)
"""Signs of the SH bands when x changes its sign: Y11 (x), Y2-2 (xy) and Y21 (xz)."""


@dataclass(frozen=True)
class Sample:
    """One crop and its labels, in crop pixels of the crop that `image` shows.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        extent: side of what `image` shows, crop px; the 224 px crop lies in its middle.
        parameters: (P,) parameter vector.
        landmarks: (478, 2) crop px.
        landmark_worth, unit_worth: (478,) and (Ne,), see `Batch`.
        mirrored: the picture is a mirror image; identity and albedo labels then no longer hold.
    """

    image: NDArray[np.uint8]
    extent: float
    parameters: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    landmark_worth: NDArray[np.float32]
    unit_worth: NDArray[np.float32]
    mirrored: bool = False


@dataclass(frozen=True)
class Mirror:
    """How labels change in a mirror: which landmark and which expression becomes which.

    Attributes:
        landmarks: (478,) index of each landmark's mirror image.
        expressions: (Ne,) index of each expression's mirror image.
    """

    landmarks: NDArray[np.int64]
    expressions: NDArray[np.int64]

    @classmethod
    def of(cls, points: NDArray, names: Sequence[str]) -> Mirror:
        """Pair landmarks where they lie on a face, and expressions by their names' Left and Right.

        Args:
            points: (478, 2 or 3) landmarks of a symmetric face, x = 0 in the middle.
            names: of the expressions.
        """
        flip = np.ones(points.shape[1])
        flip[0] = -1.0
        distance = np.linalg.norm(points[:, None] - points[None] * flip, axis=-1)  # (478, 478)
        names = list(names)
        expressions = [names.index(other) if (other := mirrored_name(n)) in names else i for i, n in enumerate(names)]
        return cls(linear_sum_assignment(distance)[1], np.array(expressions))

    def apply(self, layout: ParameterLayout, sample: Sample) -> Sample:
        """Return the sample as a mirror shows it."""
        vector = sample.parameters.copy()
        p = layout.view(vector)
        p.expression[:] = p.expression[self.expressions]
        p.rotation = p.rotation * np.outer([-1, 1, 1], [-1, 1, 1])
        p.translation[0] = CROP_SIZE - p.translation[0]
        p.sh[:] *= _FLIPPED_SH[:, None]
        p.key_position[0] *= -1.0
        landmarks = sample.landmarks[self.landmarks] * (-1.0, 1.0) + (CROP_SIZE, 0.0)
        image = np.ascontiguousarray(sample.image[:, ::-1])
        return replace(
            sample,
            image=image,
            parameters=vector,
            landmarks=landmarks,
            landmark_worth=sample.landmark_worth[self.landmarks],
            unit_worth=sample.unit_worth[self.expressions],
            mirrored=not sample.mirrored,
        )


class Augmenter:
    """Makes the network's input of a stored sample.

    Args:
        config: bounds of every change; with all at zero the middle of the stored crop comes out.
        layout: of the parameter vectors.
        mirror: how labels change in a mirror.
        resolution: side of the network's input, px.
    """

    def __init__(self, config: AugmentConfig, layout: ParameterLayout, mirror: Mirror, resolution: int) -> None:
        self.config = config
        self.layout = layout
        self.mirror = mirror
        self.resolution = resolution

    def __call__(self, sample: Sample, rng: Generator) -> Sample:
        """A changed copy of `sample` whose image is (resolution, resolution, 3), showing CROP_SIZE crop px."""
        c = self.config
        if rng.random() < c.flip_share:
            sample = self.mirror.apply(self.layout, sample)
        sample = self._move(sample, rng)
        sample = self._expose(sample, rng)
        return replace(sample, image=self._degrade(sample.image, rng))

    def plain(self, sample: Sample) -> Sample:
        """Return the crop as it is, at the network's resolution."""
        return crop_out(self.layout, sample, Crop((CROP_SIZE / 2, CROP_SIZE / 2), CROP_SIZE), self.resolution)

    def _move(self, sample: Sample, rng: Generator) -> Sample:
        c = self.config
        shift = rng.uniform(-c.shift, c.shift, 2) * CROP_SIZE
        side = CROP_SIZE * float(np.exp(rng.uniform(-c.scale, c.scale)))
        angle = float(np.deg2rad(rng.uniform(-c.angle, c.angle)))
        centre = shift + CROP_SIZE / 2
        border = cv2.BORDER_REPLICATE if rng.random() < 0.5 else cv2.BORDER_CONSTANT
        return crop_out(self.layout, sample, Crop((centre[0], centre[1]), side, angle), self.resolution, border)

    def _expose(self, sample: Sample, rng: Generator) -> Sample:
        """Exposure and white balance: the picture and its light change by one gain per channel."""
        c = self.config
        gains = np.exp(rng.uniform(-c.exposure, c.exposure) + rng.uniform(-c.white_balance, c.white_balance, 3))
        exponent = np.exp(rng.uniform(-c.tone, c.tone))
        curve = 255.0 * encode_srgb(_LINEAR[:, None] * gains) ** exponent  # (256, 3)
        vector = sample.parameters.copy()
        p = self.layout.view(vector)
        p.sh[:] *= gains
        p.key_color[:] *= gains
        image = cv2.LUT(sample.image, np.rint(curve).astype(np.uint8)[None])
        return replace(sample, image=image, parameters=vector)

    def _degrade(self, image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
        c, side = self.config, image.shape[0]
        if rng.random() < c.cutout_share:
            width, height = rng.integers(1, max(2, round(c.cutout * side)), 2)
            x, y = rng.integers(0, side - width + 1), rng.integers(0, side - height + 1)
            patch = rng.uniform(0, 255, 3) + rng.normal(0, rng.uniform(0, 40), (height, width, 1))
            image = image.copy()
            image[y : y + height, x : x + width] = np.clip(patch, 0, 255)
        if rng.random() < c.coarse_share:
            small = int(rng.integers(side // 3, side))
            image = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
            image = cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR)
        if rng.random() < c.blur_share:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, max(c.blur, 0.31)))
        sigma = rng.uniform(0, c.noise)
        if sigma > 0.5:
            image = np.clip(image + rng.standard_normal(image.shape, np.float32) * sigma, 0, 255).astype(np.uint8)
        if rng.random() < c.jpeg_share:
            quality = int(rng.integers(c.jpeg_quality, 96))
            encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            image = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
        return image


def crop_out(
    layout: ParameterLayout, sample: Sample, crop: Crop, resolution: int, border: int = cv2.BORDER_REPLICATE
) -> Sample:
    """Return what `crop` (in crop px of the sample) sees of a sample, with labels in the new crop's pixels."""
    stored = len(sample.image) / sample.extent  # stored px per crop px
    margin = (sample.extent - CROP_SIZE) / 2
    to_crop = crop.to_frame(resolution)  # network px -> crop px
    to_stored = np.column_stack([to_crop[:, :2], to_crop[:, 2] + margin]) * stored
    # OpenCV counts from pixel centres, we from corners.
    to_stored[:, 2] += 0.5 * to_stored[:, :2].sum(axis=1) - 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    image = cv2.warpAffine(sample.image, to_stored, (resolution, resolution), flags=flags, borderMode=border)
    landmarks = crop.lower_points(sample.landmarks)
    return replace(
        sample,
        image=image,
        extent=CROP_SIZE,
        parameters=crop.lower(layout, sample.parameters).astype(np.float32),
        landmarks=landmarks.astype(np.float32),
    )
