"""The ONNX Runtime engine: it computes what the file says, and refuses what it cannot use in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.crops import performer_crops
from facemodel import FaceModel, LimelightError
from realtime.engines import open_engine
from realtime.engines.base import MAX_FACES
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


def random_crops(count: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.mark.parametrize("threads", [1, 2])
def test_engine_computes_the_graph_on_every_call(toy: FaceModel, tmp_path: Path, threads: int) -> None:
    engine = open_engine(str(write_network(tmp_path / "net.onnx", toy)), toy, threads)
    assert engine.resolution == SIDE and engine.model_digest == toy.digest and "ONNX Runtime" in engine.name
    for seed, count in enumerate([*range(1, MAX_FACES + 1), 3, 1, 8, 2]):
        crops = random_crops(count, seed)
        parameters, confidences = engine.infer(crops)
        sums = crops.sum(axis=(1, 2, 3))
        np.testing.assert_allclose(parameters, sums[:, None] / (1.0 + np.arange(toy.layout.size)), rtol=1e-5)
        assert parameters.dtype == confidences.dtype == np.float32
        np.testing.assert_array_equal(confidences, np.full(count, 0.25))


@pytest.fixture(scope="module")
def face_model() -> FaceModel:
    return FaceModel.load()


@pytest.fixture(scope="module")
def faces(face_model: FaceModel) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Crops (8, 128, 128, 3) of the synthetic performer, and about the poses (8, 9) in them."""
    crops = performer_crops(face_model, 128, MAX_FACES)
    engine = open_engine("student", face_model)
    seen = np.concatenate([engine.infer(crop[None])[0] for crop in crops])
    spans = [face_model.layout.slices[name] for name in ("rotation", "translation", "scale")]
    return crops, np.concatenate([seen[:, span] for span in spans], axis=1)


@pytest.mark.parametrize(("network", "apart"), [("student", 1e-5), ("student-open", 1e-5), ("student-int8", 1e-3)])
@pytest.mark.parametrize("following", [False, True])
def test_several_crops_at_once_are_what_they_are_one_by_one(
    face_model: FaceModel, faces: tuple[NDArray, NDArray], network: str, apart: float, following: bool
) -> None:
    """Every number of crops, back and forth, with and without poses in between; 8 bits as far apart as an export
    allows."""
    crops, poses = faces
    engine, single = (open_engine(network, face_model) for _ in range(2))
    alone = []
    for i in range(MAX_FACES):
        found = single.infer(crops[i : i + 1], poses[i : i + 1] if following else None)
        alone.append((found[0][0].copy(), found[1][0].copy()))
    for count in (1, 4, 2, 8, 3, 5, 1, 7, 6, 4):
        engine.infer(crops[::-1][:count], None if following else poses[::-1][:count])
        parameters, confidences = engine.infer(crops[:count], poses[:count] if following else None)
        assert parameters.shape == (count, face_model.layout.size) and confidences.shape == (count,)
        for i in range(count):
            difference = np.abs(parameters[i] - alone[i][0]) / (1.0 + np.abs(alone[i][0]))
            assert difference.max() <= apart and abs(confidences[i] - alone[i][1]) <= apart


def test_engine_takes_a_view_of_a_larger_picture(toy: FaceModel, tmp_path: Path) -> None:
    engine = open_engine(str(write_network(tmp_path / "net.onnx", toy)), toy)
    picture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    view = picture[5 : 5 + SIDE, 3 : 3 + SIDE, ::-1]
    assert engine.infer(view[None])[0][0, 0] == view.sum()


def test_outputs_reuse_their_memory(toy: FaceModel, tmp_path: Path) -> None:
    engine = open_engine(str(write_network(tmp_path / "net.onnx", toy)), toy)
    for count in (1, 4, 1):
        first, second = engine.infer(random_crops(count)), engine.infer(random_crops(count, seed=1))
        assert all(np.shares_memory(*pair) for pair in zip(first, second, strict=True))


WRONG_BATCHES = [
    (
        np.zeros((1, SIDE, SIDE + 1, 3), np.uint8),
        None,
        r"crops: expected \(1 to 8, 8, 8, 3\) uint8, got \(1, 8, 9, 3\)",
    ),
    (np.zeros((SIDE, SIDE, 3), np.uint8), None, r"got \(8, 8, 3\) uint8"),
    (np.zeros((0, SIDE, SIDE, 3), np.uint8), None, r"got \(0, 8, 8, 3\)"),
    (np.zeros((9, SIDE, SIDE, 3), np.uint8), None, r"expected \(1 to 8, .*got \(9, 8, 8, 3\)"),
    (np.zeros((1, SIDE, SIDE, 3), np.float32), None, "uint8, got .*float32"),
    (random_crops(2), np.zeros((1, 9), np.float32), r"poses: expected \(2, 9\), got \(1, 9\)"),
    (random_crops(1), np.zeros(9, np.float32), r"poses: expected \(1, 9\), got \(9,\)"),
]


@pytest.mark.parametrize(("crops", "poses", "message"), WRONG_BATCHES)
def test_a_wrong_batch_is_a_bug_of_the_caller(
    toy: FaceModel, tmp_path: Path, crops: NDArray, poses: NDArray | None, message: str
) -> None:
    engine = open_engine(str(write_network(tmp_path / "net.onnx", toy)), toy)
    with pytest.raises(ValueError, match=message):
        engine.infer(crops, poses)


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
    assert engine.infer(np.zeros((2, SIDE, SIDE, 3), np.uint8))[1].tolist() == [0.25, 0.25]
    with pytest.raises(LimelightError, match=r"net .*failed in the middle of its work") as caught:
        engine.infer(np.ones((1, SIDE, SIDE, 3), np.uint8))
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
    names = "student, student-int8, student-open, resnet50"
    with pytest.raises(LimelightError, match=rf"not one of the shipped ones \({names}\)"):
        open_engine("nonesuch", toy)
    with pytest.raises(LimelightError, match="no such file"):
        open_engine("face_detection_short_range", toy)  # in the same folder, but no network
