"""How far parameters are from explaining their pictures: colours, contrasts, landmarks, and trust in the network.

A face model draws neither pores nor beards, and a camera adds noise: what it cannot explain must not bend what it can.
So a pixel's distance counts with its logarithm (a Student's t residual), and beside the colours the contrasts between
neighbouring pixels count, which tell where features are even if tone and light are wrong.
"""

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

_STEPS = (1, 2, 4)
"""Distances of the pixels whose contrast is compared, px of the level."""

_SUREST = 0.5
"""Least doubt about landmarks, px."""

_ACTIVE = 0.1
"""Expression weight above which a face does something."""

_SATURATED = 0.99
"""sRGB above which a picture may show less light than there was."""


@dataclass(frozen=True)
class Fit:
    """How well parameters fit their pictures, (B,) each.

    Attributes:
        residual: mean colour difference in the face and its eyes, sRGB 0..1 per channel.
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
    mu: Tensor

    def __init__(self, model: FaceModel, config: SolveConfig) -> None:
        super().__init__()
        self.layout: ParameterLayout = model.layout
        self.weights = config.weights
        self.tolerance = config.tolerance
        self.renderer = face_renderer(model)
        self.register_buffer("mu", paper_losses.landmark_weights(self.weights.important), persistent=False)
        self._ibug = torch.from_numpy(MEDIAPIPE_TO_IBUG68).long()

    def forward(self, parameters: Tensor, deviation: Tensor, seen: Observation) -> Tensor:
        """Return the sum (B,) for parameters (B, P), their deviation (B, P) from the network's answer, and pictures."""
        w = self.weights
        own = {name: parameters[:, span] for name, span in self.layout.slices.items()}
        shown = self.renderer(parameters, seen.image.shape[1])
        color, contrast = self._picture(shown, seen)
        total = w.color * color + w.contrast * contrast
        total = total + self._points(shown, seen)
        total = total + w.inner_mouth * paper_losses.inner_mouth(shown.inner_mouth, seen.inner_mouth)
        total = total + w.sparsity * sparsity(own["expression"])
        total = total + w.key_tint * key_tint(own["key_color"], own["sh"])
        return total + w.network * distance_to_network(deviation)

    @torch.no_grad()
    def fit(self, parameters: Tensor, seen: Observation) -> Fit:
        """Return how well parameters (B, P) fit, in units that people know."""
        shown = self.renderer(parameters, seen.image.shape[1])
        mask = _compared(shown, seen)
        difference = (self._as_seen(shown.diffuse + shown.specular, seen) - seen.image).abs().mean(dim=-1)
        residual = (difference * mask).sum(dim=(1, 2)) / mask.sum(dim=(1, 2)).clamp(min=1e-12)
        distance = dense_landmarks(shown.landmarks478, seen.landmarks, seen.trust)
        return Fit(residual, torch.where(seen.trust.sum(dim=1) > 0, distance, torch.nan))

    def _points(self, shown: Rendering, seen: Observation) -> Tensor:
        """Weighted distances (B,) of the points from the middle between MediaPipe's and the network's.

        People's points lie nearer to the middle than to either, and it is the surer the nearer the two are.
        """
        w = self.weights
        aim = 0.5 * (seen.landmarks + seen.network)  # (B, 478, 2)
        doubt = dense_landmarks(aim, seen.landmarks, seen.trust).clamp(min=_SUREST)  # (B,) px
        sparse = paper_losses.landmarks(shown.landmarks68, aim[:, self._ibug], self.mu)
        dense = dense_landmarks(shown.landmarks478, aim, seen.trust)
        openings = lid_gap(shown.landmarks478, aim) + lip_gap(shown.landmarks478, aim)
        found = seen.trust.sum(dim=1) > 0
        return found * (w.landmarks * sparse + w.dense_landmarks * dense + w.openings * openings) / doubt

    def _picture(self, shown: Rendering, seen: Observation) -> tuple[Tensor, Tensor]:
        """Means (B,) over the face of how far colours are off, and contrasts with pixels to the right and below."""
        off = seen.image - self._as_seen(shown.diffuse + shown.specular, seen)  # (B, S, S, 3)
        mask = _compared(shown, seen)  # (B, S, S)
        contrasts = [
            self._mean_distance(_step(off, dim, step), _both(mask, dim, step)) for dim in (1, 2) for step in _STEPS
        ]
        return self._mean_distance(off, mask), torch.stack(contrasts).mean(dim=0)

    def _mean_distance(self, off: Tensor, mask: Tensor) -> Tensor:
        """(B,) of colours (B, H, W, 3) that should be 0, where a mask (B, H, W) counts them."""
        distance = self.tolerance * torch.log1p((off / self.tolerance).square().sum(dim=-1))
        return (distance * mask).sum(dim=(1, 2)) / mask.sum(dim=(1, 2)).clamp(min=1e-12)

    def _as_seen(self, linear: Tensor, seen: Observation) -> Tensor:
        """sRGB of linear pictures; where the photo is saturated, a brighter one is no error."""
        encoded = encode_srgb(linear)
        return torch.where(seen.image >= _SATURATED, encoded.clamp(max=1.0), encoded)


def _compared(shown: Rendering, seen: Observation) -> Tensor:
    """Where (B, S, S) colours are compared: face and eyes, but no inner mouth, which the model knows little of."""
    return (seen.face * shown.covered * (shown.inner_mouth < 0.5)).detach()


def _step(planes: Tensor, dim: int, step: int) -> Tensor:
    """Differences of pixels `step` apart along `dim`."""
    count = planes.shape[dim] - step
    return planes.narrow(dim, step, count) - planes.narrow(dim, 0, count)


def _both(mask: Tensor, dim: int, step: int) -> Tensor:
    """Where both pixels of a difference count."""
    count = mask.shape[dim] - step
    return mask.narrow(dim, step, count) * mask.narrow(dim, 0, count)


def dense_landmarks(points: Tensor, reference: Tensor, trust: Tensor) -> Tensor:
    """Return the mean distance (B,) in px of points (B, 478, 2), weighted by `trust` (B, 478); 0 without any trust."""
    distance = ((points - reference).square().sum(dim=-1) + 1e-4).sqrt()  # (B, 478)
    return (distance * trust).sum(dim=1) / trust.sum(dim=1).clamp(min=1e-6)


def sparsity(expression: Tensor) -> Tensor:
    """Return the sum (B,) of what weights (B, Ne) cost: weak ones in proportion, strong ones hardly more than those.

    At any time most units rest. Many shapes look alike, so that a picture alone would spread one over several.
    """
    return _ACTIVE * torch.log1p(expression.clamp(min=0.0) / _ACTIVE).sum(dim=1)


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
