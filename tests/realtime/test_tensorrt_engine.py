"""The TensorRT engine on a simulated GPU: the order of copies and runs, memory, and what it refuses in one line.

Whether a real GPU computes what ONNX Runtime computes is for `python -m export.verify_gpu`, on a machine with one.
"""

from __future__ import annotations

import errno
import gc
import logging
import sys
import threading
import zipfile
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from facemodel import FaceModel, LimelightError
from realtime.engines.cuda import Cuda, open_cuda
from realtime.engines.cuda_pycuda import PyCuda
from realtime.engines.cuda_python import CudaPython
from realtime.engines.plan_file import FINDING, FOLLOWING, PlanFile, PlanHeader, PlanKey
from realtime.engines.tensorrt import LoadedPlan, PlanRefusedError, PlanRunner, TensorRtEngine
from realtime.engines.tensorrt_library import TensorRtLibrary
from tests.realtime.fake_gpu import FakeCudaRuntime, FakePyCuda, FakeTensorRt
from tests.realtime.test_engines import WRONG_BATCHES
from tests.toy_model import toy_model

SIDE = 8


@pytest.fixture(scope="module")
def toy() -> FaceModel:
    return toy_model(n_identity=5, n_expression=52, n_albedo=4)


class Machine:
    """A simulated GPU with a network whose parameters are the crop's sum over index + 1 where it finds, and minus the
    pose's sum where it follows.

    Attributes:
        way: the package through which it is reached.
    """

    way = "cuda-python"

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
        return TensorRtEngine(plan or self.plan, model, self.tensorrt.library, self.cuda())

    def cuda(self) -> Cuda:
        return PyCuda(FakePyCuda(self.runtime)) if self.way == "pycuda" else CudaPython(self.runtime)

    @property
    def launches(self) -> list[str]:
        """What a frame without a pose calls."""
        if self.way == "cuda-python":
            return ["cudaGraphLaunch", "cudaStreamSynchronize"]
        return [*3 * ["cudaMemcpyAsync"], "cudaStreamSynchronize"]


