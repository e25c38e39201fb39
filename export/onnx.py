"""A network as an ONNX file: everything from RGB bytes to the constrained parameter vector lies in the graph.

In 32 bits, in half precision for GPUs, or in 8 bits for CPUs; none is written that does not say what PyTorch says.
"""

from __future__ import annotations

import itertools
import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from export.following import joined, specialised
from export.parity import Parity, landmarks_of, parity
from export.quantize import Feed, Harm, outputs, quantized
from export.simplify import simplified
from export.tensorrt_graph import for_tensorrt
from facemodel import CROP_SIZE, FaceModel, LimelightError
from facemodel.whole_files import put
from realtime.engines.onnxruntime import OnnxRuntimeEngine
from training.networks import Network, NetworkCheckpoint, Student, StudentConfig
from training.networks.close_up import ConvolutionStep, jittered_pose, pose_span

__all__ = ["ExportReport", "export_onnx", "prepared", "specialised"]

OPSET = 17
OUTPUTS = ("parameters", "confidence")
MAX_BYTES = {"student": 25_000_000, "resnet50": 60_000_000}
"""Largest network that the program ships, with a backbone for CPUs and with ResNet-50."""

PRECISIONS = ("fp32", "fp16", "int8")
"""Of the arithmetic: all in 32 bits; convolutions in half precision; convolutions and full layers in 8 bits."""

_BEARABLE_SHIFT = {OUTPUTS[0]: 0.3, "found_pose": 0.6}
"""Mean landmark shift, px, that the 8 bits of the part with this first output may cost; the rest stays in float."""

_BEARABLE_CHANGE = 0.1
"""Likewise, mean change of any group of parameters in its standard deviations over the crops."""

_BEARABLE_DOUBT = 0.02
"""Likewise, mean change of the confidence."""

_TOGETHER, _BEARABLE_APART = 4, 1e-3
"""How many crops are also looked at at once, and the largest relative difference that this may make."""

_WORTH_A_BYTE = 1_000_000
"""Numbers in a convolution's weight, from which on it is stored in 8 bits where 16 would make the file too large."""

