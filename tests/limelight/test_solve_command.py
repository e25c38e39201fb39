"""`limelight solve` on the synthetic performer: the same files as reconstruct, nearer to the picture, resumable."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from limelight.cli import main
from realtime.sources.synthetic import SyntheticPerformer


@pytest.fixture(scope="module")
def performer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("solve") / "performer.png"
    source = SyntheticPerformer(width=320, height=240, fps=30.0, seed=7, live=False)
    for _ in range(20):
        frame = source.read()
    source.close()
    assert frame is not None
    cv2.imwrite(str(path), frame.image)
    return path


def test_solving_comes_closer_and_is_not_done_twice(
    performer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["solve", str(performer), "--out", str(tmp_path), "--steps", "12", "--no-picture"]
    assert main(command) == 0
    said = capsys.readouterr().err
    before, after = map(float, re.search(r"colour error ([\d.]+) -> ([\d.]+)", said).groups())
    assert after < before
    written = {path.name for path in tmp_path.iterdir()}
    assert {"performer.json", "performer.obj", "performer.neutral.obj"} <= written
    faces = json.loads((tmp_path / "performer.json").read_text())["faces"]
    assert len(faces) == 1 and np.isfinite(faces[0]["landmarks68"]).all()
    stamp = (tmp_path / "performer.json").stat().st_mtime_ns
    assert main(command) == 0
    assert "1 of 1 images are done already" in capsys.readouterr().err
    assert (tmp_path / "performer.json").stat().st_mtime_ns == stamp


def test_bad_pictures_cost_one_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken, empty = tmp_path / "broken.jpg", tmp_path / "empty.png"
    broken.write_bytes(b"no picture")
    cv2.imwrite(str(empty), np.full((120, 160, 3), 90, np.uint8))
    command = ["solve", str(broken), str(empty), "--out", str(tmp_path / "out"), "--steps", "2", "--no-picture"]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "broken.jpg" in said and "no face found" in said and "Traceback" not in said
    assert json.loads((tmp_path / "out" / "empty.json").read_text())["faces"] == []


def test_nonsense_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", "a.jpg", "--out", str(tmp_path), "--steps", "0"]) == 1
    assert "--steps 0" in capsys.readouterr().err
    assert main(["solve", "a/x.jpg", "b/x.jpg", "--out", str(tmp_path)]) == 1
    assert "overwrite each other" in capsys.readouterr().err
