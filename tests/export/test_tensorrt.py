"""TensorRT plans: really parsed and built, by TensorRT-RTX, which needs no GPU for that; kept, and built again when
they are of no use. Whether a GPU runs them is for `python -m export.verify_gpu`, on a machine with one; here it runs on
a simulated GPU."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper

from export import tensorrt as builder
from export import verify_gpu
from export.following import specialised
from export.onnx import export_onnx
from export.tensorrt import PlanCache, build_plan, export_tensorrt, open_tensorrt
from export.tensorrt_graph import for_tensorrt
from facemodel import FaceModel, LimelightError
from realtime.engines.cuda_python import CudaPython
from realtime.engines.plan_file import FINDING, FOLLOWING, PlanFile
from realtime.engines.tensorrt_library import TensorRtLibrary
from realtime.onnx_runtime import onnxruntime
from tests.conftest import ROOT
from tests.realtime.fake_gpu import FakeCudaRuntime, FakeTensorRt
from tests.toy_model import toy_model
from tests.toy_student import toy_student
from training.networks import NetworkCheckpoint

GPU = "Toy GPU (8.6)"
SIDE = 64


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=5, n_expression=52, n_albedo=4)


@pytest.fixture(scope="module")
def network(toy: FaceModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student with heads, which finds and follows."""
    student = toy_student(toy.layout, SIDE, 0.05)
    path = tmp_path_factory.mktemp("network") / "toy.onnx"
    export_onnx(
        NetworkCheckpoint.of(student, toy),
        path,
        toy,
        np.random.default_rng(5).integers(0, 256, (2, SIDE, SIDE, 3), np.uint8),
    )
    return path


@pytest.fixture(scope="module")
def rtx() -> TensorRtLibrary:
    module = pytest.importorskip("tensorrt_rtx", reason="TensorRT-RTX builds without a GPU: pip install limelight[rtx]")
    return TensorRtLibrary(module, f"TensorRT-RTX {module.__version__}")


class Simulated:
    """A GPU on which ONNX Runtime plays TensorRT, and a builder whose plans are the graphs themselves.

    Attributes:
        builds: how many plans were built.
        distort: what becomes of the parameters.
    """

    def __init__(self, model: FaceModel, monkeypatch: pytest.MonkeyPatch, **cuda: Any) -> None:
        self.builds = 0
        self.distort: Callable[[NDArray], NDArray] = lambda parameters: parameters
        self.networks: dict[bytes, Any] = {}
        runtime = FakeCudaRuntime(**cuda)
        self.tensorrt = FakeTensorRt(runtime, self.networks)
        self.library = self.tensorrt.library
        self.cuda = CudaPython(runtime)
        self._size = model.layout.size
        monkeypatch.setattr(builder, "build_plan", self._build)

    def _build(self, subject: str, title: str, graph: bytes, *rest: Any) -> bytes:
        self.builds += 1
        types = {"crop": ((SIDE, SIDE, 3), np.uint8), "pose": ((9,), np.float32)}
        inputs = {value.name: types[value.name] for value in onnx.load_from_string(graph).graph.input}
        session = cache(lambda: onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]))
        outputs = {"parameters": ((self._size,), np.float32), "confidence": ((1,), np.float32)}

        def run(given: dict[str, NDArray]) -> dict[str, NDArray]:
            parameters, confidence = session().run(list(outputs), given)
            return {"parameters": self.distort(parameters), "confidence": confidence}

        plan = f"plan {title}".encode()
        self.networks[plan] = (inputs, outputs, run)
        return plan


