"""What surrounds a rendered face: backgrounds, hair and clothes. All in linear RGB."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from facemodel import FaceModel
from facemodel.color import decode_srgb
from training.data.photo_labels import read_rgb

_COARSE = 4


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
        """Return (size, size, 3) linear RGB."""
        size = self.size
        if self._pictures and rng.random() < 0.6:
            picture = self._pictures[rng.integers(len(self._pictures))]
            side = int(min(picture.shape[:2]) * rng.uniform(0.4, 1.0))
            top, left = (int(rng.integers(0, extent - side + 1)) for extent in picture.shape[:2])
            small = size // _COARSE  # blurred so much, nothing finer is left
            piece = cv2.resize(
                picture[top : top + side, left : left + side], (small, small), interpolation=cv2.INTER_AREA
            )
            piece = cv2.GaussianBlur(piece, (0, 0), float(rng.uniform(5.0, 16.0)) / _COARSE)
            linear = decode_srgb(piece[::-1] / 255.0).astype(np.float32)  # upside down: nobody's face
            return cv2.resize(linear * np.float32(np.exp(rng.normal(0.0, 0.4))), (size, size))
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
        Returns: Its linear colour (3,), and (V,) how much of the skin it hides, 0..1; 0 everywhere on a shaved head.
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


def draw_shoulders(image: NDArray[np.float32], rng: Generator, head: NDArray, up: float) -> NDArray[np.float32]:
    """Draw clothed shoulders behind the head, in place; returns what they cover, (S, S) 0..1.

    Args:
        image: (S, S, 3) linear background.
        rng: random numbers.
        head: (x, y) of the head centre, px.
        up: size of a head's half height, px.
    """
    size = len(image)
    mask = np.zeros((size, size), np.float32)
    color = random_color(rng)
    top, half = head[1] + up * rng.uniform(0.9, 1.25), up * rng.uniform(1.1, 2.0)
    points = [(head[0] - 0.35 * up, top - 0.15 * up), (head[0] + 0.35 * up, top - 0.15 * up)]
    points += [(head[0] + half, top + 0.3 * up), (head[0] + half * 1.2, size * 2.0)]
    points += [(head[0] - half * 1.2, size * 2.0), (head[0] - half, top + 0.3 * up)]
    cv2.fillPoly(mask, [np.array(points, np.int32)], 1.0)
    blend(image, mask, color * (0.7 + 0.6 * smooth_noise(rng, size, 6, 1)))
    return mask


def draw_strands(image: NDArray[np.float32], mask: NDArray[np.bool_], rng: Generator) -> None:
    """Modulate the hair pixels `mask` (S, S) of an image (S, S, 3) with strands, in place."""
    strands = 1.0 + rng.uniform(0.2, 1.2) * (stretched_noise(rng, len(image)) - 0.5)
    image[mask] *= strands[mask][:, None]


def smooth_noise(rng: Generator, size: int, cells: int, channels: int) -> NDArray[np.float32]:
    """Return (size, size, channels) noise 0..1 with `cells` features across."""
    coarse = rng.random((cells + 1, cells + 1, channels), dtype=np.float32)
    return cv2.resize(coarse, (size, size), interpolation=cv2.INTER_LINEAR).reshape(size, size, channels)


def stretched_noise(rng: Generator, size: int) -> NDArray[np.float32]:
    """Return (size, size) noise 0..1 of streaks in one direction."""
    noise = cv2.resize(rng.random((max(2, size // 25), size // 2), dtype=np.float32), (size, size))
    turn = cv2.getRotationMatrix2D((size / 2, size / 2), float(rng.normal(0.0, 40.0)), 1.45)
    return cv2.warpAffine(noise, turn, (size, size), borderMode=cv2.BORDER_REFLECT)


def random_color(rng: Generator) -> NDArray[np.float64]:
    """Return (3,) linear RGB, more often dull than not."""
    gray = rng.beta(1.0, 2.0)
    return gray * np.clip(1.0 + rng.normal(0.0, rng.choice([0.08, 0.5]), 3), 0.05, 2.5)


def hair_color(rng: Generator) -> NDArray[np.float32]:
    """Return (3,) linear RGB: black to brown, blond, red, grey, seldom dyed."""
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


def blend(image: NDArray[np.float32], mask: NDArray[np.float32], color: NDArray) -> None:
    """Mix a colour (3,) or picture (S, S, 3) into an image by shares (S, S), in place."""
    image += (mask[..., None] * (color - image)).astype(np.float32)
