"""`limelight evaluate`: figures as a table and as JSON."""

from __future__ import annotations

import json

import pytest

from limelight.cli import main
from realtime.opencv import cv2
from realtime.sources.synthetic import SyntheticPerformer


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


def test_figures_of_a_clip_and_of_the_performer(clip, tmp_path, capsys):
    target = tmp_path / "figures.json"
    assert main(["evaluate", str(clip), "--performer-frames", "15", "--json", str(target)]) == 0
    figures = json.loads(target.read_text())
    for stage in ("raw", "smoothed"):
        assert figures["clips"]["performer.mp4"][stage]["frames"] == 20
        assert figures["clips"]["performer.mp4"][stage]["tracked"] >= 0.9
    assert figures["performer"]["tracked"]["frames"] == 15
    assert figures["performer"]["tracked"]["rotation_deg"] < figures["performer"]["mean"]["rotation_deg"] + 10
    shown = capsys.readouterr().out
    assert "performer raw" in shown
    assert "expression_rmse" in shown


def test_a_clip_that_is_none_and_figures_that_cannot_be_written_are_one_line(clip, tmp_path, capsys):
    assert main(["evaluate", str(tmp_path / "none.mp4"), "--performer-frames", "0"]) == 1
    (tmp_path / "file").write_text("")
    assert main(["evaluate", str(clip), "--performer-frames", "0", "--json", str(tmp_path / "file" / "x.json")]) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("limelight: error:")]
    assert len(errors) == 2


def test_nothing_to_measure_says_so(monkeypatch, capsys):
    monkeypatch.delenv("LIMELIGHT_DATA", raising=False)
    assert main(["evaluate", "--performer-frames", "0"]) == 1
    assert "nothing to measure" in capsys.readouterr().err