@pytest.fixture(autouse=True, params=["cuda-python", "pycuda"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is tested through both."""
    monkeypatch.setattr(Machine, "way", request.param)


def random_crops(seed: int, count: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def test_every_call_computes_its_own_crops(toy: FaceModel) -> None:
    engine = Machine(toy).open(toy)
    assert engine.name == "toy (TensorRT 99.1 fp16, Toy GPU (8.6))"
    assert engine.resolution == SIDE and engine.model_digest == toy.digest
    for seed, count in enumerate([*range(1, 9), 3, 1, 8, 2]):
        crops = random_crops(seed, count)
        parameters, confidences = engine.infer(crops[:, :, ::-1])
        sums = crops.sum(axis=(1, 2, 3))
        np.testing.assert_allclose(parameters, sums[:, None] / (1.0 + np.arange(toy.layout.size)), rtol=1e-5)
        assert parameters.dtype == confidences.dtype == np.float32 and confidences.tolist() == count * [0.25]


def test_known_poses_are_followed_by_networks_that_can(toy: FaceModel) -> None:
    machine = Machine(toy)
    poses = np.stack([np.arange(9, dtype=np.float32), 2.0 * np.arange(9, dtype=np.float32)])
    engine = machine.open(toy)
    assert engine.infer(random_crops(0), poses[:1])[0][0, 0] == -36.0
    assert engine.infer(random_crops(0))[0][0, 0] == random_crops(0).sum()
    assert engine.infer(random_crops(0, 2), poses)[0][:, 0].tolist() == [-36.0, -72.0]
    assert engine.infer(random_crops(0), poses[1:])[0][0, 0] == -72.0
    only_finds = machine.open(toy, replace(machine.plan, plans={FINDING: b"find"}))
    assert only_finds.infer(random_crops(1), poses[:1])[0][0, 0] == random_crops(1).sum()


@pytest.mark.parametrize("count", [1, 4])
def test_a_frame_is_as_few_calls_as_can_be_and_takes_no_memory(toy: FaceModel, count: int) -> None:
    machine = Machine(toy)
    engine = machine.open(toy)
    first, _ = engine.infer(random_crops(0, count))
    engine.infer(random_crops(0, 2))
    machine.runtime.calls.clear()
    free = machine.runtime.budget
    second, _ = engine.infer(random_crops(1, count))
    assert machine.runtime.calls == machine.launches
    assert np.shares_memory(first, second) and machine.runtime.budget == free


def test_a_plan_is_loaded_once_for_all_numbers_of_crops(toy: FaceModel) -> None:
    machine = Machine(toy)
    engine = machine.open(toy)
    assert machine.tensorrt.loaded == [b"find", b"follow"]
    for count in range(1, 9):
        engine.infer(random_crops(0, count))
    assert machine.tensorrt.loaded == [b"find", b"follow"]


def test_what_cannot_be_recorded_runs_without_a_graph(toy: FaceModel, caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine(toy)
    machine.tensorrt.recordable = False
    with caplog.at_level(logging.INFO):
        engine = machine.open(toy)
    assert "without a CUDA graph" in caplog.text
    machine.runtime.calls.clear()
    assert engine.infer(random_crops(2))[0][0, 0] == random_crops(2).sum()
    assert "cudaGraphLaunch" not in machine.runtime.calls


def test_more_crops_than_a_plan_was_built_for_are_refused(toy: FaceModel) -> None:
    machine = Machine(toy)
    plan = LoadedPlan("plan", b"find", machine.tensorrt.library)
    with pytest.raises(LimelightError, match="not built for 9 crops"):
        PlanRunner(plan, 9, machine.cuda())


def test_memory_is_given_back_but_for_results_in_use(toy: FaceModel) -> None:
    machine = Machine(toy)
    before = machine.runtime.budget
    engine = machine.open(toy)
    assert machine.runtime.budget < before
    engine.infer(random_crops(0, 4))
    parameters = engine.infer(random_crops(0))[0]
    del engine
    gc.collect()
    assert machine.runtime.budget == before and len(machine.runtime.living) == 1
    assert parameters[0, 0] == random_crops(0).sum()
    del parameters
    gc.collect()
    assert not machine.runtime.living


@pytest.mark.parametrize(("crops", "poses", "message"), WRONG_BATCHES)
def test_a_wrong_batch_is_a_bug_of_the_caller(
    toy: FaceModel, crops: NDArray, poses: NDArray | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Machine(toy).open(toy).infer(crops, poses)


def test_plan_files_come_back_whole(toy: FaceModel, tmp_path: Path) -> None:
    machine = Machine(toy)
    path = tmp_path / "folder" / "toy.plan"
    machine.plan.write(path)
    assert PlanFile.read(path) == machine.plan and PlanFile.read_header(path) == machine.plan.header
    assert [file.name for file in path.parent.iterdir()] == ["toy.plan"]
    assert machine.open(toy, path).infer(random_crops(0))[0][0, 0] == random_crops(0).sum()


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
    reason = {"cuda-python": "cudaErrorNoDevice", "pycuda": "cuInit failed: no CUDA-capable device is detected"}
    with pytest.raises(LimelightError, match=f"no usable NVIDIA GPU .{reason[Machine.way]}.; look at"):
        Machine(toy, devices=0).open(toy)
    with pytest.raises(LimelightError, match="no memory left on the GPU"):
        Machine(toy, budget=100).open(toy)
    for name in ("tensorrt", "tensorrt_rtx", "cuda.bindings.runtime", "pycuda.driver"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(LimelightError, match=r"TensorRT: not installed; .*limelight.gpu"):
        TensorRtLibrary.load()
    with pytest.raises(LimelightError, match="neither cuda-python nor pycuda is installed"):
        open_cuda()


def test_pycuda_is_taken_where_cuda_python_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = FakeCudaRuntime()
    put_module(monkeypatch, "pycuda.driver", FakePyCuda(runtime))
    put_module(monkeypatch, "cuda.bindings.runtime", runtime)
    assert open_cuda().package == "cuda-python"
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", None)
    cuda = open_cuda()
    assert cuda.package == "pycuda" and cuda.gpu() == "Toy GPU (8.6)"
    memory = cuda.device_memory((4, 2), np.float32)
    assert cuda.used_memory() == 32
    del memory
    assert cuda.used_memory() == 0


def test_a_package_that_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pycuda").mkdir()
    (tmp_path / "pycuda" / "__init__.py").touch()
    (tmp_path / "pycuda" / "driver.py").write_text("raise ImportError('libcuda.so.1: cannot open\\nmore')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("pycuda", "pycuda.driver"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", None)
    with pytest.raises(LimelightError, match=r"CUDA: pycuda.driver cannot be loaded .libcuda.so.1: cannot open.; 'pip"):
        open_cuda()
    for name in ("pycuda", "pycuda.driver"):
        sys.modules.pop(name, None)


def test_an_engine_runs_and_is_freed_in_any_thread(toy: FaceModel) -> None:
    """Made in one, used in a second, freed in a third; no thread keeps a context, which would end the program."""
    machine = Machine(toy)
    engine = [machine.open(toy)]
    found: list[float] = []

    def use() -> None:
        found.append(float(engine[0].infer(random_crops(0, 2))[0][1, 0]))

    def free() -> None:
        engine.clear()
        gc.collect()

    for work in (use, free):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert found == [random_crops(0, 2)[1].sum()]
    assert not machine.runtime.living


def test_pycuda_leaves_no_context_behind_whatever_fails() -> None:
    driver = FakePyCuda(FakeCudaRuntime(budget=100))
    cuda = PyCuda(driver)
    with pytest.raises(LimelightError, match="no memory left on the GPU"):
        cuda.device_memory((101,), np.uint8)
    with pytest.raises(LimelightError, match=r"CUDA: pycuda cannot record"):
        cuda.stream().recorded(lambda: None)
    assert driver.depth == 0


def put_module(monkeypatch: pytest.MonkeyPatch, name: str, module: Any) -> None:
    """Make `import NAME` give a module, and have its packages."""
    parts = name.split(".")
    for i in range(1, len(parts)):
        package = ModuleType(".".join(parts[:i]))
        package.__path__ = []
        monkeypatch.setitem(sys.modules, package.__name__, package)
    monkeypatch.setitem(sys.modules, name, module)


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
