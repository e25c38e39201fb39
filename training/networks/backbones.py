"""Backbones of the trunk: what turns the crop into a coarse and a finer map of features."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from facemodel import LimelightError
from training.networks import lite0, resnet50
from training.networks.close_up import ConvolutionStep
from training.networks.lite0 import Lite0
from training.networks.resnet50 import ResNet50


class PlainBackbone(nn.Module):
    """Dense 3x3 convolutions, for training from nothing: no photograph has ever touched it.

    Maps normalised crops (B, 3, R, R) to (B, 96, R/16, R/16) and (B, 160, R/32, R/32).
    """

    channels, fine_channels = 160, 96

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(
            ConvolutionStep(3, 24, 2, kernel=5),
            ConvolutionStep(24, 40, 2),
            ConvolutionStep(40, 40, 1),
            ConvolutionStep(40, 72, 2),
            ConvolutionStep(72, 72, 1),
            ConvolutionStep(72, self.fine_channels, 2),
            ConvolutionStep(self.fine_channels, self.fine_channels, 1),
        )
        self.coarse = nn.Sequential(
            ConvolutionStep(self.fine_channels, self.channels, 2), ConvolutionStep(self.channels, self.channels, 1)
        )

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return fine and coarse features."""
        fine = self.fine(x)
        return fine, self.coarse(fine)

    def first_blocks(self, count: int) -> list[nn.Module]:
        """Return the first `count` layers."""
        return list(self.fine[:count])

    def load_pretrained(self, _cache: Path) -> None:
        """Refuse: there is nothing to start from.

        Raises LimelightError: always.
        """
        raise LimelightError("configuration: the plain backbone has no ImageNet weights; set pretrained = false")


class ResNet50Backbone(ResNet50):
    """ResNet-50 for crops normalised as Lite0 wants them."""

    channels, fine_channels = 2048, 1024

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        offset = torch.tensor(resnet50.IMAGE_MEAN) - lite0.IMAGE_MEAN
        self.register_buffer("mean", offset[:, None, None], persistent=False)

    def features(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, 1024, R/16, R/16) and (B, 2048, R/32, R/32)."""
        return super().features(image * lite0.IMAGE_STD - self.mean)  # what its weights want: RGB less its mean


BACKBONES: dict[str, Callable[[], Lite0 | PlainBackbone | ResNet50Backbone]] = {
    "lite0": Lite0,
    "plain": PlainBackbone,
    "resnet50": ResNet50Backbone,
}


def backbone(name: str) -> Lite0 | PlainBackbone | ResNet50Backbone:
    """Return a new backbone.

    Raises LimelightError: there is none of that name.
    """
    if name not in BACKBONES:
        raise LimelightError(f"configuration: no backbone '{name}'; there are {', '.join(BACKBONES)}")
    return BACKBONES[name]()
