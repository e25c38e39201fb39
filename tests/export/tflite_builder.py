"""Small networks in TensorFlow Lite's format; tests that need them are skipped where it is not installed."""

from __future__ import annotations

import numpy as np
import pytest

schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="needs ai-edge-litert")
flatbuffers = pytest.importorskip("flatbuffers")


class Builder:
    """Writes a small network in TensorFlow Lite's format, its weights random."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    def tensor(self, shape, kind=schema.TensorType.FLOAT32, data=None) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.name = list(shape), kind, f"t{len(self.graph.tensors)}".encode()
        tensor.buffer = 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, name, inputs, shape, options=None, kind=None) -> int:
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), 1
        if name == "RESIZE_BILINEAR":
            code.version = 3
        if name == "DEQUANTIZE":
            code.version = 3
        self.model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = list(inputs), [self.tensor(shape)]
        if options is not None:
            operator.builtinOptions, operator.builtinOptionsType = options, getattr(schema.BuiltinOptions, kind)
        self.graph.operators.append(operator)
        return operator.outputs[0]

    def weights(self, *shape) -> int:
        half = self.tensor(shape, schema.TensorType.FLOAT16, self.random.normal(0, 0.4, shape).astype(np.float16))
        return self.operator("DEQUANTIZE", [half], shape)

    def convolution(self, source, size, kernel, stride=1, valid=False) -> int:
        options = schema.Conv2DOptionsT()
        options.strideH = options.strideW = stride
        options.padding = schema.Padding.VALID if valid else schema.Padding.SAME
        inputs = [source, self.weights(*kernel), self.weights(kernel[0])]
        return self.operator("CONV_2D", inputs, (1, *size, kernel[0]), options, "Conv2DOptions")

    def depthwise(self, source, size, extent, channels, stride) -> int:
        options = schema.DepthwiseConv2DOptionsT()
        options.strideH = options.strideW = stride
        options.padding, options.depthMultiplier = schema.Padding.SAME, 1
        inputs = [source, self.weights(1, extent, extent, channels), self.weights(channels)]
        return self.operator("DEPTHWISE_CONV_2D", inputs, (1, *size, channels), options, "DepthwiseConv2DOptions")

    def ints(self, *values) -> int:
        array = np.array(values, np.int32)
        return self.tensor(array.shape, schema.TensorType.INT32, array)

    def finish(self, image, answers) -> bytes:
        self.graph.inputs, self.graph.outputs = [image], list(answers)
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
