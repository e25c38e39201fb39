"""From a shipped network back to a checkpoint, to train it further where its run's own checkpoints are gone.

Every weight of the graph comes back. The batch norms are folded into their convolutions and come back as shifts alone;
what they would have seen is measured on the training data, without which the network can be exported and measured but
not trained. What the graph leaves out starts anew: the points that the expression head places for the loss alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, numpy_helper
from torch import Tensor, nn
from tqdm import tqdm

from facemodel import LimelightError, ParameterLayout
from training.data import network_crops
from training.networks import NetworkCheckpoint, Student, StudentConfig
from training.networks.checkpoint import write_checkpoint
from training.networks.close_up import ConvolutionStep

_MEASURED = 2048
"""Crops that the batch norms' statistics are measured on, at most."""


def checkpoint_of(path: Path) -> NetworkCheckpoint:
    """The network in the ONNX file `path`, as `limelight export` wrote it.

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


def measure_norms(network: Student, crops: NDArray[np.uint8], size: int = 64) -> None:
    """Give folded batch norms, in place, the statistics that they would have seen; what the network says stays.

    Args:
        network: of `checkpoint_of`.
        crops: (N, R, R, 3) uint8 RGB, such as it is to be trained on.
        size: crops at a time.
    """
    sums: dict[str, Tensor] = {}  # by convolution: (3, C) of ones, values and squares

    def add(name: str, output: Tensor) -> None:
        values = output.double().transpose(0, 1).flatten(1)  # (C, B N N)
        seen = torch.stack([torch.ones_like(values).sum(dim=1), values.sum(dim=1), values.square().sum(dim=1)])
        sums[name] = sums.get(name, 0.0) + seen

    norms = _norms(network)
    hooks = [
        network.get_submodule(conv).register_forward_hook(lambda _m, _i, output, conv=conv: add(conv, output))
        for conv in norms
    ]
    with torch.inference_mode():
        for start in tqdm(range(0, len(crops), size), desc="batch norms", leave=False, disable=None):
            network(torch.from_numpy(crops[start : start + size]))
    for hook in hooks:
        hook.remove()
    with torch.no_grad():
        for name, (count, total, squares) in sums.items():
            conv, norm = network.get_submodule(name), network.get_submodule(norms[name])
            assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d), "expected a norm after each"
            mean = total / count
            spread = (squares / count - mean.square()).clamp(min=1e-6).sqrt()  # a channel may be silent
            conv.weight /= spread[:, None, None, None]  # channels of unit variance: steps of one size suit all
            norm.running_mean.copy_(mean / spread)
            norm.running_var.fill_(1.0 - norm.eps)
            norm.weight.copy_(spread)
            norm.bias += mean


def _weights(network: Student, graph: ModelProto) -> dict[str, Tensor]:
    """State dict entries that the graph holds, a branch that finds the pose before what follows it."""
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
    """What a value of the graph is called in the state dict."""
    return name.removeprefix("find/").removeprefix("network.")


def _norms(network: Student) -> dict[str, str]:
    """By the name of a convolution, that of the batch norm that follows it."""
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


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make a checkpoint of a shipped network, to train it further.")
    parser.add_argument("network", type=Path, help="ONNX file")
    parser.add_argument("--out", type=Path, default=Path(".cache/checkpoints/student/last.pt"))
    parser.add_argument("--crops", type=Path, help="folder of prepared training data, to train the network further on")
    options = parser.parse_args(arguments)
    try:
        checkpoint = checkpoint_of(options.network)
        if options.crops:
            network = checkpoint.build()
            assert isinstance(network, Student), "expected a student of checkpoint_of"
            measure_norms(network, network_crops(options.crops, network.config.resolution, _MEASURED))
            checkpoint = replace(checkpoint, weights=network.state_dict())
        write_checkpoint(options.out, {"network": checkpoint.to_dict()})
    except LimelightError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
