"""The paper's loss on photos, Eq. 6, through the differentiable renderer, and the losses beyond the paper."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from facemodel import ARKIT_NAMES, FaceModel
from training.config import PaperConfig
from training.data.fit import learn_gains
from training.data.prepared import PhotoBatch
from training.losses import extra_losses, label_losses, paper_losses
from training.losses.paper_losses import encode_srgb
from training.render.renderer import Rendering, face_renderer


class PaperObjective(nn.Module):
    """Eq. 6 on a batch of prepared photos, with every loss beyond the paper behind its own weight.

    A loss of weight 0 is not computed. Those beyond the paper that hold for a part of a batch alone (photos of one
    person) count by their share of it.

    Args:
        model: the face model.
        config: weights, and the size that faces are compared at.
        recognizer: F of Eq. 7, crops (B, S, S, 3) sRGB 0..1 to features (B, D); None where its weight is 0.
        parameters: (N, P) fits of the photos: the spread of the expression prior (Eq. 12).
        scores: (N, 52) MediaPipe's scores of the same photos: what the scale of scores is learned from.
    """

    spread: Tensor
    gains: Tensor
    trust: Tensor
    mu: Tensor
    dense_weights: Tensor

    def __init__(
        self,
        model: FaceModel,
        config: PaperConfig,
        recognizer: nn.Module | None,
        parameters: NDArray[np.float32],
        scores: NDArray[np.float32],
    ) -> None:
        super().__init__()
        self.layout = model.layout
        self.config = config
        self.renderer = face_renderer(model, config.render_size)
        self.recognizer = recognizer
        fits = torch.from_numpy(np.asarray(parameters, np.float32))
        names = model.expression_names
        bounded = np.isfinite(self.layout.expression_range).all()
        expression = fits[:, self.layout.slices["expression"]]
        gains = learn_gains(model, parameters, scores)
        buffers = {
            "spread": paper_losses.expression_spread(expression) if bounded else torch.ones(len(names)),
            "gains": torch.tensor([gains.get(name, 1.0) for name in names]),
            "trust": extra_losses.score_trust(names),
            "mu": paper_losses.landmark_weights(config.weights.important),
            "dense_weights": label_losses.landmark_weights(),
        }
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)
        self._scored = [ARKIT_NAMES.index(name) if name in ARKIT_NAMES else 0 for name in names]

    def forward(self, parameters: Tensor, photos: PhotoBatch, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss (), and every computed term's mean in its own unit, unweighted.

        Args:
            parameters: (B, P) that a network saw in the photos.
            photos: B of them.
            progress: 0..1 of the schedule: Eq. 11 counts from a quarter on.
        """
        if not torch.isfinite(parameters).all():  # which the renderer refuses; a trainer knows what to do about NaN
            return parameters.sum() * torch.nan, {}
        return self.compare(self.renderer(parameters), parameters, photos, progress)

    def compare(
        self, rendering: Rendering, parameters: Tensor, photos: PhotoBatch, progress: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return what `forward` gives, of parameters that have been rendered."""
        paper = self._paper_terms(parameters, photos, rendering)
        total = paper_losses.hybrid(paper, self.config.weights, progress).mean() if paper else parameters.new_zeros(())
        means = {name: value.mean() for name, value in paper.items()}
        for name, (weight, value, coverage) in self._extra_terms(parameters, photos, rendering).items():
            total = total + weight * (value * coverage).sum() / len(photos)
            means[name] = label_losses.weighted_mean(value, coverage)
        return total, means

    def _paper_terms(self, parameters: Tensor, photos: PhotoBatch, rendering: Rendering) -> dict[str, Tensor]:
        """Return the terms of Eq. 6 (B,), those whose weight is not 0."""
        own = {name: parameters[:, span] for name, span in self.layout.slices.items()}
        terms: dict[str, Callable[[], Tensor]] = {
            "identity": lambda: self._identity(photos, rendering),
            "photometric": lambda: self._photometric(photos, rendering),
            "landmarks": lambda: paper_losses.landmarks(rendering.landmarks68, photos.landmarks68, self.mu),
            "inner_mouth": lambda: paper_losses.inner_mouth(rendering.inner_mouth, self._plane(photos.inner_mouth)),
            "regularization": lambda: paper_losses.regularization(
                own["identity"], own["albedo"], own["expression"], self.spread
            ),
            "uniform": lambda: paper_losses.uniform(rendering.lit, own["sh"]),
        }
        return {name: term() for name, term in terms.items() if getattr(self.config.weights, name) != 0.0}

    def _extra_terms(
        self, parameters: Tensor, photos: PhotoBatch, rendering: Rendering
    ) -> dict[str, tuple[float, Tensor, Tensor]]:
        """Return weight, term (N,) and what it covers of the batch (N,), of every loss beyond the paper that is on."""
        extra = self.config.extra
        own = {name: parameters[:, span] for name, span in self.layout.slices.items()}
        all_of_it = parameters.new_ones(len(parameters))
        company = extra_losses.has_company(photos.person)
        terms: dict[str, tuple[float, Callable[[], Tensor], Tensor]] = {
            "dense_landmarks": (
                self.config.dense_landmarks,
                lambda: label_losses.point_distance(rendering.landmarks478, photos.landmarks478, self.dense_weights),
                all_of_it,
            ),
            "scores": (extra.scores, lambda: self._scores(own["expression"], photos.scores), all_of_it),
            "shared_identity": (
                extra.shared_identity,
                lambda: extra_losses.within_person(own["identity"], photos.person),
                company,
            ),
            "shared_albedo": (
                extra.shared_albedo,
                lambda: extra_losses.within_person(own["albedo"], photos.person),
                company,
            ),
        }
        return {name: (weight, term(), coverage) for name, (weight, term, coverage) in terms.items() if weight != 0.0}

    def pictures(self, photos: PhotoBatch, rendering: Rendering) -> tuple[Tensor, Tensor, Tensor]:
        """Return photos and faces (B, S, S, 3) sRGB at the size that is rendered, the faces not above 1, and M of Eq. 8
        (B, S, S)."""
        face = encode_srgb(rendering.diffuse + rendering.specular).clamp(max=1.0)
        return self._picture(photos.image), face, rendering.mask * self._plane(photos.face)

    def _photometric(self, photos: PhotoBatch, rendering: Rendering) -> Tensor:
        return paper_losses.photometric(
            self._picture(photos.image),
            encode_srgb(rendering.diffuse),
            encode_srgb(rendering.diffuse + rendering.specular),
            self._plane(photos.face),
            rendering.mask,
            self._plane(photos.skin),
            self.config.weights.eta,
        )

    def _identity(self, photos: PhotoBatch, rendering: Rendering) -> Tensor:
        """Compare the face drawn over its photo, Eq. 7: the network was trained on pictures that have a background."""
        assert self.recognizer is not None
        photo, face, _ = self.pictures(photos, rendering)
        drawn = torch.lerp(photo, face, rendering.covered[..., None])
        reference = photos.features
        if reference is None:
            with torch.no_grad():
                reference = self.recognizer(photo)  # as sharp as what it is compared with
        return paper_losses.identity(self.recognizer(drawn), reference)

    def _scores(self, expression: Tensor, scores: Tensor) -> Tensor:
        return extra_losses.score_distillation(expression, scores[:, self._scored] * self.gains, self.trust)

    def _picture(self, image: Tensor) -> Tensor:
        """Return pictures (B, H, W, 3) at the size that is rendered."""
        return self._sized(image.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)

    def _plane(self, mask: Tensor) -> Tensor:
        """Return planes (B, H, W) at the size that is rendered."""
        return self._sized(mask[:, None])[:, 0]

    def _sized(self, planes: Tensor) -> Tensor:
        size = (self.config.render_size, self.config.render_size)
        return planes if planes.shape[2:] == size else functional.interpolate(planes, size, mode="area")
