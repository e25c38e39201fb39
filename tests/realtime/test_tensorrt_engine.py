"""The TensorRT engine on a simulated GPU: the order of copies and runs, memory, and what it refuses in one line.

Whether a real GPU computes what ONNX Runtime computes is for `python -m export.verify_gpu`, on a machine with one.
"""

from __future__ import annotations

import errno
import gc
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from realtime.engines.cuda import Cuda
from realtime.engines.plan_file import FINDING, FOLLOWING, PlanFile, PlanHeader, PlanKey
from realtime.engines.tensorrt import PlanRefusedError, PlanRunner, TensorRtEngine
from realtime.engines.tensorrt_library import TensorRtLibrary
from tests.realtime.fake_gpu import FakeCudaRuntime, FakeTensorRt
from tests.toy_model import toy_model

SIDE = 8


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=5, n_expression=52, n_albedo=4)


class Machine:
    """A simulated GPU with a network whose parameters are the crop's sum over index + 1 where it finds, and minus the
    pose's sum where it follows."""

    def __init__(self, model: FaceModel, **cuda: Any) -> None:
        size = model.layout.size
        crop = {"crop": ((SIDE, SIDE, 3), np.uint8)}
        outputs = {"parameters": ((size,), np.float32), "confidence": ((1,), np.float32)}

        def find(inputs: dict[str, NDArray]) -> dict[str, NDArray]:
            total = inputs["crop"].sum(axis=(1, 2, 3), dtype=float)[:, None]
            return {"parameters": total / (1.0 + np.arange(size)), "confidence": np.full_like(total, 0.25)}

        def follow(inputs: dict[str, NDArray]) -> dict[str, NDArray]:
            total = inputs["pose"].sum(axis=1)[:, None]
            return {"parameters": -total / (1.0 + np.arange(size)), "confidence": np.full_like(total, 0.75)}

        networks = {b"find": (crop, outputs, find), b"follow": (crop | {"pose": ((9,), np.float32)}, outputs, follow)}
        self.runtime = FakeCudaRuntime(**cuda)
        self.tensorrt = FakeTensorRt(self.runtime, networks)
        key = PlanKey("0" * 64, "fp16", "Toy GPU (8.6)", self.tensorrt.library.version)
        header = PlanHeader(key, "toy", model.digest, model.name, SIDE, size, 8)
        self.plan = PlanFile(header, {FINDING: b"find", FOLLOWING: b"follow"})

    def open(self, model: FaceModel, plan: PlanFile | Path | None = None) -> TensorRtEngine:
        return TensorRtEngine(plan or self.plan, model, self.tensorrt.library, Cuda(self.runtime))


