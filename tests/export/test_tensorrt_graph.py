"""Graphs as TensorRT wants them compute what they computed before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from realtime.onnx_runtime import onnxruntime  # before its own parts, which would load it

# isort: split

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from export.tensorrt_graph import for_tensorrt, quantised
from facemodel import LimelightError

SIDE = 16


def network() -> ModelProto:
    """Three convolutions, one with weights stored in 16 bits and one with weights stored in 8, a pool and a product."""
    rng = np.random.default_rng(0)
    first = rng.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float16)
    second = rng.integers(-127, 128, (8, 8, 3, 3)).astype(np.int8)
    weights = {
        "first": first,
        "second": second,
        "second.scale": rng.uniform(0.001, 0.003, 8).astype(np.float32),
        "third": rng.normal(0, 0.2, (8, 8, 1, 1)).astype(np.float32),
        "bias": rng.normal(0, 0.3, 8).astype(np.float32),
        "hidden": rng.normal(0, 0.5, (8, 6)).astype(np.float32),
        "low": np.float32(0.0),
        "high": np.array(1e9, np.float32),
    }
    shape = numpy_helper.from_array(np.array([0, 8], np.int64))
    nodes = [
        helper.make_node("Transpose", ["crop"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Constant", [], ["whole"], value=numpy_helper.from_array(np.float32(255.0))),
        helper.make_node("Div", ["real", "whole"], ["unit"]),
        helper.make_node("Cast", ["first"], ["first.float"], to=TensorProto.FLOAT),
        helper.make_node("DequantizeLinear", ["second", "second.scale"], ["second.float"], axis=0),
        helper.make_node("Conv", ["unit", "first.float", "bias"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Clip", ["a", "low", "high"], ["b"]),
        helper.make_node("Conv", ["b", "second.float"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["b", "c"], ["d"]),
        helper.make_node("Conv", ["d", "third"], ["e"]),
        helper.make_node("GlobalAveragePool", ["e"], ["pooled"]),
        helper.make_node("Constant", [], ["flat_shape"], value=shape),
        helper.make_node("Reshape", ["pooled", "flat_shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "hidden"], ["parameters"]),
    ]
    graph = helper.make_graph(
        nodes,
        "stand-in",
        [helper.make_tensor_value_info("crop", TensorProto.UINT8, ["batch", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("parameters", TensorProto.FLOAT, ["batch", 6])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def crops(count: int = 4, seed: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def computed(model: ModelProto) -> NDArray[np.float32]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"crop": crops()})[0]


def checked(model: ModelProto) -> ModelProto:
    onnx.checker.check_model(onnx.shape_inference.infer_shapes(model, strict_mode=True), full_check=True)
    return model


@pytest.fixture(scope="module")
def in_8_bits(tmp_path_factory: pytest.TempPathFactory) -> ModelProto:
    """As ONNX Runtime quantises for CPUs: activations in unsigned bytes around a zero point, biases in 32 bits."""
    folder = tmp_path_factory.mktemp("int8")
    plain = for_tensorrt(network(), "fp32")
    onnx.save(plain, folder / "plain.onnx")

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._batches: Iterator[dict] = iter([{"crop": crops(8, seed)} for seed in range(4)])

        def get_next(self) -> dict | None:
            return next(self._batches, None)

    quantize_static(
        folder / "plain.onnx",
        folder / "int8.onnx",
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["Conv", "Add"],
    )
    return onnx.load(folder / "int8.onnx")


def test_single_precision_computes_exactly_the_same() -> None:
    model = network()
    given = model.SerializeToString()
    graph = checked(for_tensorrt(model, "fp32"))
    np.testing.assert_allclose(computed(graph), computed(network()), rtol=1e-5, atol=1e-6)
    assert model.SerializeToString() == given, "the graph given is left as it is"


def test_bytes_are_only_cast() -> None:
    graph = for_tensorrt(network(), "fp32").graph
    assert [node.op_type for node in graph.node if "crop" in node.input] == ["Cast"]


def test_stored_weights_become_numbers_of_the_arithmetic() -> None:
    graph = for_tensorrt(network(), "fp32").graph
    assert not {"Constant", "DequantizeLinear"} & {node.op_type for node in graph.node}
    floats = {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT}
    assert {"first.float", "second.float", "third"} <= floats
    assert all(tensor.data_type in (TensorProto.FLOAT, TensorProto.INT64) for tensor in graph.initializer)


def test_half_precision_is_for_convolutions_and_what_lies_between() -> None:
    model = checked(for_tensorrt(network(), "fp16"))
    types = {
        value.name: value.type.tensor_type.elem_type
        for value in onnx.shape_inference.infer_shapes(model, strict_mode=True).graph.value_info
    }
    types |= {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    for node in model.graph.node:
        expected = TensorProto.FLOAT16 if node.op_type in ("Conv", "Clip", "Add") else TensorProto.FLOAT
        if node.op_type not in ("Cast", "MatMul", "Transpose"):
            assert types[node.output[0]] == expected, node.op_type
    casts = [node for node in model.graph.node if node.op_type == "Cast"]
    assert len(casts) == 3 + 1, "the crop, its old cast, into the first convolution and out of the last"
    exact, half = computed(network()), computed(model)
    assert 0 < np.abs(half - exact).max() < 5e-3 * np.abs(exact).max()


def test_8_bits_become_symmetric_and_stay_close(in_8_bits: ModelProto) -> None:
    assert quantised(in_8_bits) and not quantised(network())
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in in_8_bits.graph.initializer}
    assert any(value.dtype == np.int32 for value in stored.values()), "biases are what is to be taken care of"
    graph = checked(for_tensorrt(in_8_bits, "int8"))
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
    assert not any(value.dtype in (np.int32, np.uint8) for value in values.values())
    pairs = [node for node in graph.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    assert sum(node.op_type == "QuantizeLinear" for node in pairs) >= 3
    for node in pairs:
        assert values[node.input[2]].dtype == np.int8 and not values[node.input[2]].any()
    exact = computed(network())
    theirs, ours = (np.abs(computed(model) - exact).max() / np.abs(exact).max() for model in (in_8_bits, graph))
    assert theirs < 0.03 and ours < 0.05 and ours > 0


def test_weights_that_are_not_symmetric_are_refused(in_8_bits: ModelProto) -> None:
    model = ModelProto()
    model.CopyFrom(in_8_bits)
    weights = {t.name for t in model.graph.initializer if len(t.dims) == 4 and t.data_type == TensorProto.INT8}
    zero = next(node.input[2] for node in model.graph.node if node.input[0] in weights)
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == zero)
    tensor.CopyFrom(numpy_helper.from_array(np.ones_like(numpy_helper.to_array(tensor)), zero))
    with pytest.raises(LimelightError, match="not symmetric"):
        for_tensorrt(model, "int8")


def test_quantisation_inside_a_branch_counts(in_8_bits: ModelProto) -> None:
    branch = helper.make_graph(list(in_8_bits.graph.node), "branch", [], [])
    choice = helper.make_node("If", ["known"], ["parameters"], then_branch=branch, else_branch=branch)
    assert quantised(helper.make_model(helper.make_graph([choice], "choice", [], [])))


def test_a_graph_survives_the_disk(tmp_path: Path) -> None:
    graph = for_tensorrt(network(), "fp16")
    onnx.save(graph, tmp_path / "half.onnx")
    np.testing.assert_array_equal(computed(onnx.load(tmp_path / "half.onnx")), computed(graph))
