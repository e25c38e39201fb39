"""What surrounds and covers a rendered face: backgrounds, hair, clothes, glasses, hands. All in linear RGB."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from facemodel import FaceModel
from facemodel.color import decode_srgb
from training.data.photo_labels import read_rgb

_MOUTH_INSIDE = ("teeth", "tongue", "mouth_lining")


class Backgrounds:
    """Gradients, noise and, where there are photos, blurred pieces of them.

    Args:
        size: side of a background, px.
        photos: picture files to take pieces from; may be empty.
        rng: picks the photos that are kept in memory.
        kept: how many.
    """

    def __init__(self, size: int, photos: list[Path], rng: Generator, kept: int = 250) -> None:
        self.size = size
        chosen = rng.permutation(len(photos))[:kept]
        pictures = [read_rgb(photos[i]) for i in chosen]
        self._pictures = [p for p in pictures if p is not None and min(p.shape[:2]) >= 32]

    def __call__(self, rng: Generator) -> NDArray[np.float32]:
        """(size, size, 3) linear RGB."""
        size = self.size
        if self._pictures and rng.random() < 0.6:
            picture = self._pictures[rng.integers(len(self._pictures))]
            side = int(min(picture.shape[:2]) * rng.uniform(0.4, 1.0))
            top, left = (int(rng.integers(0, extent - side + 1)) for extent in picture.shape[:2])
            piece = cv2.resize(picture[top : top + side, left : left + side], (size, size))
            piece = cv2.GaussianBlur(piece, (0, 0), float(rng.uniform(5.0, 16.0)))
            if rng.random() < 0.5:
                piece = piece[::-1]
            return decode_srgb(piece / 255.0).astype(np.float32) * np.float32(np.exp(rng.normal(0.0, 0.4)))
        image = smooth_noise(rng, size, int(rng.integers(2, 5)), 3) * np.float32(rng.uniform(0.1, 1.0))
        image += random_color(rng)
        if rng.random() < 0.5:
            image += smooth_noise(rng, size, int(rng.integers(8, 60)), 3) * np.float32(rng.uniform(0.0, 0.3))
        for _ in range(rng.integers(0, 5)):  # furniture, windows, posters
            corner, extent = rng.integers(-size // 4, size, 2), rng.integers(size // 10, size, 2)
            color = tuple(float(c) for c in random_color(rng) * 1.5)
            cv2.rectangle(image, corner.tolist(), (corner + extent).tolist(), color, -1)
        return np.maximum(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.6, 5.0))), 0.0)


class Hair:
    """Gives a bald model hair: the scalp swells and takes a colour, more or less, with strands drawn later.

    Args:
        model: the face model; without a scalp region there is no hair.
    """

    def __init__(self, model: FaceModel) -> None:
        scalp = model.region_vertices("scalp") if "scalp" in model.region_names else np.array([], int)
        cover = np.zeros(model.n_vertices, np.float32)
        cover[scalp] = 1.0
        edges = np.concatenate([model.triangles[:, [0, 1]], model.triangles[:, [1, 2]], model.triangles[:, [2, 0]]])
        degree = np.maximum(np.bincount(edges[:, 0], minlength=len(cover)), 1)
        inside = cover.copy()
        for _ in range(6):  # the hair line fades inward
            inside = np.minimum(
                np.bincount(edges[:, 0], weights=inside[edges[:, 1]], minlength=len(cover)) / degree, cover
            )
        self._cover = inside.astype(np.float32)
        self._directions = model.mean / np.linalg.norm(model.mean, axis=1, keepdims=True)
        self.triangles = np.isin(
            model.triangle_region, [i for i, name in enumerate(model.region_names) if name == "scalp"]
        )

    def __call__(
        self, rng: Generator, vertices: NDArray, normals: NDArray, diffuse: NDArray, specular: NDArray
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Put hair on a head in place.

        Args:
            rng: random numbers.
            vertices, normals: (V, 3) of the head in model space; vertices are moved.
            diffuse, specular: (V, 3) albedo, changed.

        Returns:
            Its linear colour (3,), and (V,) how much of the skin it hides, 0..1; 0 everywhere on a shaved head.
        """
        color = hair_color(rng)
        wave = np.sin(self._directions @ rng.normal(0.0, 6.0, 3) + rng.uniform(0, 6))
        thickness = rng.uniform(0.0, 38.0) * (1.0 + 0.35 * wave) * np.sqrt(self._cover)
        vertices += (normals * thickness[:, None]).astype(np.float32)
        tone = 1.0 + 0.3 * np.sin(self._directions @ rng.normal(0.0, 25.0, 3))
        hidden = np.clip(self._cover * 2.5, 0.0, 1.0) * (rng.random() < 0.93)
        amount = hidden[:, None]
        diffuse[:] = diffuse * (1.0 - amount) + amount * color * tone[:, None]
        specular[:] = specular * (1.0 - 0.6 * amount)
        return color, hidden


