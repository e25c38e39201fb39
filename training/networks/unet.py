"""The segmentation U-Net and its weighted cross entropy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional

from training.data.face_classes import CLASSES, IGNORED


@dataclass(frozen=True)
class UNetConfig:
    """Sizes of the U-Net.

    Attributes:
        width: channels at full resolution, doubled at every level; 64 is the published network, 16 trains on a CPU.
        depth: how often the resolution is halved.
    """

    width: int = 64
    depth: int = 4


class UNet(nn.Module):
    """Ronneberger's U-Net with padded convolutions and batch norm, RGB to the 19 classes of CelebAMask-HQ.

    The paper calls its network a weighted U-Net and cites U-Net++, which adds convolutions to the skip connections;
    this is the plain one, as in CelebAMask-HQ's own code.

    Args:
        config: sizes.

    Source: Ronneberger et al., "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015.
    """

    def __init__(self, config: UNetConfig | None = None) -> None:
        super().__init__()
        self.config = config or UNetConfig()
        widths = [self.config.width * 2**level for level in range(self.config.depth + 1)]
        self.first = _double_convolution(3, widths[0])
        self.down = nn.ModuleList(_double_convolution(a, b) for a, b in zip(widths, widths[1:], strict=False))
        self.up = nn.ModuleList(_double_convolution(a + b, a) for a, b in zip(widths, widths[1:], strict=False))
        self.head = nn.Conv2d(widths[0], len(CLASSES), 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return class logits (B, 19, H, W) of sRGB pictures (B, 3, H, W) 0..1 of any size."""
        height, width = images.shape[-2:]
        step = 2**self.config.depth
        padded = functional.pad(2.0 * images - 1.0, (0, -width % step, 0, -height % step), mode="replicate")
        levels = [self.first(padded)]
        for block in self.down:
            levels.append(block(functional.max_pool2d(levels[-1], 2)))
        features = levels.pop()
        for block, skipped in zip(reversed(self.up), reversed(levels), strict=True):
            enlarged = functional.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)
            features = block(torch.cat([skipped, enlarged], dim=1))
        return self.head(features)[..., :height, :width]


def weighted_cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor, allowed: Tensor | None = None) -> Tensor:
    """Return the cross entropy of pixels, each weighted by its label, as the mean over the weights.

    A label may name a set of classes, where a teacher tells only skin from hair: the loss of its pixel is
    -log of the sum of their probabilities. Pixels labelled IGNORED count for nothing; 0 if all are.

    Args:
        logits: (B, K, H, W).
        labels: (B, H, W) integers, 0..L-1 or IGNORED.
        weights: (L,) of each label.
        allowed: (L, K) bool, the classes of each label; if None labels are classes.
    """
    counted = labels != IGNORED
    index = torch.where(counted, labels, 0).long()  # (B, H, W)
    log_probability = functional.log_softmax(logits, dim=1)  # (B, K, H, W)
    if allowed is None:
        own = log_probability.gather(1, index[:, None]).squeeze(1)
    else:
        excluded = ~allowed[index].permute(0, 3, 1, 2)  # (B, K, H, W)
        own = log_probability.masked_fill(excluded, -torch.inf).logsumexp(dim=1)
    weight = weights[index] * counted  # (B, H, W)
    return -(own * weight).sum() / weight.sum().clamp(min=1e-6)


def class_weights(counts: ArrayLike, power: float = 0.5, limit: float = 10.0) -> Tensor:
    """Return weights (K,) of classes that fill `counts` (K,) pixels: (median / frequency) ** power, at most `limit`.

    The median is over the classes that occur; those that do not weigh 1.

    Source: Eigen and Fergus, "Predicting depth, surface normals and semantic labels", ICCV 2015, whose power is 1.
    """
    pixels = np.asarray(counts, np.float64)
    occurs = pixels > 0
    weights = np.ones(len(pixels), np.float32)
    if occurs.any():
        weights[occurs] = np.minimum((np.median(pixels[occurs]) / pixels[occurs]) ** power, limit)
    return torch.from_numpy(weights)


def label_weights(weights: Tensor, allowed: Tensor) -> Tensor:
    """Return the weights (L,) of sets of classes: the least of its classes' (K,); a set says no more than that one."""
    return torch.where(allowed, weights, torch.inf).min(dim=1).values


def unweighted(state: dict[str, Tensor], weights: Tensor) -> dict[str, Tensor]:
    """Return the state dict of a U-Net that learned with class weights (K,), made to say how probable classes are.

    The least weighted cross entropy has the softmax w_c p_c / (sum of w_k p_k), which takes rare classes for larger
    than they are; log w less in the head's bias leaves p_c.
    """
    return state | {"head.bias": state["head.bias"] - weights.log()}


def _double_convolution(channels: int, out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for count in (channels, out):
        layers += [nn.Conv2d(count, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