def random_crop(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def test_every_call_computes_its_own_crop(toy: FaceModel) -> None:
    engine = Machine(toy).open(toy)
    assert engine.name == "toy (TensorRT 99.1 fp16, Toy GPU (8.6))"
    assert engine.resolution == SIDE and engine.model_digest == toy.digest
    for seed in range(3):
        parameters, confidence = engine.infer(random_crop(seed)[:, ::-1])
        np.testing.assert_allclose(parameters, random_crop(seed).sum() / (1.0 + np.arange(toy.layout.size)), rtol=1e-5)
        assert parameters.dtype == np.float32 and confidence == 0.25


def test_a_known_pose_is_followed_by_networks_that_can(toy: FaceModel) -> None:
    machine = Machine(toy)
    pose = np.arange(9, dtype=np.float32)
    engine = machine.open(toy)
    assert engine.infer(random_crop(0), pose)[0][0] == -36.0
    assert engine.infer(random_crop(0))[0][0] == random_crop(0).sum()
    assert engine.infer(random_crop(0), 2.0 * pose)[0][0] == -72.0
    only_finds = machine.open(toy, replace(machine.plan, plans={FINDING: b"find"}))
    assert only_finds.infer(random_crop(1), pose)[0][0] == random_crop(1).sum()


def test_a_frame_is_one_graph_launch_and_takes_no_memory(toy: FaceModel) -> None:
    machine = Machine(toy)
    engine = machine.open(toy)
    first, _ = engine.infer(random_crop(0))
    machine.runtime.calls.clear()
    free = machine.runtime.budget
    second, _ = engine.infer(random_crop(1))
    assert machine.runtime.calls == ["cudaGraphLaunch", "cudaStreamSynchronize"]
    assert np.shares_memory(first, second) and machine.runtime.budget == free


def test_what_cannot_be_recorded_runs_without_a_graph(toy: FaceModel, caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine(toy)
    machine.tensorrt.recordable = False
    engine = machine.open(toy)
    assert "without a CUDA graph" in caplog.text
    machine.runtime.calls.clear()
    assert engine.infer(random_crop(2))[0][0] == random_crop(2).sum()
    assert "cudaGraphLaunch" not in machine.runtime.calls


def test_several_crops_at_a_time(toy: FaceModel) -> None:
    machine = Machine(toy)
    runner = PlanRunner("plan", b"find", 3, machine.tensorrt.library, Cuda(machine.runtime))
    for i in range(3):
        runner.inputs["crop"][i] = random_crop(i)
    runner.run()
    np.testing.assert_allclose(runner.outputs["parameters"][:, 0], [random_crop(i).sum() for i in range(3)])
    with pytest.raises(LimelightError, match="not built for 9 crops"):
        PlanRunner("plan", b"find", 9, machine.tensorrt.library, Cuda(machine.runtime))


def test_memory_is_given_back_but_for_results_in_use(toy: FaceModel) -> None:
    machine = Machine(toy)
    before = machine.runtime.budget
    engine = machine.open(toy)
    assert machine.runtime.budget < before
    parameters, _ = engine.infer(random_crop(0))
    del engine
    gc.collect()
    assert machine.runtime.budget == before and len(machine.runtime.living) == 1
    assert parameters[0] == random_crop(0).sum()
    del parameters
    gc.collect()
    assert not machine.runtime.living


def test_a_wrong_crop_is_a_bug_of_the_caller(toy: FaceModel) -> None:
    engine = Machine(toy).open(toy)
    with pytest.raises(ValueError, match="expected"):
        engine.infer(np.zeros((SIDE, SIDE + 1, 3), np.uint8))
    with pytest.raises(ValueError, match="uint8"):
        engine.infer(np.zeros((SIDE, SIDE, 3), np.float32))


def test_plan_files_come_back_whole(toy: FaceModel, tmp_path: Path) -> None:
    machine = Machine(toy)
    path = tmp_path / "folder" / "toy.plan"
    machine.plan.write(path)
    assert PlanFile.read(path) == machine.plan and PlanFile.read_header(path) == machine.plan.header
    assert [file.name for file in path.parent.iterdir()] == ["toy.plan"]
    assert machine.open(toy, path).infer(random_crop(0))[0][0] == random_crop(0).sum()


def test_unusable_plans_are_refused_in_one_line(toy: FaceModel, tmp_path: Path) -> None:
    machine = Machine(toy)
    plan, header, key = machine.plan, machine.plan.header, machine.plan.header.key
    path = tmp_path / "toy.plan"
    plan.write(path)
    whole = path.read_bytes()

    def file(name: str, content: bytes) -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    def changed(**values: Any) -> PlanFile:
        return replace(plan, header=replace(header, **values))

    cases: list[tuple[PlanFile | Path, str]] = [
        (tmp_path / "absent.plan", "no such file"),
        (file("cut.plan", whole[: len(whole) // 2]), "damaged"),
        (file("junk.plan", b"\x00no plan" * 100), "damaged"),
        (file("empty.plan", b""), "damaged"),
        (file("bit.plan", whole.replace(b"follow", b"fallow", 1)), "damaged"),
        (file("flipped.plan", whole.replace(b'"resolution": 8', b'"resolution": 9', 1)), "damaged"),
        (tmp_path, "cannot be read"),
        (
            replace(plan, header=replace(header, key=replace(key, gpu="Old GPU (7.5)"))),
            "built for Old GPU .7.5., this is",
        ),
        (replace(plan, header=replace(header, key=replace(key, tensorrt="TensorRT 8.0"))), "built with TensorRT 8.0"),
        (changed(model_digest="0" * 16), "trained for face model"),
        (changed(n_parameters=7), "gives 7 parameters"),
        (changed(resolution=16), "its crop is"),
        (replace(plan, plans={FINDING: b"other"}), "refuses it .*magic tag"),
        (replace(plan, plans={FINDING: b"follow"}), "not a Limelight network"),
        (replace(plan, plans={FINDING: b"find", FOLLOWING: b"find"}), "not a Limelight network"),
    ]
    for bad, message in cases:
        with pytest.raises(LimelightError, match=message) as caught:
            machine.open(toy, bad)
        assert "\n" not in str(caught.value)


def test_every_damage_to_a_plan_file_is_noticed(toy: FaceModel, tmp_path: Path) -> None:
    """Whatever byte is wrong, wherever it is cut: one clear line, or, where the byte means nothing, the same plan."""
    plan = Machine(toy).plan
    path = tmp_path / "toy.plan"
    plan.write(path)
    whole = path.read_bytes()
    changed = [
        whole[:i] + bytes([whole[i] ^ mask]) + whole[i + 1 :] for i in range(len(whole)) for mask in (1, 64, 255)
    ]
    for content in [*(whole[:length] for length in range(len(whole))), *changed]:
        path.write_bytes(content)
        try:
            plans = PlanFile.read(path)
        except LimelightError as error:
            lines = str(error).count("\n")
        else:
            lines = 0 if plans == plan and len(content) == len(whole) else -1
        assert lines == 0


def test_what_cuda_says_through_tensorrt_is_understood(toy: FaceModel) -> None:
    machine = Machine(toy)
    bad = replace(machine.plan, plans={FINDING: b"other"})
    for said, message in (
        ("CUDA initialization failure with error: 35. Please check your CUDA installation", "no usable NVIDIA GPU"),
        ("Error Code 1: Cuda Runtime (cudaError 100: no CUDA-capable device is detected)", "no usable NVIDIA GPU"),
        ("CUDA initialization failure with error: 2. Please check", "no memory left on the GPU"),
        ("Error Code 1: Cuda Runtime (out of memory)", "no memory left on the GPU"),
        (
            "Error Code 1: Cuda Runtime (cudaError 700: an illegal memory access was encountered)",
            "illegal memory access",
        ),
    ):
        machine.tensorrt.errors = [said]
        with pytest.raises(LimelightError, match=message):
            machine.open(toy, bad)


def test_a_runtime_that_does_not_start_is_one_line(toy: FaceModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(logger: Any) -> None:
        logger.log(1, "CUDA initialization failure with error: 35. Please check")
        raise TypeError("pybind11::init(): factory function returned nullptr")

    machine = Machine(toy)
    monkeypatch.setattr(machine.tensorrt, "Runtime", fails)
    with pytest.raises(LimelightError, match=r"TensorRT cannot run here .no usable NVIDIA GPU"):
        machine.open(toy)


def test_only_a_plan_at_fault_is_worth_building_again(toy: FaceModel) -> None:
    machine = Machine(toy)
    bad = replace(machine.plan, plans={FINDING: b"other"})
    with pytest.raises(PlanRefusedError):
        machine.open(toy, bad)
    machine.tensorrt.errors = ["Error Code 2: OutOfMemory (Requested size was 54147092 bytes.)"]
    with pytest.raises(LimelightError, match="no memory left on the GPU") as caught:
        machine.open(toy, bad)
    assert not isinstance(caught.value, PlanRefusedError)


def test_a_machine_that_cannot_is_told_in_one_line(toy: FaceModel, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LimelightError, match=r"no usable NVIDIA GPU .cudaErrorNoDevice"):
        Machine(toy, devices=0).open(toy)
    with pytest.raises(LimelightError, match="no memory left on the GPU"):
        Machine(toy, budget=100).open(toy)
    for name in ("tensorrt", "tensorrt_rtx", "cuda.bindings.runtime"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(LimelightError, match=r"TensorRT: not installed; .*limelight.gpu"):
        TensorRtLibrary.load()
    with pytest.raises(LimelightError, match="cuda-python is not installed"):
        Cuda()


def test_a_full_disk_leaves_no_half_written_plan(
    toy: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LimelightError, match="cannot be written"):
        Machine(toy).plan.write(tmp_path / "file" / "toy.plan")

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(LimelightError, match="No space left"):
        Machine(toy).plan.write(tmp_path / "toy.plan")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
