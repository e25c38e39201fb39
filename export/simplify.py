"""A graph without what can be worked out before it runs."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
from onnx import ModelProto

from realtime.onnx_runtime import onnxruntime


def simplified(model: ModelProto) -> ModelProto:
    """A copy of a graph with its constants folded, nodes that do nothing or the same twice left out, simple neighbours
    fused and every shape inferred: ONNX Runtime's optimisations that need no operators of its own."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "simplified.onnx")
        options.optimized_model_filepath = str(target)
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        copy = onnx.load(target)
    own = [opset for opset in copy.opset_import if opset.domain == ""]
    del copy.opset_import[:]
    copy.opset_import.extend(own)
    for number, node in enumerate(copy.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
    return onnx.shape_inference.infer_shapes(copy)
