"""`--force` replaces takes and videos only by ones that have begun."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from facemodel import LimelightError
from limelight.cli import main
from realtime.outputs.video_file import VideoFile
from realtime.sinks.registry import open_sink
from tests.realtime.test_video_file import Frames, info


@pytest.fixture
def old(tmp_path) -> dict[str, Path]:
    """A take and a video that somebody else made."""
    files = {"take": tmp_path / "old.mcap", "video": tmp_path / "old.mp4"}
    for path in files.values():
        path.write_text("precious")
    return files


def run(old: dict[str, Path], *arguments: object) -> int:
    outputs = (f"--{kind}={path}" for kind, path in old.items())
    return main(["run", "--headless", "--threads=1", *map(str, arguments), *outputs])


def untouched(old: dict[str, Path]) -> bool:
    files = sorted(path.name for path in old["take"].parent.glob("old*"))
    return files == ["old.mcap", "old.mp4"] and all(path.read_text() == "precious" for path in old.values())


def test_a_source_that_cannot_be_opened_costs_no_old_file(old, tmp_path, capsys):
    (tmp_path / "bad.mp4").write_bytes(b"\0no video")
    assert run(old, "--source", tmp_path / "bad.mp4", "--force") == 1
    assert "bad.mp4" in capsys.readouterr().err
    assert untouched(old)


def test_a_sink_that_cannot_begin_costs_no_old_file(old, monkeypatch, capsys):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("realtime.outputs.h264.H264Encoder.__init__", full)
    assert run(old, "--source", "synthetic", "--frames", 2, "--force") == 1
    said = capsys.readouterr()
    assert "No space left on device" in said.err and "written: " not in said.err
    assert untouched(old)


def test_what_has_begun_replaces_the_old_files(old, capsys):
    assert run(old, "--source", "synthetic", "--frames", 2, "--force") == 0
    assert all(path.stat().st_size > 1000 for path in old.values())
    assert sorted(path.name for path in old["take"].parent.iterdir()) == ["old.mcap", "old.mp4"]
    assert capsys.readouterr().err.count("written: ") == 2


def test_no_sink_overwrites_a_file_by_itself(old, model):
    for path in old.values():
        worker = open_sink(str(path))
        assert not worker.begin(replace(info(), model=model))
        assert "exists already" in worker.problem
        worker.close()
    assert untouched(old)


def test_a_video_is_never_begun_over_a_file(old):
    with pytest.raises(LimelightError, match="exists already"):
        VideoFile(old["video"], Frames).begin(info())
    assert untouched(old)
