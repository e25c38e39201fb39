"""The student: one small network that regresses the whole parameter vector from a crop, for CPUs."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from facemodel import LimelightError, ParameterLayout
from training.networks.backbones import backbone
from training.networks.close_up import pose_span
from training.networks.decoder import ParameterDecoder
from training.networks.expression_head import ExpressionHead
from training.networks.face_head import GROUPS, FaceHead
from training.networks.lite0 import normalised
from training.networks.points_step import PointsStep, agreed_points
from training.networks.prediction import Prediction

_HEADS = ("expression_head.", "face_head.", "points_step.")


@dataclass(frozen=True)
class StudentConfig:
    """Size of the student.

    Attributes:
        resolution: side of the input crop, px.
        trunk_resolution: side of what the trunk sees of it, px; 0 for all of it.
        head_channels: channels that each cell of the last feature map keeps.
        detail_channels: channels that each cell of the feature map of twice the resolution keeps beside: where the
            iris, the lids and the corners of the mouth are. 0 for none.
        hidden: width of the fully connected layer.
        dropout: share of the hidden layer that is dropped in training.
        frozen_blocks: how many of the backbone's first blocks (and the stem) keep their weights; 0 trains
            everything. The first three of Lite0 are half of the cost of a training step.
        backbone: of the trunk: `lite0`, `resnet50`, or `plain`, which learns from nothing.
        expression_hidden: width of the expression head; 0 leaves the expression to the trunk.
        face_hidden: width of the face head; 0 leaves the last word on pose, identity, albedo and light to the trunk.
        points_step: whether what the heads say is moved towards the points that they place.
    """

    resolution: int = 112
    trunk_resolution: int = 0
    head_channels: int = 160
    detail_channels: int = 0
    hidden: int = 512
    dropout: float = 0.1
    frozen_blocks: int = 3
    backbone: str = "lite0"
    expression_hidden: int = 0
    face_hidden: int = 0
    points_step: bool = False

    @property
    def trunk_side(self) -> int:
        """Return the side of what the trunk sees, px."""
        return self.trunk_resolution or self.resolution


class Trunk(nn.Module):
    """A backbone and a head that keeps where things are: a pooled one cannot place landmarks.

    Maps normalised crops (B, 3, R, R) to (B, hidden) features. Shared with the distillation that prepares it.
    """

    def __init__(self, config: StudentConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbone(config.backbone)
        cells = math.ceil(config.trunk_side / 32) ** 2
        self.squeeze = nn.Sequential(
            nn.Conv2d(self.backbone.channels, config.head_channels, 1, bias=False),
            nn.BatchNorm2d(config.head_channels),
            nn.ReLU6(),
        )
        inputs = config.head_channels * cells
        self.detail: nn.Sequential | None = None
        if config.detail_channels:
            self.detail = nn.Sequential(
                nn.Conv2d(self.backbone.fine_channels, config.detail_channels, 1, bias=False),
                nn.BatchNorm2d(config.detail_channels),
                nn.ReLU6(),
            )
            inputs += config.detail_channels * math.ceil(config.trunk_side / 16) ** 2
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Linear(inputs, config.hidden), nn.ReLU(), nn.Dropout(config.dropout)
        )
        for block in self.backbone.first_blocks(config.frozen_blocks):
            block.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Set the mode, but for the frozen blocks, whose batch statistics stay what they are."""
        super().train(mode)
        for block in self.backbone.first_blocks(self.config.frozen_blocks):
            block.eval()
        return self

    def forward(self, image: Tensor) -> Tensor:
        fine, coarse = self.backbone.features(image)  # (B, ..., R/16, R/16), (B, ..., R/32, R/32)
        features = self.squeeze(coarse).flatten(1)
        if self.detail is not None:
            features = torch.cat([features, self.detail(fine).flatten(1)], dim=1)
        return self.hidden(features)  # (B, hidden)


