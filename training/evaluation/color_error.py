"""Colour error in the face mask (Table 1), and how much of the true specular light ends in the diffuse image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ColorError:
    """Colour error pooled over pixels: of one picture, or of many added up.

    Table 1 does not say how three channels become one number; with a range of 0..1, as DESIGN.md has it, that is
    the mean absolute difference over R, G and B.

    Attributes:
        pixels: how many. total, squares: sums of the error and of its square over the pixels.
    """

    pixels: int = 0
    total: float = 0.0
    squares: float = 0.0

    def __add__(self, other: ColorError) -> ColorError:
        return ColorError(self.pixels + other.pixels, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> float:
        """Mean error per pixel, sRGB 0..1; NaN without pixels."""
        return self.total / self.pixels if self.pixels else float("nan")

    @property
    def std(self) -> float:
        """Standard deviation over the pixels, sRGB 0..1; NaN without pixels."""
        return float(np.sqrt(max(self.squares / self.pixels - self.mean**2, 0.0))) if self.pixels else float("nan")


def color_error(image: NDArray, rendered: NDArray, mask: NDArray[np.bool_]) -> ColorError:
    """Colour error of a rendered face against its photo.

    Args:
        image, rendered: (H, W, 3) sRGB 0..1; pictures in 0..255 are refused.
        mask: (H, W) True where the face is seen in both.

    Raises:
        ValueError: shapes differ, or a picture is not in 0..1.
    """
    if image.shape != rendered.shape or image.shape[:2] != mask.shape:
        raise ValueError(f"shapes differ: image {image.shape}, rendered {rendered.shape}, mask {mask.shape}")
    own, other = (np.asarray(picture[mask], np.float64) for picture in (image, rendered))  # (K, 3)
    for name, colors in (("image", own), ("rendered", other)):
        if colors.size and not (colors.min() >= 0.0 and colors.max() <= 1.0):
            raise ValueError(f"{name}: expected sRGB 0..1, got {colors.min():.3g}..{colors.max():.3g}")
    errors = np.abs(own - other).mean(axis=1)  # (K,)
    return ColorError(len(errors), float(errors.sum()), float((errors**2).sum()))


@dataclass(frozen=True)
class SpecularLeak:
    """True specular light that a reconstruction shows as diffuse: of one picture, or of many added up.

    Attributes:
        energy: sum of the true specular image over pixels and channels, linear.
        leaked: of that, what the diffuse image holds beyond the true diffuse one.
        alike, specular_square: see `projected`.
    """

    energy: float = 0.0
    leaked: float = 0.0
    alike: float = 0.0
    specular_square: float = 0.0

    def __add__(self, other: SpecularLeak) -> SpecularLeak:
        return SpecularLeak(
            self.energy + other.energy,
            self.leaked + other.leaked,
            self.alike + other.alike,
            self.specular_square + other.specular_square,
        )

    @property
    def share(self) -> float:
        """Leaked energy over all of it, 0..1; NaN without specular light.

        Any excess of the diffuse image counts where there is specular light, also one that has another cause, such
        as an albedo that is too pale; it never counts below zero, so chance errors raise it.
        """
        return self.leaked / self.energy if self.energy > 0.0 else float("nan")

    @property
    def projected(self) -> float:
        """Share of the specular image's pattern in the diffuse error: 0 for none, 1 for all of it.

        The factor b of the least-squares fit diffuse = a * true diffuse + b * true specular per picture: a diffuse
        image that is only too pale or too dark as a whole has b = 0. Pictures count by their specular square sums.
        """
        return self.alike / self.specular_square if self.specular_square > 0.0 else float("nan")


def specular_leak(
    diffuse: NDArray, true_diffuse: NDArray, true_specular: NDArray, mask: NDArray[np.bool_]
) -> SpecularLeak:
    """Diffuse/specular separation error of a reconstructed render.

    Args:
        diffuse: (H, W, 3) linear c_d of the reconstruction.
        true_diffuse, true_specular: (H, W, 3) linear c_d and c_s of the render.
        mask: (H, W) True where the face is seen in both.

    Raises:
        ValueError: shapes differ.
    """
    if not diffuse.shape == true_diffuse.shape == true_specular.shape or diffuse.shape[:2] != mask.shape:
        raise ValueError(f"shapes differ: {diffuse.shape}, {true_diffuse.shape}, {true_specular.shape}, {mask.shape}")
    found, base, gloss = (np.asarray(picture[mask], np.float64) for picture in (diffuse, true_diffuse, true_specular))
    leaked = np.clip(found - base, 0.0, gloss).sum()
    square = float((gloss**2).sum())
    fit = (
        np.linalg.lstsq(np.stack([base.ravel(), gloss.ravel()], axis=1), found.ravel(), rcond=None)[0]
        if square
        else (0, 0)
    )
    return SpecularLeak(float(gloss.sum()), float(leaked), float(fit[1]) * square, square)
