"""Skin colour from pigment: a melanin/haemoglobin model of human skin, in linear sRGB.

Data: the absorption of melanin and haemoglobin (measured tables in `optics/`), the ColorChecker light and dark skin
patches. Model: one semi-infinite turbid layer (Kubelka-Munk) of melanosomes, blood and bloodless tissue, with the
scattering and bloodless absorption of Jacques, "Optical properties of biological tissues" (2013), and the internal
reflection at the boundary of skin and air. A few constants of the model are fitted to the two patches within priors;
what is left (at most 17 %) is a gain per channel, linear in log melanin between the patches and constant beyond,
so that the curve of tones meets both patches exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.optimize import least_squares

from facemodel.errors import LimelightError

COLORCHECKER_LIGHT_SKIN = (0.559, 0.277, 0.212)
COLORCHECKER_DARK_SKIN = (0.174, 0.079, 0.053)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])

_WAVELENGTHS = np.arange(400.0, 701.0, 10.0)
_D65 = np.array([
    82.75, 91.49, 93.43, 86.68, 104.86, 117.01, 117.81, 114.86, 115.92, 108.81, 109.35, 107.80, 104.79, 107.69,
    104.41, 104.05, 100.00, 96.33, 95.79, 88.69, 90.01, 89.60, 87.70, 83.29, 83.70, 80.03, 80.21, 82.28, 78.28,
    69.72, 71.61,
])  # fmt: skip
_XYZ_TO_SRGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
_EPIDERMIS_SHARE = 0.06
_INTERNAL_REFLECTION = 0.49  # of diffuse light at the boundary of skin (refractive index 1.4) and air
_BLOOD_OXYGENATION = 0.7
_HAEMOGLOBIN_MOLAR = 150.0 / 64500.0
# What the anchors may adjust, as means and standard deviations of a Gaussian prior: log melanosome fraction of the
# light and of the dark patch; log blood fraction; exponent that flattens melanin's spectrum (melanosomes shade one
# another); log factor on the absorption of bloodless tissue.
_PRIOR_MEAN = np.array([np.log(0.04), np.log(0.4), np.log(0.02), 0.0, 0.0])
_PRIOR_SIGMA = np.array([0.3, 0.5, 0.3, 0.7, 0.7])
_COLOUR_SIGMA = 0.05
_PALE_BLOOD_SLOPE = 0.4


def _colour_matching(nm: np.ndarray) -> np.ndarray:
    """CIE 1931 observer, multi-lobe fit of Wyman, Sloan and Shirley (JCGT 2013): (N,) nm -> (3, N)."""

    def lobe(height: float, centre: float, below: float, above: float) -> np.ndarray:
        t = (nm - centre) * np.where(nm < centre, below, above)
        return height * np.exp(-0.5 * t * t)

    return np.stack([
        lobe(0.362, 442.0, 0.0624, 0.0374)
        + lobe(1.056, 599.8, 0.0264, 0.0323)
        + lobe(-0.065, 501.1, 0.0490, 0.0382),
        lobe(0.821, 568.8, 0.0213, 0.0247) + lobe(0.286, 530.9, 0.0613, 0.0322),
        lobe(1.217, 437.0, 0.0845, 0.0278) + lobe(0.681, 459.0, 0.0385, 0.0725),
    ])  # fmt: skip


def spectrum_to_linear_rgb(reflectance: np.ndarray) -> np.ndarray:
    """Reflectance (..., 31) at 400, 410 .. 700 nm under D65 -> linear sRGB (..., 3); white gives (1, 1, 1)."""
    matching = _colour_matching(_WAVELENGTHS) * _D65  # (3, 31)
    to_rgb = _XYZ_TO_SRGB @ (matching / matching[1].sum())  # (3, 31)
    to_rgb /= to_rgb.sum(axis=1, keepdims=True)
    return reflectance @ to_rgb.T


def _read_absorption(optics: Path) -> tuple[np.ndarray, np.ndarray]:
    """Absorption of melanin and of whole blood in 1/cm at `_WAVELENGTHS`: two (31,) arrays.

    The melanin table starts at 660 nm: its power law (fitted from 660 to 900 nm) is extended to the visible.
    """
    try:
        melanin_text = (optics / "Melanin.csv").read_text().replace(",", ".")
        melanin_table = np.array([line.split(";") for line in melanin_text.split()], dtype=float)  # (N, 2)
        blood_table = np.loadtxt(optics / "prahl.txt", skiprows=1)  # (N, 3) nm, HbO2, Hb in 1/(cm mol/l)
    except (OSError, ValueError) as error:
        message = f"cannot read the absorption tables in {optics}: {error}; check LIMELIGHT_DATA"
        raise LimelightError(message) from error
    red = melanin_table[melanin_table[:, 0] <= 900.0]
    slope, offset = np.polyfit(np.log(red[:, 0]), np.log(red[:, 1]), 1)
    melanin = np.exp(offset + slope * np.log(_WAVELENGTHS))
    oxy, deoxy = (np.interp(_WAVELENGTHS, blood_table[:, 0], blood_table[:, i]) for i in (1, 2))
    blood = np.log(10.0) * _HAEMOGLOBIN_MOLAR * (_BLOOD_OXYGENATION * oxy + (1.0 - _BLOOD_OXYGENATION) * deoxy)
    return melanin, blood


@dataclass(frozen=True)
class _SkinOptics:
    """Reflectance of skin with two constants that the anchors refine: see `_PRIOR_MEAN`.

    Attributes:
        melanin: (31,) absorption of pure melanosomes, 1/cm.
        blood: (31,) absorption of whole blood, 1/cm.
    """

    melanin: np.ndarray
    blood: np.ndarray

    def linear_rgb(self, log_melanin: np.ndarray, log_blood: np.ndarray, constants: np.ndarray) -> np.ndarray:
        """Diffuse albedo (..., 3) for the log fractions (...) of melanosomes and of blood."""
        flattening, log_bloodless = constants
        melanosomes, vessels = np.exp(log_melanin)[..., None], np.exp(log_blood)[..., None]
        melanin = self.melanin * (_WAVELENGTHS / 660.0) ** flattening
        bloodless = np.exp(log_bloodless) * (0.244 + 85.3 * np.exp(-(_WAVELENGTHS - 154.0) / 66.2))
        absorption = _EPIDERMIS_SHARE * melanosomes * melanin + vessels * self.blood + (1.0 - vessels) * bloodless
        scatter = 46.0 * (_WAVELENGTHS / 500.0) ** -1.421  # reduced scattering, 1/cm
        ratio = 2.0 * absorption / (0.75 * scatter)  # K / S
        inside = 1.0 + ratio - np.sqrt(ratio * ratio + 2.0 * ratio)
        outside = (1.0 - _INTERNAL_REFLECTION) * inside / (1.0 - _INTERNAL_REFLECTION * inside)
        return spectrum_to_linear_rgb(outside)


@dataclass(frozen=True)
class SkinTone:
    """Table of skin colours over melanin and blood.

    Attributes:
        log_melanin: (M,) natural log of the melanosome fraction (effective: above 1 for the darkest), ascending.
        log_blood: (B,) natural log of the blood fraction, ascending.
        log_rgb: (M, B, 3) natural log of the linear RGB diffuse albedo.
        anchor_log_blood: log blood fraction of both ColorChecker patches.
        light_log_melanin: log melanosome fraction of the light patch.
    """

    log_melanin: np.ndarray
    log_blood: np.ndarray
    log_rgb: np.ndarray
    anchor_log_blood: float
    light_log_melanin: float

    @classmethod
    def from_tables(cls, optics: Path) -> SkinTone:
        """Build the table from the data in the folder `optics`; LimelightError if it cannot be read."""
        optics_of_skin = _SkinOptics(*_read_absorption(optics))
        anchors = np.log([COLORCHECKER_LIGHT_SKIN, COLORCHECKER_DARK_SKIN])  # (2, 3)

        def colour_error(x: np.ndarray) -> np.ndarray:
            return np.log(optics_of_skin.linear_rgb(x[:2], np.full(2, x[2]), x[3:])) - anchors

        def objective(x: np.ndarray) -> np.ndarray:
            return np.concatenate([colour_error(x).ravel() / _COLOUR_SIGMA, (x - _PRIOR_MEAN) / _PRIOR_SIGMA])

        fit = least_squares(objective, _PRIOR_MEAN).x
        gain = -colour_error(fit)
        log_melanin = np.linspace(np.log(0.0002), np.log(10.0), 240)
        log_blood = np.linspace(np.log(0.0005), np.log(0.4), 120)
        position = np.clip((log_melanin - fit[0]) / (fit[1] - fit[0]), 0.0, 1.0)[:, None, None]
        grid = np.meshgrid(log_melanin, log_blood, indexing="ij")
        table = np.log(optics_of_skin.linear_rgb(*grid, fit[3:]))  # (M, B, 3)
        table = table + (1.0 - position) * gain[0] + position * gain[1]
        return cls(log_melanin, log_blood, table, float(fit[2]), float(fit[0]))

    def log_albedo(self, log_melanin: np.ndarray, log_blood: np.ndarray) -> np.ndarray:
        """Log linear-RGB albedo (..., 3) of skin with the given log fractions (...), clamped to the table."""
        row = (log_melanin - self.log_melanin[0]) / (self.log_melanin[1] - self.log_melanin[0])
        column = (log_blood - self.log_blood[0]) / (self.log_blood[1] - self.log_blood[0])
        row, column = np.broadcast_arrays(row, column)
        where = np.stack([row.ravel(), column.ravel()])  # (2, N)
        channels = [map_coordinates(c, where, order=1, mode="nearest") for c in np.moveaxis(self.log_rgb, -1, 0)]
        return np.stack(channels, axis=-1).reshape(*row.shape, 3)

    def pigments_of_luminance(self, luminance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log melanin (...) and log blood (...) of ordinary skin that has the given relative luminance (...).

        Blood is the anchors' up to the light patch; skin paler than that also has less blood.
        """
        log_blood = self.anchor_log_blood - _PALE_BLOOD_SLOPE * np.maximum(
            self.light_log_melanin - self.log_melanin, 0.0
        )
        curve = np.exp(self.log_albedo(self.log_melanin, log_blood)) @ LUMINANCE
        order = slice(None, None, -1)
        return (
            np.interp(luminance, curve[order], self.log_melanin[order]),
            np.interp(luminance, curve[order], log_blood[order]),
        )
