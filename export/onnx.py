"""A network as an ONNX file: everything from RGB bytes to the constrained parameter vector lies in the graph."""

from __future__ import annotations

import itertools
import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from export.following import joined, specialised
from facemodel import CROP_SIZE, LimelightError
from training.networks import Network, NetworkCheckpoint, Student, StudentConfig

__all__ = ["ExportReport", "export_onnx", "prepared", "specialised"]

OPSET = 17
OUTPUTS = ("parameters", "confidence")
MAX_BYTES = {"student": 25_000_000, "resnet50": 60_000_000}
"""Largest network that the program ships, with a backbone for CPUs and with ResNet-50."""

TOLERANCE = 1e-3
"""Largest difference between PyTorch and ONNX Runtime, relative to 1 + the largest value of its group."""

_WORTH_A_BYTE = 1_000_000
"""Numbers in a convolution's weight, from which on it is stored in 8 bits where 16 would make the file too large."""

_WORTH_HALVING = 256
"""Numbers in a weight, from which on it is stored in 16 bits."""

CROP_CONVENTION = (
    f"uint8 RGB, upright with the head, facemodel.Crop.around_head; pose in pixels of a {CROP_SIZE} px crop, "
    "(0, 0) the outer corner of the top-left pixel, whatever the resolution"
)


@dataclass(frozen=True)
class ExportReport:
    """What an export gave.

    Attributes:
        path: the file.
        size: bytes.
        difference: largest difference to PyTorch over the checked crops, relative to 1 + the largest value of the
            group of parameters that it is in.
        crops: how many crops were checked.
    """

    path: Path
    size: int
    difference: float
    crops: int


def export_onnx(
    checkpoint: NetworkCheckpoint, path: str | Path, crops: NDArray[np.uint8] | None = None
) -> ExportReport:
    """Write a network to `path`, check the file and compare it with PyTorch.

    Inputs and outputs of the graph: `crop` (B, R, R, 3) uint8 RGB; `parameters` (B, P) float32, `confidence`
    (B, 1) float32 in 0..1; B is free. A student that follows also takes `pose` (B, 9) float32 and `known` () bool, see
    `export.following`. Metadata: model_digest, model_name, resolution, kind, network, layout, crop_convention.

    Args:
        checkpoint: what to export.
        path: where to; written only when every check has passed.
        crops: (N, R, R, 3) uint8 RGB crops to compare on beside random ones.

    Raises:
        LimelightError: the file cannot be written, is too large, or differs from PyTorch.
    """
    path = Path(path)
    network = prepared(checkpoint)
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        graph = _graph(network, partial)
        onnx.helper.set_model_props(graph, _metadata(checkpoint))
        onnx.checker.check_model(onnx.shape_inference.infer_shapes(graph, strict_mode=True), full_check=True)
        onnx.save(graph, partial)
        difference, group, count = _compare(network, partial, crops)
        size = partial.stat().st_size
        if difference > TOLERANCE:
            raise LimelightError(
                f"export to {path}: {group} differs from PyTorch by {difference:.2g} (at most {TOLERANCE})"
            )
        kind = _size_class(checkpoint)
        if size > MAX_BYTES[kind]:
            raise LimelightError(
                f"export to {path}: {size / 1e6:.1f} MB, a {kind} has at most {MAX_BYTES[kind] / 1e6:.0f} MB"
            )
        partial.replace(path)
    except OSError as error:
        raise LimelightError(f"export to {path}: cannot be written ({error.strerror})") from error
    finally:
        partial.unlink(missing_ok=True)
    return ExportReport(path, size, difference, count)


def prepared(checkpoint: NetworkCheckpoint) -> Network:
    """What is exported: batch norms folded into their convolutions, and every weight, which are most of the file,
    rounded to what 16 bits hold; biases and arithmetic keep 32. Where the file would still be too large, its largest
    convolutions are rounded to 8 bits and a scale for each output channel."""
    network = checkpoint.build()
    too_large = 2 * sum(value.numel() for value in network.parameters()) > MAX_BYTES[_size_class(checkpoint)]
    for module in list(network.modules()):
        children = list(module.named_children())
        for (name, conv), (after, norm) in itertools.pairwise(children):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, name, fuse_conv_bn_eval(conv, norm))
                setattr(module, after, nn.Identity())
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and too_large and module.weight.numel() >= _WORTH_A_BYTE:
            whole, scale = _in_bytes(module.weight.detach().numpy())
            module.weight.data = torch.from_numpy(whole.astype(np.float32) * scale)
        elif isinstance(module, nn.Conv2d | nn.Linear):
            module.weight.data = module.weight.data.half().float()
    return network.requires_grad_(False).eval()


def _size_class(checkpoint: NetworkCheckpoint) -> str:
    """Of MAX_BYTES."""
    config = checkpoint.config
    return "student" if isinstance(config, StudentConfig) and config.backbone != "resnet50" else "resnet50"


