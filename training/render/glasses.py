"""Spectacles of several shapes, clear, tinted or dark, in which windows and lamps are reflected."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.render.scenery import blend, random_color, smooth_noise

_HALF_WIDTH = 25.0  # mm of a lens
_TEMPLE = np.array([79.0, 6.0, -5.0])  # mm, where an arm of the spectacles ends, from between the eyes
_LENS = 0.6  # of what lies behind a lens is not seen as it is
_FAR_SIDE = -0.7  # sine of the yaw beyond which the nose hides the far lens


def draw_glasses(
    image: NDArray[np.float32],
    rng: Generator,
    place: Callable[[NDArray], NDArray],
    eyes: NDArray,
    sides: NDArray,
    lit: NDArray,
) -> NDArray[np.float32]:
    """Draw spectacles in front of both eyes, in place.

    Args:
        image: (S, S, 3) linear.
        rng: random numbers.
        place: from head coordinates (N, 3) mm to pixels (N, 2).
        eyes: (2, 3) mm, the subject's left pupil first.
        sides: (2,) how much each side of the head faces the camera, cosines.
        lit: (3,) light on a white surface that faces the camera.
    Returns: (S, S) what they cover, 0..1; lenses count by more than a half.
    """
    size = len(image)
    rim, glass = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    width, height, power = rng.uniform(0.85, 1.15), rng.uniform(0.55, 0.95), rng.uniform(2.0, 6.0)
    droop, wing = rng.choice([0.0, 0.0, 0.18]), rng.choice([0.0, 0.0, 0.3])  # aviators, cat's eyes
    rims = rng.choice(["full", "upper", "none"], p=[0.7, 0.18, 0.12])
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    x, y = (np.sign(f(turn)) * np.abs(f(turn)) ** (2 / power) for f in (np.cos, np.sin))
    x, y = x * width * (1.0 - droop * y), (y - droop * x * (y < 0.0)) * height + wing * np.maximum(x * y, 0.0)
    middle = eyes.mean(axis=0)
    unit = float(np.linalg.norm(np.diff(place(middle + [[0.0, -10.0, 0.0], [0.0, 10.0, 0.0]]), axis=0))) / 20.0
    thickness = max(1, round(unit * rng.uniform(1.0, 4.0)))
    inner, panes = [], []
    for side, eye, faces in zip((1.0, -1.0), eyes, sides, strict=True):
        lens = np.stack([side * x, y, -0.12 * np.maximum(x, 0.0)], axis=1) * _HALF_WIDTH + eye + (0.0, -2.0, 13.0)
        outline = place(lens)
        inner.append(place(lens[[20]])[0])
        if faces < _FAR_SIDE:
            continue
        cv2.fillPoly(glass, [outline.astype(np.int32)], 1.0)
        panes.append(outline)
        if rims != "none":
            shown, closed = (outline, True) if rims == "full" else (outline[:21], False)
            cv2.polylines(rim, [shown.astype(np.int32)], closed, 1.0, thickness, cv2.LINE_AA)
        if faces > -0.1:
            end = np.array([middle + _TEMPLE * (side, 1.0, 1.0)]) - (0.0, 0.0, middle[2])
            arm = np.concatenate([outline[[2]], place(end)]).astype(np.int32)
            cv2.polylines(rim, [arm], False, 1.0, thickness, cv2.LINE_AA)
    cv2.polylines(rim, [np.array(inner).astype(np.int32)], False, 1.0, thickness, cv2.LINE_AA)
    kind = rng.random()
    if kind < 0.3:  # sunglasses, or a tint
        blend(image, glass * rng.uniform(0.1, 1.0), 0.1 * random_color(rng) * lit)
    if rng.random() < 0.6:
        shine = _reflection(rng, size, panes) * glass
        blend(image, shine * rng.uniform(0.05, 0.9), (random_color(rng) + 0.5) * rng.uniform(0.3, 1.5))
    color = (random_color(rng) * rng.choice([0.1, 0.4, 1.0]) + 0.01) * lit
    blend(image, rim, color * (0.6 + 0.8 * smooth_noise(rng, size, 10, 1)))
    return np.maximum(rim, _LENS * glass)


def _reflection(rng: Generator, size: int, panes: list[NDArray]) -> NDArray[np.float32]:
    """Draw (S, S) 0..1 the same window, lamp or bright sky at the same place of each lens."""
    picture = np.zeros((size, size), np.float32)
    kind, place, extent = rng.integers(3), rng.uniform(0.1, 0.7, 2), rng.uniform(0.15, 0.6, 2)
    slant = rng.normal(0.0, 0.2)
    for pane in panes:
        low, span = pane.min(axis=0), np.ptp(pane, axis=0)
        corners = np.array([(0.0, 0.0), (1.0, slant), (1.0 + slant, 1.0), (slant, 1.0 - slant)])
        window = (low + span * (place + extent * corners)).astype(np.int32)
        if kind == 0:
            cv2.fillPoly(picture, [window], 1.0, cv2.LINE_AA)
            for first, last in (((0, 1), (3, 2)), ((0, 3), (1, 2))):  # its bars
                ends = np.array([window[list(side)].mean(axis=0) for side in (first, last)]).astype(np.int32)
                cv2.polylines(picture, [ends], False, 0.0, 1, cv2.LINE_AA)
        elif kind == 1:
            radius = max(1, int(0.15 * extent.mean() * span.max()))
            cv2.circle(picture, window[0].tolist(), radius, 1.0, -1, cv2.LINE_AA)
        else:
            top, bottom = int(low[1]), int(low[1] + span[1])
            rows = np.clip(1.0 - (np.arange(size) - top) / max(bottom - top, 1), 0.0, 1.0)
            left, right = max(int(low[0]), 0), int(low[0] + span[0])
            picture[:, left:right] = rows[:, None]
    return cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.5)))