def darken_mouth(model: FaceModel, rng: Generator, diffuse: NDArray, specular: NDArray) -> None:
    """Less light inside the mouth, in place: SH light knows no occlusion."""
    names = [name for name in _MOUTH_INSIDE if name in model.region_names]
    if names:
        inside = model.region_vertices(*names)
        factor = rng.uniform(0.25, 0.9)
        diffuse[inside] *= factor
        specular[inside] *= factor


def draw_long_hair(image: NDArray[np.float32], rng: Generator, hair: NDArray, head: NDArray, up: float) -> None:
    """Hair that falls behind the head, in fewer than half of the pictures, in place.

    Args:
        image: (S, S, 3) linear background.
        rng: random numbers.
        hair: (3,) lit colour of the hair.
        head: (x, y) of the head centre, px.
        up: size of a head's half height, px.
    """
    if rng.random() >= 0.45:
        return
    size = len(image)
    axes = (int(up * rng.uniform(0.7, 1.05)), int(up * rng.uniform(1.0, 1.8)))
    centre = (int(head[0] + rng.normal(0, 3)), int(head[1] + 0.35 * up))
    color = hair * rng.uniform(0.4, 1.0)
    mask = np.zeros((size, size), np.float32)
    cv2.ellipse(mask, centre, axes, float(rng.normal(0, 6)), 0, 360, 1.0, -1)
    strands = 1.0 + 0.5 * (stretched_noise(rng, size) - 0.5)[..., None]
    _blend(image, mask, color * strands)


def draw_shoulders(image: NDArray[np.float32], rng: Generator, head: NDArray, up: float) -> None:
    """Clothed shoulders behind the head, in most pictures, in place; arguments as `draw_long_hair`."""
    if rng.random() >= 0.8:
        return
    size = len(image)
    color = random_color(rng)
    top, half = head[1] + up * rng.uniform(0.9, 1.25), up * rng.uniform(1.1, 2.0)
    points = [(head[0] - 0.35 * up, top - 0.15 * up), (head[0] + 0.35 * up, top - 0.15 * up)]
    points += [(head[0] + half, top + 0.3 * up), (head[0] + half * 1.2, size * 2.0)]
    points += [(head[0] - half * 1.2, size * 2.0), (head[0] - half, top + 0.3 * up)]
    mask = np.zeros((size, size), np.float32)
    cv2.fillPoly(mask, [np.array(points, np.int32)], 1.0)
    _blend(image, mask, color * (0.7 + 0.6 * smooth_noise(rng, size, 6, 1)))


def draw_strands(image: NDArray[np.float32], mask: NDArray[np.bool_], rng: Generator) -> None:
    """Modulate the hair pixels `mask` (S, S) of an image (S, S, 3) with strands, in place."""
    strands = 1.0 + rng.uniform(0.2, 1.2) * (stretched_noise(rng, len(image)) - 0.5)
    image[mask] *= strands[mask][:, None]


