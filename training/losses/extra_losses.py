"""Losses beyond the paper, each a pure function from a batch to one number per sample (B,), off where its weight is 0.

The dense landmark loss and the labels of renders are in `training.losses.label_losses`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from facemodel import ARKIT_NAMES
from training.shapes import expect_shapes

UNSCORED = ("tongueOut",)
"""Names that MediaPipe has no score for."""


@dataclass(frozen=True)
class ExtraWeights:
    """Weight of each loss; 0, the default, switches it off.

    Attributes:
        shared_identity, shared_albedo: per squared coefficient, between photos of one person.
        clip_landmarks: per px/frame^2, on clips. clip_parameters: per unit of a parameter's spread / frame^2.
        scores: per squared unit of weight, against MediaPipe's scores.
        doubtful_trust: 0..1, how much the scores named in `doubtful` count against the others: they stay near 0
            whatever the face does.
        doubtful: their names.
    """

    shared_identity: float = 0.0
    shared_albedo: float = 0.0
    clip_landmarks: float = 0.0
    clip_parameters: float = 0.0
    scores: float = 0.0
    doubtful_trust: float = 0.1
    doubtful: tuple[str, ...] = ("cheekPuff", "noseSneerLeft", "noseSneerRight")

    def score_trust(self, names: Sequence[str] = ARKIT_NAMES) -> Tensor:
        """(Ne,) trust 0..1 in the score of each named expression; 0 where MediaPipe has none."""
        trust = {name: self.doubtful_trust if name in self.doubtful else 1.0 for name in ARKIT_NAMES}
        return torch.tensor([0.0 if name in UNSCORED else trust.get(name, 0.0) for name in names])


def within_person(coefficients: Tensor, person: Tensor) -> Tensor:
    """How far identity or albedo lies from the mean of the same person's other pictures in the batch.

    Its mean over a person's pictures is the unbiased variance of the coefficients, averaged over them. On its own it
    is least where everyone is the mean face: it needs a loss beside it that tells people apart.

    Args:
        coefficients: (B, N), N(0, 1).
        person: (B,) whole numbers, equal for pictures of one person; negative where that is not known or the picture
            is a mirror image, which shows somebody else.

    Returns:
        (B,); 0 for a picture that is alone, see `has_company`.
    """
    expect_shapes(("coefficients", coefficients, ("B", "N")), ("person", person, ("B",)))
    same = _same_person(person).to(coefficients)  # (B, B)
    count = same.sum(dim=1)
    mean = same @ coefficients / count.clamp(min=1.0)[:, None]
    unbiased = count / (count - 1.0).clamp(min=1.0)
    return torch.where(count > 1.0, unbiased * (coefficients - mean).square().mean(dim=1), 0.0)


def has_company(person: Tensor) -> Tensor:
    """(B,) 1 where the batch holds another picture of the same person, 0 elsewhere; `person` as `within_person`."""
    expect_shapes(("person", person, ("B",)))
    return (_same_person(person).sum(dim=1) > 1).float()


def landmark_acceleration(points: Tensor, seen: Tensor | None = None) -> Tensor:
    """Mean length in px/frame^2 of the second difference of landmarks over time: what jitter is made of.

    Not squared, so that a blink, which is quick and real, is not held back more than in proportion. Given the points'
    difference to labels of the same frames, real motion costs nothing.

    Args:
        points: (B, T, N, 2) of T frames in a row, px of one picture.
        seen: (B, T) 1 for a frame that counts; only three such frames in a row do. All, if left out.

    Returns:
        (B,); 0 where no three frames count.

    Raises:
        ValueError: wrong shapes, or fewer than three frames.
    """
    expect_shapes(("points", points, ("B", "T", "N", 2)))
    return _mean_over_time(torch.linalg.vector_norm(_second_difference(points), dim=-1).mean(dim=-1), points, seen)


def parameter_acceleration(parameters: Tensor, spread: Tensor, seen: Tensor | None = None) -> Tensor:
    """Mean absolute second difference over time of parameters (B, T, P), each in units of its `spread` (P,).

    `seen`, the result and the errors are those of `landmark_acceleration`.
    """
    expect_shapes(("parameters", parameters, ("B", "T", "P")), ("spread", spread, ("P",)))
    return _mean_over_time(_second_difference(parameters / spread).abs().mean(dim=-1), parameters, seen)


def score_distillation(weights: Tensor, scores: Tensor, trust: Tensor) -> Tensor:
    """Mean squared difference of expression weights to MediaPipe's scores, each as far as it is trusted.

    Args:
        weights: (B, Ne) of the network.
        scores: (B, Ne) in the same order and scale (see `training.data.fit.learn_gains`); NaN where there is none.
        trust: (Ne,) `ExtraWeights.score_trust`.

    Returns:
        (B,); 0 for a sample without scores.
    """
    expect_shapes(("weights", weights, ("B", "E")), ("scores", scores, ("B", "E")), ("trust", trust, ("E",)))
    known = torch.isfinite(scores)
    share = trust * known  # (B, Ne)
    difference = weights - torch.where(known, scores, 0.0)
    return (share * difference.square()).sum(dim=1) / share.sum(dim=1).clamp(min=1e-12)


def _same_person(person: Tensor) -> Tensor:
    """(B, B) True for pictures of one person, each with itself; nothing for those of nobody known."""
    return (person[:, None] == person[None]) & (person >= 0)[:, None]


def _second_difference(values: Tensor) -> Tensor:
    """Along axis 1: (B, T, ...) to (B, T - 2, ...)."""
    if values.shape[1] < 3:
        raise ValueError(f"a second difference takes three frames, got {values.shape[1]}")
    return values[:, 2:] - 2.0 * values[:, 1:-1] + values[:, :-2]


def _mean_over_time(values: Tensor, frames: Tensor, seen: Tensor | None) -> Tensor:
    """Mean (B,) of second differences (B, T - 2) of `frames` (B, T, ...) where all three frames are seen."""
    if seen is None:
        return values.mean(dim=1)
    expect_shapes(("seen", seen, tuple(frames.shape[:2])))
    counts = seen[:, 2:] * seen[:, 1:-1] * seen[:, :-2]  # (B, T - 2)
    return (values * counts).sum(dim=1) / counts.sum(dim=1).clamp(min=1e-12)
