"""One graph of a student that either finds the face's pose by itself or is told it.

While a face is followed its pose is about known, and the heads, which look where the pose says, are all that is
needed: the trunk, most of the work, lies in a branch that runs only where the pose is not known.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

POSE, KNOWN, CONFIDENCE = "pose", "known", "confidence"
_FOUND_POSE, _FOUND_CONFIDENCE = "found_pose", "found_confidence"
_USED_POSE, _USED_CONFIDENCE = "used_pose", "used_confidence"


def joined(finding: ModelProto, following: ModelProto) -> ModelProto:
    """The graph of both.

    Args:
        finding: input `crop`; outputs `found_pose` (B, 9) and `found_confidence` (B, 1).
        following: inputs `crop` and `pose`; outputs `parameters` and `confidence`.

    Returns:
        A graph with the inputs `crop`, `pose` (B, 9), `known` () bool and the outputs of `following`. Where the pose
        is not known, a face is only what both believe in: the confidence is the smaller one.
    """
    model = ModelProto()
    model.CopyFrom(following)
    graph = model.graph
    _rename_uses(graph, {POSE: _USED_POSE})
    for node in graph.node:
        _replace(node.output, {CONFIDENCE: "own_confidence"})
    search = GraphProto()
    search.CopyFrom(finding.graph)
    _prefix(search, "find/", keep={"crop", _FOUND_POSE, _FOUND_CONFIDENCE})
    del search.input[:]
    outputs = list(search.output)
    told = helper.make_graph(
        [
            helper.make_node("Identity", [POSE], ["told_pose"]),
            helper.make_node("Shape", [POSE], ["told_batch"], start=0, end=1),
            helper.make_node("Concat", ["told_batch", "told_one"], ["told_shape"], axis=0),
            helper.make_node("ConstantOfShape", ["told_shape"], ["told_confidence"], value=_float_tensor(1.0)),
        ],
        "told",
        [],
        [_like(outputs[0], "told_pose"), _like(outputs[1], "told_confidence")],
        [numpy_helper.from_array(np.array([1], np.int64), "told_one")],
    )
    choice = helper.make_node(
        "If", [KNOWN], [_USED_POSE, _USED_CONFIDENCE], name="choice", then_branch=told, else_branch=search
    )
    nodes = [choice, *graph.node, helper.make_node("Min", ["own_confidence", _USED_CONFIDENCE], [CONFIDENCE])]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.input.append(helper.make_tensor_value_info(KNOWN, TensorProto.BOOL, []))
    return model


def specialised(model: ModelProto, known: bool) -> ModelProto:
    """A copy of a graph of `joined` without the choice; any other graph as it is.

    Args:
        model: the graph.
        known: take `crop` and `pose` and only follow; else take `crop` alone.
    """
    copy = ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    choice = next((node for node in graph.node if node.op_type == "If"), None)
    if choice is None:
        return copy
    branches = {attribute.name: attribute.g for attribute in choice.attribute}
    branch = branches["then_branch" if known else "else_branch"]
    nodes = [node for node in graph.node if node is not choice]
    found = {inner.name: outer for inner, outer in zip(branch.output, choice.output, strict=True)}
    inlined = [_copied(node) for node in branch.node]
    for node in inlined:
        _replace(node.input, found)
        _replace(node.output, found)
    graph.initializer.extend(branch.initializer)
    nodes = [*inlined, *(_copied(node) for node in nodes)]
    del graph.node[:]
    graph.node.extend(nodes)
    dropped = {KNOWN} if known else {KNOWN, POSE}
    inputs = [value for value in graph.input if value.name not in dropped]
    del graph.input[:]
    graph.input.extend(inputs)
    return copy


def _prefix(graph: GraphProto, prefix: str, keep: set[str]) -> None:
    """Give every value of a graph, but those to keep, a name that no other graph has."""
    names = {name for node in graph.node for name in (*node.input, *node.output) if name}
    names |= {tensor.name for tensor in graph.initializer}
    new = {name: prefix + name for name in names - keep}
    _rename_uses(graph, new)
    for node in graph.node:
        _replace(node.output, new)
        node.name = prefix + node.name if node.name else ""
    for tensor in graph.initializer:
        tensor.name = new.get(tensor.name, tensor.name)
    del graph.value_info[:]


def _rename_uses(graph: GraphProto, new: dict[str, str]) -> None:
    for node in graph.node:
        _replace(node.input, new)


def _replace(names: list[str], new: dict[str, str]) -> None:  # a repeated field behaves like a list
    for i, name in enumerate(names):
        names[i] = new.get(name, name)


def _copied(node: NodeProto) -> NodeProto:
    copy = NodeProto()
    copy.CopyFrom(node)
    return copy


def _like(value: onnx.ValueInfoProto, name: str) -> onnx.ValueInfoProto:
    copy = onnx.ValueInfoProto()
    copy.CopyFrom(value)
    copy.name = name
    return copy


def _float_tensor(value: float) -> TensorProto:
    return numpy_helper.from_array(np.array([value], np.float32), "value")
