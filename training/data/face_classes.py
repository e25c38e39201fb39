"""The 19 classes of face segmentation, in CelebAMask-HQ's published order, and the sets that weaker labels name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CLASSES = (
    *("background", "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear"),
    *("mouth", "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth"),
)
"""eye_g are glasses, ear_r an earring, neck_l a necklace, mouth what is seen between the lips; l_eye, l_brow and
l_ear are the subject's left, l_lip is the lower one."""

FACE_CLASSES = ("skin", "nose", "l_eye", "r_eye", "l_brow", "r_brow", "u_lip", "l_lip")
"""What the losses compare: the face as the face model draws it, without ears, neck and what covers it."""

IGNORED = 255
"""Label of a pixel that says nothing."""

_SETS: dict[str, tuple[str, ...]] = {
    "skin_elsewhere": ("background", "l_ear", "r_ear", "ear_r", "neck_l", "neck")  # a hand is background
}

LABELS = (*CLASSES, *_SETS)
"""Names of label values: a class, or a set of classes of which the pixel is one."""


def label_of(name: str) -> int:
    """Return the value of a class or set in a label map."""
    return LABELS.index(name)


ALLOWED: NDArray[np.bool_] = np.array([[name in _SETS.get(label, (label,)) for name in CLASSES] for label in LABELS])
"""(labels, 19) classes that each label value allows; the first 19 rows are the identity."""


def _other_side(name: str) -> str:
    swapped = {"l_": "r_", "r_": "l_"}
    return swapped[name[:2]] + name[2:] if name[:2] in swapped and name != "l_lip" else name


MIRRORED: NDArray[np.uint8] = np.arange(256, dtype=np.uint8)
"""(256,) label values of a mirrored picture by those of the picture; IGNORED and what is unused stay."""
MIRRORED[: len(LABELS)] = [label_of(_other_side(name)) for name in LABELS]


def face_mask(classes: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return where a class map (...) shows the face and nothing in front of it (...)."""
    return np.isin(classes, [label_of(name) for name in FACE_CLASSES])


def with_subjects_sides(classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the class map (H, W) of an upright face whose l_ and r_ are the subject's, whichever it used.

    The subject's left is on the image's right. Eyes decide, without both of them brows, then ears; a map that has no
    pair is returned as it is.
    """
    for pair in ("eye", "brow", "ear"):
        left, right = (np.nonzero(classes == label_of(side + pair))[1] for side in ("l_", "r_"))
        if len(left) and len(right):
            return MIRRORED[classes] if left.mean() < right.mean() else classes
    return classes
