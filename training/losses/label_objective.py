"""The student's loss: the terms of `training.losses.label_losses`, weighted and masked by what each label is worth."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from facemodel.landmarks import JAW68, N_MEDIAPIPE
from training.config import LossWeights
from training.data.labels import UNSCORED
from training.losses import label_losses
from training.losses.linear_face import LinearFace, irradiance, rotation_matrix, specular
from training.networks import Prediction
from training.networks.expression_head import REGION_POINTS

_CLEAR_KEY = 0.2
"""Mean colour of a key light from which on its place and shininess count in full; without a key they are anybody's."""


@dataclass(frozen=True)
class Batch:
    """Crops and labels, as tensors.

    Attributes:
        crop: (B, R, R, 3) uint8 RGB.
        parameters: (B, P) labels in crop px.
        landmarks: (B, 478, 2) crop px: fitted and found ones on photos, the model's on renders.
        landmark_worth: (B, 478) how much each of them counts, about 1.
        unit_worth: (B, Ne) how much each expression weight of the label counts, about 1.
        face: (B,) 1 where the crop holds a face; without one nothing but this is a label.
        photo: (B,) 1 for photos, which teach landmarks, pose and expression alone, 0 for renders.
        geometry, light: (B,) 1 where pose, identity and expression, and where albedo and light, are labelled.
        mirrored: (B,) 1 for mirror images: identity, albedo and everything made of them are not labelled.
    """

    crop: Tensor
    parameters: Tensor
    landmarks: Tensor
    landmark_worth: Tensor
    unit_worth: Tensor
    face: Tensor
    photo: Tensor
    geometry: Tensor
    light: Tensor
    mirrored: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the batch on another device."""
        return Batch(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


class StudentObjective(nn.Module):
    """Weighted sum of the loss terms.

    Identity, albedo, key light and SH light are learned from renders alone, whose labels are true; landmarks, pose and
    expression from renders and photos, but for the units in `UNSCORED`.

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
        unscored = [float(name in UNSCORED) for name in face.layout.expression_names]
        self.register_buffer("unscored", torch.tensor(unscored), persistent=False)

    def forward(self, prediction: Prediction, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss (), and every term's mean in its own unit, unweighted."""
        geometry = batch.face * batch.geometry
        render = geometry * (1.0 - batch.photo)
        person = render * (1.0 - batch.mirrored)
        on_points = dict.fromkeys(("landmarks", "lid_gap", "lip_gap", "identity_prior"), batch.face)
        on_points |= dict.fromkeys(("region_points", "face_points", "point_uncertainty"), batch.face)
        on_pose = dict.fromkeys(("rotation", "translation", "scale"), geometry)
        on_expression = dict.fromkeys(("expression", "expression_mm", "expression_rest"), geometry)
        coverage = {
            **on_points,
            **on_pose,
            **on_expression,
            "jaw": person,
            "unscored": render,
            "vertices": person,
            "identity": person,
            **self._light_coverage(batch.parameters, self.light_worth(batch), batch.mirrored),
            "confidence": torch.ones_like(batch.face),
        }
        return self._sum(self._terms(prediction, batch), coverage)

    def light_worth(self, batch: Batch) -> Tensor:
        """Return how much each sample's albedo and light count (B,): only renders' do."""
        return batch.face * batch.light * (1.0 - batch.photo)

    def light_loss(
        self, parameters: Tensor, labels: Tensor, worth: Tensor, mirrored: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the part of `forward` that judges albedo and light, and its terms' means.

        Args:
            parameters, labels: (B, P).
            worth: (B,) of `light_worth`; mirrored: (B,) as in `Batch`.
        """
        return self._sum(self._light_terms(parameters, labels), self._light_coverage(labels, worth, mirrored))

    def _light_coverage(self, labels: Tensor, worth: Tensor, mirrored: Tensor) -> dict[str, Tensor]:
        """Return how much every term of `_light_terms` counts, per sample (B,)."""
        face = self.face
        person = worth * (1.0 - mirrored)
        by_key = worth * (face.group(labels, "key_color").mean(dim=1) / _CLEAR_KEY).clamp(0.0, 1.0)
        of_key = dict.fromkeys(("key_direction", "key_distance", "shininess"), by_key)
        agreeing = label_losses.key_and_sh_cosine(face.group(labels, "key_position"), face.group(labels, "sh"))
        return {
            **dict.fromkeys(("albedo", "shading", "highlight"), person),
            **dict.fromkeys(("irradiance", "sh_direction"), worth),
            "light_agreement": by_key * agreeing.clamp(min=0.0),
            **of_key,
        }

    def _sum(self, values: dict[str, Tensor], coverage: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum () of terms per sample (B,), and every term's mean."""
        means = {name: label_losses.weighted_mean(values[name], coverage[name]) for name in values}
        # A term counts by the share of the batch that it covers: few trusted labels pull little.
        total = sum(
            getattr(self.weights, name) * mean * coverage[name].sum() / len(values[name])
            for name, mean in means.items()
        )
        return torch.as_tensor(total), means

    def _terms(self, prediction: Prediction, batch: Batch) -> dict[str, Tensor]:
        """Return every term per sample, (B,) each."""
        face, labels = self.face, batch.parameters
        worth = batch.unit_worth * (1.0 - batch.photo[:, None] * self.unscored)  # (B, Ne)
        parameters = self._without_the_unsaid(prediction.parameters, batch.photo, worth)
        own = {name: face.group(parameters, name) for name in face.layout.slices}
        true = {name: face.group(labels, name) for name in face.layout.slices}
        points = face.landmarks(parameters)  # (B, 478 + 68, 2)
        dense, sparse = points[:, :N_MEDIAPIPE], points[:, N_MEDIAPIPE:]
        off = own["expression"] - true["expression"]
        return {
            "landmarks": label_losses.point_distance(dense, batch.landmarks, self._point_weights(batch)),
            "jaw": label_losses.point_distance(sparse[:, JAW68], face.landmarks(labels)[:, N_MEDIAPIPE:][:, JAW68]),
            "lid_gap": label_losses.lid_gap(dense, batch.landmarks),
            "lip_gap": label_losses.lip_gap(dense, batch.landmarks),
            "vertices": label_losses.point_distance(face.skin_points(parameters), face.skin_points(labels)),
            "rotation": label_losses.rotation_angle(own["rotation"], true["rotation"]),
            "translation": label_losses.point_distance(own["translation"][:, None], true["translation"][:, None]),
            "scale": label_losses.log_ratio(own["scale"], true["scale"]),
            "expression": label_losses.expression_error(own["expression"], true["expression"], worth),
            "expression_mm": label_losses.movement_error(face.movement(worth * off)),
            "unscored": label_losses.expression_error(own["expression"], true["expression"], worth * self.unscored),
            "expression_rest": label_losses.rest_error(own["expression"], true["expression"], worth),
            "identity": label_losses.point_distance(face.skin_form(parameters), face.skin_form(labels)),
            "identity_prior": own["identity"].square().mean(dim=1),
            **self._light_terms(parameters, labels),
            "confidence": label_losses.confidence_error(prediction.logit, batch.face),
            **self._point_terms(prediction, batch),
        }

    def _without_the_unsaid(self, parameters: Tensor, photo: Tensor, worth: Tensor) -> Tensor:
        """Return parameters (B, P) in which no loss of a photo can change identity, or units that its label leaves out.

        Else such units would make up for what is wrong elsewhere, opposite ones together: a jaw to both sides at once.
        """
        slices, of_photo = self.face.layout.slices, photo[:, None] > 0
        held = torch.zeros_like(parameters, dtype=torch.bool)
        held[:, slices["identity"]] = of_photo
        held[:, slices["expression"]] = of_photo & (worth == 0.0)
        return torch.where(held, parameters.detach(), parameters)

    def _point_weights(self, batch: Batch) -> Tensor:
        """Return how much every one of MediaPipe's points counts, (B, 478)."""
        return self.landmark_weights * batch.landmark_worth

    def _point_terms(self, prediction: Prediction, batch: Batch) -> dict[str, Tensor]:
        """Return the terms of the points that the heads place by themselves, and of what they say of their error."""
        terms, nats = {}, []
        worth = batch.landmark_worth.expand(-1, N_MEDIAPIPE)
        if (region := prediction.region_points) is not None:
            shown = list(REGION_POINTS)
            reference, known = batch.landmarks[:, shown], worth[:, shown]
            terms["region_points"] = label_losses.point_distance(region.points, reference, known)
            nats.append(label_losses.point_uncertainty(region.points, region.spread, reference, known))
        if (whole := prediction.face_points) is not None:
            weights = self._point_weights(batch)
            terms["face_points"] = label_losses.point_distance(whole.points, batch.landmarks, weights)
            nats.append(label_losses.point_uncertainty(whole.points, whole.spread, batch.landmarks, worth))
        if nats:
            terms["point_uncertainty"] = torch.stack(nats).mean(dim=0)
        return terms

    def _light_terms(self, parameters: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the terms of albedo and light on the label's geometry, so that a wrong pose is not blamed on them."""
        face = self.face
        own = {name: face.group(parameters, name) for name in face.layout.slices}
        true = {name: face.group(labels, name) for name in face.layout.slices}
        rotation = rotation_matrix(true["rotation"]).transpose(1, 2)  # (B, 3, 3)
        normals = face.skin_normals @ rotation  # (B, K, 3)
        points = face.skin_points(labels) @ rotation  # (B, K, 3)
        own_albedo, own_gloss = face.skin_albedo(parameters)
        true_albedo, true_gloss = face.skin_albedo(labels)
        own_lobe, true_lobe = (
            specular(points, normals, p["key_position"], p["key_color"], p["shininess"]) for p in (own, true)
        )  # (B, K, 3)
        cosine, true_cosine = (label_losses.key_and_sh_cosine(p["key_position"], p["sh"]) for p in (own, true))
        return {
            "albedo": label_losses.color_error(own_albedo, true_albedo),
            "irradiance": label_losses.irradiance_error(own["sh"], true["sh"], self.sphere),
            "sh_direction": label_losses.sh_direction_error(own["sh"], true["sh"]),
            "shading": label_losses.color_error(
                own_albedo * irradiance(normals, own["sh"]), true_albedo * irradiance(normals, true["sh"])
            ),
            "highlight": (own_gloss * own_lobe - true_gloss * true_lobe).abs().mean(dim=(1, 2)),
            "key_direction": label_losses.key_direction_error(own["key_position"], true["key_position"]),
            "key_distance": label_losses.key_distance_ratio(own["key_position"], true["key_position"]),
            "light_agreement": (cosine - true_cosine).abs(),
            "shininess": label_losses.log_ratio(own["shininess"], true["shininess"]),
        }
