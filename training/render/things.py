"""Hats, headphones, hands, microphones and other things on and before a head, lit by the scene's light."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from facemodel.lighting import shade_diffuse
from training.render.scenery import blend, random_color, smooth_noise

_CUP = np.array([86.0, -18.0, -2.0])  # mm, of headphones
_BAND = 118.0  # mm, from the cups to the top


def draw_hat(
    image: NDArray[np.float32], rng: Generator, brim: NDArray, up: float, axis: NDArray, sh: NDArray
) -> NDArray[np.float32]:
    """Draw a cap, a hat or a wide brim, in place; returns what it covers, (S, S) 0..1.

    Args:
        image: (S, S, 3) linear.
        rng: random numbers.
        brim: (x, y) of the middle of the brim, px.
        up: half a head's height, px.
        axis: (2,) the head's up axis in the picture.
        sh: (9, 3) light.
    """
    size = len(image)
    turn = float(np.rad2deg(np.arctan2(axis[0], -axis[1])))
    crown, edge = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    width, height = up * rng.uniform(0.74, 0.95), up * rng.uniform(0.55, 0.85)
    middle = brim.astype(int).tolist()
    cv2.ellipse(crown, middle, (int(width), int(height)), turn, 180, 360, 1.0, -1)
    axes = (int(width * rng.uniform(1.0, 1.6)), max(1, int(up * rng.uniform(0.05, 0.2))))
    cv2.ellipse(edge, middle, axes, turn, 0, 360, 1.0, -1)
    color = random_color(rng)
    texture = 0.6 + 0.8 * smooth_noise(rng, size, int(rng.integers(4, 40)), 1)
    for mask, tone in ((crown, 1.0), (edge, rng.uniform(0.5, 1.3))):
        _solid(image, mask, tone * color * texture, sh)
    return np.maximum(crown, edge)


def draw_headphones(
    image: NDArray[np.float32],
    rng: Generator,
    place: Callable[[NDArray], NDArray],
    up: float,
    sides: NDArray,
    sh: NDArray,
) -> NDArray[np.float32]:
    """Draw headphones, half of them with a microphone before the mouth, in place; returns what they cover.

    Args:
        image, rng, up, sh: as `draw_hat`.
        place: from head coordinates (N, 3) mm to pixels (N, 2).
        sides: (2,) how much the subject's left and right side face the camera, cosines.
    """
    size, covered = len(image), np.zeros(image.shape[:2], np.float32)
    color, boom = random_color(rng) * 0.6 + 0.01, rng.random() < 0.5
    turn = np.linspace(0.0, np.pi, 24)
    turn = turn[np.cos(turn) * sides[0] > -0.3]  # the head hides the rest
    arch = np.stack([_CUP[0] * np.cos(turn), _CUP[1] + _BAND * np.sin(turn), -22.0 * np.sin(turn)], axis=1)
    band = place(arch)
    mask = np.zeros((size, size), np.float32)
    cv2.polylines(mask, [band.astype(np.int32)], False, 1.0, max(1, int(up * rng.uniform(0.06, 0.16))), cv2.LINE_AA)
    _solid(image, mask, color, sh)
    covered = mask
    tall = up * rng.uniform(0.24, 0.38)
    for side, faces in zip((1.0, -1.0), sides, strict=True):
        if faces < -0.25:
            continue
        mask = np.zeros((size, size), np.float32)
        cup = place(_CUP[None] * (side, 1.0, 1.0))[0]
        axes = (max(1, int(tall * (0.35 + 0.6 * abs(faces)))), max(1, int(tall)))
        cv2.ellipse(mask, cup.astype(int).tolist(), axes, 0, 0, 360, 1.0, -1, cv2.LINE_AA)
        if boom:
            boom = False
            arm = place(np.array([_CUP * (side, 1.0, 1.0), (side * 68.0, -75.0, 60.0), (side * 32.0, -84.0, 106.0)]))
            cv2.polylines(mask, [arm.astype(np.int32)], False, 1.0, max(1, int(up * 0.03)), cv2.LINE_AA)
            cv2.circle(mask, arm[-1].astype(int).tolist(), max(1, int(up * 0.07)), 1.0, -1, cv2.LINE_AA)
        _solid(image, mask, color * rng.uniform(0.5, 1.5), sh)
        covered = np.maximum(covered, mask)
    return covered


def draw_occluder(
    image: NDArray[np.float32], rng: Generator, skin: NDArray, head: NDArray, up: float, sh: NDArray
) -> NDArray[np.float32]:
    """Draw a hand, a microphone, a bar or a textured thing before part of the face, in place; returns what it covers.

    Args:
        image, rng, up, sh: as `draw_hat`.
        skin: (3,) albedo of its skin.
        head: (x, y) of the head's middle, px.
    """
    size = len(image)
    mask, covered = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    centre = head + up * rng.uniform(-1.0, 1.0, 2) * (0.9, 1.0)
    color = random_color(rng) * (0.75 + 0.5 * smooth_noise(rng, size, 8, 1))
    match rng.choice(["hand", "hand", "microphone", "microphone", "bar", "thing"]):
        case "hand":
            return _hand(image, rng, skin * rng.uniform(0.8, 1.2), centre, up, sh)
        case "microphone":
            tip = head + up * rng.uniform((-0.7, 0.35), (0.7, 1.1))
            foot = tip + up * np.array([rng.normal(0.0, 0.6), 3.0])
            cv2.line(mask, _whole(tip), _whole(foot), 1.0, max(2, int(up * rng.uniform(0.08, 0.22))), cv2.LINE_AA)
            _solid(image, mask, 0.3 * color, sh)
            covered, mask = mask, np.zeros_like(mask)
            axes = (max(1, int(up * rng.uniform(0.12, 0.26))), max(1, int(up * rng.uniform(0.16, 0.3))))
            tilt = float(np.rad2deg(np.arctan2(tip[0] - foot[0], foot[1] - tip[1])))
            cv2.ellipse(mask, _whole(tip), axes, tilt, 0, 360, 1.0, -1, cv2.LINE_AA)
            mesh = ((np.indices((size, size)).sum(axis=0) % 3) > 0).astype(np.float32)[..., None]
            color = color * (0.4 + 0.6 * mesh)
        case "bar":
            along = rng.normal(size=2)
            along *= up * 3 / np.linalg.norm(along)
            ends = _whole(centre - along), _whole(centre + along)
            cv2.line(mask, *ends, 1.0, max(2, int(up * rng.uniform(0.04, 0.3))), cv2.LINE_AA)
        case _:
            axes = (up * rng.uniform(0.1, 0.45, 2)).astype(int).tolist()
            cv2.ellipse(mask, _whole(centre), axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
            color = random_color(rng) * (0.4 + 1.2 * smooth_noise(rng, size, int(rng.integers(4, 40)), 3))
    _solid(image, mask, color, sh)
    return np.maximum(covered, mask)


def _hand(
    image: NDArray[np.float32], rng: Generator, skin: NDArray, tips: NDArray, up: float, sh: NDArray
) -> NDArray[np.float32]:
    """Draw a forearm, a palm, a thumb and four fingers, each as round as the light shows it."""
    size, turn = len(image), rng.uniform(0.0, 2.0 * np.pi)
    if rng.random() < 0.6:  # most hands come from below
        turn = rng.normal(0.5 * np.pi, 0.5)
    away = np.array([np.cos(turn), np.sin(turn)])
    side = np.array([-away[1], away[0]]) * rng.choice((-1.0, 1.0))
    palm, width = tips + away * up * 0.75, up * rng.uniform(0.5, 0.62)
    spread, curl = rng.uniform(0.0, 0.7), rng.uniform(0.45, 1.0)
    parts: list[tuple[Sequence[NDArray], float]] = [((palm + away * 0.3 * up, palm + away * 3.0 * up), 0.8 * width)]
    parts.append(((palm - away * 0.16 * up, palm + away * 0.16 * up), width))
    thumb = palm + side * 0.45 * width
    parts.append(((thumb, thumb + side * 0.3 * up, thumb + side * 0.4 * up - away * up * 0.25), 0.3 * width))
    for finger, length in zip((0.38, 0.13, -0.13, -0.38), (0.62, 0.7, 0.66, 0.5), strict=True):
        base = palm - away * 0.3 * up + side * finger * width
        way = -away + side * finger * spread
        bend = side * rng.normal(0.0, 0.06) * up
        joint = base + way * up * 0.5 * length
        parts.append(((base, joint, joint + way * up * 0.5 * length * curl + bend), 0.24 * width))
    covered = np.zeros((size, size), np.float32)
    tone = skin * (0.85 + 0.3 * smooth_noise(rng, size, 30, 1))
    for points, thickness in parts:
        mask = np.zeros((size, size), np.float32)
        cv2.polylines(mask, [np.array(points).astype(np.int32)], False, 1.0, max(2, int(thickness)), cv2.LINE_AA)
        _solid(image, mask, tone, sh)
        covered = np.maximum(covered, mask)
    return covered


def _solid(image: NDArray[np.float32], mask: NDArray[np.float32], color: NDArray, sh: NDArray) -> None:
    """Draw a mask (S, S) as if it were round toward its rim, in albedo (S, S, 3) or (3,) under light (9, 3)."""
    left, top, width, height = cv2.boundingRect((mask > 0.0).astype(np.uint8))
    if width == 0:
        return
    box = (slice(top, top + height), slice(left, left + width))
    inside = np.pad((mask[box] > 0.5).astype(np.uint8), 1)
    depth = np.minimum(cv2.distanceTransform(inside, cv2.DIST_L2, 5), 0.12 * len(image))
    radius = max(float(depth.max()), 1.0)
    bulge = cv2.GaussianBlur(np.sqrt(np.maximum(depth * (2.0 * radius - depth), 0.0)), (0, 0), max(1.0, 0.2 * radius))[
        1:-1, 1:-1
    ]
    x, y = cv2.Sobel(bulge, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(bulge, cv2.CV_32F, 0, 1, scale=0.125)
    normals = np.stack([-x, y, np.ones_like(x)], axis=-1)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    albedo = np.broadcast_to(np.asarray(color, np.float32), image.shape)[box]
    blend(image[box], mask[box], shade_diffuse(albedo, normals, sh).astype(np.float32))


def _whole(point: NDArray) -> list[int]:
    """Return a point (2,) as OpenCV takes it."""
    return point.astype(int).tolist()


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