def draw_fringe(image: NDArray[np.float32], rng: Generator, hair: NDArray, head: NDArray, up: float) -> None:
    """Hair over forehead or temples, in place; arguments as `draw_long_hair`."""
    size = len(image)
    mask = np.zeros((size, size), np.float32)
    for _ in range(rng.integers(1, 5)):
        angle = rng.uniform(-1.3, 1.3)
        centre = head + up * rng.uniform(0.85, 1.15) * np.array([np.sin(angle) * 0.8, -np.cos(angle)])
        axes = (int(up * rng.uniform(0.12, 0.5)), int(up * rng.uniform(0.1, 0.35)))
        cv2.ellipse(mask, centre.astype(int).tolist(), axes, float(np.rad2deg(angle)), 0, 360, 1.0, -1)
    edge = mask * (stretched_noise(rng, size) > rng.uniform(0.1, 0.4))
    _blend(
        image,
        cv2.GaussianBlur(edge.astype(np.float32), (0, 0), 0.8),
        hair * (0.6 + 0.8 * stretched_noise(rng, size))[..., None],
    )


def draw_glasses(image: NDArray[np.float32], rng: Generator, eyes: NDArray, radius: float, axes: NDArray) -> None:
    """Spectacles in front of both eyes, in place.

    Args:
        image: (S, S, 3) linear.
        rng: random numbers.
        eyes: (2, 2) pixels of the lenses' middles, the subject's left eye first.
        radius: px of 25 mm.
        axes: (2, 2) picture directions of the head's x and y axes (foreshortened unit vectors).
    """
    size = len(image)
    mask, glass = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    width, height = rng.uniform(0.85, 1.2), rng.uniform(0.55, 0.95)
    power = rng.uniform(2.0, 6.0)  # 2 is round, 6 nearly rectangular
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    rim = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** (2 / power) * width
    rim = np.stack([rim, np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** (2 / power) * height], axis=1)
    thickness = max(1, round(radius * rng.uniform(0.03, 0.16)))
    for eye in eyes:
        outline = (eye + radius * rim @ axes).astype(np.int32)
        cv2.fillPoly(glass, [outline], 1.0)
        cv2.polylines(mask, [outline], True, 1.0, thickness, cv2.LINE_AA)
    inner = [eyes[0] - radius * width * axes[0], eyes[1] + radius * width * axes[0]]
    start, end = (p.astype(int).tolist() for p in inner)
    cv2.line(mask, start, end, 1.0, thickness, cv2.LINE_AA)
    if rng.random() < 0.2:  # sunglasses
        image *= 1.0 - rng.uniform(0.4, 0.97) * glass[..., None]
    elif rng.random() < 0.5:  # a reflection
        _blend(
            image,
            glass * rng.uniform(0.05, 0.4) * smooth_noise(rng, size, 4, 1)[..., 0],
            random_color(rng) + 0.3,
        )
    _blend(image, mask, random_color(rng) * rng.choice([0.1, 0.4, 1.0]))


