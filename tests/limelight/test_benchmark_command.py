"""`limelight benchmark`: figures on the terminal, as JSON and as a report. No figure is judged here."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

from benchmark.plan import SECTIONS
from limelight.cli import main
from limelight.commands.benchmark import _SECTIONS


@pytest.fixture(autouse=True)
def no_data_folder(monkeypatch):
    monkeypatch.delenv("LIMELIGHT_DATA", raising=False)


def benchmark(*arguments: object) -> int:
    return main(["benchmark", *map(str, arguments)])


def errors_of(capsys) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("limelight: error:")]


def test_the_command_knows_every_section():
    assert SECTIONS == _SECTIONS


def test_trackers_beside_each_other(tmp_path, capsys):
    target, report = tmp_path / "figures.json", tmp_path / "new" / "BENCHMARKS.md"
    arguments = ("--quick", "--threads", 1, "--only", "tracking", "--json", target, "--report", report)
    assert benchmark(*arguments) == 0
    found = json.loads(target.read_text())
    assert list(found["tracking"]) == ["1"]
    trackers = found["tracking"]["1"]
    assert list(trackers) == ["student-int8", "mediapipe"]
    for tracker in trackers.values():
        assert 0.0 < tracker["step_ms"]["p50"] <= tracker["step_ms"]["p95"]
        assert sum(stage["p50"] for stage in tracker["stages_ms"].values()) < 2.0 * tracker["step_ms"]["p50"]
        assert tracker["found"] == 1.0
    assert set(trackers["student-int8"]["stages_ms"]) == {"crop", "network", "lift", "smooth"}
    ratio = trackers["student-int8"]["step_ms"]["p50"] / trackers["mediapipe"]["step_ms"]["p50"]
    assert found["ratios"] == {
        "default_vs_mediapipe": pytest.approx(ratio, abs=1e-3),
        "default_vs_mediapipe_1_thread": pytest.approx(ratio, abs=1e-3),
        "default_vs_openseeface": None,
        "student_int8_vs_mediapipe": pytest.approx(ratio, abs=1e-3),
        "student_int8_vs_mediapipe_1_thread": pytest.approx(ratio, abs=1e-3),
    }
    assert "LIMELIGHT_DATA" in found["left_out"]["openseeface"]
    assert (found["loop"], found["live"], found["startup"], found["soak"]) == ({}, {}, None, None)
    shown = capsys.readouterr()
    assert "left out: openseeface" in shown.err
    assert "MediaPipe Face Landmarker" in shown.out and "MediaPipe Face Landmarker" in report.read_text()
    assert not list(tmp_path.rglob("*.part"))


def test_without_mediapipe_it_is_left_out_with_a_remark(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    monkeypatch.setattr("benchmark.machine.PACKAGES", ("numpy", "no-such-package"))
    monkeypatch.setattr("benchmark.table.PACKAGES", ("numpy", "no-such-package"))
    target, report = tmp_path / "figures.json", tmp_path / "BENCHMARKS.md"
    files = ("--json", target, "--report", report)
    assert benchmark("--quick", "--threads", 1, "--only", "tracking", *files) == 0
    found = json.loads(target.read_text())
    assert "mediapipe" not in found["tracking"]["1"]
    assert found["ratios"]["default_vs_mediapipe"] is None
    remark = "MediaPipe is not installed: pip install 'limelight[train]'"
    assert found["left_out"]["mediapipe"] == remark and found["machine"]["no-such-package"] is None
    assert f"left out: mediapipe: {remark}" in capsys.readouterr().err
    text = report.read_text()
    assert "no-such-package" not in text and "numpy" in text


def test_openseeface_takes_part_where_its_files_are(sources, tmp_path):
    if not (sources / "peers").is_dir():
        pytest.skip("the peers' files are absent")
    target = tmp_path / "figures.json"
    assert benchmark("--quick", "--threads", 1, "--only", "tracking", "--data", sources, "--json", target) == 0
    found = json.loads(target.read_text())
    trackers = found["tracking"]["1"]
    ratio = trackers["student-int8"]["step_ms"]["p50"] / trackers["openseeface"]["step_ms"]["p50"]
    assert found["ratios"]["student_int8_vs_openseeface"] == pytest.approx(ratio, abs=1e-3)
    assert found["ratios"]["default_vs_openseeface"] == found["ratios"]["student_int8_vs_openseeface"]
    assert trackers["openseeface"]["found"] == 1.0


def test_live_latency_and_a_soak(tmp_path):
    target = tmp_path / "figures.json"
    assert benchmark("--quick", "--threads", 1, "--only", "live", "--soak", 0.025, "--json", target) == 0
    found = json.loads(target.read_text())
    plain, drawn = (found["live"]["1"][kind] for kind in ("plain", "drawn"))
    assert plain["to_screen_ms"] is None and plain["shown"] == 0
    for live in (plain, drawn):
        latency = live["to_parameters_ms"]
        assert 0.0 < latency["p50"] <= latency["p95"] <= latency["p99"]
        assert live["frames"] == latency["count"] > 0
        assert live["cpu_percent"] > 0.0
    assert drawn["to_screen_ms"]["p50"] > drawn["to_parameters_ms"]["p50"]
    assert len(found["soak"]["windows"]) == 2
    assert found["soak"]["minutes"] == pytest.approx(0.025)


def test_the_whole_loop_and_start_up(tmp_path):
    target = tmp_path / "figures.json"
    assert benchmark("--quick", "--threads", 2, "--only", "startup", "loop", "--json", target) == 0
    found = json.loads(target.read_text())
    assert list(found["loop"]["2"]) == ["640x480", "1280x720"]
    for kinds in found["loop"]["2"].values():
        assert kinds["plain"]["fps"] > 0.0 and kinds["drawn"]["fps"] > 0.0
        assert {"crop", "network", "lift", "smooth"} == set(kinds["plain"]["stages_ms"])
        assert "draw" in kinds["drawn"]["stages_ms"]
    startup = found["startup"]
    assert startup["first_frame_s"] in startup["runs_s"]
    assert sum(startup["steps_s"].values()) == pytest.approx(startup["first_frame_s"], abs=0.02)


def test_what_makes_no_sense_is_one_line(tmp_path, capsys):
    empty = tmp_path / "empty.mp4"
    empty.touch()
    text = tmp_path / "network.onnx"
    shutil.copy(__file__, text)
    for arguments, words in (
        (["--threads", 0], "--threads 0"),
        (["--soak", "nan"], "--soak nan"),
        (["--network", "no-such-network"], "no-such-network"),
        (["--against", "no-such-network"], "no-such-network"),
        (["--video", tmp_path / "no.mp4"], "no such file"),
        (["--video", empty], "the file is empty"),
        (["--data", tmp_path / "absent"], "no such folder"),
        (["--json", tmp_path], "is a folder"),
        (["--quick", "--threads", 1, "--only", "live", "--network", text], "corrupt"),
    ):
        assert benchmark(*arguments) == 1
        (complaint,) = errors_of(capsys)
        assert words in complaint
    with pytest.raises(SystemExit):
        benchmark("--only", "everything")


def test_existing_files_are_refused_before_anything_is_measured(tmp_path, capsys):
    for option, name in (("--json", "figures.json"), ("--report", "BENCHMARKS.md")):
        (tmp_path / name).write_text("precious")
        assert benchmark("--quick", option, tmp_path / name) == 1
        (line,) = errors_of(capsys)
        assert "exists already" in line and "--force" in line
        assert (tmp_path / name).read_text() == "precious"
    assert benchmark("--quick", "--json", tmp_path / "new", "--report", tmp_path / "new") == 1
    assert "this one name" in errors_of(capsys)[0]
