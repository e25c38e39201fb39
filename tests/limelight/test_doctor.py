"""`limelight doctor`: it always reports, and its exit status means something."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import pytest

from limelight.commands import doctor
from limelight.commands.doctor import Finding
from tests.toy_model import toy_model


def run_doctor(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    doctor.add_parser(parser.add_subparsers())
    args = parser.parse_args(["doctor", *arguments])
    return args.run(args)


@pytest.fixture
def assets(tmp_path, monkeypatch) -> Path:
    """An installation whose assets can be damaged: a folder with the real landmarker and a toy face model."""
    real = Path(str(doctor.files("realtime"))) / "assets" / "face_landmarker.task"
    (tmp_path / "realtime" / "assets").mkdir(parents=True)
    shutil.copy(real, tmp_path / "realtime" / "assets")
    toy_model(2, 5, 1).save(tmp_path / "facemodel" / "assets" / "limelight.npz")
    monkeypatch.setattr(doctor, "files", lambda package: tmp_path / package)
    return tmp_path


def findings_of(group) -> dict[str, Finding]:
    return {finding.name: finding for finding in group()}


def test_it_names_what_it_looks_at(capsys):
    run_doctor()
    report = capsys.readouterr().out
    for name in ("Python", "OpenGL", "camera", "display", "ONNX Runtime", "TensorRT", "face landmarker", "mediapipe"):
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
    assert "ONNX Runtime" in findings


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
    assert findings["face landmarker"].ok
    assert findings["face model"].ok
    assert "toy-2-5-1-0" in findings["its content"].detail
    assert not findings["student network"].ok


def test_a_changed_landmarker_is_noticed(assets):
    path = assets / "realtime" / "assets" / "face_landmarker.task"
    path.write_bytes(path.read_bytes()[:-1])
    finding = findings_of(doctor._assets)["face landmarker"]
    assert not finding.ok
    assert finding.needed


def test_a_damaged_face_model_is_noticed(assets):
    (assets / "facemodel" / "assets" / "limelight.npz").write_bytes(b"PK")
    finding = findings_of(doctor._assets)["its content"]
    assert not finding.ok
    assert finding.needed


def test_missing_assets_are_named(assets):
    shutil.rmtree(assets / "realtime")
    shutil.rmtree(assets / "facemodel")
    findings = findings_of(doctor._assets)
    assert [f.ok for f in findings.values()] == [False] * 3
    assert all(f.needed for f in findings.values())
