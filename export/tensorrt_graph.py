"""A network's graph as TensorRT wants it.

TensorRT takes every type from the graph ("strongly typed"; its later versions know nothing else), so half precision is
written into the graph. Its integer arithmetic is symmetric where ONNX Runtime's need not be.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from facemodel import LimelightError

_BETWEEN_CONVOLUTIONS = frozenset(
    {"Relu", "Clip", "LeakyRelu", "PRelu", "HardSwish", "HardSigmoid", "Sigmoid"}
    | {"Add", "Mul", "MaxPool", "AveragePool", "Pad", "Identity"}
)
"""Operations that take half precision from a convolution and hand it on."""

_LARGEST_INT8 = 127.0


def for_tensorrt(model: ModelProto, precision: str) -> ModelProto:
    """A copy of a graph without `If` that computes the same in a way that TensorRT reads.

    Args:
        model: a network's graph, see `export.onnx`.
        precision: "fp32" or "int8" for the graph's own arithmetic; "fp16" for half precision in the convolutions and
            what lies between them. Everything else, all that computes in pixels among it, keeps 32 bits: a half of
            112 px is only good to 1/16 px.

    Raises:
        LimelightError: the graph's 8-bit weights are not symmetric.
    """
    copy = ModelProto()
    copy.CopyFrom(model)
    del copy.graph.value_info[:]
    _constants_as_initializers(copy)
    _widen_stored_weights(copy)
    _cast_crop_first(copy)
    if precision == "int8":
        _make_symmetric(copy)
    if precision == "fp16":
        _halve_convolutions(copy)
    return copy


def quantised(model: ModelProto) -> bool:
    """Whether a graph, or a branch of it, computes in 8 bits."""
    return any(
        node.op_type == "QuantizeLinear"
        or any(any(inner.op_type == "QuantizeLinear" for inner in item.g.node) for item in node.attribute)
        for node in model.graph.node
    )


def _constants_as_initializers(model: ModelProto) -> None:
    graph, nodes = model.graph, []
    for node in graph.node:
        value = next((item.t for item in node.attribute if item.name == "value"), None)
        if node.op_type != "Constant" or value is None:
            nodes.append(node)
            continue
        tensor = graph.initializer.add()
        tensor.CopyFrom(value)
        tensor.name = node.output[0]
    _set_nodes(model, nodes)


def _widen_stored_weights(model: ModelProto) -> None:
    """Weights that the file stores in fewer bits than the graph computes with, as 32-bit numbers.

    8-bit weights of a layer that computes in 8 bits stay as they are. Biases in 32-bit integers, which ONNX Runtime
    writes and TensorRT does not read, become numbers too.
    """
    graph = model.graph
    stored = _initializers(model)
    producers = {name: node for node in graph.node for name in node.output}
    users: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)

    def in_8_bits(node: NodeProto) -> bool:
        source = producers.get(node.input[0])
        return source is not None and source.op_type == "DequantizeLinear" and source.input[0] not in stored

    nodes = []
    for node in graph.node:
        first = stored.get(node.input[0]) if node.input else None
        value: NDArray | None = None
        if first is not None and node.op_type == "Cast" and _attribute(node, "to", 0) == TensorProto.FLOAT:
            value = numpy_helper.to_array(first).astype(np.float32)
        elif first is not None and node.op_type == "DequantizeLinear":
            whole = first.data_type in (TensorProto.INT8, TensorProto.UINT8)
            if not (whole and any(in_8_bits(user) for user in users.get(node.output[0], []))):
                value = _dequantised(node, stored)
        if value is None:
            nodes.append(node)
        else:
            graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
    _set_nodes(model, nodes)
    _drop_unused(model)


def _dequantised(node: NodeProto, stored: dict[str, TensorProto]) -> NDArray[np.float32]:
    whole, scale, *zero = (numpy_helper.to_array(stored[name]) for name in node.input if name)
    axis = _attribute(node, "axis", 1)

    def spread(values: NDArray) -> NDArray:
        if values.ndim == 0 or values.size == 1:
            return values.reshape(())
        return values.reshape([-1 if i == axis % whole.ndim else 1 for i in range(whole.ndim)])

    shifted = whole.astype(np.float64) - (spread(zero[0]).astype(np.float64) if zero else 0.0)
    return (shifted * spread(scale)).astype(np.float32)


def _cast_crop_first(model: ModelProto) -> None:
    """Make the crop's bytes numbers before anything else: TensorRT's bytes can do nothing but that."""
    users = [node for node in model.graph.node if "crop" in node.input]
    if all(node.op_type == "Cast" for node in users):
        return
    for node in users:
        for i, name in enumerate(node.input):
            if name == "crop":
                node.input[i] = "crop.float"
    cast = helper.make_node("Cast", ["crop"], ["crop.float"], name="crop.cast", to=TensorProto.FLOAT)
    _set_nodes(model, [cast, *model.graph.node])


def _make_symmetric(model: ModelProto) -> None:
    """Give every activation the symmetric range that holds its own: a scale, and zero in the middle."""
    stored = _initializers(model)
    symmetric: dict[tuple[str, str], str] = {}

    def pair(scale: str, zero: str) -> str:
        """Name of the symmetric scale."""
        if (scale, zero) in symmetric:
            return symmetric[scale, zero]
        step = numpy_helper.to_array(stored[scale]).astype(np.float64)
        middle = numpy_helper.to_array(stored[zero])
        limits = np.iinfo(middle.dtype)
        reach = np.maximum(middle.astype(np.float64) - limits.min, limits.max - middle.astype(np.float64))
        if limits.min < 0 and not middle.any():
            reach = np.full_like(reach, _LARGEST_INT8)  # symmetric already
        name = f"{scale}.symmetric.{len(symmetric)}"
        model.graph.initializer.append(numpy_helper.from_array((step * reach / _LARGEST_INT8).astype(np.float32), name))
        model.graph.initializer.append(numpy_helper.from_array(np.zeros(middle.shape, np.int8), f"{name}.zero"))
        symmetric[scale, zero] = name
        return name

    for node in model.graph.node:
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            continue
        if node.input[0] in stored:
            zero = stored.get(node.input[2]) if len(node.input) > 2 else None
            if zero is not None and numpy_helper.to_array(zero).any():
                raise LimelightError(f"network: weight {node.input[0]} is not symmetric; quantise it for TensorRT")
        elif len(node.input) > 2:
            name = pair(node.input[1], node.input[2])
            node.input[1], node.input[2] = name, f"{name}.zero"
    _drop_unused(model)


def _halve_convolutions(model: ModelProto) -> None:
    graph = model.graph
    stored = _initializers(model)
    halves: dict[str, str] = {}  # by a value's name, that of its half-precision twin
    nodes: list[NodeProto] = []

    def half(name: str) -> str:
        """A value in half precision; made where it is absent."""
        if name not in halves:
            halves[name] = f"{name}.half"
            if name in stored:
                value = numpy_helper.to_array(stored[name])
                graph.initializer.append(numpy_helper.from_array(_as_half(value), halves[name]))
            else:
                nodes.append(
                    helper.make_node("Cast", [name], [halves[name]], name=f"{name}.cast", to=TensorProto.FLOAT16)
                )
        return halves[name]

    def is_number(name: str) -> bool:
        return bool(name) and (name not in stored or stored[name].data_type == TensorProto.FLOAT)

    made: set[str] = set()  # by halved nodes
    for node in graph.node:
        given = [name for name in node.input if name and name not in stored]
        passes_on = node.op_type in _BETWEEN_CONVOLUTIONS and given and all(name in made for name in given)
        if node.op_type != "Conv" and not passes_on:
            nodes.append(node)
            continue
        inner = NodeProto()
        inner.CopyFrom(node)
        for i, name in enumerate(node.input):
            if is_number(name):
                inner.input[i] = half(name)
        for i, name in enumerate(node.output):
            inner.output[i] = halves[name] = f"{name}.half"
        nodes.append(inner)
        for name in node.output:
            made.add(name)
            nodes.append(helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    _set_nodes(model, _used(model, nodes))
    _drop_unused(model)


def _as_half(value: NDArray) -> NDArray[np.float16]:
    """Clip's bounds may lie outside of what a half holds."""
    largest = float(np.finfo(np.float16).max)
    return np.clip(value, -largest, largest).astype(np.float16)


def _used(model: ModelProto, nodes: list[NodeProto]) -> list[NodeProto]:
    """The nodes that an output depends on."""
    needed = {value.name for value in model.graph.output}
    kept = []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    return kept[::-1]


def _drop_unused(model: ModelProto) -> None:
    uses = Counter(name for node in model.graph.node for name in node.input)
    kept = [tensor for tensor in model.graph.initializer if uses[tensor.name]]
    copies = []
    for tensor in kept:
        copy = TensorProto()
        copy.CopyFrom(tensor)
        copies.append(copy)
    del model.graph.initializer[:]
    model.graph.initializer.extend(copies)


def _set_nodes(model: ModelProto, nodes: list[NodeProto]) -> None:
    copies = []
    for node in nodes:
        copy = NodeProto()
        copy.CopyFrom(node)
        copies.append(copy)
    del model.graph.node[:]
    model.graph.node.extend(copies)


def _initializers(model: ModelProto) -> dict[str, TensorProto]:
    return {tensor.name: tensor for tensor in model.graph.initializer}


def _attribute(node: NodeProto, name: str, default: int) -> int:
    return next((item.i for item in node.attribute if item.name == name), default)
