"""The ONNX Runtime engine: it computes what the file says, and refuses what it cannot use in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facemodel import FaceModel, LimelightError
from realtime.engines import open_engine
from tests.toy_model import toy_model

SIDE = 8


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=5, n_expression=52, n_albedo=4)


def write_network(path: Path, model: FaceModel, *, size: int | None = None, **metadata: str) -> Path:
    """A stand-in network: every parameter is the crop's sum divided by its index + 1; confidence 0.25."""
    size = size or model.layout.size
    scale = (1.0 / (1.0 + np.arange(size))).astype(np.float32)[None]
    nodes = [
        helper.make_node("Cast", ["crop"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["real", "axes"], ["sum"], keepdims=0),
        helper.make_node("Unsqueeze", ["sum", "one"], ["column"]),
        helper.make_node("Mul", ["column", "scale"], ["parameters"]),
        helper.make_node("Mul", ["column", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "quarter"], ["confidence"]),
    ]
    constants = {
        "axes": np.array([1, 2, 3]),
        "one": np.array([1]),
        "scale": scale,
        "zero": np.zeros((1, 1), np.float32),
        "quarter": np.full((1, 1), 0.25, np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "stand-in",
        [helper.make_tensor_value_info("crop", TensorProto.UINT8, ["batch", SIDE, SIDE, 3])],
        [
            helper.make_tensor_value_info("parameters", TensorProto.FLOAT, ["batch", size]),
            helper.make_tensor_value_info("confidence", TensorProto.FLOAT, ["batch", 1]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    props = {"model_digest": model.digest, "model_name": model.name, "resolution": str(SIDE), **metadata}
    helper.set_model_props(network, props)
    onnx.save(network, path)
    return path


@pytest.mark.parametrize("threads", [1, 2])
def test_engine_computes_the_graph_on_every_call(toy: FaceModel, tmp_path: Path, threads: int) -> None:
    engine = open_engine(str(write_network(tmp_path / "net.onnx", toy)), toy, threads)
    assert engine.resolution == SIDE and engine.model_digest == toy.digest and "ONNX Runtime" in engine.name
    for seed in range(3):
        crop = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        parameters, confidence = engine.infer(crop)
        np.testing.assert_allclose(parameters, crop.sum() / (1.0 + np.arange(toy.layout.size)), rtol=1e-5)
        assert parameters.dtype == np.float32 and confidence == 0.25


def test_engine_takes_a_view_of_a_larger_picture(toy: FaceModel, tmp_path: Path) -> None:
    engine = open_engine(str(write_network(tmp_path / "net.onnx", toy)), toy)
    picture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    view = picture[5 : 5 + SIDE, 3 : 3 + SIDE, ::-1]
    assert engine.infer(view)[0][0] == view.sum()


def test_outputs_reuse_their_memory(toy: FaceModel, tmp_path: Path) -> None:
    engine = open_engine(str(write_network(tmp_path / "net.onnx", toy)), toy)
    first, _ = engine.infer(np.zeros((SIDE, SIDE, 3), np.uint8))
    second, _ = engine.infer(np.ones((SIDE, SIDE, 3), np.uint8))
    assert np.shares_memory(first, second)


def test_a_wrong_crop_is_a_bug_of_the_caller(toy: FaceModel, tmp_path: Path) -> None:
    engine = open_engine(str(write_network(tmp_path / "net.onnx", toy)), toy)
    with pytest.raises(ValueError, match="expected"):
        engine.infer(np.zeros((SIDE, SIDE + 1, 3), np.uint8))
    with pytest.raises(ValueError, match="uint8"):
        engine.infer(np.zeros((SIDE, SIDE, 3), np.float32))


def test_a_failure_in_the_middle_of_the_work_is_one_line(toy: FaceModel, tmp_path: Path) -> None:
    """So that another engine can take over; the network looks up what only a black crop has."""
    path = write_network(tmp_path / "net.onnx", toy)
    network = onnx.load(path)
    graph = network.graph
    graph.node[-1].input[1] = "picked"
    last = graph.node.pop()
    graph.node.append(helper.make_node("Cast", ["sum"], ["index"], to=TensorProto.INT64))
    graph.node.append(helper.make_node("Gather", ["quarter", "index"], ["picked"], axis=0))
    graph.node.append(last)
    onnx.save(network, path)
    engine = open_engine(str(path), toy)
    assert engine.infer(np.zeros((SIDE, SIDE, 3), np.uint8))[1] == 0.25
    with pytest.raises(LimelightError, match=r"net .*failed in the middle of its work") as caught:
        engine.infer(np.ones((SIDE, SIDE, 3), np.uint8))
    assert "\n" not in str(caught.value)


def test_unusable_files_are_refused_in_one_line(toy: FaceModel, tmp_path: Path) -> None:
    good = write_network(tmp_path / "net.onnx", toy)
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    junk = tmp_path / "junk.onnx"
    junk.write_bytes(b"\x00not a network" * 100)
    empty = tmp_path / "empty.onnx"
    empty.touch()
    bare = onnx.load(good)
    del bare.metadata_props[:]
    onnx.save(bare, tmp_path / "bare.onnx")
    cases = {
        cut: "corrupt",
        junk: "corrupt",
        empty: "corrupt|not a Limelight network",
        tmp_path / "bare.onnx": "not a Limelight network",
        tmp_path / "absent.onnx": "no such file",
        write_network(tmp_path / "digest.onnx", toy, model_digest="0" * 16): "trained for face model",
        write_network(tmp_path / "side.onnx", toy, resolution="16"): "not a 16 px RGB crop",
        write_network(tmp_path / "text.onnx", toy, resolution="large"): "not a Limelight network",
        write_network(tmp_path / "size.onnx", toy, size=7): "gives 7 parameters",
    }
    for path, message in cases.items():
        with pytest.raises(LimelightError, match=message) as caught:
            open_engine(str(path), toy)
        assert "\n" not in str(caught.value)


def test_an_unknown_name_lists_what_ships(toy: FaceModel) -> None:
    with pytest.raises(LimelightError, match="not one of the shipped ones"):
        open_engine("nonesuch", toy)