def draw_hat(image: NDArray[np.float32], rng: Generator, brim: NDArray, up: float, axis: NDArray) -> None:
    """A cap, a hat or a wide brim, in place.

    Args:
        image: (S, S, 3) linear.
        rng: random numbers.
        brim: (x, y) of the middle of the brim, px.
        up: half a head's height, px.
        axis: (2,) the head's up axis in the picture.
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
        _blend(image, cv2.GaussianBlur(mask, (0, 0), 0.6), (tone * color * texture).astype(np.float32))


def draw_occluder(image: NDArray[np.float32], rng: Generator, skin: NDArray, head: NDArray, up: float) -> None:
    """A hand, a bar or a textured thing before part of the face, in place; `skin` (3,) is its lit skin colour."""
    size = len(image)
    mask = np.zeros((size, size), np.float32)
    centre = head + up * rng.uniform(-1.0, 1.0, 2) * (0.9, 1.0)
    kind = rng.integers(3)
    texture = 0.75 + 0.5 * smooth_noise(rng, size, 8, 1)
    color = random_color(rng)
    if kind == 0:
        color = skin * rng.uniform(0.6, 1.3)
        angle = rng.uniform(0, 2 * np.pi)
        away = np.array([np.cos(angle), np.sin(angle)])
        side = np.array([-away[1], away[0]])
        palm = centre + away * up * 0.35
        cv2.ellipse(
            mask, palm.astype(int).tolist(), (int(up * 0.36), int(up * 0.3)), float(np.rad2deg(angle)), 0, 360, 1.0, -1
        )
        for finger in np.linspace(-0.24, 0.24, 4) * up:
            start = palm + side * finger
            tip = start - away * up * rng.uniform(0.35, 0.7) + side * finger * rng.uniform(0.0, 0.6)
            cv2.line(
                mask, start.astype(int).tolist(), tip.astype(int).tolist(), 1.0, max(2, int(up * 0.13)), cv2.LINE_AA
            )
    elif kind == 1:
        along = rng.normal(size=2)
        along *= up * 3 / np.linalg.norm(along)
        ends = ((centre - along).astype(int).tolist(), (centre + along).astype(int).tolist())
        cv2.line(mask, *ends, 1.0, max(2, int(up * rng.uniform(0.04, 0.3))), cv2.LINE_AA)
    else:
        axes = (up * rng.uniform(0.1, 0.45, 2)).astype(int).tolist()
        cv2.ellipse(mask, centre.astype(int).tolist(), axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
        texture = 0.4 + 1.2 * smooth_noise(rng, size, int(rng.integers(4, 40)), 3)
    _blend(image, cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.5, 1.5))), (color * texture).astype(np.float32))


def smooth_noise(rng: Generator, size: int, cells: int, channels: int) -> NDArray[np.float32]:
    """(size, size, channels) noise 0..1 with `cells` features across."""
    coarse = rng.random((cells + 1, cells + 1, channels), dtype=np.float32)
    return cv2.resize(coarse, (size, size), interpolation=cv2.INTER_LINEAR).reshape(size, size, channels)


def stretched_noise(rng: Generator, size: int) -> NDArray[np.float32]:
    """(size, size) noise 0..1 of streaks in one direction."""
    noise = cv2.resize(rng.random((max(2, size // 25), size // 2), dtype=np.float32), (size, size))
    turn = cv2.getRotationMatrix2D((size / 2, size / 2), float(rng.normal(0.0, 40.0)), 1.45)
    return cv2.warpAffine(noise, turn, (size, size), borderMode=cv2.BORDER_REFLECT)


def random_color(rng: Generator) -> NDArray[np.float64]:
    """(3,) linear RGB, more often dull than not."""
    gray = rng.beta(1.0, 2.0)
    return gray * np.clip(1.0 + rng.normal(0.0, rng.choice([0.08, 0.5]), 3), 0.05, 2.5)


def hair_color(rng: Generator) -> NDArray[np.float32]:
    """(3,) linear RGB: black to brown, blond, red, grey, seldom dyed."""
    draw = rng.random()
    if draw < 0.7:
        color = np.array([0.32, 0.2, 0.1]) * np.exp(rng.uniform(-4.0, 0.6))
    elif draw < 0.8:
        color = np.array([0.35, 0.12, 0.04]) * rng.uniform(0.2, 1.0)
    elif draw < 0.95:
        color = np.array([0.5, 0.5, 0.5]) * rng.uniform(0.1, 1.2)
    else:
        color = random_color(rng)
    return np.maximum(color, 0.004).astype(np.float32)


def _blend(image: NDArray[np.float32], mask: NDArray[np.float32], color: NDArray) -> None:
    weight = mask[..., None]
    image += weight * (color - image)
