"""Photographs whose eyes are shut afterwards: people are hardly ever photographed with shut eyes, yet blink all day.

The lids of the picture are drawn over the eye as those of the face model move, skin, crease and lashes with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from facemodel import CROP_SIZE, FaceModel
from facemodel.mediapipe_outlines import LEFT_EYE, RIGHT_EYE, facing
from training.data.fit import SIDES, project_landmarks
from training.data.storage import EXTENT

_FINE = 4  # places of the warped picture are found this many times as finely as its pixels lie
_LEAST_OPENING = 2.5  # mm; narrower eyes are left as they are
_LEAST_FACING = 0.75  # z of the nose's direction: the lids of a face in profile cannot be seen well enough
_LASHES = 0.45, 0.08
"""Of the way from an open eye's upper lid to its crease, what is lashes and shade, and what that is of a shut one's."""
_FADING = ("eyeSquint", "eyeWide", "eyeLookDown")
"""Units that an eye gives up as it shuts."""


@dataclass(frozen=True)
class _Eye:
    """MediaPipe's points around one eye.

    Attributes:
        outline: of the opening, from the outer corner along the lower lid to the inner one and back.
        above, below: the skin beyond that moves; first above each point of the upper lid, its crease.
    """

    outline: tuple[int, ...]
    above: tuple[int, ...]
    below: tuple[int, ...]

    @property
    def corners(self) -> list[int]:
        """Return the outer and the inner one."""
        return [self.outline[0], self.outline[8]]

    @property
    def lids(self) -> tuple[list[int], list[int]]:
        """Return the points of the lower and of the upper lid, from the outer to the inner corner."""
        return facing(self.outline, range(1, 8))


_EYES = (
    _Eye(
        LEFT_EYE,
        (467, 260, 259, 257, 258, 286, 414, 342, 445, 444, 443, 442, 441, 413, 276, 283, 282, 295, 285),
        (359, 255, 339, 254, 253, 252, 256, 341, 463, 446, 261, 448, 449, 450, 451, 452, 453, 464),
    ),
    _Eye(
        RIGHT_EYE,
        (247, 30, 29, 27, 28, 56, 190, 113, 225, 224, 223, 222, 221, 189, 46, 53, 52, 65, 55),
        (130, 25, 110, 24, 23, 22, 26, 112, 243, 226, 31, 228, 229, 230, 231, 232, 233, 244),
    ),
)


class ShutEyes(NamedTuple):
    """What of a sample changes: a picture (S, S, 3), (P,) parameters, (478, 2) landmarks."""

    image: NDArray[np.uint8]
    parameters: NDArray[np.float32]
    landmarks: NDArray[np.float32]


def random_closing(rng: Generator) -> NDArray[np.float64]:
    """Return how far the eyes are to shut, (2,) of `SIDES`, 0..1: most often both of them, or one, or half-way."""
    match rng.choice(["both", "wink", "half"], p=[0.5, 0.3, 0.2]):
        case "both":
            return np.clip(rng.uniform(0.8, 1.05) * rng.uniform(0.95, 1.05, 2), 0.0, 1.0)
        case "wink":
            return rng.permutation([rng.uniform(0.8, 1.0), rng.uniform(0.0, 0.25)])
        case _:
            return rng.uniform(0.25, 0.85) * rng.uniform(0.9, 1.1, 2)


def shut_eyes(
    model: FaceModel, image: NDArray, parameters: NDArray, landmarks: NDArray, closing: NDArray
) -> ShutEyes | None:
    """Return a stored picture with its eyes shut further, or None where they are shut or turned away, or do not blink.

    Args:
        model: the face model.
        image: (S, S, 3) uint8, EXTENT crop px wide.
        parameters: (P,) in crop px. landmarks: (478, 2) crop px.
        closing: (2,) of `SIDES`: 0 leaves an eye as it is, 1 shuts it.
    """
    old, vector = model.layout.view(np.asarray(parameters)), np.array(parameters, np.float32)
    if old.rotation[2, 2] < _LEAST_FACING:
        return None
    new = model.layout.view(vector)
    index = {name: i for i, name in enumerate(model.expression_names)}
    for side, share in zip(SIDES, closing, strict=True):
        if (blink := index.get(f"eyeBlink{side}")) is None:
            return None
        new.expression[blink] += share * (1.0 - new.expression[blink])
        fading = [index[name] for unit in _FADING if (name := f"{unit}{side}") in index]
        new.expression[fading] *= 1.0 - share
    before, after = project_landmarks(model, np.stack([parameters, vector]))  # (478, 2) each
    points = np.asarray(landmarks, np.float64)
    moved = points + (after - before)
    picture = image
    for eye in _EYES:
        lower, upper = eye.lids
        opening, left = (np.linalg.norm(p[upper] - p[lower], axis=1) for p in (before, after))  # (7,)
        if opening.mean() < _LEAST_OPENING * float(old.scale):
            return None
        share = np.minimum(left / np.maximum(opening, 1e-6), 1.0)[:, None]
        moved[upper] = moved[lower] + share * (points[upper] - points[lower])
        moved[eye.corners] = points[eye.corners]
        picture = _drawn(picture, eye, points, moved)
    return ShutEyes(picture, vector, moved.astype(np.float32))


def _drawn(image: NDArray[np.uint8], eye: _Eye, points: NDArray, moved: NDArray) -> NDArray[np.uint8]:
    """Return a picture in which the lids of one eye are where its points (478, 2) crop px have moved to."""
    zoom, margin = len(image) / EXTENT, (EXTENT - CROP_SIZE) / 2
    around = [*eye.corners, *eye.above, *eye.below]
    low = np.floor((points[around].min(axis=0) + margin) * zoom).astype(int) - 2
    high = np.ceil((points[around].max(axis=0) + margin) * zoom).astype(int) + 2
    low, high = np.maximum(low, 0), np.minimum(high, len(image))
    if (high - low < 4).any():
        return image
    width, height = ((high - low) * _FINE).tolist()

    def fine(which: NDArray) -> NDArray[np.float64]:  # (N, 2) in pixels of the enlarged cut-out
        return ((which + margin) * zoom - low) * _FINE

    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    places = np.stack([x, y], axis=2)  # (H, W, 2) where every pixel's colour comes from
    sides = np.array([(i * width / 4, j * height / 4) for i in range(5) for j in range(5) if {i, j} & {0, 4}])
    lower, upper = eye.lids
    crease = list(eye.above[: len(upper)])
    lashes = [
        fine(p[upper] + share * (p[crease] - p[upper])) for p, share in zip((points, moved), _LASHES, strict=True)
    ]
    nothing = [np.empty((0, 2))] * 2
    for lid, skin, (was, now), beyond in ((upper, eye.above, lashes, 0.0), (lower, eye.below, nothing, float(height))):
        own = [eye.corners[0], *lid, eye.corners[1], *skin]
        source, goal = np.concatenate([fine(points[own]), was]), np.concatenate([fine(moved[own]), now])
        edge = goal[: len(lid) + 2]
        outline = [*edge, (edge[-1][0], beyond), (edge[0][0], beyond)]
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 1)
        inside = mask > 0
        field = RBFInterpolator(
            np.concatenate([goal, sides]),
            np.concatenate([source - goal, np.zeros_like(sides)]),
            kernel="thin_plate_spline",
            smoothing=1.0,
        )
        places[inside] += field(places[inside])
    cut = image[low[1] : high[1], low[0] : high[0]]
    at = (places / _FINE - 0.5).astype(np.float32)
    warped = cv2.remap(cut, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    out = image.copy()
    out[low[1] : high[1], low[0] : high[0]] = cv2.resize(
        warped, (width // _FINE, height // _FINE), interpolation=cv2.INTER_AREA
    )
    return out
