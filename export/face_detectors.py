"""MediaPipe's two face detectors, from TensorFlow Lite to the ONNX files in realtime/assets.

    npm pack @mediapipe/face_detection@0.4.1657300184
    pip install ai-edge-litert
    python -m export.face_detectors mediapipe-face_detection-0.4.1657300184.tgz

The answers of what is written are held against TensorFlow Lite's. Beside what `from_tflite` changes, the scores go
out as probabilities.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from export.from_tflite import GROUP, GraphWriter, Original, read_package, run_command, tensorflow_lite, write_graph
from realtime.onnx_runtime import onnxruntime

_NOTICE = "MediaPipe face detection, Copyright Google LLC, Apache License 2.0; converted by Limelight"

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
        LimelightError: see `read_package`.
    """
    return read_package(package, ORIGINALS, "MediaPipe's face detection", "@mediapipe/face_detection@0.4.1657300184")


class Converter(GraphWriter):
    """Writes one detector's graph.

    It gives `regressions` (N, A, 16), px of the input relative to the A anchors, and `scores` (N, A), 0..1. H and W are
    multiples of 32 px (of 16 for the short-range one).

    Args:
        content: of the .tflite file.
        name: of the graph.

    Attributes:
        side: of the original's square input, px.

    Raises:
        LimelightError: see `GraphWriter`.
    """

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content, name, _NOTICE)
        self.side = self.size[0]
        self._write |= {
            "PAD": self._pad,
            "MAX_POOL_2D": self._pool,
            "RESHAPE": self._reshape,
            "CONCATENATION": lambda operator, out: self._node(
                "Concat", [self._input(operator, k) for k in range(len(operator.inputs))], out, axis=1
            ),
        }

    def _scale_levels(self, out: str) -> None:
        self._node("Mul", ["planes", self._constant("scale", np.float32(1 / 127.5))], "scaled")
        self._node("Sub", ["scaled", self._constant("one", np.float32(1.0))], out)

    def _answers(self) -> list[onnx.ValueInfoProto]:
        regressions, scores = sorted(
            self._graph.outputs, key=lambda index: -self._graph.tensors[index].shape[-1]
        )  # (., ., 16) and (., ., 1)
        self._node("Identity", [f"t{regressions}"], "regressions")
        self._node("Squeeze", [f"t{scores}", self._constant("last", np.array([2], np.int64))], "logits")
        self._node("Sigmoid", ["logits"], "scores")
        return [
            helper.make_tensor_value_info("regressions", TensorProto.FLOAT, ["N", "A", 16]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", "A"]),
        ]

    def _pad(self, operator: Any, out: str) -> None:
        """More channels, which are zero: by a convolution, as ONNX Runtime leaves its operands in their groups."""
        channels = self._channels(operator.inputs[0])
        missing = self._channels(operator.outputs[0]) - channels
        if not missing:
            self._node("Identity", [self._input(operator)], out)
            return
        group = math.gcd(channels, missing) // GROUP
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

    def _reshape(self, operator: Any, out: str) -> None:
        """Planes back to rows, one an anchor."""
        self._node("Transpose", [self._input(operator)], f"{out}.last", perm=[0, 2, 3, 1])
        shape = self._graph.tensors[operator.outputs[0]].shape
        target = self._constant(f"{out}.shape", np.array([0, -1, shape[2]], np.int64))
        self._node("Reshape", [f"{out}.last", target], out)


def greatest_difference(content: bytes, model: onnx.ModelProto, pictures: Sequence[NDArray[np.uint8]]) -> float:
    """Return the greatest difference of the graph's answers from TensorFlow Lite's: px of the input, or of a score.

    Args:
        content: of the .tflite file.
        model: what was made of it.
        pictures: (side, side, 3) uint8 RGB each; the graph is given all at once.
    """
    interpreter = tensorflow_lite("interpreter").Interpreter(model_content=content)
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


def main(arguments: Sequence[str] | None = None) -> int:
    def convert(package: Path, folder: Path) -> None:
        for name, content in read_originals(package).items():
            write_graph(Converter(content, name), content, folder / f"{name}.onnx", greatest_difference)

    return run_command("export.face_detectors", __doc__, convert, arguments)


if __name__ == "__main__":
    sys.exit(main())
