"""Highlights: whether anybody sees one, where it tells that the light is, and its pattern in the diffuse image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facemodel.color import encode_srgb
from facemodel.lighting import VIEW_DIRECTION, sh_basis
from training.evaluation.layers import FaceLayers
from training.evaluation.light_error import key_angle

SEEN = 4.0
"""Of 255: a highlight that brightens no twentieth of the face by as much is seen by nobody."""

TOLD = 1.0
"""Of 255: an answer whose highlight would not even change a picture of 8 bits says that it knows of none."""

_SHARE = 0.05  # of the face that a highlight must cover: the rim of a cheek glints in a few pixels under any light


def brightening(layers: FaceLayers) -> float:
    """Return by how much, at least, the specular light brightens the twentieth of the face that it brightens most.

    In sRGB 0..255, mean of the three channels, over the pixels of the face region; a channel that is white without it
    cannot get brighter. 0 where no face is seen.
    """
    if not layers.mask.any():
        return 0.0
    diffuse = layers.diffuse[layers.mask].astype(np.float64)  # (K, 3)
    both = diffuse + layers.specular[layers.mask]
    lit, unlit = (encode_srgb(np.clip(color, 0.0, 1.0)) for color in (both, diffuse))
    return float(np.quantile((lit - unlit).mean(axis=1), 1.0 - _SHARE) * 255.0)


def half_vector(key_position: ArrayLike) -> NDArray[np.float64]:
    """Return the unit vector halfway between the directions to the key light and to the camera, as Eq. 5 has it.

    It is where on the head the highlight lies; that is all a highlight tells, so an error of it is half of the
    light's. (..., 3) mm from the head centre to (..., 3).
    """
    position = np.asarray(key_position, float)
    direction = position / np.maximum(np.linalg.norm(position, axis=-1, keepdims=True), 1e-12)
    half = direction + VIEW_DIRECTION
    return half / np.maximum(np.linalg.norm(half, axis=-1, keepdims=True), 1e-12)


def half_angle(key_position: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    """Return the angle between the half vectors of two key lights, degrees 0..90; (..., 3) mm each to (...)."""
    return key_angle(half_vector(key_position), half_vector(truth))


@dataclass(frozen=True)
class HighlightPattern:
    """The highlight's pattern in a diffuse image: of one picture, or of many added up.

    Attributes:
        alike: scalar product of the diffuse image and the true specular one, the latter without what diffuse light
            explains.
        power: of the latter with itself.
    """

    alike: float = 0.0
    power: float = 0.0

    def __add__(self, other: HighlightPattern) -> HighlightPattern:
        return HighlightPattern(self.alike + other.alike, self.power + other.power)

    @property
    def share(self) -> float:
        """Share of the highlight that the diffuse image holds: 0 for none, 1 for all of it; NaN without a highlight.

        Below 0 where the diffuse image is darker for the highlight. An error that has nothing to do with it adds 0 on
        average: one whose pixels were shuffled, one that is the same everywhere, and whatever wrong light does. A
        highlight so broad that spherical harmonics can imitate it counts as an error of the light, not here.
        """
        return self.alike / self.power if self.power > 0.0 else float("nan")


def highlight_pattern(diffuse: NDArray, truth: FaceLayers, mask: NDArray[np.bool_]) -> HighlightPattern:
    """Return how much of a true highlight's pattern a reconstructed diffuse image holds.

    It is the factor b of the least-squares fit, channel by channel, of the diffuse image by b times the true specular
    one, a constant, the true diffuse one, and the true albedo under each of the nine harmonics, with one b for all
    channels (in the form of Frisch, Waugh and Lovell).

    Args:
        diffuse: (H, W, 3) linear c_d of the reconstruction.
        truth: of the render.
        mask: (H, W) True where the face is seen in both.

    Raises:
        ValueError: shapes differ.
    """
    if diffuse.shape != truth.diffuse.shape or mask.shape != truth.mask.shape:
        raise ValueError(f"shapes differ: {diffuse.shape}, {truth.diffuse.shape}, {mask.shape}, {truth.mask.shape}")
    if not mask.any():
        return HighlightPattern()
    found, base, gloss, albedo = (
        picture[mask].astype(np.float64) for picture in (diffuse, truth.diffuse, truth.specular, truth.albedo)
    )  # (K, 3)
    harmonics = sh_basis(truth.normals[mask])  # (K, 9)
    pattern = HighlightPattern()
    for c in range(3):
        explained = np.column_stack([np.ones(len(base)), base[:, c], albedo[:, c, None] * harmonics])  # (K, 11)
        own = gloss[:, c] - explained @ np.linalg.lstsq(explained, gloss[:, c], rcond=None)[0]
        pattern = pattern + HighlightPattern(float(own @ found[:, c]), float(own @ own))
    return pattern
