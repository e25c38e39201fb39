"""`limelight evaluate`: figures on the terminal, as JSON, as a report and as a gallery."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from limelight.cli import main
from limelight.commands.evaluate import _SECTIONS
from realtime.opencv import cv2
from realtime.sources.synthetic import SyntheticPerformer
from tests.toy_model import toy_model
from training.evaluation.sections import SECTIONS

STUDENT = Path(str(files("realtime") / "assets" / "student.onnx"))


@pytest.fixture(autouse=True)
def no_data_folder(monkeypatch):
    monkeypatch.delenv("LIMELIGHT_DATA", raising=False)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Twenty frames of the performer as a video file."""
    path = tmp_path_factory.mktemp("evaluate") / "performer.mp4"
    performer = SyntheticPerformer(width=640, height=480, fps=30.0, seed=2, live=False)
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30.0, (640, 480))
    for _ in range(20):
        video.write(performer.read().image)
    video.release()
    performer.close()
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Shared by the tests, so that the renders are drawn once."""
    return tmp_path_factory.mktemp("cache")


def evaluate(*arguments: object) -> int:
    return main(["evaluate", *map(str, arguments)])


def errors_of(capsys) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("limelight: error:")]


def test_the_command_knows_every_section():
    assert tuple(SECTIONS) == _SECTIONS


def test_figures_of_a_clip_and_of_the_performer(clip, cache, tmp_path, capsys):
    target = tmp_path / "figures.json"
    assert evaluate(clip, "--performer-frames", 15, "--json", target, "--cache", cache) == 0
    network = json.loads(target.read_text())["networks"][0]
    assert network["name"] == "student" and list(network["sections"]) == ["clips", "stability", "flicker", "performer"]
    for stage in ("raw", "smoothed"):
        figures = network["sections"]["clips"]["tables"]["clips"][f"performer.mp4 {stage}"]
        assert figures["frames"] == 20 and figures["tracked"] >= 0.9
    performer = network["sections"]["performer"]["figures"]
    assert performer["frames"] == 15
    assert performer["tracked"] >= 0.9 and performer["rotation_deg"] < 10.0
    shown = capsys.readouterr().out
    assert "student, Clips in the live loop" in shown and "still, raw: landmarks" in shown


def test_two_networks_without_data_make_report_and_gallery_and_again_without_measuring(cache, tmp_path, capsys):
    other = tmp_path / "other.onnx"
    shutil.copy(STUDENT, other)
    figures, report, page = tmp_path / "f.json", tmp_path / "training" / "REPORT.md", tmp_path / "gallery.html"
    quick = ("--quick", "--people", 2, "--cache", cache)
    sections = ("--only", "expression", "movement", "performer", "photos", "--performer-frames", 10)
    written = ("--json", figures, "--report", report, "--pictures", tmp_path / "docs", "--gallery", page)
    assert evaluate("--against", other, *quick, *sections, *written) == 0
    values = json.loads(figures.read_text())
    assert [network["name"] for network in values["networks"]] == ["student", "other"]
    assert values["networks"][0]["sections"] == values["networks"][1]["sections"]
    assert values["networks"][0]["left_out"].keys() == {"photos"}
    shown = capsys.readouterr().out
    assert "left out, no data folder" in shown and "limit 0.120" in shown
    text = report.read_text()
    assert "| `other` / `student` |" in text and "| 1.00 |" in text
    assert "](../docs/report_student.png)" in text and (tmp_path / "docs" / "report_other.png").is_file()
    assert "data:image/jpeg" in page.read_text()
    again = tmp_path / "again.md"
    ablation = tmp_path / "ablation.json"
    ablation.write_text('{"about": "A.", "losses": [], "runs": [{"without": "", "figures": {"color": 0.1}}]}')
    (tmp_path / "remarks.md").write_text("It was late.\n")
    history = tmp_path / "history.jsonl"
    history.write_text("".join(f'{{"minutes": {m}, "photo.nme68": {0.1 / m}}}\n' for m in (1, 2, 3)))
    extra = ("--ablation", ablation, "--remarks", tmp_path / "remarks.md", "--history", f"student={history}")
    assert evaluate("--from", figures, "--report", again, *extra, "--cache", cache) == 0
    assert (tmp_path / "report_student.png").read_bytes() == (tmp_path / "docs" / "report_student.png").read_bytes()
    text = again.read_text()
    assert "## Ablation" in text and "It was late." in text and "](report_student_curves.png)" in text
    assert (tmp_path / "report_student_curves.png").is_file()
    assert "limit 0.120" in capsys.readouterr().out


def test_an_interruption_keeps_the_sections_that_are_done(cache, tmp_path, monkeypatch):
    from limelight.live_evaluation import EvaluationLoop

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(EvaluationLoop, "performer", interrupted)
    figures = tmp_path / "f.json"
    arguments = ("--quick", "--people", 2, "--cache", cache, "--only", "expression", "performer", "--json", figures)
    assert evaluate(*arguments) == 130
    assert list(json.loads(figures.read_text())["networks"][0]["sections"]) == ["expression"]


def test_what_is_wrong_is_one_line(clip, cache, tmp_path, capsys):
    (tmp_path / "file").write_text("no JSON")
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    another_model = tmp_path / "another.npz"
    toy_model(n_identity=3, n_expression=52, n_albedo=2).save(another_model)
    for arguments, words in (
        ((tmp_path / "none.mp4", "--performer-frames", 0), "none.mp4"),
        (("--network", "nobody"), "network 'nobody': no such file"),
        (("--against", tmp_path / "broken.onnx"), "broken.onnx: corrupt"),
        (("--against", "student", "--against-model", another_model), "trained for face model 'limelight'"),
        (("--data", tmp_path / "absent"), "no such folder"),
        (("--people", 1), "--people 1: must be at least 2"),
        (("--from", tmp_path / "file"), "not JSON"),
        (("--from", tmp_path / "absent.json"), "cannot be read"),
        (("--ablation", tmp_path / "file"), "not JSON"),
        (("--history", "student"), "expected NAME=FILE"),
        (("--history", f"student={tmp_path / 'absent.jsonl'}"), "cannot be read"),
        (("--remarks", tmp_path / "absent.md"), "cannot be read"),
        (("--json", tmp_path / "file" / "x.json"), "cannot be written"),
        (("--report", tmp_path / "file" / "x.md"), "cannot be written"),
        (("--gallery", tmp_path), "is a folder"),
        (("--only", "clips", "stability"), "nothing to measure: no data folder"),
        (("--only", "performer", "--performer-frames", 0), "nothing to measure"),
    ):
        assert evaluate(*arguments) == 1, arguments
        found = errors_of(capsys)
        assert len(found) == 1 and words in found[0], (arguments, found)


def test_existing_files_are_refused_before_anything_is_measured(clip, cache, tmp_path, capsys):
    for option, name in (("--json", "f.json"), ("--report", "r.md"), ("--gallery", "g.html")):
        (tmp_path / name).write_text("precious")
        assert evaluate(clip, "--cache", cache, option, tmp_path / name) == 1
        assert "exists already" in capsys.readouterr().err
        assert (tmp_path / name).read_text() == "precious"
    (tmp_path / "report_student.png").write_text("precious")
    assert evaluate(clip, "--cache", cache, "--report", tmp_path / "new.md") == 1
    assert "report_student.png: exists already" in capsys.readouterr().err
    before = clip.read_bytes()
    assert evaluate(clip, "--cache", cache, "--json", clip, "--force") == 1
    assert "is an input itself" in capsys.readouterr().err and clip.read_bytes() == before


def test_networks_of_one_name_have_pictures_of_their_own(tmp_path):
    from limelight.evaluation_output import report_pictures

    names = ("a/student.onnx", "b/student.onnx", "student")
    assert len({path for name in names for path in report_pictures(tmp_path, name)}) == 6
