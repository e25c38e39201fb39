"""How far parameters are from explaining their pictures: the paper's Eq. 8 and 10 to 13, and trust in the network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from facemodel import MEDIAPIPE_TO_IBUG68, FaceModel, ParameterLayout
from training.losses import paper_losses
from training.losses.label_losses import lid_gap, lip_gap
from training.losses.paper_losses import encode_srgb
from training.render.renderer import Rendering, face_renderer
from training.solve.config import SolveConfig
from training.solve.observation import Observation

_SATURATED = 0.99
"""sRGB above which a picture may show less light than there was."""


@dataclass(frozen=True)
class Fit:
    """How well parameters fit their pictures, (B,) each.

    Attributes:
        residual: mean colour difference in the face, sRGB 0..1 per channel.
        landmarks: mean distance of MediaPipe's points, px of the 224 crop; NaN without landmarks.
    """

    residual: Tensor
    landmarks: Tensor


class Objective(nn.Module):
    """The weighted sum of all terms, one number per picture.

    Args:
        model: the face model.
        config: the weights.
    """

    trust: Tensor
    spread: Tensor
    mu: Tensor

    def __init__(self, model: FaceModel, config: SolveConfig) -> None:
        super().__init__()
        self.layout: ParameterLayout = model.layout
        self.weights = config.weights
        self.renderer = face_renderer(model)
        spread = torch.full((self.layout.n_expression,), config.expression_spread)
        self.register_buffer("spread", spread, persistent=False)
        self.register_buffer("mu", paper_losses.landmark_weights(self.weights.important), persistent=False)
        self._ibug = torch.from_numpy(MEDIAPIPE_TO_IBUG68).long()

    def forward(self, parameters: Tensor, deviation: Tensor, seen: Observation) -> Tensor:
        """Return the sum (B,) for parameters (B, P), their deviation (B, P) from the network's answer, and pictures."""
        w = self.weights
        own = {name: parameters[:, span] for name, span in self.layout.slices.items()}
        shown = self.renderer(parameters, seen.image.shape[1])
        found = seen.trust.sum(dim=1) > 0  # (B,)
        total = w.photometric * self._photometric(shown, seen)
        sparse = paper_losses.landmarks(shown.landmarks68, seen.landmarks[:, self._ibug], self.mu)
        openings = lid_gap(shown.landmarks478, seen.landmarks) + lip_gap(shown.landmarks478, seen.landmarks)
        total = total + found * (w.landmarks * sparse + w.openings * openings)
        total = total + w.dense_landmarks * dense_landmarks(shown.landmarks478, seen.landmarks, seen.trust)
        total = total + w.inner_mouth * paper_losses.inner_mouth(shown.inner_mouth, seen.inner_mouth)
        total = total + w.regularization * paper_losses.regularization(
            own["identity"], own["albedo"], own["expression"], self.spread
        )
        total = total + w.uniform * paper_losses.uniform(shown.lit, own["sh"])
        total = total + w.key_tint * key_tint(own["key_color"], own["sh"])
        return total + w.network * distance_to_network(deviation)

    @torch.no_grad()
    def fit(self, parameters: Tensor, seen: Observation) -> Fit:
        """Return how well parameters (B, P) fit, in units that people know."""
        shown = self.renderer(parameters, seen.image.shape[1])
        mask = seen.face * shown.mask
        difference = (self._as_seen(shown.diffuse + shown.specular, seen) - seen.image).abs().mean(dim=-1)
        residual = (difference * mask).sum(dim=(1, 2)) / mask.sum(dim=(1, 2)).clamp(min=1e-12)
        distance = dense_landmarks(shown.landmarks478, seen.landmarks, seen.trust)
        return Fit(residual, torch.where(seen.trust.sum(dim=1) > 0, distance, torch.nan))

    def _photometric(self, shown: Rendering, seen: Observation) -> Tensor:
        return paper_losses.photometric(
            seen.image,
            self._as_seen(shown.diffuse, seen),
            self._as_seen(shown.diffuse + shown.specular, seen),
            seen.face,
            shown.mask,
            seen.skin,
            self.weights.eta,
        )

    def _as_seen(self, linear: Tensor, seen: Observation) -> Tensor:
        """sRGB of linear pictures; where the photo is saturated, a brighter one is no error."""
        encoded = encode_srgb(linear)
        return torch.where(seen.image >= _SATURATED, encoded.clamp(max=1.0), encoded)


def dense_landmarks(points: Tensor, reference: Tensor, trust: Tensor) -> Tensor:
    """Return the mean distance (B,) in px of points (B, 478, 2), weighted by `trust` (B, 478); 0 without any trust."""
    distance = ((points - reference).square().sum(dim=-1) + 1e-4).sqrt()  # (B, 478)
    return (distance * trust).sum(dim=1) / trust.sum(dim=1).clamp(min=1e-6)


def distance_to_network(deviation: Tensor) -> Tensor:
    """Return the sum (B,) over deviations (B, P) in units of their spread, squared if small and linear if large."""
    return 2.0 * ((1.0 + deviation.square()).sqrt() - 1.0).sum(dim=1)


def key_tint(key_color: Tensor, sh: Tensor) -> Tensor:
    """Return the squared difference (B,) of key light colours (B, 3) to as strong ones of the SH light's (B, 27) tint.

    One picture hardly tells a key light's colour from that of the skin; lights of a scene are mostly alike.
    """
    ambient = sh[:, :3].clamp(min=1e-3)
    alike = key_color.mean(dim=1, keepdim=True) * ambient / ambient.mean(dim=1, keepdim=True)
    return (key_color - alike).square().sum(dim=1)
