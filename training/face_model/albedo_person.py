"""Random synthetic people: one diffuse and one specular albedo per vertex.

Data enters through `SkinTone` (absorption spectra, ColorChecker patches) and `SkinDetail` (CC0 skins, brows, irises).
Everything else here is synthetic: the distributions of tone, blood, lips, beard and hair, the colours of hair, teeth,
tongue and sclera, and the whole specular albedo, whose region priors follow the order that skin reflectometry reports
(nose, lips and forehead shinier than cheeks and neck, hair duller, eyes wettest).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.face_model.albedo_inside import MOIST_SKIN, InnerParts
from training.face_model.skin_detail import SKIN_REGIONS, SkinDetail
from training.face_model.skin_tone import SkinTone
from training.face_model.template import Template

DIFFUSE_RANGE = (0.004, 0.95)
PART_NAMES = (
    "lips", "lower_lip", "moustache", "goatee", "jaw_beard", "cheek", "nose", "nose_bridge", "nose_tip", "nostril",
    "forehead", "chin", "under_eye", "upper_lid", "eye_socket", "ear",
)  # fmt: skip

_BLOND = np.log([0.26, 0.17, 0.09])
_BLACK = np.log([0.012, 0.009, 0.008])
_RED_TINT = np.log([1.0, 0.55, 0.35])
_GREY = np.array([0.34, 0.33, 0.32])
_STUBBLE_LOG_GAIN = np.array([-0.38, -0.29, -0.22])  # hair under the skin takes red first: a bluish shadow
_YELLOW_LOG_GAIN = np.array([0.0, 0.03, -0.10])  # undertone that melanin and blood do not carry (carotene)
_BEARDLESS = 0.2  # up to what age
_NOSTRIL_LOG_GAIN = np.array([-0.9, -1.2, -1.2])

_SPECULAR_SKIN = 0.036
_SPECULAR_PARTS = {
    "forehead": 0.020, "nose_bridge": 0.028, "nose_tip": 0.050, "nose": 0.014, "cheek": 0.014, "lips": 0.045,
    "chin": 0.014, "upper_lid": 0.022, "under_eye": 0.014, "ear": 0.008, "nostril": -0.030,
}  # fmt: skip
_SPECULAR_REGIONS = {"eyes": 0.15, "teeth": 0.10, "tongue": 0.08, "mouth_lining": 0.05}
_SPECULAR_MINIMUM = 0.008
_LUMINANCE_RANGE, _LUMINANCE_SPREAD = (0.048, 0.47), 1.8
"""Relative luminance of the darkest and palest overall tone, at the anchors' blood fraction (about L* 26 and 74). It is
normal about the middle of the range and cut at its ends, which lie this many standard deviations out: broad coverage of
dark and light whose linear model still stays positive."""
_FIELD_SCALES_MM, _FIELDS_PER_SCALE = (40.0, 16.0), 10
"""Length scales of the smooth random fields, and how many independent ones there are of each."""


@dataclass(frozen=True)
class Person:
    """One synthetic person: diffuse (V, 3) in `DIFFUSE_RANGE`, specular (V,) achromatic, both linear."""

    diffuse: np.ndarray
    specular: np.ndarray


class PersonSampler:
    """Draws synthetic people on one template."""

    def __init__(
        self,
        template: Template,
        tone: SkinTone,
        detail: SkinDetail,
        iris_colours: dict[str, np.ndarray],
        rng: np.random.Generator,
    ) -> None:
        """Args: the head, the two data-driven models, iris name -> linear RGB, the random source."""
        self._template, self._tone, self._detail, self._rng = template, tone, detail, rng
        skin_regions = [template.region_vertices(name) for name in SKIN_REGIONS if name in template.region_names]
        skin = np.unique(np.concatenate(skin_regions))
        self._inside = InnerParts(template, skin, iris_colours, rng)
        self._regions = {
            name: np.setdiff1d(template.region_vertices(name), skin)
            for name in _SPECULAR_REGIONS
            if name in template.region_names
        }
        self._fields = [self._smooth_fields(scale) for scale in _FIELD_SCALES_MM]  # each (F, V)

    def draw(self) -> Person:
        """Return one random person."""
        luminance = self._luminance()
        low, high = _LUMINANCE_RANGE
        lightness = (luminance - low) / (high - low)  # 0 darkest .. 1 palest
        age = self._rng.uniform()  # 0 a child .. 1 old
        hair = self._hair_colour(lightness, age)
        log_rgb = self._skin_log_rgb(luminance, lightness, age)
        stubble, beard = self._beard(age)
        skin = np.exp(log_rgb + stubble[:, None] * _STUBBLE_LOG_GAIN)
        brow = self._brow()
        lashes = self._inside.lashes * self._rng.uniform(0.5, 0.95)
        scalp = self._detail.hair * np.clip(self._rng.normal(0.55, 0.05), 0.0, 1.0)
        scalp_hair = 0.5 * (np.exp(_BLACK) + np.minimum(hair, 0.12))  # little varied: real hair hides the scalp
        pink = MOIST_SKIN * (0.45 + 0.55 * lightness)
        skin += self._inside.moist[:, None] * (pink - skin)
        for cover, colour in ((beard, hair), (scalp, scalp_hair), (brow, 0.85 * hair), (lashes, 0.5 * hair)):
            skin += cover[:, None] * (colour - skin)
        self._inside.paint(skin, lightness)
        return Person(np.clip(skin, *DIFFUSE_RANGE), self._specular(brow, np.maximum(beard, 0.5 * stubble), scalp))

    def _luminance(self) -> float:
        low, high = _LUMINANCE_RANGE
        while True:
            position = self._rng.normal(0.0, 1.0 / _LUMINANCE_SPREAD)
            if abs(position) <= 1.0:
                return 0.5 * (low + high) + 0.5 * (high - low) * position

    def _smooth_fields(self, scale_mm: float) -> np.ndarray:
        """Smooth fields (F, V) over space, unit variance: sums of random cosines (squared-exponential covariance)."""
        waves = 48
        count = _FIELDS_PER_SCALE
        frequency = self._rng.normal(size=(count, waves, 3)) / scale_mm
        phase = self._rng.uniform(0.0, 2.0 * np.pi, (count, waves))
        return np.stack([
            np.cos(self._template.vertices @ f.T + p).sum(axis=1) * np.sqrt(2.0 / waves)
            for f, p in zip(frequency, phase, strict=True)
        ])  # fmt: skip

    def _random_field(self, scale: int) -> np.ndarray:
        """Random combination (V,) of the fields of one scale, about unit variance."""
        fields = self._fields[scale]
        return self._rng.normal(size=len(fields)) @ fields / np.sqrt(len(fields))

    def _skin_log_rgb(self, luminance: float, lightness: float, age: float) -> np.ndarray:
        """Log colour (V, 3) of bare skin: pigment model with regional melanin and blood, times the textures' detail."""
        part, rng = self._detail.parts, self._rng
        log_melanin, log_blood = self._tone.pigments_of_luminance(np.array(luminance))
        melanin = (
            0.07 * self._random_field(0)
            + 0.05 * self._random_field(1)
            + rng.uniform(0.0, 0.30) * part["under_eye"]
            + rng.uniform(0.0, 0.25) * part["upper_lid"]
            + rng.uniform(-0.05, 0.20) * part["eye_socket"]
            + rng.normal(0.03, 0.06) * part["forehead"]
            + rng.uniform(-0.3, 0.3) * part["lips"]
            - rng.uniform(0.0, 0.7) * (1.0 - lightness) * part["lower_lip"]
        )
        blood = (
            rng.normal(-0.75 + 1.4 * (lightness - 0.4), 0.16)
            + 0.09 * self._random_field(0)
            + rng.normal(0.30, 0.22) * part["cheek"]
            + rng.normal(0.35, 0.20) * part["nose"]
            + rng.normal(0.30, 0.20) * part["ear"]
            + rng.normal(-0.05, 0.10) * part["forehead"]
            + rng.uniform(0.0, 0.5) * part["under_eye"]
            + rng.uniform(0.5, 2.0) * part["lips"]
        )
        log_rgb = self._tone.log_albedo(log_melanin + melanin, log_blood + blood)  # (V, 3)
        log_rgb += rng.uniform(0.7, 1.1) * (0.6 + 0.6 * age) * self._mixed_detail(lightness, age)
        log_rgb += rng.normal(0.6 + 1.0 * (lightness - 0.4), 0.25) * _YELLOW_LOG_GAIN
        return log_rgb + rng.uniform(0.5, 1.0) * part["nostril"][:, None] * _NOSTRIL_LOG_GAIN

    def _mixed_detail(self, lightness: float, age: float) -> np.ndarray:
        """Mixture (V, 3) of a few skins' detail, those of similar tone and age being likelier."""
        likely = np.exp(-2.0 * (self._detail.darkness - (1.0 - lightness)) ** 2 - 6.0 * (self._detail.ages - age) ** 2)
        weights = self._rng.gamma(0.3 * likely / likely.mean() + 1e-3)
        return np.tensordot(weights / weights.sum(), self._detail.log_detail, axes=1)

    def _hair_colour(self, lightness: float, age: float) -> np.ndarray:
        """Linear RGB (3,): black, or for lighter skin anything from black to blond and red; often grey when old."""
        rng = self._rng
        fairness = np.clip((lightness - 0.45) * 2.2, 0.0, 1.0) * rng.beta(1.0, 1.4)
        colour = np.exp(_BLACK + fairness * (_BLOND - _BLACK) + rng.beta(0.4, 1.6) * fairness * _RED_TINT)
        grey = rng.uniform(0.2, 0.9) if rng.random() < 0.8 * (age - 0.5) else 0.0
        return colour + grey * (_GREY - colour)

    def _brow(self) -> np.ndarray:
        """Coverage (V,) by brow hair: two brow shapes mixed, at a random density."""
        first, second = self._rng.choice(len(self._detail.brows), 2, replace=False)
        mix = self._rng.beta(0.4, 0.4)
        shape = mix * self._detail.brows[first] + (1.0 - mix) * self._detail.brows[second]
        return np.clip(self._rng.uniform(0.75, 1.4) * shape, 0.0, 0.95)

    def _beard(self, age: float) -> tuple[np.ndarray, np.ndarray]:
        """Stubble strength (V,) and coverage by full beard (V,), each in [0, 1]."""
        part, rng = self._detail.parts, self._rng
        stubble = np.zeros(len(self._template.vertices))
        beard = np.zeros_like(stubble)
        kind = rng.choice(["none", "stubble", "beard"], p=[0.50, 0.40, 0.10])
        if kind == "none" or age < _BEARDLESS:
            return stubble, beard
        density = rng.uniform(0.3, 0.8)
        for name in ("moustache", "goatee", "jaw_beard"):
            share = rng.uniform(0.6, 1.0)
            stubble += share * part[name]  # the parts' soft edges add up to one
            if kind == "beard":
                beard += share * density * part[name]
        return rng.uniform(0.15, 0.8) * np.minimum(stubble, 1.0), np.minimum(beard, 0.95)

    def _specular(self, brow: np.ndarray, beard: np.ndarray, scalp: np.ndarray) -> np.ndarray:
        """Specular albedo (V,): the priors, each varied, times smooth fields and one gain for the whole person."""
        rng = self._rng
        skin = np.full(len(self._template.vertices), _SPECULAR_SKIN * np.exp(rng.normal(0.0, 0.15)))
        for name, height in _SPECULAR_PARTS.items():
            skin += height * np.exp(rng.normal(0.0, 0.3)) * self._detail.parts[name]
        skin *= np.exp(rng.normal(0.0, 0.22) + 0.16 * self._random_field(0) + 0.12 * self._random_field(1))
        skin *= (1.0 - 0.55 * brow) * (1.0 - 0.5 * beard) * (1.0 - 0.5 * scalp)
        for name, value in _SPECULAR_REGIONS.items():
            if name in self._regions:
                skin[self._regions[name]] = value * np.exp(rng.normal(0.0, 0.2))
        self._inside.gloss(skin)
        return np.maximum(skin, _SPECULAR_MINIMUM)
