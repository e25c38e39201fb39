"""Export: the file says what it is, computes what PyTorch computes, and is not left half written."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch

from export import onnx as exporter
from export.from_onnx import checkpoint_of
from export.onnx import export_onnx, prepared
from export.parity import LARGEST_DIFFERENCE, LARGEST_SHIFT
from export.quantize import Quantized
from export.tensorrt_graph import quantised
from facemodel import FaceModel, LimelightError, ParameterLayout
from limelight.commands import export as export_command
from realtime.engines import open_engine
from realtime.onnx_runtime import onnxruntime
from tests.toy_model import toy_model
from tests.toy_student import toy_student
from training.networks import NetworkCheckpoint, ResNet50Config, ResNet50Regressor, Student, StudentConfig, close_up


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=5, n_expression=52, n_albedo=4)


@pytest.fixture(scope="module")
def checkpoint(toy: FaceModel) -> NetworkCheckpoint:
    """A student whose outputs depend on the picture, and reach every bound."""
    torch.manual_seed(0)
    network = Student(StudentConfig(resolution=64, head_channels=8, hidden=16), toy.layout).eval()
    torch.nn.init.normal_(network.regressor.weight, std=1.0)
    torch.nn.init.normal_(network.regressor.bias, std=0.5)
    return NetworkCheckpoint.of(network, toy)


def noise(count: int = 3, seed: int = 5) -> np.ndarray:
    """Crops (count, 64, 64, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def exported(toy: FaceModel, checkpoint: NetworkCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "toy.onnx"
    report = export_onnx(checkpoint, path, toy, noise())
    assert report.found.crops == 3 and report.size == path.stat().st_size
    assert report.followed is None and report.in_float == ()
    return path


def test_runtime_agrees_with_pytorch_for_any_batch(checkpoint: NetworkCheckpoint, exported: Path) -> None:
    session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    network = prepared(checkpoint)
    for count in (1, 5):
        crops = np.random.default_rng(count).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)
        parameters, confidence = session.run(["parameters", "confidence"], {"crop": crops})
        with torch.inference_mode():
            expected, belief = network(torch.from_numpy(crops))
        np.testing.assert_allclose(parameters, expected, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(confidence, belief, atol=1e-4)
        assert (parameters.std(axis=0).max() > 1e-3) == (count > 1)


@pytest.fixture(scope="module")
def follower(toy: FaceModel, tmp_path_factory: pytest.TempPathFactory) -> tuple[Student, Path]:
    """A student with heads that say something, as it is exported, and its file."""
    network = toy_student(toy.layout, 64, 0.2)
    torch.nn.init.normal_(network.face_head.confidence.weight, std=0.2)
    path = tmp_path_factory.mktemp("follower") / "follower.onnx"
    checkpoint = NetworkCheckpoint.of(network, toy)
    report = export_onnx(checkpoint, path, toy, noise())
    assert report.followed is not None and max(report.followed.groups.values()) < 1e-4
    return prepared(checkpoint), path


def test_a_graph_that_mixes_up_crops_is_refused(
    toy: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exported graphs take some sizes for constants: one crop is then right, and several are not."""
    monkeypatch.setattr(close_up, "_in_list", lambda pixel, *_: pixel.to(torch.int32))
    checkpoint = NetworkCheckpoint.of(toy_student(toy.layout, 64, 0.2), toy)
    with pytest.raises(LimelightError, match="several crops at once"):
        export_onnx(checkpoint, tmp_path / "mixed.onnx", toy, noise())
    assert not list(tmp_path.iterdir())


POSES = np.array([[1, 0, 0, 0, 1, 0, 100, 120, 0.9], [1, 0, 0, 0, 1, 0, 125, 110, 1.2]], np.float32)


@pytest.mark.parametrize("known", [True, False])
def test_a_student_with_heads_finds_or_follows_in_one_file(follower: tuple[Student, Path], known: bool) -> None:
    network, path = follower
    crops = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = {"crop": crops, "pose": POSES, "known": np.array(known)}
    parameters, confidence = session.run(["parameters", "confidence"], inputs)
    with torch.inference_mode():
        found, followed = (
            network(torch.from_numpy(crops)),
            network.follow(torch.from_numpy(crops), torch.from_numpy(POSES)),
        )
    expected, other = (followed, found) if known else (found, followed)
    np.testing.assert_allclose(parameters, expected[0], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(confidence, expected[1], atol=1e-4)
    assert np.abs(parameters - other[0].numpy()).max() > 0.1


@pytest.mark.parametrize("known", [True, False])
def test_a_graph_without_the_choice_says_the_same_and_leaves_out_the_rest(
    follower: tuple[Student, Path], known: bool
) -> None:
    model = onnx.load(follower[1])
    alone = exporter.specialised(model, known)
    onnx.checker.check_model(onnx.shape_inference.infer_shapes(alone, strict_mode=True), full_check=True)
    assert not any(node.op_type == "If" for node in alone.graph.node)
    assert [value.name for value in alone.graph.input] == (["crop", "pose"] if known else ["crop"])
    assert len(alone.SerializeToString()) < len(model.SerializeToString()) - 1000 * known
    crops = np.random.default_rng(2).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    inputs = {"crop": crops, "pose": POSES, "known": np.array(known)}
    whole = onnxruntime.InferenceSession(str(follower[1]), providers=["CPUExecutionProvider"]).run(None, inputs)
    part = onnxruntime.InferenceSession(alone.SerializeToString(), providers=["CPUExecutionProvider"])
    found = part.run(None, {value.name: inputs[value.name] for value in part.get_inputs()})
    for ours, theirs in zip(found, whole, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_graph_without_a_choice_stays_as_it_is(exported: Path) -> None:
    model = onnx.load(exported)
    assert exporter.specialised(model, True) == model


def test_the_engine_follows_where_it_is_told_the_pose(follower: tuple[Student, Path], toy: FaceModel) -> None:
    network, path = follower
    engine = open_engine(str(path), toy)
    crop = np.random.default_rng(3).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    with torch.inference_mode():
        picture = torch.from_numpy(crop)[None]
        expected = [network.follow(picture, torch.from_numpy(pose)[None])[0][0].numpy() for pose in POSES]
        found = network(picture)[0][0].numpy()
    for pose, right in ((POSES[0], expected[0]), (None, found), (POSES[1], expected[1])):
        seen, _ = engine.infer(crop[None], None if pose is None else pose[None])
        np.testing.assert_allclose(seen[0], right, rtol=1e-3, atol=1e-3)


def test_the_graph_itself_keeps_the_bounds(toy: FaceModel, exported: Path) -> None:
    session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    crops = np.random.default_rng(9).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
    close, jaw = toy.layout.mouth_close_and_jaw_open
    for vector in session.run(["parameters"], {"crop": crops})[0]:
        p = toy.layout.view(vector)
        assert p.expression.min() >= 0 and p.expression.max() <= 1 and p.expression[close] <= p.expression[jaw]
        assert p.key_color.min() >= 0 and p.scale > 0


def test_metadata_is_enough_to_read_the_outputs(toy: FaceModel, exported: Path) -> None:
    props = {p.key: p.value for p in onnx.load(exported).metadata_props}
    assert props["model_digest"] == toy.digest and props["model_name"] == toy.name and props["resolution"] == "64"
    layout = json.loads(props["layout"])
    assert ParameterLayout.from_dict(layout) == toy.layout
    assert layout["parameters"] == list(toy.layout.names())
    assert {name: slice(*span) for name, span in layout["slices"].items()} == toy.layout.slices
    assert "224" in props["crop_convention"]


def test_large_weights_take_two_bytes_a_number_nine_bits_of_it(checkpoint: NetworkCheckpoint, exported: Path) -> None:
    stored = {t.name: t for t in onnx.load(exported).graph.initializer}
    hidden = stored["trunk.hidden.1.weight"]
    assert hidden.data_type == onnx.TensorProto.FLOAT16
    rounded = onnx.numpy_helper.to_array(hidden)
    exact = checkpoint.weights["trunk.hidden.1.weight"].numpy()
    large = np.abs(exact) > 2.0**-14  # below, 16 bits hold fewer
    assert 0 < np.abs(rounded / exact - 1.0)[large].max() <= 2.0**-9
    assert not (rounded.view(np.uint16)[large] & 3).any(), "two bits less than 16-bit numbers have, for the package"
    assert stored["regressor.bias"].data_type == onnx.TensorProto.FLOAT
    assert not any(t.data_type == onnx.TensorProto.FLOAT and np.prod(t.dims) > 4096 for t in stored.values())


def test_what_is_exported_is_the_checkpoint_but_for_rounding(checkpoint: NetworkCheckpoint) -> None:
    network = checkpoint.build()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.normal_(module.running_mean, std=0.1)
    ours = replace(checkpoint, weights=network.state_dict())
    crops = torch.from_numpy(np.random.default_rng(2).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8))
    with torch.inference_mode():
        expected, found = ours.build().predict(crops).parameters, prepared(ours).predict(crops).parameters
    spread = expected.std(dim=0).mean()
    assert 0 < (found - expected).abs().mean() < 0.03 * spread


def test_a_shipped_network_becomes_a_checkpoint_again(toy: FaceModel, tmp_path: Path) -> None:
    torch.manual_seed(1)
    config = StudentConfig(
        resolution=64,
        trunk_resolution=32,
        head_channels=8,
        detail_channels=4,
        hidden=16,
        expression_hidden=8,
        face_hidden=8,
        points_step=True,
    )
    network = Student(config, toy.layout)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.normal_(module.running_mean, std=0.1)
    torch.nn.init.normal_(network.face_head.refiner.step)
    torch.nn.init.normal_(network.face_head.geometry.weight, std=0.1)
    for parameter in network.points_step.parameters():
        torch.nn.init.normal_(parameter, std=0.003)
    export_onnx(NetworkCheckpoint.of(network.eval(), toy), tmp_path / "a.onnx", toy, noise())
    again = checkpoint_of(tmp_path / "a.onnx")
    assert (again.config, again.layout, again.model_digest) == (config, toy.layout, toy.digest)
    for layer in ("eye_points", "mouth_points"):
        name, placed = f"expression_head.{layer}.weight", getattr(network.expression_head, layer).weight
        torch.testing.assert_close(again.weights[name], placed, atol=1e-3, rtol=1e-3)
    crops = np.random.default_rng(3).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(str(tmp_path / "a.onnx"), providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        parameters, confidence = again.build()(torch.from_numpy(crops))
    unknown = {"pose": np.zeros((5, 9), np.float32), "known": np.array(False)}
    expected = session.run(["parameters", "confidence"], {"crop": crops} | unknown)
    np.testing.assert_allclose(parameters, expected[0], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(confidence, expected[1], atol=1e-4)


def test_a_resnet50_is_exported_within_its_limit(toy: FaceModel, tmp_path: Path) -> None:
    torch.manual_seed(2)
    network = ResNet50Regressor(ResNet50Config(resolution=64), toy.layout)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.normal_(module.running_mean, std=0.1)
    torch.nn.init.normal_(network.regressor.weight, std=0.02)
    checkpoint = NetworkCheckpoint.of(network.eval(), toy)
    report = export_onnx(checkpoint, tmp_path / "resnet50.onnx", toy, noise(1))
    assert 40e6 < report.size < exporter.MAX_BYTES["resnet50"] == 60_000_000
    properties = {p.key: p.value for p in onnx.load(report.path).metadata_props}
    assert properties["kind"] == "resnet50" and json.loads(properties["network"])["resolution"] == 64
    crop = np.random.default_rng(4).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    (parameters,), (confidence,) = open_engine(str(report.path), toy).infer(crop[None])
    with torch.inference_mode():
        expected, belief = prepared(checkpoint)(torch.from_numpy(crop[None]))
        others, _ = prepared(checkpoint)(torch.zeros(1, 64, 64, 3, dtype=torch.uint8))
    np.testing.assert_allclose(parameters, expected[0], rtol=1e-3, atol=1e-3)
    assert confidence == pytest.approx(belief.item(), abs=1e-4)
    assert (expected - others).abs().max() > 0.05
    with pytest.raises(LimelightError, match="not a student"):
        checkpoint_of(report.path)


def test_what_is_no_student_becomes_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(LimelightError, match="missing, or not an ONNX file"):
        checkpoint_of(tmp_path / "absent.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no graph at all")
    with pytest.raises(LimelightError, match="not"):
        checkpoint_of(tmp_path / "bad.onnx")
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    info = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1]) for n in "xy"]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "g", info[:1], info[1:])), tmp_path / "other.onnx")
    with pytest.raises(LimelightError, match="not a student"):
        checkpoint_of(tmp_path / "other.onnx")


def test_the_engine_opens_what_was_exported(toy: FaceModel, checkpoint: NetworkCheckpoint, exported: Path) -> None:
    crop = np.random.default_rng(3).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    (parameters,), (confidence,) = open_engine(str(exported), toy).infer(crop[None])
    with torch.inference_mode():
        expected, belief = prepared(checkpoint)(torch.from_numpy(crop[None]))
    np.testing.assert_allclose(parameters, expected[0], rtol=1e-3, atol=1e-3)
    assert confidence == pytest.approx(belief.item(), abs=1e-4)


def test_the_command_exports_and_refuses_in_one_line(
    toy: FaceModel, checkpoint: NetworkCheckpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.save(tmp_path / "toy.npz")
    stored = FaceModel.load(tmp_path / "toy.npz")
    torch.save({"network": replace(checkpoint, model_digest=stored.digest).to_dict()}, tmp_path / "last.pt")
    pictures = [tmp_path / f"{i}.png" for i in range(8)]
    for picture, crop in zip(pictures, noise(8), strict=True):
        cv2.imwrite(str(picture), crop)
    out = tmp_path / "deep" / "net.onnx"
    crops = ["--crops", *map(str, pictures)]
    model = ["--face-model", str(tmp_path / "toy.npz")]
    arguments = ["export", str(tmp_path / "last.pt"), "--out", str(out), *model, *crops]
    assert command(arguments) == 0
    said = capsys.readouterr().out
    assert "on 4 crops compared with PyTorch" in said and "key_position" in said
    assert open_engine(str(out), stored).resolution == 64
    with pytest.raises(LimelightError, match="no such file"):
        command(["export", str(tmp_path / "none.pt"), "--out", str(tmp_path / "other.onnx")])
    with pytest.raises(LimelightError, match="exists already"):
        command(["export", str(pictures[0]), "--out", str(out)])
    with pytest.raises(LimelightError, match="missing or unreadable"):
        command([*arguments[:-1], str(tmp_path / "none.png"), "--force"])
    with pytest.raises(LimelightError, match="trained for face model"):
        command([*arguments[:4], *crops, "--force"])
    assert command(["export", str(out), "--to", "fp16", "--out", str(tmp_path / "half.onnx"), *model, *crops]) == 0
    assert {p.key: p.value for p in onnx.load(tmp_path / "half.onnx").metadata_props}["precision"] == "fp16"
    capsys.readouterr()


def command(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    export_command.add_parser(parser.add_subparsers())
    args = parser.parse_args(arguments)
    return args.run(args)


def test_an_export_that_fails_a_check_leaves_the_old_file(
    toy: FaceModel, checkpoint: NetworkCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"the old one")
    monkeypatch.setattr(exporter, "MAX_BYTES", {"student": 1000})
    with pytest.raises(LimelightError, match="a student has at most 0 MB"):
        export_onnx(checkpoint, path, toy, noise(1))
    assert path.read_bytes() == b"the old one" and list(tmp_path.iterdir()) == [path]
    monkeypatch.setattr(exporter, "MAX_BYTES", {"student": 10**9})
    monkeypatch.setitem(LARGEST_DIFFERENCE, "fp32", -1.0)
    with pytest.raises(LimelightError, match=r"finding, \w+ differs by .* \(at most -1e\+00\), compared with PyTorch"):
        export_onnx(checkpoint, path, toy, noise(1))
    assert path.read_bytes() == b"the old one"


def test_where_16_bits_are_too_many_large_convolutions_take_8(
    toy: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file shrinks, agrees with PyTorch, and comes back as a checkpoint that gives the same answers."""
    torch.manual_seed(0)
    config = StudentConfig(resolution=64, head_channels=8, hidden=16, backbone="resnet50", frozen_blocks=0)
    checkpoint = NetworkCheckpoint.of(Student(config, toy.layout), toy)
    monkeypatch.setattr(exporter, "MAX_BYTES", {"resnet50": 40_000_000})
    report = exporter.export_onnx(checkpoint, tmp_path / "small.onnx", toy, noise(1))
    numbers = sum(value.numel() for value in checkpoint.weights.values())
    assert report.size < 1.5 * numbers < 2 * numbers - 10_000_000
    again = checkpoint_of(tmp_path / "small.onnx").build()
    crop = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        expected, found = exporter.prepared(checkpoint)(crop)[0], again(crop)[0]
        rough = checkpoint.build()(crop)[0]
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
    assert not torch.equal(expected, rough)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_fewer_bits_say_nearly_the_same(
    toy: FaceModel, follower: tuple[Student, Path], tmp_path: Path, precision: str
) -> None:
    """The file finds and follows like the one in 32 bits, and is not one in 32 bits."""
    whole = follower[1]
    report = export_onnx(checkpoint_of(whole), tmp_path / "few.onnx", toy, noise(6), precision, noise(12, seed=6))
    assert report.precision == precision and report.followed is not None
    for compared in (report.found, report.followed):
        assert 1e-7 < compared.mean_shift <= LARGEST_SHIFT[precision]
    graph = onnx.load(report.path)
    assert {p.key: p.value for p in graph.metadata_props}["precision"] == precision
    assert quantised(graph) == (precision == "int8")
    engine, exact = open_engine(str(report.path), toy), open_engine(str(whole), toy)
    for pose in (None, POSES[0][None]):
        found, expected = (toy.layout.view(e.infer(noise(1), pose)[0][0]).scale for e in (engine, exact))
        assert found == pytest.approx(expected, rel=0.05)


def test_a_network_that_bears_no_8_bits_is_not_written(
    toy: FaceModel, checkpoint: NetworkCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "quantized", lambda part, *_: Quantized(part, 0, ("/everything/Conv",)))
    with pytest.raises(LimelightError, match="8 bits would harm every layer"):
        export_onnx(checkpoint, tmp_path / "net.onnx", toy, noise(2), "int8", noise(2, seed=6))
    assert not list(tmp_path.iterdir())


def test_a_network_of_another_face_model_is_refused(checkpoint: NetworkCheckpoint, tmp_path: Path) -> None:
    other = toy_model(n_identity=6, n_expression=52, n_albedo=4)
    with pytest.raises(LimelightError, match="was trained for face model"):
        export_onnx(checkpoint, tmp_path / "net.onnx", other, noise(1))
    assert not list(tmp_path.iterdir())
