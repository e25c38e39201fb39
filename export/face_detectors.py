"""MediaPipe's two face detectors, from TensorFlow Lite to the ONNX files in realtime/assets.

    npm pack @mediapipe/face_detection@0.4.1657300184
    pip install ai-edge-litert
    python -m export.face_detectors mediapipe-face_detection-0.4.1657300184.tgz

Reads the weights from the files and writes each graph anew, then holds its answers against TensorFlow Lite's. What
changes on the way: pixels come in as bytes and the scores go out as probabilities, pictures may be several and oblong,
and channels stand first, as ONNX has them, in groups of 16, the last of which is filled up with channels that are zero:
ONNX Runtime computes whole groups, and copies each tensor that it cannot leave in them. Weights stay 16 bits, as they
are in the original.
"""

from __future__ import annotations

import argparse
import hashlib
import math
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
from realtime.onnx_runtime import onnxruntime
from realtime.opencv import cv2

_OPSET = 17

_GROUP = 16
"""Channels that ONNX Runtime keeps side by side on a processor with AVX-512; half as many on others."""

_TOLERANCE = 2e-3
"""Of an answer, which is in pixels of the input or a probability: both run times round in their own order."""

_NOTICE = "MediaPipe face detection, Copyright Google LLC, Apache License 2.0; converted by Limelight"


@dataclass(frozen=True)
class Original:
    """One file of the npm package.

    Attributes:
        name: without ending; the ONNX file has the same.
        digest: SHA-256 of the file.
    """

    name: str
    digest: str


ORIGINALS = (
    Original(
        "face_detection_full_range",
        "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3",
    ),
    Original(
        "face_detection_short_range",
        "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
    ),
)


def read_originals(package: Path) -> dict[str, bytes]:
    """Read both files from the npm package: {name: content}.

    Raises:
        LimelightError: the package is missing, is none, or holds other files than these.
    """
    contents = {}
    try:
        with tarfile.open(package) as archive:
            for original in ORIGINALS:
                member = archive.extractfile(f"package/{original.name}.tflite")
                contents[original.name] = member.read() if member else b""
    except (OSError, KeyError, EOFError, tarfile.TarError) as error:
        raise LimelightError(
            f"{package}: not the npm package of MediaPipe's face detection; "
            "'npm pack @mediapipe/face_detection@0.4.1657300184' fetches it"
        ) from error
    for original in ORIGINALS:
        if hashlib.sha256(contents[original.name]).hexdigest() != original.digest:
            raise LimelightError(f"{package}: {original.name}.tflite is another version; only 0.4.1657300184 is known")
    return contents


