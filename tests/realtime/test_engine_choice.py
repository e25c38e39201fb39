"""Choosing an engine: what keeps up, what is remembered, and what happens when something is broken."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from facemodel import FaceModel, LimelightError
from limelight.engine_kinds import ENGINE_KINDS
from realtime.engines import open_engine
from realtime.engines.choice import ChoiceConfig, ChoiceMemory, EngineChooser, look_seconds
from realtime.engines.fallback import FallbackEngine
from realtime.engines.kind import ONNX_RUNTIME, EngineKind
from tests.realtime.test_engines import write_network
from tests.toy_model import toy_model

SLOW, QUICK = 0.100, 0.004
CONFIG = ChoiceConfig(threads=2, rate=30.0)


class FakeEngine:
    """Says which network it runs, and fails from the given look on."""

    resolution, model_digest = 8, "digest"

    def __init__(self, name: str, fails_at: int | None = None) -> None:
        self.name, self.fails_at, self.looks = name, fails_at, 0

    def infer(self, crops, poses=None):
        if self.looks == self.fails_at:
            raise LimelightError(f"{self.name}: no memory left")
        self.looks += 1
        return np.full((len(crops), 3), self.looks, np.float32), np.ones(len(crops), np.float32)


class Machine:
    """Kinds of engines with a speed for each network, a record of what was measured and said, and a memory."""

    def __init__(self, folder: Path, speeds: dict[tuple[str, str], float]) -> None:
        self.speeds = speeds
        self.missing: dict[str, str] = {}
        self.broken: dict[tuple[str, str], str] = {}
        self.versions: dict[str, str] = {}
        self.said: list[str] = []
        self.measured: list[str] = []
        self.opened: list[str] = []
        self.memory = ChoiceMemory(folder / "cache" / "engines.json")
        self.model = toy_model()
        self.folder = folder
        for _, name in speeds:
            (folder / name).write_bytes(name.encode())

    def kind(self, name: str) -> EngineKind:
        def describe() -> str:
            if name in self.missing:
                raise LimelightError(self.missing[name])
            return f"{name} {self.versions.get(name, '1')}"

        def open_network(path: Path, model: FaceModel, threads: int) -> FakeEngine:
            if (name, path.name) in self.broken:
                raise LimelightError(self.broken[name, path.name])
            self.opened.append(f"{name} {path.name}")
            return FakeEngine(f"{name} {path.name}")

        own = next(path for kind, path in self.speeds if kind == name)
        return EngineKind(name, name.title(), str(self.folder / own), describe, open_network)

    def measure(self, engine: FakeEngine, model: FaceModel, seconds: float) -> float:
        self.measured.append(engine.name)
        kind, path = engine.name.split()
        return self.speeds[kind, path]

    def open(self, engine: str = "auto", config: ChoiceConfig = CONFIG, network: str = "net.onnx"):
        self.said.clear()
        self.measured.clear()
        kinds = [self.kind(name) for name in dict.fromkeys(kind for kind, _ in self.speeds)]
        path = network if network == "auto" else str(self.folder / network)
        return EngineChooser(kinds, self.said.append, self.memory, self.measure).open(path, self.model, config, engine)


def test_the_fastest_engine_that_keeps_up_is_said_and_remembered(tmp_path):
    machine = Machine(tmp_path, {("cpu", "net.onnx"): 0.012, ("gpu", "net.onnx"): QUICK})
    assert machine.open().name == "gpu net.onnx"
    assert machine.said == ["engine: gpu net.onnx, 4.0 ms a look, keeps up with 30 frames a second (measured now)"]
    assert len(machine.measured) == 2
    assert machine.open().name == "gpu net.onnx"
    assert machine.measured == []
    assert machine.said[0].endswith("(measured before)")


def test_each_engine_runs_its_own_network_unless_one_is_asked_for(tmp_path):
    speeds = {("cpu", "net-int8.onnx"): 0.012, ("gpu", "net.onnx"): QUICK, ("cpu", "net.onnx"): 0.020}
    machine = Machine(tmp_path, speeds)
    assert machine.open(network="auto").name == "gpu net.onnx"
    assert machine.measured == ["cpu net-int8.onnx", "gpu net.onnx"]
    machine.missing["gpu"] = "no GPU"
    assert machine.open(network="auto").name == "cpu net-int8.onnx"
    assert machine.open(network="auto", engine="cpu").name == "cpu net-int8.onnx"
    machine.speeds["cpu", "net.onnx"] = SLOW
    assert machine.open(network="net.onnx").name == "cpu net.onnx", "what was asked for runs, however slow it is"
    assert machine.open(network="net.onnx", engine="cpu").name == "cpu net.onnx"


def test_what_each_engine_of_the_program_runs_by_default():
    assert {kind.name: kind.network for kind in ENGINE_KINDS} == {
        "onnxruntime": "student-int8",
        "tensorrt": "student",
    }
    model = FaceModel.load()
    assert open_engine("auto", model).name == "student-int8 (ONNX Runtime, 2 threads)"
    assert open_engine("student", model).name == "student (ONNX Runtime, 2 threads)"


def test_where_nothing_keeps_up_the_fastest_runs_and_it_is_said(tmp_path):
    machine = Machine(tmp_path, {("cpu", "net.onnx"): 0.2, ("gpu", "net.onnx"): SLOW})
    assert machine.open().name == "gpu net.onnx"
    assert "too slow for every one of 30 frames" in machine.said[0]


def test_a_rate_is_said_of_what_was_measured_before(tmp_path):
    machine = Machine(tmp_path, {("cpu", "net.onnx"): 0.012})
    machine.open()
    machine.open(config=ChoiceConfig(rate=60.0))
    assert machine.measured == []
    assert "is too slow for every one of 60 frames a second (measured before)" in machine.said[0]


@pytest.mark.parametrize("change", ["threads", "network", "version", "engine"])
def test_what_a_choice_depends_on_is_measured_anew(tmp_path, change):
    machine = Machine(tmp_path, {("cpu", "net.onnx"): 0.012, ("gpu", "net.onnx"): QUICK})
    if change == "engine":
        machine.missing["gpu"] = "no GPU"
    machine.open()
    config = CONFIG
    if change == "threads":
        config = ChoiceConfig(threads=1)
    elif change == "network":
        (tmp_path / "net.onnx").write_bytes(b"trained again")
    elif change == "version":
        machine.versions["cpu"] = "2"
    else:
        machine.missing.clear()
    assert machine.open(config=config).name == "gpu net.onnx"
    assert len(machine.measured) == 2


def test_auto_is_silent_about_what_is_not_installed_and_tells_what_is_broken(tmp_path):
    machine = Machine(tmp_path, {("cpu", "net.onnx"): 0.012, ("gpu", "net.onnx"): QUICK})
    machine.missing["gpu"] = "no GPU"
    machine.open()
    assert len(machine.said) == 1
    machine.missing.clear()
    machine.broken["gpu", "net.onnx"] = "gpu: no memory left"
    assert machine.open().name == "cpu net.onnx"
    assert machine.said[0] == "gpu: no memory left; doing without"
    assert len(machine.said) == 2


def test_a_remembered_engine_that_broke_is_replaced_and_said(tmp_path):
    machine = Machine(tmp_path, {("cpu", "net.onnx"): 0.012, ("gpu", "net.onnx"): QUICK})
    machine.open()
    machine.broken["gpu", "net.onnx"] = "gpu: no memory left"
    assert machine.open().name == "cpu net.onnx"
    assert machine.said[0] == "the engine of last time cannot be used: gpu: no memory left; choosing anew"
    assert machine.open().name == "cpu net.onnx"
    assert machine.measured == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"x": 1}', b"\xff\xfe\x00"])
def test_a_memory_that_was_tampered_with_is_forgotten(tmp_path, content):
    machine = Machine(tmp_path, {("cpu", "net.onnx"): QUICK})
    machine.memory.path.parent.mkdir()
    machine.memory.path.write_bytes(content)
    assert machine.open().name == "cpu net.onnx"
    machine.open()
    assert machine.measured == []
    assert [path.name for path in machine.memory.path.parent.iterdir()] == ["engines.json"]


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path):
    machine = Machine(tmp_path, {("cpu", "net.onnx"): QUICK})
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert machine.open().name == machine.open().name == "cpu net.onnx"


def test_a_forced_engine_is_taken_unmeasured(tmp_path):
    machine = Machine(tmp_path, {("cpu", "net.onnx"): SLOW, ("gpu", "net.onnx"): QUICK})
    assert machine.open("cpu").name == "cpu net.onnx"
    assert machine.measured == []
    assert machine.said == ["engine: cpu net.onnx, as asked for"]


def test_a_forced_engine_that_cannot_be_used_falls_back_and_says_so(tmp_path):
    machine = Machine(tmp_path, {("cpu", "net.onnx"): 0.012, ("gpu", "net.onnx"): QUICK})
    machine.missing["gpu"] = "CUDA: no NVIDIA GPU found"
    assert machine.open("gpu").name == "cpu net.onnx"
    assert machine.said[0] == "engine 'gpu' cannot be used: CUDA: no NVIDIA GPU found; choosing another"
    machine.missing.clear()
    machine.broken["gpu", "net.onnx"] = "plan: built for another GPU"
    assert machine.open("gpu").name == "cpu net.onnx"
    machine.broken["cpu", "net.onnx"] = "network net.onnx: corrupt"
    with pytest.raises(LimelightError, match="built for another GPU"):
        machine.open("gpu")
    machine.missing["gpu"] = "no GPU"
    with pytest.raises(LimelightError, match="corrupt"):
        machine.open("cpu")


def test_an_unknown_engine_lists_the_known(tmp_path):
    with pytest.raises(LimelightError, match=r"engine 'tpu': no such engine \(auto, cpu\)"):
        Machine(tmp_path, {("cpu", "net.onnx"): QUICK}).open("tpu")


def test_bad_network_files_keep_their_one_line(tmp_path):
    """Truncated, of another face model, of other dimensions: through the whole of the choice."""
    toy = toy_model(n_identity=5, n_expression=52, n_albedo=4)
    good = write_network(tmp_path / "net.onnx", toy)
    said: list[str] = []
    chooser = EngineChooser(ENGINE_KINDS, said.append, ChoiceMemory(tmp_path / "engines.json"))
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    plan = tmp_path / "net.plan"
    plan.write_bytes(b"built elsewhere")
    cases = {
        cut: "corrupt",
        plan: "a plan of TensorRT's",
        write_network(tmp_path / "digest.onnx", toy, model_digest="0" * 16): "trained for face model",
        write_network(tmp_path / "size.onnx", toy, size=7): "gives 7 parameters",
        tmp_path / "absent.onnx": "no such file",
    }
    for path, message in cases.items():
        for engine in ("auto", "onnxruntime"):
            with pytest.raises(LimelightError, match=message) as caught:
                chooser.open(str(path), toy, ChoiceConfig(threads=1, seconds=0.05), engine)
            assert "\n" not in str(caught.value)
    assert not (tmp_path / "engines.json").exists()
    said.clear()
    assert chooser.open(str(good), toy, ChoiceConfig(threads=1, seconds=0.05)).name == "net (ONNX Runtime, 1 thread)"
    assert len(said) == 1
    assert [entry["engine"] for entry in json.loads((tmp_path / "engines.json").read_text()).values()] == [
        "onnxruntime"
    ]


def test_the_real_measurement_times_a_real_engine(tmp_path):
    toy = toy_model(n_identity=5, n_expression=52, n_albedo=4)
    engine = ONNX_RUNTIME.open(write_network(tmp_path / "net.onnx", toy), toy, 1)
    assert 0.0 < look_seconds(engine, toy, 0.05) < 1.0


def test_without_tensorrt_the_reason_is_told(monkeypatch):
    def load():
        raise LimelightError("TensorRT: not installed; 'pip install limelight[gpu]'")

    monkeypatch.setattr("realtime.engines.tensorrt_library.TensorRtLibrary.load", load)
    tensorrt = next(kind for kind in ENGINE_KINDS if kind.name == "tensorrt")
    with pytest.raises(LimelightError, match="TensorRT: not installed"):
        tensorrt.describe()


# --- failing in the middle of a performance ------------------------------------------------------------------


def test_an_engine_that_fails_midway_is_replaced_within_the_frame():
    said: list[str] = []
    spare = FakeEngine("spare")

    def broken() -> FakeEngine:
        raise LimelightError("nothing here")

    engine = FallbackEngine(FakeEngine("gpu", fails_at=2), [broken, lambda: spare], said.append)
    crops = np.zeros((2, 8, 8, 3), np.uint8)
    results = [engine.infer(crops)[0][1, 0] for _ in range(4)]
    assert results == [1, 2, 1, 2]
    assert engine.name == "spare"
    assert said == ["gpu: no memory left; going on with spare"]


def test_with_no_network_asked_for_the_spare_runs_its_own(tmp_path):
    machine = Machine(tmp_path, {("cpu", "net-int8.onnx"): 0.012, ("gpu", "net.onnx"): QUICK})
    engine = machine.open(network="auto")
    engine._engine.fails_at = 0
    engine.infer(np.zeros((1, 8, 8, 3), np.uint8))
    assert engine.name == "cpu net-int8.onnx"
    assert machine.said[-1] == "gpu net.onnx: no memory left; going on with cpu net-int8.onnx"


def test_without_a_spare_the_failure_is_told():
    other_size = FakeEngine("other")
    other_size.resolution = 16
    engine = FallbackEngine(FakeEngine("gpu", fails_at=0), [lambda: other_size], lambda line: None)
    with pytest.raises(LimelightError, match="no memory left"):
        engine.infer(np.zeros((1, 8, 8, 3), np.uint8))
