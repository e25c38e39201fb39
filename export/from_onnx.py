"""From an exported network back to a checkpoint, so that it can be exported in another format.

Every weight of the graph comes back. The batch norms are folded into their convolutions and come back as shifts alone.
What the graph leaves out starts anew: what the heads say of their points' errors.
"""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import ModelProto, TensorProto, numpy_helper
from torch import Tensor, nn

from facemodel import LimelightError, ParameterLayout
from training.networks import NetworkCheckpoint, Student, StudentConfig
from training.networks.close_up import ConvolutionStep


def checkpoint_of(path: Path) -> NetworkCheckpoint:
    """Return the network in the ONNX file `path`, as `limelight export` wrote it.

    Raises:
        LimelightError: the file is missing, unreadable, or of another kind of network.
    """
    try:
        graph = onnx.load(path)
    except (OSError, DecodeError) as error:
        raise LimelightError(f"network {path}: missing, or not an ONNX file") from error
    properties = {p.key: p.value for p in graph.metadata_props}
    try:
        config = StudentConfig(**json.loads(properties["network"]))
        layout = ParameterLayout.from_dict(json.loads(properties["layout"]))
        if not json.loads(properties["shortcuts_in_weights"]):
            raise ValueError("the weights are others")
        network = Student(config, layout).eval()
        network.load_state_dict(network.state_dict() | _weights(network, graph))
        for module in network.modules():
            if isinstance(module, ConvolutionStep):
                module.give_back_shortcut()
        name, digest = properties["model_name"], properties["model_digest"]
        return NetworkCheckpoint(config, layout, name, digest, network.state_dict())
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise LimelightError(f"network {path}: not a student that this version exported") from error


def _weights(network: Student, graph: ModelProto) -> dict[str, Tensor]:
    """Return state dict entries that the graph holds, a branch that finds the pose before what follows it."""
    branches = [a.g for node in graph.graph.node if node.op_type == "If" for a in node.attribute]
    graphs = [*branches, graph.graph]
    nodes = [node for part in graphs for node in part.node]
    constants = {
        tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()).float()
        for part in graphs
        for tensor in part.initializer
        if tensor.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT8)
    }
    own = {_own_name(name): value for name, value in constants.items()}
    stored = {name: value for name, value in own.items() if name in network.state_dict()}
    for node in nodes:
        if node.op_type in ("Cast", "Identity") and node.input[0] in constants:
            constants[node.output[0]] = constants[node.input[0]]
        elif node.op_type == "DequantizeLinear":
            whole, scale = (constants[name] for name in node.input)
            constants[node.output[0]] = whole * scale[:, None, None, None]
    norms = _norms(network)
    for node in nodes:
        weight = constants.get(node.input[1]) if len(node.input) > 1 else None
        if weight is None:
            continue
        if node.op_type == "Conv":
            conv = _own_name(node.input[1]).removesuffix(".float").removesuffix(".weight")
            norm, bias = norms[conv], constants[node.input[2]]
            eps = float(network.get_submodule(norm).eps)
            stored[f"{conv}.weight"] = weight
            stored[f"{norm}.bias"] = bias
            stored[f"{norm}.weight"] = torch.ones_like(bias)
            stored[f"{norm}.running_mean"] = torch.zeros_like(bias)
            stored[f"{norm}.running_var"] = torch.full_like(bias, 1.0 - eps)
        elif node.op_type == "MatMul":  # a fully connected layer of points, whose weight the graph holds turned
            layer = node.name.removeprefix("find/").strip("/").removesuffix("/MatMul").replace("/", ".")
            if f"{layer}.weight" in network.state_dict():
                stored[f"{layer}.weight"] = weight.T.contiguous()
    return stored


def _own_name(name: str) -> str:
    """Return what a value of the graph is called in the state dict."""
    return name.removeprefix("find/").removeprefix("network.")


def _norms(network: Student) -> dict[str, str]:
    """Return, by the name of a convolution, that of the batch norm that follows it."""
    run: list[str] = []
    hooks = [
        module.register_forward_hook(lambda *_, name=name: run.append(name))
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d)
    ]
    side = network.config.resolution
    with torch.inference_mode():
        network(torch.zeros(1, side, side, 3, dtype=torch.uint8))
    for hook in hooks:
        hook.remove()
    return dict(zip(run[::2], run[1::2], strict=True))
