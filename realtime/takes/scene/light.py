"""The light of a clip as other programs know light: means where a format cannot follow every frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facemodel.channels import Channels
from facemodel.lighting import COSINE_LOBE, sh_basis
from realtime.takes.scene.head import METRES
from realtime.takes.scene.motion import Motion


class MeanLight:
    """The mean of the light over the frames that were added.

    Attributes:
        frames: how many.
    """

    def __init__(self) -> None:
        self.frames = 0
        self._sum, self._distance = Channels.empty(), 0.0

    def add(self, motion: Motion) -> None:
        """Add frames."""
        self.frames += len(motion)
        self._sum.rows[:] += motion.channels.rows.sum(axis=0)
        self._distance += float(np.linalg.norm(motion.channels.key_position, axis=1).sum()) * METRES

    @property
    def sh(self) -> NDArray[np.float64]:
        """(9, 3) SH light, irradiance / pi, linear RGB."""
        return self._sum.sh / self.frames

    @property
    def key_color(self) -> NDArray[np.float64]:
        """(3,) linear RGB, not below zero."""
        return np.maximum(self._sum.key_color / self.frames, 0.0)

    @property
    def key_distance(self) -> float:
        """Metres from the head centre to the key light."""
        return self._distance / self.frames

    @property
    def shininess(self) -> float:
        """The exponent of the key light's highlight."""
        return float(self._sum.shininess) / self.frames


def roughness(shininess: float) -> float:
    """Return the roughness 0..1 of glTF and USD whose highlight is as wide as Blinn's and Phong's.

    Source: Walter et al., "Microfacet Models for Refraction through Rough Surfaces", 2007: alpha^2 = 2 / (n + 2), with
    alpha the square of the roughness.
    """
    return float((2.0 / (max(shininess, 0.0) + 2.0)) ** 0.25)


def point_intensity(color: NDArray, distance: float) -> float:
    """Return the radiant intensity with which a light of `color` at `distance` metres makes white paper that colour.

    Our key light does not fade with distance, other programs' lights do: at the head both are as bright.
    """
    return float(np.pi * color.max() * distance**2)


def tint(color: NDArray) -> NDArray[np.float64]:
    """Return a colour (3,) with its greatest part 1; white for black."""
    return color / color.max() if color.max() > 0.0 else np.ones(3)


def latitude_longitude(sh: NDArray, height: int) -> NDArray[np.float64]:
    """Return the light that falls in from every direction as a picture.

    Args:
        sh: (9, 3) irradiance / pi, linear RGB, in the camera's frame.
        height: of the picture, px.

    Returns:
        (height, 2 height, 3) radiance, linear RGB, not below zero. Its middle column shows +z, from where columns to
        the right go by way of -x; its first row is up. So USD lays out the picture of a dome light.
    """
    latitude = (0.5 - (np.arange(height) + 0.5) / height) * np.pi
    turn = ((np.arange(2 * height) + 0.5) / (2 * height) - 0.5) * 2.0 * np.pi
    latitude, turn = np.meshgrid(latitude, turn, indexing="ij")
    x, y, z = -np.sin(turn) * np.cos(latitude), np.sin(latitude), np.cos(turn) * np.cos(latitude)
    radiance = sh_basis(np.stack([x, y, z], axis=-1)) @ (sh / COSINE_LOBE[:, None])
    return np.maximum(radiance, 0.0)