def crops(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def test_tensorrt_builds_both_ways_of_a_student(
    rtx: TensorRtLibrary, network: Path, toy: FaceModel, tmp_path: Path
) -> None:
    plan = PlanCache(GPU, rtx, tmp_path).plan(network, "fp32")
    assert set(plan.plans) == {FINDING, FOLLOWING} and all(len(data) > 10_000 for data in plan.plans.values())
    header = plan.header
    assert (header.model_digest, header.resolution, header.n_parameters) == (toy.digest, SIDE, toy.layout.size)
    assert header.key.precision == "fp32" and header.key.tensorrt == rtx.version and header.max_batch == 8
    assert len(list(tmp_path.glob("toy-*.plan"))) == 1 and not list(tmp_path.glob("*.part"))
    assert next(tmp_path.glob("timing-*.cache")).stat().st_size > 0


def test_the_shipped_student_is_built(rtx: TensorRtLibrary, tmp_path: Path) -> None:
    from realtime.engines import network_file

    plan = PlanCache(GPU, rtx, tmp_path).build(network_file("student"))
    assert plan.header.key.precision == "fp16" and len(plan.plans[FINDING]) > 1_000_000


def test_a_plan_is_built_once(network: Path, toy: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Simulated(toy, monkeypatch)
    plans = PlanCache(GPU, machine.library, tmp_path)
    first, again = plans.plan(network), plans.plan(network)
    assert machine.builds == 2 and first == again  # finding and following
    plans.plan(network, "fp32")
    assert machine.builds == 4 and len(list(tmp_path.glob("toy-*.plan"))) == 2


def test_a_plan_of_no_use_is_built_again_and_it_is_said_why(
    network: Path, toy: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    machine = Simulated(toy, monkeypatch)
    own = tmp_path / "toy.onnx"
    own.write_bytes(network.read_bytes())
    plans = tmp_path / "plans"

    def plan(gpu: str = GPU, version: str = "TensorRT 99.1") -> str:
        """What is said."""
        caplog.clear()
        PlanCache(gpu, TensorRtLibrary(machine.tensorrt, version), plans).plan(own)
        assert all("\n" not in record.getMessage() for record in caplog.records)
        return caplog.text

    assert plan() == "" and machine.builds == 2
    assert "built with TensorRT 99.1, this is TensorRT 99.2" in plan(version="TensorRT 99.2") and machine.builds == 4
    assert len(list(plans.iterdir())) == 1, "the outdated one is gone"
    changed = onnx.load(own)
    changed.doc_string = "trained for longer"
    onnx.save(changed, own)
    assert "another version of the network" in plan(version="TensorRT 99.2") and machine.builds == 6
    assert len(list(plans.iterdir())) == 1
    assert f"built for {GPU}, this is Other GPU" in plan(gpu="Other GPU", version="TensorRT 99.2")
    assert len(list(plans.iterdir())) == 2, "another GPU's stays"
    assert plan(version="TensorRT 99.2") == "" and machine.builds == 8
    for path in plans.iterdir():
        path.write_bytes(path.read_bytes()[:-40])
    assert "damaged" in plan(version="TensorRT 99.2") and machine.builds == 10
    assert plan(version="TensorRT 99.2") == "" and machine.builds == 10


def test_a_plan_under_a_false_name_is_not_used(
    network: Path, toy: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    machine = Simulated(toy, monkeypatch)
    here, there = (PlanCache(gpu, machine.library, tmp_path / gpu) for gpu in ("Here", "There"))
    key = here.plan(network).header.key
    there.folder.mkdir(exist_ok=True)
    foreign = PlanCache("There", machine.library, tmp_path / "There").plan(network)
    foreign.write(here.path(network, key))
    assert here.plan(network).header.key == key
    assert "built for There, this is Here" in caplog.text


def test_a_folder_that_cannot_be_written_costs_only_the_next_build(
    network: Path, toy: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    plan = PlanCache(GPU, Simulated(toy, monkeypatch).library, tmp_path / "file" / "plans").plan(network)
    assert set(plan.plans) == {FINDING, FOLLOWING} and "cannot be written" in caplog.text


def test_an_outdated_plan_that_cannot_be_deleted_stays(
    network: Path, toy: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    machine = Simulated(toy, monkeypatch)
    PlanCache(GPU, TensorRtLibrary(machine.tensorrt, "TensorRT 99.0"), tmp_path).plan(network)
    monkeypatch.setattr(Path, "unlink", refuse)
    plan = PlanCache(GPU, machine.library, tmp_path).plan(network)
    assert plan.header.key.tensorrt == "TensorRT 99.1" and len(list(tmp_path.iterdir())) == 2


def test_a_network_of_another_face_model_is_refused_before_it_is_built(
    network: Path, toy: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Simulated(toy, monkeypatch)
    with pytest.raises(LimelightError, match=r"network .*toy\.onnx: trained for face model"):
        open_tensorrt(network, toy_model(n_identity=3), None, tmp_path, machine.library, machine.cuda)
    assert machine.builds == 0


def test_networks_that_cannot_be_built_are_refused_in_one_line(
    network: Path, toy: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Simulated(toy, monkeypatch)
    cut, junk, bare = (tmp_path / f"{name}.onnx" for name in ("cut", "junk", "bare"))
    cut.write_bytes(network.read_bytes()[: network.stat().st_size // 2])
    junk.write_bytes(b"\x00not a network" * 100)
    model = onnx.load(network)
    del model.metadata_props[:]
    onnx.save(model, bare)
    cases: list[tuple[Path, str | None, str]] = [
        (cut, None, "corrupt"),
        (junk, None, "corrupt"),
        (bare, None, "not a Limelight network"),
        (tmp_path / "absent.onnx", None, "no such file"),
        (tmp_path, None, "cannot be read"),
        (network, "int8", "does not compute in 8 bits"),
        (network, "fp64", "unknown"),
    ]
    for path, precision, message in cases:
        with pytest.raises(LimelightError, match=message) as caught:
            PlanCache(GPU, machine.library, tmp_path / "plans").plan(path, precision)
        assert "\n" not in str(caught.value)
    assert machine.builds == 0 and not (tmp_path / "plans").exists()


def test_what_tensorrt_cannot_read_is_named_in_one_line(rtx: TensorRtLibrary, network: Path) -> None:
    model = for_tensorrt(specialised(onnx.load(network), known=False), "fp32")
    odd = helper.make_node("NoSuchOperation", [model.graph.node[-1].output[0]], ["nothing"], name="odd one")
    model.graph.node.append(odd)
    with pytest.raises(LimelightError, match="network toy: TensorRT cannot read") as caught:
        build_plan("network toy", "toy", model.SerializeToString(), "fp32", rtx)
    assert "\n" not in str(caught.value)
    with pytest.raises(LimelightError, match=r"TensorRT cannot build it .*at least one output") as caught:
        build_plan("network toy", "toy", onnx.ModelProto(graph=onnx.GraphProto()).SerializeToString(), "fp32", rtx)
    assert "\n" not in str(caught.value)


def test_a_damaged_timing_cache_is_begun_anew(rtx: TensorRtLibrary, network: Path, tmp_path: Path) -> None:
    graph = for_tensorrt(specialised(onnx.load(network), known=True), "fp16").SerializeToString()
    timings = tmp_path / "timing.cache"
    timings.write_bytes(b"junk" * 100)
    assert build_plan("network toy", "toy", graph, "fp16", rtx, timings)
    assert timings.read_bytes()[:4] != b"junk" and len(list(tmp_path.iterdir())) == 1


def test_a_timing_cache_that_cannot_be_written_does_not_cost_the_build(
    rtx: TensorRtLibrary, network: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    graph = for_tensorrt(specialised(onnx.load(network), known=True), "fp16").SerializeToString()
    (tmp_path / "file").touch()
    assert build_plan("network toy", "toy", graph, "fp16", rtx, tmp_path / "file" / "timing.cache")
    assert "cannot be written" in caplog.text


def test_ctrl_c_stops_a_build_and_leaves_nothing(
    rtx: TensorRtLibrary, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = builder._Progress._begin

    def press(progress: Any, name: str, steps: int) -> None:
        begin(progress, name, steps)
        if not progress.interrupted:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(builder._Progress, "_begin", press)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        PlanCache(GPU, rtx, tmp_path).plan(network)
    assert signal.getsignal(signal.SIGINT) is before and not list(tmp_path.glob("*.plan*"))


def test_the_engine_opens_with_what_was_built(
    network: Path, toy: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Simulated(toy, monkeypatch)
    engine = open_tensorrt(network, toy, "fp32", tmp_path, machine.library, machine.cuda)
    pose = np.array([1, 0, 0, 0, 1, 0, 100, 120, 0.9], np.float32)
    session = onnxruntime.InferenceSession(str(network), providers=["CPUExecutionProvider"])
    for known in (False, True):
        given = {"crop": crops(1), "pose": pose[None], "known": np.array(known)}
        expected = session.run(None, given)[0][0]
        found, _ = engine.infer(crops(1), pose[None] if known else None)
        np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-4)
    assert open_tensorrt(network, toy, "fp32", tmp_path, machine.library, machine.cuda).name == engine.name
    assert machine.builds == 2


def test_a_plan_that_tensorrt_refuses_is_built_again_once(
    network: Path, toy: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    machine = Simulated(toy, monkeypatch)
    open_tensorrt(network, toy, None, tmp_path, machine.library, machine.cuda)
    machine.networks.clear()
    engine = open_tensorrt(network, toy, None, tmp_path, machine.library, machine.cuda)
    assert engine.follows and machine.builds == 4 and "building it again" in caplog.text
    machine.networks.clear()
    machine.tensorrt.errors = ["Error Code 2: OutOfMemory (Requested size was 1 bytes.)"]
    with pytest.raises(LimelightError, match="no memory left on the GPU"):
        open_tensorrt(network, toy, None, tmp_path, machine.library, machine.cuda)
    assert machine.builds == 4, "building does not make memory"


def test_without_a_gpu_one_line_says_so(rtx: TensorRtLibrary, network: Path, toy: FaceModel, tmp_path: Path) -> None:
    with pytest.raises(LimelightError, match="no usable NVIDIA GPU"):
        open_tensorrt(network, toy, None, tmp_path, rtx, CudaPython(FakeCudaRuntime(devices=0)))


def test_an_export_is_compared_with_onnx_runtime_before_it_is_written(
    network: Path, toy: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Simulated(toy, monkeypatch)
    path = tmp_path / "out.plan"
    plan = export_tensorrt(network, path, toy, crops(2), "fp32", machine.library, machine.cuda)
    assert PlanFile.read(path) == plan
    path.unlink()
    machine.distort = lambda parameters: parameters + 3e-3
    with pytest.raises(LimelightError, match=r"differs by .* compared with ONNX Runtime"):
        export_tensorrt(network, path, toy, crops(2), "fp32", machine.library, machine.cuda)
    machine.distort = lambda parameters: parameters * np.float32(1.01)
    with pytest.raises(LimelightError, match=r"landmarks shift by .* px"):
        export_tensorrt(network, path, toy, crops(2), "fp16", machine.library, machine.cuda)
    machine.distort = lambda parameters: parameters * np.float32(np.nan)
    with pytest.raises(LimelightError, match="compared with ONNX Runtime"):
        export_tensorrt(network, path, toy, crops(2), "fp16", machine.library, machine.cuda)
    machine.distort = lambda parameters: parameters[::-1]
    with pytest.raises(LimelightError, match="compared with ONNX Runtime"):
        export_tensorrt(network, path, toy, crops(3), "fp32", machine.library, machine.cuda)
    assert not path.exists(), "crops that are mixed up among each other are noticed"


def no_hardware() -> NoReturn:
    raise LimelightError("OpenGL runs on the CPU here")


class Verified:
    """`python -m export.verify_gpu` on a simulated GPU."""

    def __init__(self, machine: Simulated, toy: FaceModel, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.machine = machine
        monkeypatch.setattr(TensorRtLibrary, "load", lambda: machine.library)
        monkeypatch.setattr(verify_gpu, "open_cuda", lambda: machine.cuda)
        monkeypatch.setattr(verify_gpu, "latencies", partial(verify_gpu.latencies, runs=3, warm_up=1))
        monkeypatch.setattr(verify_gpu, "hardware_context", no_hardware)
        monkeypatch.setattr(FaceModel, "load", lambda: toy)
        monkeypatch.setattr(builder.platformdirs, "user_cache_path", lambda _name: folder)

    def __call__(self, *arguments: str | Path) -> int:
        return verify_gpu.main([*map(str, arguments), "--crops", "3", "--seconds", "0.2"])


def test_verification_tells_parity_latency_and_a_soak(
    network: Path, toy: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verify = Verified(Simulated(toy, monkeypatch), toy, tmp_path, monkeypatch)
    monkeypatch.setattr(verify_gpu, "LATENCY_GROWTH", np.inf)  # what else this machine does is no fault of the plan's
    assert verify(network, "--json", tmp_path / "figures.json") == 0
    printed = capsys.readouterr().out
    assert "toy fp32" in printed and "toy fp16" in printed and printed.count("soak: ") == 2
    single, half = json.loads((tmp_path / "figures.json").read_text())
    assert (single["precision"], half["precision"], single["gpu"]) == ("fp32", "fp16", GPU)
    assert set(single["parity"]) == {"finding", "following"} and single["parity"]["finding"]["crops"] == 3
    assert [(row["way"], row["batch"]) for row in single["latency_ms"][:4]] == [
        ("finding", batch) for batch in (1, 2, 4, 8)
    ]
    assert len(single["latency_ms"]) == 8 and all(row["recorded"] for row in single["latency_ms"])
    assert single["soak"]["frames"] > 0 and single["problems"] == []


def test_verification_fails_where_the_gpu_computes_something_else(
    network: Path, toy: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verify = Verified(Simulated(toy, monkeypatch), toy, tmp_path, monkeypatch)
    verify.machine.distort = lambda parameters: parameters * np.float32(1.02)
    assert verify(network, "--json", tmp_path / "figures.json") == 1
    drawing, *failed = capsys.readouterr().err.splitlines()
    assert drawing == "verify_gpu: drawing is not timed: OpenGL runs on the CPU here"
    assert failed and all(line.startswith("verify_gpu: failed: toy fp") for line in failed)
    assert "differs by" in failed[0]


def test_verification_refuses_what_makes_no_sense_before_it_begins(
    network: Path, toy: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verify = Verified(Simulated(toy, monkeypatch), toy, tmp_path, monkeypatch)
    (tmp_path / "file").touch()
    for arguments, message in (
        ([network, tmp_path / "absent.onnx"], "no such file"),
        ([network, "--json", tmp_path / "file" / "figures.json"], "cannot be written"),
    ):
        assert verify(*arguments) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("verify_gpu: error: ") and message in line
    for wrong in (["--crops", "0"], ["--seconds", "0"], ["--seconds", "nan"]):
        with pytest.raises(SystemExit):
            verify_gpu.main([str(network), *wrong])
    assert verify.machine.builds == 0


def test_verification_without_a_gpu_is_one_line_and_a_failure() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "export.verify_gpu"],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("verify_gpu: error: ")
