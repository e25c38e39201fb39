"""The paper's six losses, Eq. 6 to 13, each a pure function from a batch to one number per sample (B,).

Pictures are (B, H, W, 3) sRGB 0..1, masks and probabilities (B, H, W) 0..1, points px of the 224 crop.
Where the printed text leaves a choice, the function's docstring says what was chosen and why. Labels (masks, skin
probability, landmarks) carry no gradient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from facemodel import CROP_SIZE
from training.shapes import expect_shapes

BROWS68 = slice(17, 27)
OUTER_MOUTH68 = slice(48, 60)
"""iBUG's points that weigh most in Eq. 10."""


@dataclass(frozen=True)
class PaperWeights:
    """The weights of Eq. 6 and the other numbers of section 4.1.

    Attributes:
        identity, photometric, landmarks, inner_mouth, regularization, uniform: Eq. 6; "1.8e^-3" is read as 0.0018.
        eta: of the full term in Eq. 8. The paper gives no value; 1 counts both terms alike.
        important: weight of brows and outer mouth in Eq. 10.
        inner_mouth_start: share of the run from which Eq. 11 counts: 50k of 200k iterations, a quarter of any run.
    """

    identity: float = 0.2
    photometric: float = 1.92
    landmarks: float = 1.8e-3
    inner_mouth: float = 1.3e-3
    regularization: float = 5.0e-4
    uniform: float = 5.0
    eta: float = 1.0
    important: float = 20.0
    inner_mouth_start: float = 0.25

    def of_terms(self, progress: float) -> dict[str, float]:
        """Return the weight of each term of Eq. 6, by name, at `progress` 0..1 of the run's iterations.

        Raises ValueError: `progress` is outside 0..1.
        """
        if not 0.0 <= progress <= 1.0:
            raise ValueError(f"progress: expected 0..1, got {progress}")
        return {
            "identity": self.identity,
            "photometric": self.photometric,
            "landmarks": self.landmarks,
            "inner_mouth": self.inner_mouth if progress >= self.inner_mouth_start else 0.0,
            "regularization": self.regularization,
            "uniform": self.uniform,
        }


def hybrid(terms: Mapping[str, Tensor], weights: PaperWeights, progress: float) -> Tensor:
    """Return the loss of Eq. 6, the weighted sum (B,) of the given terms (B,), by the names of `PaperWeights.of_terms`.

    A term whose weight is zero is left out entirely, even where it is not finite.

    Raises ValueError: no term, a term of another name, shapes that differ, or `progress` outside 0..1.
    """
    factors = weights.of_terms(progress)
    unknown = sorted(set(terms) - set(factors))
    if unknown or not terms:
        raise ValueError(f"terms: expected some of {', '.join(factors)}; got {', '.join(unknown) or 'none'}")
    expect_shapes(*((name, term, ("B",)) for name, term in terms.items()))
    total = torch.zeros_like(next(iter(terms.values())))
    for name, term in terms.items():
        if factors[name] != 0.0:
            total = total + factors[name] * term
    return total


def identity(features: Tensor, reference: Tensor) -> Tensor:
    """Return the loss of Eq. 7, the cosine distance 0..2 of a rendered and a photographed face's features (B, D)."""
    expect_shapes(("features", features, ("B", "D")), ("reference", reference, ("B", "D")))
    return 1.0 - functional.cosine_similarity(features, reference, dim=1)


def photometric(
    image: Tensor, diffuse: Tensor, full: Tensor, face: Tensor, projected: Tensor, skin: Tensor, eta: float = 1.0
) -> Tensor:
    """Return the loss of Eq. 8, colour distances of the photo to the diffuse face and to the full one.

    Distances are Euclidean over RGB, not squared. The paper adds its two rendered
    images in the picture's colour space; here light is added in linear space and encoded once, so `full` is
    `encode_srgb(diffuse + specular)` of the linear images, not a sum of encoded ones. M, the intersection of
    I_face and I_project, is a set: no gradient passes through the masks, since a soft one would reward a face that
    shrinks away from its errors. Soft masks count a pixel in part. The skin weights C apply to the first term alone,
    as printed.

    Args:
        image: (B, H, W, 3) photo I_in.
        diffuse, full: (B, H, W, 3) rendered, c_d and c_d + c_s, sRGB.
        face: (B, H, W) face segmentation I_face.
        projected: (B, H, W) where the model's face region is drawn, I_project.
        skin: (B, H, W) probability p of skin; see `skin_weights`.
        eta: weight of the second term.
    Returns: (B,); each term is 0 where nothing carries weight in it.
    """
    picture, plane = ("B", "H", "W", 3), ("B", "H", "W")
    expect_shapes(
        ("image", image, picture),
        ("diffuse", diffuse, picture),
        ("full", full, picture),
        ("face", face, plane),
        ("projected", projected, plane),
        ("skin", skin, plane),
    )
    mask = (face * projected).detach()  # (B, H, W)
    diffuse_distance = torch.linalg.vector_norm(image - diffuse, dim=-1)  # (B, H, W), gradient 0 where it is 0
    full_distance = torch.linalg.vector_norm(image - full, dim=-1)
    return _masked_mean(diffuse_distance, mask * skin_weights(skin)) + eta * _masked_mean(full_distance, mask)