class Converter:
    """Writes one detector's graph in ONNX, operator by operator.

    The graph takes `pictures` (N, H, W, 3) uint8 RGB, and gives `regressions` (N, A, 16), px of the input relative to
    the A anchors, and `scores` (N, A), 0..1. H and W are multiples of 32 px (of 16 for the short-range one).

    Args:
        content: of the .tflite file.
        name: of the graph.

    Attributes:
        side: of the original's square input, px.

    Raises:
        LimelightError: the package ai-edge-litert, which reads the file, is not installed, or the network holds an
            operator that these detectors do not have.
    """

    def __init__(self, content: bytes, name: str) -> None:
        schema = _tensorflow_lite("schema_py_generated")
        self._name = name
        self._file = schema.ModelT.InitFromPackedBuf(content, 0)
        self._graph = self._file.subgraphs[0]
        self.side = int(self._graph.tensors[self._graph.inputs[0]].shape[1])
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
            "PAD": self._pad,
            "MAX_POOL_2D": self._pool,
            "RESIZE_BILINEAR": self._resize,
            "RESHAPE": self._reshape,
            "CONCATENATION": lambda operator, out: self._node(
                "Concat", [self._input(operator, k) for k in range(len(operator.inputs))], out, axis=1
            ),
        }

    def __call__(self) -> onnx.ModelProto:
        """Write the graph."""
        for index, tensor in enumerate(self._graph.tensors):
            data = self._file.buffers[tensor.buffer].data
            if data is not None and len(data):
                kind = self._types[tensor.type]
                self._arrays[index] = np.frombuffer(data.tobytes(), kind).reshape(tensor.shape)
        self._read_pictures(f"t{self._graph.inputs[0]}")
        for operator in self._graph.operators:
            kind = self._kind(operator)
            if kind == "DEQUANTIZE":
                self._arrays[operator.outputs[0]] = self._arrays[operator.inputs[0]]
            elif kind in self._write:
                self._write[kind](operator, f"t{operator.outputs[0]}")
            else:
                raise LimelightError(f"{self._name}: holds the operator {kind}, which these detectors do not have")
        regressions, scores = sorted(
            self._graph.outputs, key=lambda index: -self._graph.tensors[index].shape[-1]
        )  # (., ., 16) and (., ., 1)
        self._node("Identity", [f"t{regressions}"], "regressions")
        self._node("Squeeze", [f"t{scores}", self._constant("last", np.array([2], np.int64))], "logits")
        self._node("Sigmoid", ["logits"], "scores")
        graph = helper.make_graph(
            self._nodes,
            self._name,
            [helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["N", "H", "W", 3])],
            [
                helper.make_tensor_value_info("regressions", TensorProto.FLOAT, ["N", "A", 16]),
                helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", "A"]),
            ],
            self._constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="limelight")
        model.ir_version = 8
        helper.set_model_props(model, {"source": _NOTICE, "side": str(self.side)})
        onnx.checker.check_model(model, full_check=True)
        return model

    def _kind(self, operator: Any) -> str:
        code = self._file.operatorCodes[operator.opcodeIndex]
        return self._operators[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def _channels(self, tensor: int) -> int:
        """That a tensor has in ONNX: whole groups, but for pictures and for what becomes rows of answers."""
        channels = int(self._graph.tensors[tensor].shape[-1])
        whole = tensor not in self._rows and tensor != self._graph.inputs[0]
        return -(-channels // _GROUP) * _GROUP if whole else channels

    def _read_pictures(self, out: str) -> None:
        """Bytes (N, side, side, 3) to -1..1 (N, 3, side, side)."""
        self._node("Cast", ["pictures"], "levels", to=TensorProto.FLOAT)
        self._node("Transpose", ["levels"], "planes", perm=[0, 3, 1, 2])
        self._node("Mul", ["planes", self._constant("scale", np.float32(1 / 127.5))], "scaled")
        self._node("Sub", ["scaled", self._constant("one", np.float32(1.0))], out)

    def _convolve(self, operator: Any, out: str) -> None:
        kernel = self._arrays[operator.inputs[1]].transpose(0, 3, 1, 2)  # (O, I, H, W)
        kernel = _filled_up(kernel, 0, self._channels(operator.outputs[0]))
        kernel = _filled_up(kernel, 1, self._channels(operator.inputs[0]))
        self._convolution(operator, out, kernel, group=1)

    def _convolve_depthwise(self, operator: Any, out: str) -> None:
        kernel = self._arrays[operator.inputs[1]].transpose(3, 0, 1, 2)  # (C, 1, H, W)
        kernel = _filled_up(kernel, 0, self._channels(operator.outputs[0]))
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
            self._weights(f"{out}.bias", _filled_up(self._arrays[operator.inputs[2]], 0, len(kernel))),
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

    def _pad(self, operator: Any, out: str) -> None:
        """More channels, which are zero: by a convolution, as ONNX Runtime leaves its operands in their groups."""
        channels = self._channels(operator.inputs[0])
        missing = self._channels(operator.outputs[0]) - channels
        if not missing:
            self._node("Identity", [self._input(operator)], out)
            return
        group = math.gcd(channels, missing) // _GROUP
        zeros = self._weights(f"{out}.kernel", np.zeros((missing, channels // group, 1, 1), np.float16))
        self._node("Conv", [self._input(operator), zeros], f"{out}.zero", kernel_shape=[1, 1], group=group)
        self._node("Concat", [self._input(operator), f"{out}.zero"], out, axis=1)

    def _pool(self, operator: Any, out: str) -> None:
        options = operator.builtinOptions
        shape, strides = [options.filterHeight, options.filterWidth], [options.strideH, options.strideW]
        pads = [
            0,
            0,
            *(extent - 1 for extent in shape),
        ]  # no even side needs them, but ONNX Runtime knows its half then
        self._node("MaxPool", [self._input(operator)], out, kernel_shape=shape, strides=strides, pads=pads)

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

    def _reshape(self, operator: Any, out: str) -> None:
        """Planes back to rows, one an anchor."""
        self._node("Transpose", [self._input(operator)], f"{out}.last", perm=[0, 2, 3, 1])
        shape = self._graph.tensors[operator.outputs[0]].shape
        target = self._constant(f"{out}.shape", np.array([0, -1, shape[2]], np.int64))
        self._node("Reshape", [f"{out}.last", target], out)

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


def _filled_up(array: NDArray, axis: int, length: int) -> NDArray:
    """Return an array with zeros behind, so many that it is `length` long."""
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, length - array.shape[axis])
    return np.pad(array, widths)


def greatest_difference(content: bytes, model: onnx.ModelProto, pictures: Sequence[NDArray[np.uint8]]) -> float:
    """Return the greatest difference of the graph's answers from TensorFlow Lite's: px of the input, or of a score.

    Args:
        content: of the .tflite file.
        model: what was made of it.
        pictures: (side, side, 3) uint8 RGB each; the graph is given all at once.
    """
    interpreter = _tensorflow_lite("interpreter").Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    outputs = sorted(interpreter.get_output_details(), key=lambda output: -output["shape"][-1])
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    regressions, scores = session.run(None, {"pictures": np.stack(pictures)})
    worst = 0.0
    for k, picture in enumerate(pictures):
        interpreter.set_tensor(source["index"], picture[None].astype(np.float32) / np.float32(127.5) - np.float32(1.0))
        interpreter.invoke()
        boxes, logits = (interpreter.get_tensor(output["index"])[0].astype(float) for output in outputs)
        expected = 1.0 / (1.0 + np.exp(-logits[:, 0]))
        worst = max(worst, np.abs(regressions[k] - boxes).max(), np.abs(scores[k] - expected).max())
    return float(worst)


def comparison_pictures(side: int) -> list[NDArray[np.uint8]]:
    """Return pictures to compare on: noise, grey, and renders of the embedded face model."""
    from realtime.sources.synthetic import SyntheticPerformer

    random = np.random.default_rng(0)
    pictures = [random.integers(0, 256, (side, side, 3), np.uint8), np.full((side, side, 3), 128, np.uint8)]
    performer = SyntheticPerformer(width=4 * side, height=4 * side, fps=1.0, live=False)
    try:
        for _ in range(4):
            frame = performer.read()
            assert frame is not None  # it performs for ever
            pictures.append(cv2.cvtColor(cv2.resize(frame.image, (side, side)), cv2.COLOR_BGR2RGB))
    finally:
        performer.close()
    return pictures


def _tensorflow_lite(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(f"ai_edge_litert.{module}")
    except ImportError as error:
        raise LimelightError("TensorFlow Lite is not installed: 'pip install ai-edge-litert' brings it") from error


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m export.face_detectors", description=__doc__.split("\n")[0])
    parser.add_argument("package", type=Path, metavar="TGZ", help="the npm package, as 'npm pack' writes it")
    parser.add_argument("--out", type=Path, default=Path("realtime/assets"), metavar="DIR", help="folder to write to")
    args = parser.parse_args(arguments)
    try:
        for name, content in read_originals(args.package).items():
            converter = Converter(content, name)
            model = converter()
            difference = greatest_difference(content, model, comparison_pictures(converter.side))
            if not difference <= _TOLERANCE:
                raise LimelightError(f"{name}: differs from TensorFlow Lite by {difference:.2g}; not written")
            target = args.out / f"{name}.onnx"
            with whole_file(target, str(target)) as partial:
                partial.write_bytes(model.SerializeToString())
            print(f"{target}: {target.stat().st_size} bytes, within {difference:.1g} of TensorFlow Lite")
    except LimelightError as error:
        print(f"export.face_detectors: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
