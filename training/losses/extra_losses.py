"""Losses beyond the paper, each a pure function from a batch to one number per sample (B,), off where its weight is 0.

The dense landmark loss and the labels of renders are in `training.losses.label_losses`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from facemodel import ARKIT_NAMES
from training.data.fit import DOUBTFUL, UNSEEN
from training.shapes import expect_shapes

DOUBTFUL_TRUST = 0.1
"""How much a score of a doubtful expression counts against the others': they stay near 0 whatever the face does."""


@dataclass(frozen=True)
class ExtraWeights:
    """Weight of each loss; 0, the default, switches it off.

    Attributes:
        shared_identity, shared_albedo: per squared coefficient, between photos of one person.
        scores: per squared unit of weight, against MediaPipe's scores.
    """

    shared_identity: float = 0.0
    shared_albedo: float = 0.0
    scores: float = 0.0


def score_trust(names: Sequence[str] = ARKIT_NAMES) -> Tensor:
    """Return (Ne,) trust 0..1 in the score of each named expression; 0 where MediaPipe has none."""
    trust = {name: DOUBTFUL_TRUST if name in DOUBTFUL else 1.0 for name in ARKIT_NAMES if name not in UNSEEN}
    return torch.tensor([trust.get(name, 0.0) for name in names])


def within_person(coefficients: Tensor, person: Tensor) -> Tensor:
    """Return how far identity or albedo lies from the mean of the same person's other pictures in the batch.

    Its mean over a person's pictures is the unbiased variance of the coefficients, averaged over them. On its own it
    is least where everyone is the mean face: it needs a loss beside it that tells people apart.

    Args:
        coefficients: (B, N), N(0, 1).
        person: (B,) whole numbers, equal for pictures of one person; negative where that is not known or the picture
            is a mirror image, which shows somebody else.
    Returns: (B,); 0 for a picture that is alone, see `has_company`.
    """
    expect_shapes(("coefficients", coefficients, ("B", "N")), ("person", person, ("B",)))
    same = _same_person(person).to(coefficients)  # (B, B)
    count = same.sum(dim=1)
    mean = same @ coefficients / count.clamp(min=1.0)[:, None]
    unbiased = count / (count - 1.0).clamp(min=1.0)
    return torch.where(count > 1.0, unbiased * (coefficients - mean).square().mean(dim=1), 0.0)


def has_company(person: Tensor) -> Tensor:
    """Return 1 where the batch holds another picture of the same person, else 0 (B,); `person` as `within_person`."""
    expect_shapes(("person", person, ("B",)))
    return (_same_person(person).sum(dim=1) > 1).float()


def score_distillation(weights: Tensor, scores: Tensor, trust: Tensor) -> Tensor:
    """Return the mean squared difference of expression weights to MediaPipe's scores, each as far as it is trusted.

    Args:
        weights: (B, Ne) of the network.
        scores: (B, Ne) in the same order and scale (see `training.data.fit.learn_gains`); NaN where there is none.
        trust: (Ne,) `score_trust`.
    Returns: (B,); 0 for a sample without scores.
    """
    expect_shapes(("weights", weights, ("B", "E")), ("scores", scores, ("B", "E")), ("trust", trust, ("E",)))
    known = torch.isfinite(scores)
    share = trust * known  # (B, Ne)
    difference = weights - torch.where(known, scores, 0.0)
    return (share * difference.square()).sum(dim=1) / share.sum(dim=1).clamp(min=1e-12)


def _same_person(person: Tensor) -> Tensor:
    """Return (B, B) True for pictures of one person, each with itself; nothing for those of nobody known."""
    return (person[:, None] == person[None]) & (person >= 0)[:, None]
