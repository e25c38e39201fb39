"""The converted person matte is the original's, and only the original is converted."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import onnx
import pytest

from export import person_matte
from export.from_tflite import Original
from export.person_matte import ORIGINAL, Converter, greatest_difference, main
from realtime.onnx_runtime import onnxruntime
from tests.export.tflite_builder import Builder, schema

ASSET = Path(person_matte.__file__).parent.parent / "realtime" / "assets" / "person_matte.onnx"


def network(stride: int = 2) -> bytes:
    """A small network with every operator that the matte's has, for pictures of 16 x 32."""
    build = Builder()
    image = build.tensor((1, 16, 32, 3))
    first = build.convolution(image, (8, 16), (8, 3, 3, 3), stride=2)
    swish = build.operator("HARD_SWISH", [first], (1, 8, 16, 8))
    reducer = schema.ReducerOptionsT()
    reducer.keepDims = True
    mean = build.operator("MEAN", [swish, build.ints(1, 2)], (1, 1, 1, 8), reducer, "ReducerOptions")
    gate = build.operator("LOGISTIC", [build.convolution(mean, (1, 1), (8, 1, 1, 8))], (1, 1, 1, 8))
    gated = build.operator("MUL", [swish, gate], (1, 8, 16, 8), schema.MulOptionsT(), "MulOptions")
    both = build.operator("ADD", [gated, first], (1, 8, 16, 8), schema.AddOptionsT(), "AddOptions")
    code = schema.OperatorCodeT()
    code.builtinCode = schema.BuiltinOperator.CUSTOM
    code.deprecatedBuiltinCode, code.version, code.customCode = code.builtinCode, 1, b"Convolution2DTransposeBias"
    build.model.operatorCodes.append(code)
    transposed = schema.OperatorT()
    transposed.opcodeIndex = len(build.model.operatorCodes) - 1
    transposed.inputs = [both, build.weights(1, 2, 2, 8), build.weights(1)]
    transposed.outputs = [build.tensor((1, 16, 32, 1))]
    transposed.customOptions = np.frombuffer(np.array([1, stride, stride], np.int32).tobytes(), np.uint8)
    build.graph.operators.append(transposed)
    matte = build.operator("LOGISTIC", transposed.outputs, (1, 16, 32, 1))
    return build.finish(image, [matte])


@pytest.fixture(scope="module")
def small() -> bytes:
    return network()


def pictures(rows: int, columns: int, count: int = 3) -> list[np.ndarray]:
    return list(np.random.default_rng(5).integers(0, 256, (count, rows, columns, 3), np.uint8))


def test_every_operator_computes_what_tensorflow_lite_does(small):
    assert greatest_difference(small, Converter(small, "small")(), pictures(16, 32)) < 1e-4


def test_a_wrong_weight_is_noticed(small):
    model = Converter(small, "small")()
    kernel = next(array for array in model.graph.initializer if list(array.dims) == [16, 1, 2, 2])
    kernel.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(kernel) + np.float16(0.5), kernel.name))
    assert greatest_difference(small, model, pictures(16, 32)) > 1e-2


def test_another_transposed_convolution_is_refused():
    with pytest.raises(person_matte.LimelightError, match="not as large as its stride"):
        Converter(network(stride=4), "other")()


def package(path: Path, content: bytes) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo(f"package/{ORIGINAL.name}.tflite")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return path


def test_a_package_is_converted_or_refused(small, tmp_path, monkeypatch, capsys):
    assert main([str(tmp_path / "none.tgz")]) == 1
    assert "npm pack @mediapipe/selfie_segmentation@0.1.1675465747" in capsys.readouterr().err
    whole = package(tmp_path / "whole.tgz", small)
    assert main([str(whole), "--out", str(tmp_path)]) == 1
    assert "another version" in capsys.readouterr().err
    monkeypatch.setattr(person_matte, "ORIGINAL", Original(ORIGINAL.name, hashlib.sha256(small).hexdigest()))
    assert main([str(whole), "--out", str(tmp_path / "out")]) == 0
    session = onnxruntime.InferenceSession(tmp_path / "out" / "person_matte.onnx")
    assert [node.name for node in session.get_outputs()] == ["matte"]


def test_the_file_that_ships_takes_several_pictures_of_other_shapes():
    session = onnxruntime.InferenceSession(ASSET)
    batch = np.stack(pictures(160, 208, 2))
    (both,) = session.run(None, {"pictures": batch})
    assert both.shape == (2, 160, 208)
    (alone,) = session.run(None, {"pictures": batch[1:]})
    np.testing.assert_allclose(both[1], alone[0], atol=1e-4)
