"""A network's graph with 8-bit arithmetic, and in float what 8 bits would harm.

Static quantisation by ONNX Runtime in the QDQ form: a scale for each output channel of a weight, ranges of
activations from calibration crops (Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", CVPR 2018).
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from realtime.onnx_runtime import onnxruntime  # before its own parts, which would load it

# isort: split

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, create_calibrator
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from tqdm import tqdm

Feed = dict[str, NDArray]
"""Inputs of a graph for one crop, by name."""

Harm = Callable[[list[NDArray], list[NDArray]], float]
"""Outputs of a graph in float and in 8 bits, one row for each crop, to how bad the difference is: at most 1 is fine."""

_OPERATIONS = ("Conv", "Gemm", "MatMul")
_CUT_OFF = "Relu"  # after a layer in 8 bits it costs nothing: what it cuts off lies below the range
_FEWEST_INPUTS = 16
"""Numbers that each output of a layer is summed from, below which 8 bits save nothing."""


@dataclass(frozen=True)
class Quantized:
    """A graph in 8 bits.

    Attributes:
        model: the graph.
        layers: how many layers compute in 8 bits.
        in_float: names of those that do not, the most sensitive first.
    """

    model: ModelProto
    layers: int
    in_float: tuple[str, ...]


def quantized(model: ModelProto, calibration: Sequence[Feed], checked: Sequence[Feed], harm: Harm) -> Quantized:
    """Quantise every convolution and fully connected layer, and put back what does the most harm until it is bearable.

    How much harm a layer does is measured with it alone in 8 bits, and only where all of them together do too much.
    Weights take 7 of 8 bits: a CPU without VNNI adds two products in 16 bits, which 8 bits could overflow.

    Args:
        model: a graph without `If`, simplified; see `export.simplify`.
        calibration: inputs that set the ranges of the activations.
        checked: inputs that harm is measured on, others than those.
        harm: what is bearable.
    """
    with _quietly():
        ranges = _ranges(model, calibration)
        layers = [node.name for node in model.graph.node if _has_weight(node, model)]
        cut_offs = [node.name for node in model.graph.node if node.op_type == _CUT_OFF]
        expected = outputs(model, checked)

        def in_8_bits(names: Sequence[str]) -> ModelProto:
            copy = ModelProto()
            copy.CopyFrom(model)
            quantizer = QDQQuantizer(
                copy,
                True,
                True,
                QuantType.QInt8,
                QuantType.QUInt8,
                ranges,
                [*names, *cut_offs],
                [],
                [*_OPERATIONS, _CUT_OFF],
                {},
            )
            quantizer.quantize_model()
            quantizer.model.topological_sort()
            return quantizer.model.model

        left: list[str] = []
        order: list[str] = []
        while True:
            kept = [name for name in layers if name not in left]
            found = in_8_bits(kept) if kept else model
            if not kept or harm(expected, outputs(found, checked)) <= 1.0:
                return Quantized(found, len(kept), tuple(left))
            if not order:
                alone = {
                    name: harm(expected, outputs(in_8_bits([name]), checked))
                    for name in tqdm(layers, desc="layers in 8 bits", leave=False, disable=None)
                }
                order = sorted(layers, key=lambda name: -alone[name])
            left = order[: len(left) + 1]


def _has_weight(node: onnx.NodeProto, graph: ModelProto) -> bool:
    """Whether a node is a layer that 8 bits may speed up."""
    if node.op_type not in _OPERATIONS:
        return False
    shapes = [tensor.dims for tensor in graph.graph.initializer if tensor.name == node.input[1]]
    outputs_first = node.op_type == "Conv" or any(a.name == "transB" and a.i for a in node.attribute)
    return any(np.prod(shape[1:] if outputs_first else shape[:-1]) >= _FEWEST_INPUTS for shape in shapes)


class _Reader(CalibrationDataReader):
    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> Feed | None:
        return next(self._feeds, None)


def _ranges(graph: ModelProto, feeds: Sequence[Feed]) -> object:
    """Least and largest value of every activation, as the quantiser takes them."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "graph.onnx")
        onnx.save(graph, source)
        calibrator = create_calibrator(
            source,
            [*_OPERATIONS, _CUT_OFF],
            augmented_model_path=str(Path(folder, "augmented.onnx")),
            calibrate_method=CalibrationMethod.MinMax,
        )
        calibrator.collect_data(_Reader(feeds))
        return calibrator.compute_data()


def outputs(graph: ModelProto, feeds: Sequence[Feed]) -> list[NDArray]:
    """Each output of a graph for some inputs, the rows of all side by side."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # as the engine's
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    rows = [session.run(None, feed) for feed in feeds]
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the quantiser's advice, which it writes to the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
