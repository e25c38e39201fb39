"""Quantisation: what is in 8 bits, what is left in float, and that the answer stays what it was."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from export.quantize import Feed, Quantized, quantized
from export.simplify import simplified


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> onnx.ModelProto:
    """Two convolutions and a layer whose output, less a large number, is the answer: 8 bits of it are no good."""
    torch.manual_seed(0)

    class Toy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten())
            self.delicate = nn.Linear(8 * 4 * 4, 5)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            x = self.body(image)
            return self.delicate(torch.cat([x[:, :1] * 0.0 + 1000.0, x[:, 1:]], dim=1))

    path = tmp_path_factory.mktemp("graph") / "toy.onnx"
    torch.onnx.export(
        Toy().eval(),
        (torch.zeros(1, 3, 8, 8),),
        str(path),
        input_names=["image"],
        output_names=["answer"],
        dynamic_axes={"image": {0: "batch"}, "answer": {0: "batch"}},
        dynamo=False,
    )
    return simplified(onnx.load(path))


def feeds(count: int, seed: int) -> list[Feed]:
    generator = np.random.default_rng(seed)
    return [{"image": generator.normal(size=(1, 3, 8, 8)).astype(np.float32)} for _ in range(count)]


def difference(expected: list[NDArray], found: list[NDArray]) -> float:
    return float(np.abs(expected[0] - found[0]).mean())


def by(graph: onnx.ModelProto, graph_feeds: list[Feed], bearable: float) -> Quantized:
    return quantized(graph, feeds(16, 1), graph_feeds, lambda a, b: difference(a, b) / bearable)


def operations(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_everything_is_in_8_bits_where_all_is_bearable(graph: onnx.ModelProto) -> None:
    result = by(graph, feeds(8, 2), bearable=1e9)
    assert result.layers == 3 and result.in_float == ()
    assert operations(result.model).count("QuantizeLinear") >= 3
    onnx.checker.check_model(onnx.shape_inference.infer_shapes(result.model, strict_mode=True), full_check=True)


def test_what_8_bits_harm_most_stays_in_float_and_the_rest_is_bearable(graph: onnx.ModelProto) -> None:
    result = by(graph, feeds(8, 2), bearable=0.1)
    assert result.in_float == ("/delicate/Gemm",) and result.layers == 2
    assert "Gemm" in operations(result.model)


def test_nothing_is_in_8_bits_where_nothing_is_bearable(graph: onnx.ModelProto) -> None:
    result = by(graph, feeds(8, 2), bearable=1e-12)
    assert result.layers == 0 and len(result.in_float) == 3 and result.model == graph


def test_weights_have_a_scale_for_each_channel_and_take_7_bits(graph: onnx.ModelProto) -> None:
    model = by(graph, feeds(8, 2), bearable=1e9).model
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    kernels = [(name, value) for name, value in stored.items() if value.ndim == 4]
    assert len(kernels) == 2
    for name, value in kernels:
        assert value.dtype == np.int8 and np.abs(value).max() == 64 and name.endswith("_quantized")
        assert stored[name.removesuffix("_quantized") + "_scale"].shape == (8,)
