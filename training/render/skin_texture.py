"""What skin shows that no face model has: blotches, pores, freckles, folds, patches that shine, and stubble."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from facemodel import FaceModel
from training.render.rasterizer import Detail, interpolate

_TILE, _CELL = 256, 4.0  # texels of a tile of noise, a power of two, and of its smallest feature
_LAST = _TILE - 1
_WAVES = np.array([1.4, 4.5, 13.0, 36.0], np.float32)  # mm
_SLOPES = np.array([0.03, 0.045, 0.04, 0.04])  # standard deviations of the normal's tilt at these
_FOLDS = np.array([40.0, 8.0], np.float32)  # mm, across and along
_HEAD = 75.0  # mm, radius of the cylinder that the noise is wrapped around
_BARE = ("eyes", "teeth", "tongue", "mouth_lining")  # regions that have no skin's texture


class SkinTexture:
    """Draws texture on a head, at several scales, in albedo, normals and gloss.

    Args:
        model: the face model.
        amplitude: mean over people of the standard deviation of the albedo's texture.
    """

    def __init__(self, model: FaceModel, amplitude: float) -> None:
        self.amplitude = amplitude
        self._triangles = model.triangles
        x, y, z = model.mean.astype(np.float64).T
        bare = [model.region_vertices(name) for name in _BARE if name in model.region_names]
        skin = np.ones(len(x))
        skin[np.concatenate([*bare, np.array([], int)])] = 0.0
        self._chart = np.stack([_HEAD * np.arctan2(x, z + 30.0), y, skin, np.zeros_like(x)], axis=1).astype(np.float32)
        self._tile = _noise_tile(np.random.default_rng(0))

    def __call__(
        self,
        rng: Generator,
        owner: NDArray[np.int32],
        weights: NDArray[np.float32],
        stubble: NDArray[np.float32],
        tone: NDArray[np.float32],
        rotation: NDArray[np.float32],
    ) -> Detail:
        """Draw one person's texture on what `rasterize` found.

        Args:
            rng: of the person: the same one draws the same skin in every picture.
            owner, weights: (H, W) and (H, W, 3).
            stubble: (V,) 0..1 density of short hair.
            tone: (3,) the hair's colour over the skin's.
            rotation: (3, 3) of the head.
        """
        self._chart[:, 3] = stubble
        chart = interpolate(self._chart, self._triangles, owner, weights)  # (H, W, 4)
        rough = float(self.amplitude > 0.0)
        strength = self.amplitude * float(np.exp(rng.normal(-0.1, 0.4)))
        shares = rng.dirichlet(np.full(len(_WAVES), 4.0))
        bump = rough * float(np.exp(rng.normal(-0.3, 0.4))) * _SLOPES
        person = (
            0.8 * strength * shares / np.linalg.norm(shares),  # of the noise that is grey and of what is red
            bump,
            rng.uniform(0.2, 0.7) * np.array([-0.3, 1.0, 1.1]),
            (rng.random() < 0.2) * rough * rng.uniform(0.03, 0.12),  # freckles
            (rng.random() < 0.3) * rough * rng.uniform(0.02, 0.09),  # folds
            0.3 * rough,  # patches that shine
        )
        places = rng.uniform(0.0, _TILE, (len(_WAVES) + 1, 2))
        numbers: list[Any] = [np.asarray(number, np.float32) for number in (places, *person, tone, rotation)]
        return Detail(*_detail(self._tile, chart, owner, *numbers))


@numba.njit(cache=True, fastmath=True)
def _detail(
    tile: NDArray,
    chart: NDArray,
    owner: NDArray,
    places: NDArray,
    shares: NDArray,
    bump: NDArray,
    red: NDArray,
    freckles: float,
    folds: float,
    shine: float,
    tone: NDArray,
    rotation: NDArray,
) -> tuple[NDArray, NDArray, NDArray]:
    height, width = owner.shape
    gain, tilt = np.ones((height, width, 3), np.float32), np.zeros((height, width, 3), np.float32)
    gloss = np.ones((height, width), np.float32)
    n, blotch, none = np.zeros(4, np.float32), np.zeros(len(shares), np.float32), np.float32(0.0)
    waves = np.float32(_CELL) / np.concatenate((_WAVES, _FOLDS))
    for row in range(height):
        for column in range(width):
            skin, stubble = chart[row, column, 2], chart[row, column, 3]
            if owner[row, column] < 0 or skin <= 0.0:
                continue
            u, v = chart[row, column, 0], chart[row, column, 1]
            light, redness, across, along = none, none, none, none
            for i in range(len(shares)):
                _sample(tile, u * waves[i] + places[i, 0], v * waves[i] + places[i, 1], n)
                light += shares[i] * n[0]
                redness += shares[i] * n[1]
                across += bump[i] * n[2]
                along += bump[i] * n[3]
                blotch[i] = n[1]
            if folds > 0.0:
                _sample(tile, u * waves[-2] + places[-1, 0], v * waves[-1] + places[-1, 1], n)
                along += folds * n[3]
            spots = freckles * max(blotch[0] + 0.5 * blotch[1] - 1.0, 0.0) * max(blotch[2] + 0.5, 0.0)
            hairs = min(max(stubble * (1.05 + 0.25 * (1.0 - 0.7 * stubble) * blotch[0]), 0.0), 1.0)
            for k in range(3):
                grown = 1.0 + skin * (light + redness * red[k] - spots * (0.5 + 0.3 * k))
                gain[row, column, k] = max(grown, 0.05) * (1.0 + hairs * (tone[k] - 1.0))
            bare = skin * (1.0 - 0.8 * hairs)
            rough = skin * (1.0 + 2.0 * hairs)
            for k in range(3):
                tilt[row, column, k] = rough * (across * rotation[k, 0] + along * rotation[k, 1])
            gloss[row, column] = bare * np.exp(shine * (blotch[1] + blotch[2])) + (1.0 - skin)
    return gain, tilt, gloss


@numba.njit(cache=True, fastmath=True)
def _sample(tile: NDArray, x: float, y: float, noise: NDArray) -> None:
    """Read the tile, which repeats, between its texels."""
    left, top = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - left, y - top
    x0, y0, x1, y1 = left & _LAST, top & _LAST, (left + 1) & _LAST, (top + 1) & _LAST
    for k in range(4):
        upper = tile[y0, x0, k] + fx * (tile[y0, x1, k] - tile[y0, x0, k])
        lower = tile[y1, x0, k] + fx * (tile[y1, x1, k] - tile[y1, x0, k])
        noise[k] = upper + fy * (lower - upper)


def _noise_tile(rng: Generator) -> NDArray[np.float32]:
    """Return two fields of noise and the first one's slopes along x and y, each of deviation 1, (_TILE, _TILE, 4)."""
    frequency = np.fft.fftfreq(_TILE)
    band = np.exp(-((np.hypot(*np.meshgrid(frequency, frequency)) * _CELL) ** 2) * 4.0)
    one, other = (np.fft.ifft2(np.fft.fft2(rng.normal(size=(_TILE, _TILE))) * band).real for _ in range(2))
    fields = [one, other, *(np.roll(one, 1, axis) - np.roll(one, -1, axis) for axis in (1, 0))]
    return np.stack([field / field.std() for field in fields], axis=-1).astype(np.float32)
