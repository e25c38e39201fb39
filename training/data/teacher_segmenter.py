"""Face segmentation by the segmentation teacher, where there is no trained U-Net."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.data.face_classes import label_of
from training.data.skin_pixels import Teacher

_CLASSES = np.array([label_of(name) for name in ("skin", "cloth", "hair", "background")], np.uint8)


class TeacherSegmenter:
    """A class map of skin, cloth, hair and background: coarser than the U-Net's.

    Neck, ears, eyes, lips and most glasses are skin to the teacher.

    Args:
        teacher: tells skin, clothes and hair.
    """

    def __init__(self, teacher: Teacher) -> None:
        self._teacher = teacher

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W) `face_classes.CLASSES` at every pixel of a picture (H, W, 3)."""
        found = self._teacher(image)  # (H, W, 3)
        background = np.full_like(found[..., :1], 0.5)
        return _CLASSES[np.concatenate([found, background], axis=2).argmax(axis=2)]
