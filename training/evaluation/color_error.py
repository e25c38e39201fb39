"""Colour error in the face mask (Table 1), and how much of the true highlight ends in the diffuse image."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from facemodel.lighting import sh_basis
from training.evaluation.layers import FaceLayers


class _Sums:
    """Sums over the pixels of one picture, or of many added up."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))  # type: ignore[call-overload]


@dataclass(frozen=True)
class ColorError(_Sums):
    """Colour error pooled over pixels.

    Table 1 does not say how three channels become one number; with a range of 0..1, as DESIGN.md has it, that is
    the mean absolute difference over R, G and B.

    Attributes:
        pixels: how many. total, squares: sums of the error and of its square over the pixels.
    """

    pixels: float = 0
    total: float = 0.0
    squares: float = 0.0

    @property
    def mean(self) -> float:
        """Return the mean error per pixel, sRGB 0..1; NaN without pixels."""
        return self.total / self.pixels if self.pixels else float("nan")

    @property
    def std(self) -> float:
        """Return the standard deviation over the pixels, sRGB 0..1; NaN without pixels."""
        return float(np.sqrt(max(self.squares / self.pixels - self.mean**2, 0.0))) if self.pixels else float("nan")


@dataclass(frozen=True)
class HighlightShare(_Sums):
    """How much of the true highlights the diffuse image holds; pictures count by the size of their highlights."""

    held: float = 0.0
    whole: float = 0.0

    @property
    def share(self) -> float:
        """Return 0 for none, 1 for all; NaN without a highlight."""
        return self.held / self.whole if self.whole > 0.0 else float("nan")


def color_error(image: NDArray, rendered: NDArray, mask: NDArray[np.bool_]) -> ColorError:
    """Return the colour error of a rendered face against its photo.

    Args:
        image, rendered: (H, W, 3) sRGB 0..1; pictures in 0..255 are refused.
        mask: (H, W) True where the face is seen in both.
    Raises ValueError: shapes differ, or a picture is not in 0..1.
    """
    own, other = _masked(mask, image, rendered)
    for name, colors in (("image", own), ("rendered", other)):
        if colors.size and not (colors.min() >= 0.0 and colors.max() <= 1.0):
            raise ValueError(f"{name}: expected sRGB 0..1, got {colors.min():.3g}..{colors.max():.3g}")
    errors = np.abs(own - other).mean(axis=1)  # (K,)
    return ColorError(len(errors), float(errors.sum()), float((errors**2).sum()))


def specular_leak(
    diffuse: NDArray, true_diffuse: NDArray, true_specular: NDArray, mask: NDArray[np.bool_]
) -> tuple[HighlightShare, HighlightShare]:
    """Return how much of the true specular light of a render its reconstruction shows as diffuse, by older measures.

    Args:
        diffuse: (H, W, 3) linear c_d of the reconstruction.
        true_diffuse, true_specular: (H, W, 3) linear c_d and c_s of the render.
        mask: (H, W) True where the face is seen in both.
    Returns: By energy: any excess of the diffuse image counts where there is specular light, also one that has another
        cause, such as an albedo that is too pale; it never counts below zero, so chance errors raise it. By pattern:
        the factor b of the least-squares fit diffuse = a * true diffuse + b * true specular, by square sums: a diffuse
        image that is only too pale or too dark as a whole has b = 0.
    Raises ValueError: shapes differ.
    """
    found, base, gloss = _masked(mask, diffuse, true_diffuse, true_specular)
    leaked = float(np.clip(found - base, 0.0, gloss).sum())
    power, factor = float((gloss**2).sum()), 0.0
    if power:
        columns = np.stack([base.ravel(), gloss.ravel()], axis=1)
        factor = float(np.linalg.lstsq(columns, found.ravel(), rcond=None)[0][1])
    return HighlightShare(leaked, float(gloss.sum())), HighlightShare(factor * power, power)


def highlight_pattern(diffuse: NDArray, truth: FaceLayers, mask: NDArray[np.bool_]) -> HighlightShare:
    """Return how much of a true highlight's pattern a reconstructed diffuse image holds.

    It is the factor b of the least-squares fit, channel by channel, of the diffuse image by b times the true specular
    one, a constant, the true diffuse one, and the true albedo under each of the nine harmonics, with one b for all
    channels (in the form of Frisch, Waugh and Lovell). It is below 0 where the diffuse image is darker for the
    highlight. An error that has nothing to do with it adds 0 on average: one whose pixels were shuffled, one that is
    the same everywhere, and whatever wrong light does. A highlight so broad that spherical harmonics can imitate it
    counts as an error of the light, not here.

    Args:
        diffuse: (H, W, 3) linear c_d of the reconstruction.
        truth: of the render.
        mask: (H, W) True where the face is seen in both.
    Raises ValueError: shapes differ.
    """
    found, base, gloss, albedo = _masked(mask, diffuse, truth.diffuse, truth.specular, truth.albedo)
    pattern = HighlightShare()
    if not len(found):
        return pattern
    harmonics = sh_basis(truth.normals[mask])  # (K, 9)
    for c in range(3):
        explained = np.column_stack([np.ones(len(base)), base[:, c], albedo[:, c, None] * harmonics])  # (K, 11)
        own = gloss[:, c] - explained @ np.linalg.lstsq(explained, gloss[:, c], rcond=None)[0]
        pattern = pattern + HighlightShare(float(own @ found[:, c]), float(own @ own))
    return pattern


def _masked(mask: NDArray[np.bool_], *pictures: NDArray) -> list[NDArray[np.float64]]:
    """(K, 3) of each picture's pixels in the mask."""
    if {picture.shape for picture in pictures} != {(*mask.shape, 3)}:
        raise ValueError(f"shapes differ: pictures {[picture.shape for picture in pictures]}, mask {mask.shape}")
    return [np.asarray(picture[mask], np.float64) for picture in pictures]
