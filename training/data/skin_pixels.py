"""The segmentation teacher, and pixels known to be skin or not: what the skin classifier of Eq. 9 learns from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from facemodel.color import decode_srgb
from realtime.onnx_runtime import onnxruntime
from training.data.face_classes import label_of
from training.render.lamps import LUMINANCE

_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_IMAGENET_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
_SKIN, _OTHER = ("skin", "nose"), ("background", "hair", "hat", "cloth")
_EDGE, _NEAR = 5, 25  # sides of squares, px: an edge between labels, and what is near skin
_LEAST_SKIN = 0.02  # share of a picture

Teacher = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From a picture (H, W, 3) to probabilities of skin, clothes and hair (H, W, 3)."""


class SegmentationTeacher:
    """Tells skin (with neck, eyes and lips), clothes and hair in a picture of one person.

    Args:
        path: of `pan_mnv3s_skin_clothes_hair.onnx`.
    Raises LimelightError: the file is missing.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise LimelightError(f"segmentation teacher {path}: no such file; set LIMELIGHT_DATA")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0]

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probability of skin, clothes and hair (H, W, 3) in an RGB picture (H, W, 3)."""
        height, width = image.shape[:2]
        side = self._input.shape[2]
        scaled = cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255.0
        normalized = (scaled - _IMAGENET_MEAN) / _IMAGENET_DEVIATION
        planes = self._session.run(None, {self._input.name: normalized.transpose(2, 0, 1)[None]})[0][0]  # (3, S, S)
        return cv2.resize(planes.transpose(1, 2, 0), (width, height), interpolation=cv2.INTER_LINEAR)


@dataclass(frozen=True)
class LabelledPixels:
    """N pixels.

    Attributes:
        colors: (N, 3) uint8 sRGB.
        skin: (N,) True for skin.
        tone: (N,) luminance of the skin in the pixel's picture as it is seen, linear 0..1.
    """

    colors: NDArray[np.uint8]
    skin: NDArray[np.bool_]
    tone: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.colors)

    def take(self, index: NDArray) -> LabelledPixels:
        """Return the pixels at `index`, a mask or an index array."""
        return LabelledPixels(*(getattr(self, f.name)[index] for f in fields(self)))

    @classmethod
    def join(cls, parts: Sequence[LabelledPixels]) -> LabelledPixels:
        """Return all parts in one, which may be none."""
        empty = cls(np.zeros((0, 3), np.uint8), np.zeros(0, bool), np.zeros(0, np.float32))
        return cls(*(np.concatenate([getattr(p, f.name) for p in (empty, *parts)]) for f in fields(cls)))


def labelled_pixels(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], rng: np.random.Generator, count: int = 150
) -> LabelledPixels:
    """Return up to `count` skin pixels of a picture, and as many others, half of them near skin.

    Lips, brows, eyes, ears, neck and glasses belong to neither side, nor does what lies at an edge. A picture that
    shows hardly any skin gives nothing.

    Args:
        image: (H, W, 3) sRGB.
        labels: (H, W) of `training.data.segmentation`.
        rng: chooses the pixels.
        count: of each side.
    """
    skin, other = (_inside(labels, names) for names in (_SKIN, _OTHER))
    if skin.mean() < _LEAST_SKIN:
        return LabelledPixels.join([])
    near = cv2.dilate(skin.astype(np.uint8), np.ones((_NEAR, _NEAR), np.uint8)) > 0

    def some(mask: NDArray[np.bool_], most: int) -> NDArray[np.uint8]:
        found = np.flatnonzero(mask)
        return image.reshape(-1, 3)[rng.choice(found, min(most, len(found)), replace=False)]

    colors = [some(skin, count), some(other & near, count // 2), some(other, count // 2)]
    is_skin = np.arange(sum(map(len, colors))) < len(colors[0])
    tone = np.median(decode_srgb(image[skin] / 255.0) @ LUMINANCE)
    return LabelledPixels(np.concatenate(colors), is_skin, np.full(len(is_skin), tone, np.float32))


def _inside(labels: NDArray[np.uint8], names: Sequence[str]) -> NDArray[np.bool_]:
    """Return where labels (H, W) are one of the names, off the edges."""
    mask = np.isin(labels, [label_of(name) for name in names]).astype(np.uint8)
    return cv2.erode(mask, np.ones((_EDGE, _EDGE), np.uint8), borderValue=1) > 0