class Student(nn.Module):
    """The trunk and one linear layer, the heads, and the decoder that makes their outputs a parameter vector.

    Args:
        config: sizes.
        layout: of the parameter vector.
        labels: (N, P) parameter vectors that standardise the outputs; see `ParameterDecoder`.
    """

    def __init__(self, config: StudentConfig, layout: ParameterLayout, labels: NDArray | None = None) -> None:
        super().__init__()
        self.config = config
        self.layout = layout
        self.trunk = Trunk(config)
        self.regressor = nn.Linear(config.hidden, layout.size + 1)
        nn.init.normal_(self.regressor.weight, std=0.01)  # training starts from the mean of the labels
        nn.init.zeros_(self.regressor.bias)
        width = config.expression_hidden
        self.expression_head = ExpressionHead(width, layout) if width else None
        self.face_head = FaceHead(config.face_hidden, layout) if config.face_hidden else None
        self.points_step = PointsStep(layout) if config.points_step else None
        self.decoder = ParameterDecoder(layout, labels)

    def take_heads(self, weights: dict[str, Tensor]) -> None:
        """Take the heads of another student's state dict, its step towards points, and what standardises outputs.

        The trunk's regressor goes on saying what it said.

        Raises LimelightError: the other student's heads have other sizes.
        """
        heads = {n: value for n, value in weights.items() if n.startswith(_HEADS)}
        mean, std = weights["decoder.mean"], weights["decoder.std"]
        old, outputs = self.decoder, self.layout.size
        with torch.no_grad():
            self.regressor.weight[:outputs] *= (old.std / std)[:, None]
            self.regressor.bias[:outputs] = (self.regressor.bias[:outputs] * old.std + old.mean - mean) / std
        try:
            self.load_state_dict(self.state_dict() | heads | {"decoder.mean": mean, "decoder.std": std})
        except RuntimeError as error:
            raise LimelightError("heads: of another size than the configuration's network") from error

    @property
    def follows(self) -> bool:
        """Return whether the heads alone say everything, once a pose is known."""
        return self.expression_head is not None and self.face_head is not None

    def predict(self, crop: Tensor) -> Prediction:
        """Return what crops (B, R, R, 3) uint8 RGB show: the trunk finds the pose, and the heads look where it says."""
        outputs, logit = self._from_trunk(normalised(crop))
        raw = self.decoder.raw_groups(outputs)
        pose = self.decoder.constrained(raw)[:, pose_span(self.layout)].detach()  # (B, 9) the heads' first estimate
        found = self._with_heads(raw, crop, pose, (self.expression_head, self.face_head))
        # A face is what both take for one.
        both = logit if self.face_head is None else torch.minimum(logit, found.logit)
        return found._replace(logit=both)

    def find(self, crop: Tensor) -> tuple[Tensor, Tensor]:
        """Return the trunk's part of `forward`: pose (B, 9) in crop px and confidence (B, 1) of crops (B, R, R, 3)."""
        outputs, logit = self._from_trunk(normalised(crop))
        return self.decoder(outputs)[:, pose_span(self.layout)], torch.sigmoid(logit)

    def follow(self, crop: Tensor, pose: Tensor) -> tuple[Tensor, Tensor]:
        """Return the heads' part of `forward`, where the pose is about known: parameters (B, P) and confidence (B, 1).

        Args:
            crop: (B, R, R, 3) uint8 RGB.
            pose: (B, 9) rotation, translation, scale in crop px.
        """
        found = self._with_heads({}, crop, pose, (self.expression_head, self.face_head))
        return found.parameters, torch.sigmoid(found.logit)

    def predict_guided(self, crop: Tensor, known: Tensor, pose: Tensor, parts: Collection[str]) -> Prediction:
        """Return what some heads say by themselves, everything else being known: how their training begins.

        Args:
            crop: (B, R, R, 3) uint8 RGB.
            known: (B, P) parameters that the prediction is made of, but for what the heads regress.
            pose: (B, 9) rotation, translation, scale that place the close-ups.
            parts: `expression_head`, `face_head` or both.
        """
        raw = self.decoder.groups(self.decoder.raw(known))
        heads = (
            self.expression_head if "expression_head" in parts else None,
            self.face_head if "face_head" in parts else None,
        )
        return self._with_heads(raw, crop, pose, heads)

    def _from_trunk(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return standardised outputs (B, P) and the confidence's logit (B, 1)."""
        outputs, logit = self.regressor(self.trunk(self._shrunk(image))).split([self.layout.size, 1], dim=1)
        return outputs, logit

    def _with_heads(
        self,
        raw: dict[str, Tensor],
        crop: Tensor,
        pose: Tensor,
        heads: tuple[ExpressionHead | None, FaceHead | None],
    ) -> Prediction:
        """Return what raw numbers by group say, those replaced that the heads see in crops (B, R, R, 3)."""
        expression_head, face_head = heads
        points = face_points = None
        logit = pose.new_zeros(pose.shape[0], 1)
        if face_head is not None:
            values, pose, face_points, logit = face_head(crop, pose)
            raw = raw | self.decoder.raw_groups(values, GROUPS)
        if expression_head is not None:
            expression, points = expression_head(crop, pose.detach())
            raw = raw | self.decoder.raw_groups(expression, ("expression",))
        if face_points is not None:
            if self.points_step is not None and points is not None:
                placed = agreed_points(face_points.points, points.points)
                held = self.decoder.held_expression(raw["expression"])
                better, pose = self.points_step(torch.cat([raw["identity"], held], dim=1), pose, placed)
                raw = raw | self.decoder.groups(better, ("identity", "expression"))
            place = self.decoder.groups(pose, ("rotation", "translation", "scale"))
            raw = raw | place | {"scale": place["scale"].log()}
        return Prediction(self.decoder.constrained(raw), logit, points, face_points)

    def _shrunk(self, image: Tensor) -> Tensor:
        """Return what the trunk sees of normalised crops: (B, 3, R', R')."""
        side = self.config.trunk_side
        if side == self.config.resolution:
            return image
        return functional.interpolate(image, (side, side), mode="bilinear", align_corners=False)

    def forward(self, crop: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the exported graph computes: parameters (B, P) and confidence (B, 1) in 0..1."""
        found = self.predict(crop)
        return found.parameters, torch.sigmoid(found.logit)
