"""The albedo of the default face model: one linear basis for diffuse and specular albedo (Eq. 2 of the paper).

A few thousand synthetic people are drawn, and one principal component analysis is made of their diffuse and specular
albedo together, so that both share one vector of coefficients. Data in it: absorption spectra and ColorChecker patches
(`skin_tone`), detail of CC0 skins, brows and irises (`skin_detail`). Synthetic in it: everything else (`albedo_person`,
`albedo_inside`, `skin_layout`), the whole specular albedo included.

The people are drawn so that the linear Gaussian model stays skin: overall tone is near-normal in linear luminance, not
in melanin, and hue, beard and hair vary less than in life, because a linear basis gives a dark face the same absolute
detail as a light one. Coefficients of two or three standard deviations reach the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.face_model.albedo_person import PART_NAMES, PersonSampler
from training.face_model.makehuman import BaseMesh
from training.face_model.skin_detail import load_iris_colours, load_skin_detail
from training.face_model.skin_tone import SkinTone
from training.face_model.template import Template

_REGION_WEIGHT = {"face": 1.0, "ears": 0.4, "neck": 0.3, "scalp": 0.1, "eyes": 2.0, "teeth": 0.3, "tongue": 0.2}
_OTHER_REGION_WEIGHT = 0.1
_PEOPLE, _SEED = 2000, 20
_KEPT_VARIANCE, _MODES_RANGE = 0.99, (30, 60)
"""Share of the weighted variance that the modes hold at least, and the fewest and most of them."""
_SPECULAR_SHARE = 0.12
"""Of the specular albedo in the total weighted variance, which balances it with the diffuse one."""


@dataclass(frozen=True)
class AlbedoBasis:
    """Diffuse and specular albedo, linear RGB, over one coefficient vector c_t ~ N(0, 1) (Eq. 2).

    Random coefficients can leave [0, 1] in a few places: renderers clamp the albedo at 0.

    Attributes:
        diffuse_mean: (V, 3) float32.
        diffuse_basis: (Na, V, 3) float32.
        specular_mean: (V, 3) float32, achromatic, in the units of Eq. 5 (highlight = specular * key colour * lobe).
        specular_basis: (Na, V, 3) float32.
        kept_variance: share of the people's weighted variance that the modes hold.
        people_coefficients: (N, Na) float32, those of the drawn people: to sample tone and detail as they go together.
    """

    diffuse_mean: np.ndarray
    diffuse_basis: np.ndarray
    specular_mean: np.ndarray
    specular_basis: np.ndarray
    kept_variance: float
    people_coefficients: np.ndarray

    def decode(self, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Decode coefficients (Na,) to diffuse and specular albedo (V, 3) each, not clamped (Eq. 2)."""
        return (
            self.diffuse_mean + np.tensordot(coefficients, self.diffuse_basis, axes=1),
            self.specular_mean + np.tensordot(coefficients, self.specular_basis, axes=1),
        )


def build_albedo(template: Template, base: BaseMesh, sources: Path, people: int = _PEOPLE) -> AlbedoBasis:
    """Learn the albedo basis of `template`.

    Args:
        template: head in model space, mm, whose skin regions use MakeHuman's skin layout.
        base: MakeHuman's base mesh, which the brow meshes are bound to.
        sources: folder of the sources (`LIMELIGHT_DATA`), of which `face_model/skin` is read.
        people: how many synthetic ones are drawn.
    Raises LimelightError: a file of the sources is missing or unreadable.
    """
    skin = sources / "face_model" / "skin"
    sampler = PersonSampler(
        template,
        SkinTone.from_tables(skin / "optics"),
        load_skin_detail(template, base, skin, PART_NAMES),
        load_iris_colours(skin / "irises"),
        np.random.default_rng(_SEED),
    )
    count = len(template.vertices)
    diffuse = np.empty((people, count, 3), np.float32)
    specular = np.empty((people, count), np.float32)
    for row in range(people):
        person = sampler.draw()
        diffuse[row], specular[row] = person.diffuse, person.specular
    return _joint_basis(diffuse, specular, _vertex_weights(template))


def _vertex_weights(template: Template) -> np.ndarray:
    """Weight (V,) of each vertex in the variance: its area times the weight of its regions, with mean 1."""
    a, b, c = (template.vertices[template.triangles[:, i]] for i in range(3))
    area = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)  # (T,)
    region = np.array([_REGION_WEIGHT.get(name, _OTHER_REGION_WEIGHT) for name in template.region_names])
    weights = np.zeros(len(template.vertices))
    for corner in range(3):
        np.add.at(weights, template.triangles[:, corner], area * region[template.triangle_region] / 3.0)
    return weights / weights.mean()


def _joint_basis(
    diffuse: np.ndarray, specular: np.ndarray, weights: np.ndarray, modes_range: tuple[int, int] = _MODES_RANGE
) -> AlbedoBasis:
    """Principal components of people's diffuse (N, V, 3) and specular (N, V) albedo, which are centred in place."""
    people, count = specular.shape
    diffuse_mean, specular_mean = diffuse.mean(axis=0), specular.mean(axis=0)
    diffuse -= diffuse_mean
    specular -= specular_mean
    root = np.sqrt(weights).astype(np.float32)
    flat = diffuse.reshape(people, -1)  # (N, 3 V)
    gram_diffuse = _gram(flat, np.repeat(root, 3))
    gram_specular = _gram(specular, root)
    balance = _SPECULAR_SHARE / (1.0 - _SPECULAR_SHARE) * np.trace(gram_diffuse) / np.trace(gram_specular)
    variance, people_vectors = np.linalg.eigh(gram_diffuse + balance * gram_specular)  # ascending
    variance, people_vectors = np.maximum(variance[::-1], 0.0), people_vectors[:, ::-1]
    share = np.cumsum(variance) / variance.sum()
    modes = int(np.clip(np.searchsorted(share, _KEPT_VARIANCE) + 1, *modes_range))
    coefficients = people_vectors[:, :modes] * np.sqrt(people - 1.0)  # (N, Na), unit variance
    brighter = coefficients.T @ flat.mean(axis=1)  # (Na,): a mode's sign is free, so positive is brighter
    coefficients *= np.where(brighter >= 0, 1.0, -1.0)
    loadings = (coefficients / (people - 1.0)).astype(np.float32).T  # (Na, N): basis = loadings @ centred samples
    specular_basis = loadings @ specular  # (Na, V)
    return AlbedoBasis(
        diffuse_mean,
        (loadings @ flat).reshape(modes, count, 3),
        np.repeat(specular_mean[:, None], 3, axis=1),
        np.repeat(specular_basis[..., None], 3, axis=2),
        float(share[modes - 1]),
        coefficients.astype(np.float32),
    )


def _gram(samples: np.ndarray, root_weights: np.ndarray) -> np.ndarray:
    """Weighted Gram matrix (N, N) in float64 of centred samples (N, D), in blocks of columns to save memory."""
    gram = np.zeros((len(samples), len(samples)))
    for start in range(0, samples.shape[1], 8192):
        block = samples[:, start : start + 8192] * root_weights[start : start + 8192]
        gram += block @ block.T
    return gram
