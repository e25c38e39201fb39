"""The student: one small network that regresses the whole parameter vector from a crop, for CPUs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facemodel import ParameterLayout
from training.networks.decoder import ParameterDecoder
from training.networks.light_head import LightHead
from training.networks.lite0 import IMAGE_MEAN, IMAGE_STD, Lite0


@dataclass(frozen=True)
class StudentConfig:
    """Size of the student.

    Attributes:
        resolution: side of the input crop, px.
        head_channels: channels that each cell of the last feature map keeps.
        detail_channels: channels that each cell of the feature map of twice the resolution keeps beside: where the
            iris, the lids and the corners of the mouth are. 0 for none.
        hidden: width of the fully connected layer.
        dropout: share of the hidden layer that is dropped in training.
        frozen_blocks: how many of the backbone's first blocks (and the stem) keep their ImageNet weights; 0
            trains everything. The first three are half of the cost of a training step.
        light_cells: side of the grid of mean colours that the light head sees; 0 leaves albedo and light to the
            trunk.
        light_hidden: width of the light head.
    """

    resolution: int = 112
    head_channels: int = 160
    detail_channels: int = 0
    hidden: int = 512
    dropout: float = 0.1
    frozen_blocks: int = 3
    light_cells: int = 0
    light_hidden: int = 256


class Prediction(NamedTuple):
    """Parameters (B, P), constrained, in crop pixels, and the confidence's logit (B, 1)."""

    parameters: Tensor
    logit: Tensor


class Trunk(nn.Module):
    """EfficientNet-Lite0 and a head that keeps where things are: a pooled one cannot place landmarks.

    Maps crops (B, R, R, 3) uint8 RGB to (B, hidden) features. Shared with the distillation that prepares it.
    """

    def __init__(self, config: StudentConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Lite0()
        cells = math.ceil(config.resolution / 32) ** 2
        self.squeeze = nn.Sequential(
            nn.Conv2d(Lite0.channels, config.head_channels, 1, bias=False),
            nn.BatchNorm2d(config.head_channels),
            nn.ReLU6(),
        )
        inputs = config.head_channels * cells
        self.detail: nn.Sequential | None = None
        if config.detail_channels:
            self.detail = nn.Sequential(
                nn.Conv2d(Lite0.fine_channels, config.detail_channels, 1, bias=False),
                nn.BatchNorm2d(config.detail_channels),
                nn.ReLU6(),
            )
            inputs += config.detail_channels * math.ceil(config.resolution / 16) ** 2
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Linear(inputs, config.hidden), nn.ReLU(), nn.Dropout(config.dropout)
        )
        for module in self._frozen():
            module.requires_grad_(False)

    def forward(self, crop: Tensor) -> Tensor:
        image = (crop.permute(0, 3, 1, 2).float() - IMAGE_MEAN) / IMAGE_STD  # (B, 3, R, R)
        fine, coarse = self.backbone.features(image)  # (B, 112, R/16, R/16), (B, 320, R/32, R/32)
        features = self.squeeze(coarse).flatten(1)
        if self.detail is not None:
            features = torch.cat([features, self.detail(fine).flatten(1)], dim=1)
        return self.hidden(features)  # (B, hidden)

    def train(self, mode: bool = True) -> Trunk:
        """As usual, but the frozen part never leaves evaluation mode: its batch statistics stay ImageNet's."""
        super().train(mode)
        for module in self._frozen():
            module.eval()
        return self

    def _frozen(self) -> list[nn.Module]:
        count = self.config.frozen_blocks
        return [self.backbone.stem, *self.backbone.blocks[:count]] if count else []


class Student(nn.Module):
    """The trunk, one linear layer, and the decoder that makes its outputs a parameter vector.

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
        self.light_head = (
            LightHead(config.resolution, config.light_cells, config.light_hidden, layout)
            if config.light_cells
            else None
        )
        self.decoder = ParameterDecoder(layout, labels)

    def predict(self, crop: Tensor) -> Prediction:
        """Parameters and confidence logit of crops (B, R, R, 3) uint8 RGB."""
        outputs = self.regressor(self.trunk(crop))  # (B, P + 1)
        standardised, logit = outputs[:, :-1], outputs[:, -1:]
        if self.light_head is not None:
            standardised = self.light_head.replace(standardised, crop)
        return Prediction(self.decoder(standardised), logit)

    def forward(self, crop: Tensor) -> tuple[Tensor, Tensor]:
        """What the exported graph computes: parameters (B, P) and confidence (B, 1) in 0..1."""
        parameters, logit = self.predict(crop)
        return parameters, torch.sigmoid(logit)
