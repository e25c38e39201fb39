"""MediaPipe's selfie segmentation, from TensorFlow Lite to the ONNX file in realtime/assets.

    npm pack @mediapipe/selfie_segmentation@0.1.1675465747
    pip install ai-edge-litert
    python -m export.person_matte mediapipe-selfie_segmentation-0.1.1675465747.tgz

The answers of what is written are held against TensorFlow Lite's. Of the package's two networks it is the one for
oblong pictures: it is half as large as the other, and takes any shape whose sides are multiples of 16 px.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from export.from_tflite import GraphWriter, Original, filled_up, read_package, run_command, tensorflow_lite, write_graph
from facemodel import LimelightError
from realtime.onnx_runtime import onnxruntime

ORIGINAL = Original(
    "selfie_segmentation_landscape",
    "4aafe6223bb8dac6fac8ca8ed56852870a33051ef3f6238822d282a109962894",
)

_NOTICE = "MediaPipe selfie segmentation, Copyright Google LLC, Apache License 2.0; converted by Limelight"

_TRANSPOSED = b"Convolution2DTransposeBias"
"""MediaPipe's own operator: a transposed convolution and a bias."""


class Converter(GraphWriter):
    """Writes the network's graph. It gives `matte` (N, H, W), the probability that a pixel is a person's; H and W are
    multiples of 16 px."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content, name, _NOTICE)
        self._write |= {
            "HARD_SWISH": lambda operator, out: self._node("HardSwish", [self._input(operator)], out),
            "LOGISTIC": lambda operator, out: self._node("Sigmoid", [self._input(operator)], out),
            "MUL": lambda operator, out: self._node("Mul", [self._input(operator), self._input(operator, 1)], out),
            "MEAN": lambda operator, out: self._node("GlobalAveragePool", [self._input(operator)], out),
            "CUSTOM": self._convolve_transposed,
        }

    def _channels(self, tensor: int) -> int:
        return 1 if self._graph.tensors[tensor].shape[-1] == 1 else super()._channels(tensor)

    def _scale_levels(self, out: str) -> None:
        self._node("Mul", ["planes", self._constant("scale", np.float32(1 / 255.0))], out)

    def _convolve_transposed(self, operator: Any, out: str) -> None:
        code = self._file.operatorCodes[operator.opcodeIndex].customCode
        _, *strides = np.frombuffer(bytes(operator.customOptions), np.int32).tolist()
        if code != _TRANSPOSED or len(strides) != 2:
            raise LimelightError(f"{self.name}: holds the operator {code!r}, which this network does not have")
        kernel = self._arrays[operator.inputs[1]].transpose(3, 0, 1, 2)  # (I, O, H, W)
        if list(kernel.shape[2:]) != strides:
            raise LimelightError(f"{self.name}: a transposed convolution's kernel is not as large as its stride")
        kernel = filled_up(kernel, 0, self._channels(operator.inputs[0]))
        weights = [
            self._weights(f"{out}.kernel", kernel),
            self._weights(f"{out}.bias", self._arrays[operator.inputs[2]]),
        ]
        self._node("ConvTranspose", [self._input(operator), *weights], out, strides=strides, kernel_shape=strides)

    def _answers(self) -> list[onnx.ValueInfoProto]:
        one = self._constant("one", np.array([1], np.int64))
        self._node("Squeeze", [f"t{self._graph.outputs[0]}", one], "matte")
        return [helper.make_tensor_value_info("matte", TensorProto.FLOAT, ["N", "H", "W"])]


def greatest_difference(content: bytes, model: onnx.ModelProto, pictures: Sequence[NDArray[np.uint8]]) -> float:
    """Return the greatest difference of the graph's mattes from TensorFlow Lite's.

    Args:
        content: of the .tflite file.
        model: what was made of it.
        pictures: (H, W, 3) uint8 RGB each, of the original's size; the graph is given all at once.
    """
    interpreter = tensorflow_lite("interpreter").Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    (matte_of_it,) = interpreter.get_output_details()
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (mattes,) = session.run(None, {"pictures": np.stack(pictures)})
    worst = 0.0
    for matte, picture in zip(mattes, pictures, strict=True):
        interpreter.set_tensor(source["index"], picture[None].astype(np.float32) / np.float32(255.0))
        interpreter.invoke()
        expected = interpreter.get_tensor(matte_of_it["index"])[0, ..., 0]
        worst = max(worst, float(np.abs(matte - expected).max()))
    return worst


def main(arguments: Sequence[str] | None = None) -> int:
    def convert(package: Path, folder: Path) -> None:
        name = ORIGINAL.name
        fetched = "MediaPipe's selfie segmentation", "@mediapipe/selfie_segmentation@0.1.1675465747"
        content = read_package(package, [ORIGINAL], *fetched)[name]
        write_graph(Converter(content, name), content, folder / "person_matte.onnx", greatest_difference)

    return run_command("export.person_matte", __doc__, convert, arguments)


if __name__ == "__main__":
    sys.exit(main())