_SIGNIFICANT = 9
"""Bits of a weight; the two more that 16-bit numbers have cost the package 3.7 MB and move landmarks by 0.12 px."""

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
        precision: one of PRECISIONS.
        found: how far it is from PyTorch where it finds the face itself.
        followed: where it is told the pose; None of a network that does not follow.
        in_float: layers of an 8-bit network that 8 bits would harm.
    """

    path: Path
    size: int
    precision: str
    found: Parity
    followed: Parity | None
    in_float: tuple[str, ...]


def export_onnx(
    checkpoint: NetworkCheckpoint,
    path: str | Path,
    model: FaceModel,
    crops: NDArray[np.uint8],
    precision: str = "fp32",
    calibration: NDArray[np.uint8] | None = None,
) -> ExportReport:
    """Write a network to `path`, check the file and compare it with PyTorch.

    Inputs and outputs of the graph: `crop` (B, R, R, 3) uint8 RGB; `parameters` (B, P) float32, `confidence`
    (B, 1) float32 in 0..1; B is free. A student that follows also takes `pose` (B, 9) float32 and `known` () bool, see
    `export.following`. Metadata: model_digest, model_name, resolution, kind, network, layout, crop_convention,
    shortcuts_in_weights, precision.

    Args:
        checkpoint: what to export.
        path: where to; written only when every check has passed.
        model: the face model that the network was trained for.
        crops: (N, R, R, 3) uint8 RGB crops to compare on.
        precision: one of PRECISIONS.
        calibration: crops, others than those, which set the ranges of an 8-bit network.

    Raises:
        LimelightError: the network is of another face model, no layer bears 8 bits, the file cannot be written, is
            too large, differs from PyTorch by more than its precision may, or says something else of several crops.
    """
    path = Path(path)
    if checkpoint.model_digest != model.digest:
        raise LimelightError(
            f"export to {path}: the network was trained for face model '{checkpoint.model_name}' "
            f"({checkpoint.model_digest}), not for '{model.name}' ({model.digest}); name its model by --face-model"
        )
    network = prepared(checkpoint)
    partial = path.with_name(path.name + ".part.onnx")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        parts, in_float = _in_precision(_parts(network, partial), network, model, precision, crops, calibration)
        graph = _whole(parts, network)
        onnx.helper.set_model_props(graph, _metadata(checkpoint) | {"precision": precision})
        onnx.checker.check_model(onnx.shape_inference.infer_shapes(graph, strict_mode=True), full_check=True)
        onnx.save(graph, partial)
        size = partial.stat().st_size
        kind = _size_class(checkpoint)
        if size > MAX_BYTES[kind]:
            raise LimelightError(
                f"export to {path}: {size / 1e6:.1f} MB, a {kind} has at most {MAX_BYTES[kind] / 1e6:.0f} MB"
            )
        engine, reference = OnnxRuntimeEngine(partial, model), _TorchEngine(network, model.digest)
        if (apart := _apart(graph, _feeds(network, crops[:_TOGETHER]), engine.follows)) > _BEARABLE_APART:
            raise LimelightError(f"export to {path}: several crops at once differ from one by one, by {apart:.1e}")
        found = parity(model, reference, engine, crops)
        followed = parity(model, reference, engine, crops, following=True) if engine.follows else None
        for way, compared in (("finding", found), ("following", followed)):
            if compared is not None and (problem := compared.problem(precision)):
                raise LimelightError(f"export to {path}: {way}, {problem}, compared with PyTorch")
        put(partial, path)
    except OSError as error:
        raise LimelightError(f"export to {path}: cannot be written ({error.strerror})") from error
    finally:
        partial.unlink(missing_ok=True)
    return ExportReport(path, size, precision, found, followed, in_float)


def _apart(graph: onnx.ModelProto, feeds: Sequence[Feed], follows: bool) -> float:
    """Largest relative difference between what a graph says of several crops at once and one by one."""
    apart = 0.0
    for known in (False, True) if follows else (False,):
        told = {"known": np.array(known)} if follows else {}
        at_once = {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}
        together = outputs(graph, [at_once | told])[0]
        alone = outputs(graph, [feed | told for feed in feeds])[0]
        difference = np.abs(together - alone) / (1.0 + np.abs(alone))
        apart = max(apart, float(np.nan_to_num(difference, nan=np.inf).max()))
    return apart


class _TorchEngine:
    """What is right: a network in PyTorch, as an `Engine`."""

    def __init__(self, network: Network, model_digest: str) -> None:
        self.name = "PyTorch"
        self.resolution = network.config.resolution
        self.model_digest = model_digest
        self._network = network

    def infer(
        self, crops: NDArray[np.uint8], poses: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        pictures = torch.from_numpy(crops)
        with torch.inference_mode():
            if poses is None or not isinstance(self._network, Student):
                parameters, confidence = self._network(pictures)
            else:
                parameters, confidence = self._network.follow(pictures, torch.from_numpy(poses))
        return parameters.numpy(), confidence[:, 0].numpy()


def prepared(checkpoint: NetworkCheckpoint) -> Network:
    """What is exported: batch norms and shortcuts folded into their convolutions, and every weight, which are most of
    the file, rounded to 9 significant bits, which 16 hold; biases and arithmetic keep 32. Where the file would still be
    too large, its largest convolutions are rounded to 8 bits and a scale for each output channel."""
    network = checkpoint.build()
    too_large = 2 * sum(value.numel() for value in network.parameters()) > MAX_BYTES[_size_class(checkpoint)]
    for module in list(network.modules()):
        children = list(module.named_children())
        for (name, conv), (after, norm) in itertools.pairwise(children):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, name, fuse_conv_bn_eval(conv, norm))
                setattr(module, after, nn.Identity())
    for module in network.modules():
        if isinstance(module, ConvolutionStep):
            module.take_in_shortcut()
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and too_large and module.weight.numel() >= _WORTH_A_BYTE:
            whole, scale = _in_bytes(module.weight.detach().numpy())
            module.weight.data = torch.from_numpy(whole.astype(np.float32) * scale)
        elif isinstance(module, nn.Conv2d | nn.Linear):
            module.weight.data = _rounded(module.weight.data)
    return network.requires_grad_(False).eval()


def _rounded(weight: torch.Tensor) -> torch.Tensor:
    """A weight rounded to _SIGNIFICANT bits, and to what 16-bit numbers hold."""
    mantissa, exponent = torch.frexp(weight)  # of 0.5 to 1
    return torch.ldexp(torch.round(mantissa * 2.0**_SIGNIFICANT), exponent - _SIGNIFICANT).half().float()


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
        "shortcuts_in_weights": json.dumps(True),
    }


def _parts(network: Network, path: Path) -> list[onnx.ModelProto]:
    """The graphs of a network: one that finds and one that follows, or one that does all; `path` is written to."""
    side = network.config.resolution
    crop = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    if isinstance(network, Student) and network.follows:
        pose = torch.tensor([[1.0, 0, 0, 0, 1.0, 0, CROP_SIZE / 2, CROP_SIZE / 2, 1.0]])
        finding = _traced(_Method(network, "find").eval(), {"crop": crop}, ("found_pose", "found_confidence"), path)
        following = _traced(_Method(network, "follow").eval(), {"crop": crop, "pose": pose}, OUTPUTS, path)
        finding.graph.output[0].type.tensor_type.shape.dim[1].dim_value = pose.shape[1]
        return [finding, following]
    return [_traced(network, {"crop": crop}, OUTPUTS, path)]


def _whole(parts: Sequence[onnx.ModelProto], network: Network) -> onnx.ModelProto:
    """One graph of all parts, its weights stored in few bytes."""
    for part in parts:
        _store_in_bytes(part)
        _halve_weights(part)
    model = joined(*parts) if len(parts) == 2 else parts[0]
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = network.layout.size
    return model


def _in_precision(
    parts: list[onnx.ModelProto],
    network: Network,
    model: FaceModel,
    precision: str,
    crops: NDArray[np.uint8],
    calibration: NDArray[np.uint8] | None,
) -> tuple[list[onnx.ModelProto], tuple[str, ...]]:
    """The parts in a precision, and the layers that 8 bits would harm."""
    if precision == "fp32":
        return parts, ()
    if precision == "fp16":
        return [for_tensorrt(part, "fp16") for part in parts], ()
    assert precision == "int8" and calibration is not None and len(calibration), "8 bits: crops to calibrate on"
    ranges, checked = _feeds(network, calibration), _feeds(network, crops)
    results = []
    for part in parts:
        inputs = {value.name for value in part.graph.input}
        own = [[{name: feed[name] for name in inputs} for feed in feeds] for feeds in (ranges, checked)]
        results.append(quantized(part, own[0], own[1], _harm(model, part.graph.output[0].name)))
    if not all(result.layers for result in results):
        raise LimelightError(
            "8 bits would harm every layer; export the network with 16 or 32, or calibrate on other crops"
        )
    return [result.model for result in results], tuple(name for result in results for name in result.in_float)


def _feeds(network: Network, crops: NDArray[np.uint8]) -> list[Feed]:
    """Inputs of all parts for each crop; a pose is about where the network finds it, as that of the frame before would
    be."""
    feeds: list[Feed] = [{"crop": crop[None]} for crop in crops]
    if isinstance(network, Student) and network.follows:
        with torch.inference_mode(), torch.random.fork_rng():
            torch.manual_seed(0)
            for feed in feeds:
                feed["pose"] = jittered_pose(network.find(torch.from_numpy(feed["crop"]))[0]).numpy()
    return feeds


def _harm(model: FaceModel, output: str) -> Harm:
    """Judges outputs of the part whose first output has this name."""
    layout = model.layout
    groups = [span for span in layout.slices.values() if span.start < span.stop]

    def vectors(values: NDArray) -> NDArray:
        if output == OUTPUTS[0]:
            return values
        neutral = np.repeat(layout.neutral()[None], len(values), axis=0)
        neutral[:, pose_span(layout)] = values
        return neutral

    def harm(expected: list[NDArray], found: list[NDArray]) -> float:
        right, ours = vectors(expected[0]), vectors(found[0])
        shift = np.mean(
            [
                np.linalg.norm(landmarks_of(model, a) - landmarks_of(model, b), axis=1).mean()
                for a, b in zip(right, ours, strict=True)
            ]
        )
        spread = right.std(axis=0) + 0.01 * (1.0 + np.abs(right).mean(axis=0))  # (P,) of a few crops it may be nothing
        change = np.abs(ours - right).mean(axis=0) / spread
        doubt = float(np.abs(found[1] - expected[1]).mean())
        worst = max(float(change[span].mean()) for span in groups)
        return max(float(shift) / _BEARABLE_SHIFT[output], worst / _BEARABLE_CHANGE, doubt / _BEARABLE_DOUBT)

    return harm


class _Method(nn.Module):
    """A module whose forward is a method of another."""

    def __init__(self, network: nn.Module, name: str) -> None:
        super().__init__()
        self.network = network
        self._name = name

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return getattr(self.network, self._name)(*inputs)


def _traced(network: nn.Module, inputs: dict[str, torch.Tensor], outputs: Sequence[str], path: Path) -> onnx.ModelProto:
    """The graph of a module for any batch, simplified."""
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
    return simplified(onnx.load(path))


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