def skin_weights(probability: Tensor) -> Tensor:
    """Return C of Eq. 9: 1 where the probability of skin is above 0.5, else the probability; without gradient."""
    probability = probability.detach()
    return torch.where(probability > 0.5, torch.ones_like(probability), probability)


def landmark_weights(important: float = 20.0) -> Tensor:
    """Return (68,) weights mu of Eq. 10: `important` on both brows and on the outer mouth, 1 on the rest."""
    weights = torch.ones(68)
    weights[BROWS68] = important
    weights[OUTER_MOUTH68] = important
    return weights


def landmarks(points: Tensor, reference: Tensor, weights: Tensor) -> Tensor:
    """Return the loss of Eq. 10, the mean over iBUG's 68 points of mu times their distance in px of the 224 crop.

    As printed, the sum is divided by the number of points, 68, not by the sum of their weights, and the distance is
    not squared.

    Args:
        points, reference: (B, 68, 2) of the model and of the photo.
        weights: (68,) mu, `landmark_weights`.
    """
    expect_shapes(("points", points, ("B", 68, 2)), ("reference", reference, ("B", 68, 2)), ("weights", weights, (68,)))
    return (weights * torch.linalg.vector_norm(points - reference, dim=-1)).mean(dim=1)


def inner_mouth(projected: Tensor, labelled: Tensor) -> Tensor:
    """Return the loss of Eq. 11: square px of the 224 crop in which projected and labelled inner mouth differ.

    "The absolute value of l1-norm" of A - A^p is read as the l1 norm of the difference of two masks (B, H, W), summed
    over the pixels: areas as plain numbers would be alike for mouths in different places, and a mean over all pixels
    would leave nothing of the paper's weight of 0.0013. Masks of another size than 224 px are counted in its px. The
    gradient reaches the parameters where `projected` has soft edges.
    """
    expect_shapes(("projected", projected, ("B", "H", "W")), ("labelled", labelled, ("B", "H", "W")))
    height, width = projected.shape[1:]
    return (projected - labelled.detach()).abs().sum(dim=(1, 2)) * (CROP_SIZE**2 / (height * width))


def regularization(identity: Tensor, albedo: Tensor, expression: Tensor, spread: Tensor) -> Tensor:
    """Return the loss of Eq. 12, the sum of squared coefficients, in units of their prior's standard deviation.

    Args:
        identity, albedo: (B, Ni), (B, Na), both N(0, 1).
        expression: (B, Ne).
        spread: (Ne,) the expression prior's spread about zero: 1 for coefficients that are N(0, 1), as the paper's
            are; for ARKit's weights, which run from 0 to 1, `expression_spread`.
    """
    expect_shapes(
        ("identity", identity, ("B", "I")),
        ("albedo", albedo, ("B", "A")),
        ("expression", expression, ("B", "E")),
        ("spread", spread, ("E",)),
    )
    return identity.square().sum(1) + albedo.square().sum(1) + (expression / spread).square().sum(1)


def expression_spread(weights: Tensor, least: float = 0.05) -> Tensor:
    """Return (Ne,) spread about zero, the root mean square, of seen expression weights (M, Ne); not below `least`."""
    expect_shapes(("weights", weights, ("M", "E")))
    return weights.square().mean(dim=0).sqrt().clamp(min=least)


def uniform(lit: Tensor, sh: Tensor) -> Tensor:
    """Return the loss of Eq. 13 with squared deviations: how lit colours vary, and how coloured the SH light is.

    As printed the deviations are signed. The first sum is then zero whatever the colours are, as t_mean is their
    mean, and so is the second, as lambda-bar_b is the mean of the three channels. Squared, the first is the variance
    over the face that the text asks for, summed over RGB, and the second draws the light toward white. B^2
    coefficients are summed, as in Eq. 4, where the print says B.

    Args:
        lit: (B, K, 3) lit diffuse colour c_d (Eq. 4) at points of the face, linear RGB.
        sh: (B, 3 B^2) coefficients lambda, the three channels of a coefficient side by side.
    Raises ValueError: wrong shapes.
    """
    expect_shapes(("lit", lit, ("B", "K", 3)), ("sh", sh, ("B", "S")))
    if sh.shape[1] % 3:
        raise ValueError(f"sh: expected three channels a coefficient, got {sh.shape[1]} numbers")
    coefficients = sh.unflatten(1, (-1, 3))  # (B, B^2, 3)
    colors = (lit - lit.mean(dim=1, keepdim=True)).square().sum(dim=2).mean(dim=1)
    return colors + (coefficients - coefficients.mean(dim=2, keepdim=True)).square().sum(dim=(1, 2))


def encode_srgb(linear: Tensor) -> Tensor:
    """Encode linear light as sRGB, as `facemodel.color.encode_srgb`; the gradient is finite everywhere.

    Not clamped above 1, so that a face rendered too bright still feels it.
    """
    linear = linear.clamp(min=0.0)
    power = 1.055 * linear.clamp(min=0.0031308) ** (1.0 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, 12.92 * linear, power)


def _masked_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean (B,) of values (B, H, W); 0, with a gradient of 0, where all weights are."""
    return (values * weights).sum(dim=(1, 2)) / weights.sum(dim=(1, 2)).clamp(min=1e-12)
