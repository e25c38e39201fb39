"""The student's loss: the terms of `training.losses.label_losses`, weighted and masked by what each label is worth."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from training.config import LossWeights
from training.losses import label_losses
from training.losses.linear_face import LinearFace, irradiance, rotation_matrix
from training.networks import Prediction
from training.networks.expression_head import REGION_POINTS

N_DENSE = 478

_CLEAR_KEY = 0.2
"""Mean colour of a key light from which on its place and shininess count in full; without a key they are anybody's."""


@dataclass(frozen=True)
class Batch:
    """Crops and labels, as tensors.

    Attributes:
        crop: (B, R, R, 3) uint8 RGB.
        parameters: (B, P) labels in crop px.
        landmarks: (B, 478, 2) crop px: MediaPipe's on photos, the model's on renders.
        face: (B,) 1 where the crop holds a face; without one nothing but this is a label.
        photo: (B,) 1 for photos, whose parameters are fitted, 0 for renders, whose parameters are true.
        geometry, light: (B,) 1 where pose, identity and expression, and where albedo and light, are labelled.
        mirrored: (B,) 1 for mirror images: identity, albedo and everything made of them are not labelled.
    """

    crop: Tensor
    parameters: Tensor
    landmarks: Tensor
    face: Tensor
    photo: Tensor
    geometry: Tensor
    light: Tensor
    mirrored: Tensor

    def to(self, device: torch.device) -> Batch:
        """The batch on another device."""
        return Batch(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


class StudentObjective(nn.Module):
    """Weighted sum of the loss terms.

    Args:
        face: the face model at the points that are compared.
        weights: of the terms.
    """

    def __init__(self, face: LinearFace, weights: LossWeights) -> None:
        super().__init__()
        self.face = face
        self.weights = weights
        self.register_buffer("landmark_weights", label_losses.landmark_weights(), persistent=False)
        self.register_buffer("sphere", label_losses.sphere_normals(), persistent=False)

    def forward(self, prediction: Prediction, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss (), and every term's mean in its own unit, unweighted."""
        w = self.weights
        photo = batch.photo
        geometry = batch.face * batch.geometry
        person = geometry * (1.0 - batch.mirrored)
        identity = person * (1.0 + photo * (w.photo_identity - 1.0))
        coverage = {
            "landmarks": batch.face,
            "lid_gap": batch.face,
            "lip_gap": batch.face,
            "landmarks_fit": person,
            "vertices": identity,
            "rotation": geometry,
            "translation": geometry,
            "scale": geometry,
            "expression": geometry,
            "identity": identity,
            "identity_prior": batch.face,
            **self._light_coverage(batch.parameters, self.light_worth(batch), batch.mirrored),
            "confidence": torch.ones_like(batch.face),
            "region_points": batch.face,
            "face_points": batch.face,
        }
        return self._sum(self._terms(prediction, batch), coverage)

    def light_worth(self, batch: Batch) -> Tensor:
        """How much each sample's albedo and light count (B,)."""
        return batch.face * batch.light * (1.0 + batch.photo * (self.weights.photo_light - 1.0))

    def light_loss(
        self, parameters: Tensor, labels: Tensor, worth: Tensor, mirrored: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The part of `forward` that judges albedo and light, and its terms' means.

        Args:
            parameters, labels: (B, P).
            worth: (B,) of `light_worth`; mirrored: (B,) as in `Batch`.
        """
        return self._sum(self._light_terms(parameters, labels), self._light_coverage(labels, worth, mirrored))

    def _light_coverage(self, labels: Tensor, worth: Tensor, mirrored: Tensor) -> dict[str, Tensor]:
        """How much every term of `_light_terms` counts, per sample (B,)."""
        person = worth * (1.0 - mirrored)
        by_key = worth * (self.face.group(labels, "key_color").mean(dim=1) / _CLEAR_KEY).clamp(0.0, 1.0)
        of_key = dict.fromkeys(("key_direction", "key_distance", "shininess"), by_key)
        return {"albedo": person, "shading": person, "highlight": person, "irradiance": worth, **of_key}

    def _sum(self, values: dict[str, Tensor], coverage: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Weighted sum () of terms per sample (B,), and every term's mean."""
        means = {name: label_losses.weighted_mean(values[name], coverage[name]) for name in values}
        # A term counts by the share of the batch that it covers: few trusted labels pull little.
        total = sum(
            getattr(self.weights, name) * mean * coverage[name].sum() / len(values[name])
            for name, mean in means.items()
        )
        return torch.as_tensor(total), means

    def _terms(self, prediction: Prediction, batch: Batch) -> dict[str, Tensor]:
        """Every term per sample, (B,) each."""
        face, parameters, labels = self.face, prediction.parameters, batch.parameters
        own = {name: face.group(parameters, name) for name in face.layout.slices}
        true = {name: face.group(labels, name) for name in face.layout.slices}
        points = face.landmarks(parameters)  # (B, 478 + 68, 2)
        dense, sparse = points[:, :N_DENSE], points[:, N_DENSE:]
        return {
            "landmarks": label_losses.landmark_distance(dense, batch.landmarks, self.landmark_weights),
            "landmarks_fit": label_losses.landmark_distance(sparse, face.landmarks(labels)[:, N_DENSE:]),
            "lid_gap": label_losses.lid_gap(dense, batch.landmarks),
            "lip_gap": label_losses.lip_gap(dense, batch.landmarks),
            "vertices": label_losses.vertex_distance(face.skin_points(parameters), face.skin_points(labels)),
            "rotation": label_losses.rotation_angle(own["rotation"], true["rotation"]),
            "translation": label_losses.translation_distance(own["translation"], true["translation"]),
            "scale": label_losses.scale_ratio(own["scale"], true["scale"]),
            "expression": label_losses.expression_error(
                own["expression"], true["expression"], self.weights.expression_activity
            ),
            "identity": label_losses.vertex_distance(face.skin_form(parameters), face.skin_form(labels)),
            "identity_prior": own["identity"].square().mean(dim=1),
            **self._light_terms(parameters, labels),
            "confidence": label_losses.confidence_error(prediction.logit, batch.face),
            **self._point_terms(prediction, batch),
        }

    def _point_terms(self, prediction: Prediction, batch: Batch) -> dict[str, Tensor]:
        """The points that the heads place by themselves."""
        terms = {}
        if prediction.region_points is not None:
            reference = batch.landmarks[:, list(REGION_POINTS)]
            terms["region_points"] = label_losses.landmark_distance(prediction.region_points, reference)
        if prediction.face_points is not None:
            terms["face_points"] = label_losses.landmark_distance(
                prediction.face_points, batch.landmarks, self.landmark_weights
            )
        return terms

    def _light_terms(self, parameters: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Light on the label's geometry, so that a wrong pose is not blamed on the light."""
        face = self.face
        own = {name: face.group(parameters, name) for name in face.layout.slices}
        true = {name: face.group(labels, name) for name in face.layout.slices}
        rotation = rotation_matrix(true["rotation"]).transpose(1, 2)  # (B, 3, 3)
        normals = face.skin_normals @ rotation  # (B, K, 3)
        points = face.skin_points(labels) @ rotation  # (B, K, 3)
        own_albedo, own_gloss = face.skin_albedo(parameters)
        true_albedo, true_gloss = face.skin_albedo(labels)
        light = ("key_position", "key_color", "shininess")
        return {
            "albedo": label_losses.color_error(own_albedo, true_albedo),
            "irradiance": label_losses.irradiance_error(own["sh"], true["sh"], self.sphere),
            "shading": label_losses.color_error(
                own_albedo * irradiance(normals, own["sh"]), true_albedo * irradiance(normals, true["sh"])
            ),
            "highlight": label_losses.highlight_error(
                label_losses.highlight(own_gloss, points, normals, *(own[name] for name in light)),
                label_losses.highlight(true_gloss, points, normals, *(true[name] for name in light)),
            ),
            "key_direction": label_losses.key_direction_error(own["key_position"], true["key_position"]),
            "key_distance": label_losses.key_distance_ratio(own["key_position"], true["key_position"]),
            "shininess": label_losses.shininess_ratio(own["shininess"], true["shininess"]),
        }
