"""What looks like a face and is none: drawings, and things with two dark spots and a stroke."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.render.scenery import blend, random_color, smooth_noise


def draw_cartoon(image: NDArray[np.float32], rng: Generator, middle: NDArray, up: float) -> None:
    """Draw a smiley, a mask or a socket, in place.

    Args:
        image: (S, S, 3) linear.
        rng: random numbers.
        middle: (x, y) px. up: its half height, px.
    """
    size = len(image)
    shape, ink = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    wide, stroke = rng.uniform(0.6, 1.1), max(1, int(up * rng.uniform(0.02, 0.1)))
    corners = rng.uniform(2.0, 8.0)  # 2 is an ellipse, 8 nearly a box
    turn = np.linspace(0.0, 2.0 * np.pi, 60, endpoint=False)
    outline = np.stack([np.sign(f(turn)) * np.abs(f(turn)) ** (2 / corners) for f in (np.cos, np.sin)], axis=1)
    contour = (middle + up * outline * (wide, 1.0)).astype(np.int32)
    cv2.fillPoly(shape, [contour], 1.0, cv2.LINE_AA)
    if rng.random() < 0.6:
        cv2.polylines(ink, [contour], True, 1.0, stroke, cv2.LINE_AA)
    eyes = rng.uniform((0.2, 0.1), (0.45, 0.4)) * (wide, -1.0) * up
    radius = np.maximum(up * rng.uniform(0.04, 0.2, 2), 1.0).astype(int).tolist()
    fill = -1 if rng.random() < 0.6 else stroke
    for side in (-1.0, 1.0):
        place = (middle + eyes * (side, 1.0)).astype(int).tolist()
        cv2.ellipse(ink, place, radius, 0, 0, 360, 1.0, fill, cv2.LINE_AA)
    mouth = (middle + (0.0, up * rng.uniform(0.3, 0.6))).astype(int).tolist()
    axes = np.maximum(up * rng.uniform((0.15, 0.0), (0.5, 0.25)), 1.0).astype(int).tolist()
    first, last = ((0, 180), (180, 360), (0, 360))[rng.integers(3)]
    cv2.ellipse(ink, mouth, axes, 0, first, last, 1.0, stroke, cv2.LINE_AA)
    if rng.random() < 0.5:
        ends = middle + up * np.array([(0.0, -0.1), (rng.normal(0.0, 0.1), 0.2)])
        cv2.polylines(ink, [ends.astype(np.int32)], False, 1.0, stroke, cv2.LINE_AA)
    blend(image, shape * rng.choice([1.0, 1.0, 0.0]), random_color(rng) * (0.8 + 0.4 * smooth_noise(rng, size, 9, 1)))
    blend(image, ink, 0.3 * random_color(rng))