def _in_bytes(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole numbers -127..127 (O, I, K, K) and the scale (O, 1, 1, 1) that makes them a weight."""
    scale = np.abs(weight).max(axis=(1, 2, 3), keepdims=True) / np.float32(127.0)
    scale = np.where(scale > 0, scale, np.float32(1.0)).astype(np.float32)
    return np.rint(weight / scale).astype(np.int8), scale


def _metadata(checkpoint: NetworkCheckpoint) -> dict[str, str]:
    return {
        "model_digest": checkpoint.model_digest,
        "model_name": checkpoint.model_name,
        "resolution": str(checkpoint.config.resolution),
        "kind": checkpoint.kind,
        "network": json.dumps(asdict(checkpoint.config)),
        "layout": json.dumps(checkpoint.layout.to_dict(), allow_nan=False),
        "crop_convention": CROP_CONVENTION,
    }


def _graph(network: Network, path: Path) -> onnx.ModelProto:
    """The graph of a network, its weights stored in few bytes; `path` is written to on the way."""
    side = network.config.resolution
    crop = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    if isinstance(network, Student) and network.follows:
        pose = torch.tensor([[1.0, 0, 0, 0, 1.0, 0, CROP_SIZE / 2, CROP_SIZE / 2, 1.0]])
        finding = _traced(_Method(network, "find").eval(), {"crop": crop}, ("found_pose", "found_confidence"), path)
        following = _traced(_Method(network, "follow").eval(), {"crop": crop, "pose": pose}, OUTPUTS, path)
        finding.graph.output[0].type.tensor_type.shape.dim[1].dim_value = pose.shape[1]
        model = joined(finding, following)
    else:
        model = _traced(network, {"crop": crop}, OUTPUTS, path)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = network.layout.size
    return model


class _Method(nn.Module):
    """A module whose forward is a method of another."""

    def __init__(self, network: nn.Module, name: str) -> None:
        super().__init__()
        self.network = network
        self._name = name

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return getattr(self.network, self._name)(*inputs)


def _traced(network: nn.Module, inputs: dict[str, torch.Tensor], outputs: Sequence[str], path: Path) -> onnx.ModelProto:
    """The graph of a module for any batch."""
    names = (*inputs, *outputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's notes on Python numbers: the crop's side is fixed on purpose
        torch.onnx.export(
            network,
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: {0: "batch"} for name in names},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(path)
    _store_in_bytes(model)
    _halve_weights(model)
    return model


def _store_in_bytes(graph: onnx.ModelProto) -> None:
    """Store every large convolution whose weight is whole numbers times a scale that way; see `prepared`."""
    nodes = []
    for tensor in list(graph.graph.initializer):
        if len(tensor.dims) != 4 or np.prod(tensor.dims) < _WORTH_A_BYTE:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        whole, scale = _in_bytes(values)
        if not np.allclose(whole * scale, values, rtol=1e-5, atol=0.0):
            continue
        name, scales = tensor.name, f"{tensor.name}.scale"
        tensor.CopyFrom(onnx.numpy_helper.from_array(whole, f"{name}.bytes"))
        graph.graph.initializer.append(onnx.numpy_helper.from_array(scale.ravel(), scales))
        nodes.append(onnx.helper.make_node("DequantizeLinear", [f"{name}.bytes", scales], [name], axis=0))
    nodes += list(graph.graph.node)
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)


def _halve_weights(graph: onnx.ModelProto) -> None:
    """Store every weight that 16 bits hold exactly in 16 bits, with a cast that runtimes fold when they load it."""
    casts = []
    for tensor in graph.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or len(tensor.dims) < 2 or np.prod(tensor.dims) < _WORTH_HALVING:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        half = values.astype(np.float16)
        if np.array_equal(half.astype(np.float32), values):
            name = tensor.name
            tensor.CopyFrom(onnx.numpy_helper.from_array(half, name))
            casts.append((name, onnx.helper.make_node("Cast", [name], [f"{name}.float"], to=onnx.TensorProto.FLOAT)))
    renamed = {name: node.output[0] for name, node in casts}
    for node in graph.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = renamed.get(name, name)
    nodes = [node for _, node in casts] + list(graph.graph.node)
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)


def _compare(network: Network, path: Path, crops: NDArray[np.uint8] | None) -> tuple[float, str, int]:
    """Largest relative difference to PyTorch on random crops and the given ones, its group, how many crops."""
    side = network.config.resolution
    noise = np.random.default_rng(0).integers(0, 256, (4, side, side, 3), dtype=np.uint8)
    checked = noise if crops is None else np.concatenate([noise, crops])
    onnxruntime.disable_telemetry_events()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = {"crop": checked}
    with torch.inference_mode():
        parameters, confidence = (output.numpy() for output in network(torch.from_numpy(checked)))
        if isinstance(network, Student) and network.follows:
            # Both ways count: found by the trunk, and followed from where the trunk had found it.
            pose = network.find(torch.from_numpy(checked))[0]
            followed = [output.numpy() for output in network.follow(torch.from_numpy(checked), pose)]
            parameters, confidence = (
                np.concatenate([parameters, followed[0]]),
                np.concatenate([confidence, followed[1]]),
            )
            inputs |= {"pose": pose.numpy(), "known": np.array(False)}
    found, belief = session.run(OUTPUTS, inputs)
    if len(parameters) > len(found):
        followed = session.run(OUTPUTS, inputs | {"known": np.array(True)})
        found, belief = np.concatenate([found, followed[0]]), np.concatenate([belief, followed[1]])
    differences = {"confidence": float(np.abs(belief - confidence).max())}
    for name, span in network.layout.slices.items():
        if span.start == span.stop:
            continue
        size = 1.0 + np.abs(parameters[:, span]).max(axis=1, keepdims=True)  # (B, 1)
        differences[name] = float((np.abs(found[:, span] - parameters[:, span]) / size).max())
    group = max(differences, key=lambda name: differences[name])
    return differences[group], group, len(checked)
