"""`limelight doctor`: it always reports, and its exit status means something."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import pytest

from facemodel import FaceModel, LimelightError
from limelight.commands import doctor
from limelight.commands.doctor import Finding
from limelight.engine_kinds import ENGINE_KINDS
from realtime.engines import Engine
from realtime.engines.kind import EngineKind
from tests.toy_model import toy_model
from training.data.landmarker import BUNDLE


def run_doctor(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    doctor.add_parser(parser.add_subparsers())
    args = parser.parse_args(["doctor", *arguments])
    return args.run(args)


@pytest.fixture
def assets(tmp_path, monkeypatch) -> Path:
    """An installation whose assets can be damaged: a folder with the real landmarker and a toy face model."""
    (tmp_path / "training" / "assets").mkdir(parents=True)
    shutil.copy(BUNDLE, tmp_path / "training" / "assets")
    toy_model(2, 5, 1).save(tmp_path / "facemodel" / "assets" / "limelight.npz")
    monkeypatch.setattr(doctor, "files", lambda package: tmp_path / package)
    return tmp_path


def findings_of(group) -> dict[str, Finding]:
    return {finding.name: finding for finding in group()}


def test_it_names_what_it_looks_at(capsys):
    run_doctor()
    report = capsys.readouterr().out
    for name in (
        "Python",
        "OpenGL",
        "camera",
        "display",
        "engine onnxruntime",
        "engine tensorrt",
        "face landmarker",
        "training",
    ):
        assert name in report
    assert all(line.startswith(("ok ", "missing ", "absent ")) for line in report.splitlines())


def test_json_is_one_document(capsys):
    run_doctor("--json")
    findings = json.loads(capsys.readouterr().out)
    assert {"name", "ok", "detail", "remedy", "needed"} == set(findings[0])


@pytest.mark.parametrize(
    ("ok", "needed", "status"), [(True, True, 0), (True, False, 0), (False, False, 0), (False, True, 1)]
)
def test_exit_status_counts_only_what_is_needed(monkeypatch, capsys, ok, needed, status):
    monkeypatch.setattr(doctor, "examine", lambda: [Finding("thing", ok, "as found", "mend it", needed)])
    assert run_doctor() == status
    assert ("mend it" in capsys.readouterr().out) == (not ok)


def test_a_check_that_breaks_is_a_finding_and_the_rest_goes_on(monkeypatch):
    def broken(*_):
        raise RuntimeError("driver on fire\nand more")

    monkeypatch.setattr("realtime.sources.list_cameras", broken)
    findings = {finding.name: finding for finding in doctor.examine()}
    assert not findings["cameras"].ok
    assert findings["cameras"].detail == "driver on fire"
    assert "engine onnxruntime" in findings


def test_engines_are_told_with_what_they_run_on_or_why_not(monkeypatch):
    def missing() -> str:
        raise LimelightError("CUDA: no NVIDIA GPU found; use ONNX Runtime")

    def broken() -> str:
        raise RuntimeError("driver on fire\nand more")

    kinds = [
        EngineKind("onnxruntime", "ONNX Runtime", "student", lambda: "ONNX Runtime 1.99", open_nothing),
        EngineKind("tensorrt", "TensorRT", "student", missing, open_nothing),
        EngineKind("abacus", "Abacus", "student", broken, open_nothing),
    ]
    monkeypatch.setattr("limelight.engine_kinds.ENGINE_KINDS", tuple(kinds))
    findings = findings_of(doctor._engines)
    assert {name: (finding.ok, finding.detail) for name, finding in findings.items()} == {
        "engine onnxruntime": (True, "ONNX Runtime 1.99"),
        "engine tensorrt": (False, "CUDA: no NVIDIA GPU found; use ONNX Runtime"),
        "engine abacus": (False, "Abacus: driver on fire"),
    }
    assert not any(finding.needed for finding in findings.values())
    monkeypatch.setattr("limelight.engine_kinds.ENGINE_KINDS", tuple(kinds[1:]))
    assert all(finding.needed for finding in findings_of(doctor._engines).values()), "one of them is"


def test_every_engine_that_can_be_asked_for_is_listed_in_one_line(capsys):
    run_doctor()
    lines = [line for line in capsys.readouterr().out.splitlines() if " engine " in line]
    assert len(lines) == len(ENGINE_KINDS)
    assert all(kind.name in line for kind, line in zip(ENGINE_KINDS, lines, strict=True))
    assert lines[0].startswith("ok ") and "ONNX Runtime 1." in lines[0]


def open_nothing(path: Path, model: FaceModel, threads: int) -> Engine:
    raise AssertionError("a doctor opens no network")


def test_no_opengl_is_said_with_a_remedy(monkeypatch):
    def none(*_, **__):
        raise Exception("libEGL.so not found")  # what glcontext raises

    monkeypatch.setattr("moderngl.create_context", none)
    finding = findings_of(doctor._opengl)["OpenGL"]
    assert not finding.ok
    assert finding.needed
    assert "libEGL.so not found" in finding.detail


def test_cameras_are_listed_by_name(monkeypatch):
    from realtime.sources import CameraInfo

    monkeypatch.setattr("realtime.sources.list_cameras", lambda: [CameraInfo(2, "Logitech C920")])
    assert "Logitech C920" in findings_of(doctor._cameras)["camera"].detail


def test_intact_assets(assets):
    findings = findings_of(doctor._assets)
    assert findings["face model"].ok
    assert "toy-2-5-1-0" in findings["its content"].detail
    assert not findings["student network"].ok


def test_the_landmarker_is_found_and_a_changed_or_missing_one_is_noticed(assets):
    path = assets / "training" / "assets" / BUNDLE.name
    assert findings_of(doctor._training)["face landmarker"].ok
    path.write_bytes(path.read_bytes()[:-1])
    changed = findings_of(doctor._training)["face landmarker"]
    path.unlink()
    missing = findings_of(doctor._training)["face landmarker"]
    assert "not the file that was shipped" in changed.detail and "does not exist" in missing.detail
    for finding in (changed, missing):
        assert not finding.ok and not finding.needed, "nobody needs it to run"


def test_what_training_lacks_is_named_with_the_way_to_get_it(monkeypatch):
    wanted = ['h5py>=3.11; extra == "train"', 'mediapipe<1,>=0.10; extra == "train"', "numpy>=1.26"]
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: [*wanted, 'absent-too; extra == "gpu"'])
    monkeypatch.setattr(doctor, "_version", lambda package: {"h5py": "3.12", "numpy": "2.0"}.get(package))
    finding = findings_of(doctor._training)["training"]
    assert not finding.ok and not finding.needed
    assert finding.detail == "without mediapipe"
    assert "pip install 'limelight[train]'" in finding.remedy
    monkeypatch.setattr(doctor, "_version", lambda package: "1.0")
    finding = findings_of(doctor._training)["training"]
    assert finding.ok and finding.detail == "2 packages"


@pytest.mark.parametrize(("contrib", "fine"), [(None, True), ("5.0", True), ("4.9", False)])
def test_two_opencvs_must_be_of_one_version(monkeypatch, contrib, fine):
    monkeypatch.setattr(doctor, "_version", {"opencv-python": "5.0", "opencv-contrib-python": contrib}.get)
    assert ("OpenCV" not in findings_of(doctor._packages)) == fine


def test_a_damaged_face_model_is_noticed(assets):
    (assets / "facemodel" / "assets" / "limelight.npz").write_bytes(b"PK")
    finding = findings_of(doctor._assets)["its content"]
    assert not finding.ok
    assert finding.needed


def test_missing_assets_are_named(assets):
    shutil.rmtree(assets / "facemodel")
    findings = findings_of(doctor._assets)
    assert [f.ok for f in findings.values()] == [False] * 2
    assert all(f.needed for f in findings.values())
