"""`limelight solve` on the synthetic performer: the same files as reconstruct, nearer to the picture, resumable."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from facemodel import FaceModel
from limelight.cli import main
from realtime.engines import network_file
from realtime.frame import Result
from realtime.sources.synthetic import SyntheticPerformer
from realtime.takes import load_take, mcap_file
from realtime.takes import writer as take_writer


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six frames of the synthetic performer, then two of a wall."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    source = SyntheticPerformer(width=320, height=240, fps=25.0, seed=7, live=False)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25.0, (320, 240))
    for _ in range(6):
        frame = source.read()
        assert frame is not None
        writer.write(frame.image)
    for _ in range(2):
        writer.write(np.full((240, 320, 3), 90, np.uint8))
    writer.release()
    source.close()
    return path


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
    said = capsys.readouterr().err
    assert "a/x.jpg" in said and "b/x.jpg" in said and said.count("error:") == 1


def test_folder_of_images_goes_on_where_it_ended(
    performer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    for name in ("one.png", "two.png"):
        (folder / name).write_bytes(performer.read_bytes())
    (folder / "notes.txt").write_text("not an image")
    command = ["solve", str(folder), "--out", str(out), "--steps", "1", "--no-picture"]
    assert main(["solve", str(folder / "one.png"), *command[2:]]) == 0
    stamp = (out / "one.json").stat().st_mtime_ns
    assert main(command) == 0
    assert "1 of 2 images are done already" in capsys.readouterr().err
    assert (out / "one.json").stat().st_mtime_ns == stamp
    results = {f"{name}{suffix}" for name in ("one", "two") for suffix in (".json", ".obj", ".neutral.obj")}
    assert {path.name for path in out.iterdir()} == results
    assert main([*command, "--force"]) == 0
    assert (out / "one.json").stat().st_mtime_ns > stamp


def test_done_is_judged_by_content_and_a_strangers_file_stays(
    performer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, other = tmp_path / "out", tmp_path / "performer.png"
    command = ["--out", str(out), "--steps", "1", "--no-picture"]
    assert main(["solve", str(performer), *command]) == 0
    before = (out / "performer.json").read_bytes()
    cv2.imwrite(str(other), cv2.flip(cv2.imread(str(performer)), 1))
    assert main(["solve", str(other), *command]) == 1
    said = capsys.readouterr().err
    assert "exists already" in said and "done already" not in said
    assert (out / "performer.json").read_bytes() == before
    (out / "performer.json").write_text("{}")
    assert main(["solve", str(performer), *command]) == 1
    assert (out / "performer.json").read_text() == "{}"
    assert main(["solve", str(performer), *command, "--force"]) == 0
    assert json.loads((out / "performer.json").read_text())["faces"]


def test_results_of_another_network_or_face_model_are_not_done(
    performer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    network, result = tmp_path / "renamed.onnx", tmp_path / "out" / "performer.json"
    network.write_bytes(network_file("student").read_bytes())
    command = ["solve", str(performer), "--out", str(result.parent), "--steps", "1", "--no-picture", "--network"]
    assert main([*command, "student"]) == 0
    stamp = result.stat().st_mtime_ns
    capsys.readouterr()
    assert main([*command, str(network)]) == 0
    assert "done already" in capsys.readouterr().err, "the same network under another name"
    assert main([*command, "student-int8"]) == 0
    assert "done already" not in capsys.readouterr().err and result.stat().st_mtime_ns > stamp
    other = replace(FaceModel.load(), digest="0123456789abcdef")
    monkeypatch.setattr(FaceModel, "load", lambda: other)
    assert main([*command, "student-int8"]) == 1
    said = capsys.readouterr().err
    assert "done already" not in said and "face model" in said and said.count("error:") == 1


def test_inputs_are_never_outputs(performer: Path, video: Path, tmp_path: Path) -> None:
    image, clip = tmp_path / "performer.png", tmp_path / "clip.mcap"
    image.write_bytes(performer.read_bytes())
    clip.write_bytes(video.read_bytes())
    for command in (
        ["solve", str(image), "--out", str(tmp_path)],
        ["solve", str(clip), "--out", str(tmp_path)],
        ["solve", str(clip), "--take", str(clip)],
    ):
        assert main([*command, "--steps", "1", "--force"]) == 1
    assert image.read_bytes() == performer.read_bytes() and clip.read_bytes() == video.read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_interrupted_image_leaves_nothing_that_looks_done(
    performer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("facemodel.obj._vertex_lines", interrupt)
    assert main(["solve", str(performer), "--out", str(tmp_path), "--steps", "1", "--no-picture"]) == 130
    assert list(tmp_path.iterdir()) == []


def test_full_disk_ends_the_images_with_one_line(
    performer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    other = tmp_path / "other.png"
    other.write_bytes(performer.read_bytes())
    monkeypatch.setattr("facemodel.obj._vertex_lines", full)
    command = ["solve", str(performer), str(other), "--out", str(tmp_path / "out"), "--steps", "1", "--no-picture"]
    assert main(command) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(errors) == 1 and "No space left on device" in errors[0]
    assert list((tmp_path / "out").iterdir()) == []


def test_clip_becomes_a_take_of_one_person(video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "take.mcap"
    assert main(["solve", str(video), "--take", str(path), "--steps", "10"]) == 0
    said = capsys.readouterr().err
    assert "8 frames of clip.mp4, 6 solved" in said
    before, after = map(float, re.search(r"colour error ([\d.]+) -> ([\d.]+)", said).groups())
    assert after < before
    take, model = load_take(path), FaceModel.load()
    track = take.track()
    assert len(take) == 8 and take.header.model_digest == model.digest and "solved" in take.header.network
    assert np.isfinite(track.smoothed[:6]).all() and np.isnan(track.smoothed[6:]).all()
    person = track.smoothed[:6, model.layout.slices["identity"]]
    np.testing.assert_allclose(person, np.broadcast_to(person[0], person.shape), atol=1e-5)
    assert take.rigs[1].person.settled and take.person_model(1).n_vertices == model.n_vertices
    assert np.ptp(track.raw[:6, model.layout.slices["identity"]], axis=0).max() > 1e-3

    stamp = path.stat().st_mtime_ns
    assert main(["solve", str(video), "--take", str(path), "--steps", "2"]) == 0
    assert "done already" in capsys.readouterr().err and path.stat().st_mtime_ns == stamp
    path.write_bytes(path.read_bytes() + b"by hand")
    assert main(["solve", str(video), "--take", str(path), "--steps", "2"]) == 1
    assert "exists already" in capsys.readouterr().err
    assert main(["solve", str(video), "--out", str(tmp_path / "out"), "--steps", "2"]) == 0
    assert len(load_take(tmp_path / "out" / "clip.mcap")) == 8


def test_interrupted_clip_stays_readable(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    append, path = take_writer.TakeWriter.append, tmp_path / "take.mcap"

    def interrupted(writer: take_writer.TakeWriter, frame: Result) -> None:
        if frame.frame.index == 4:
            raise KeyboardInterrupt
        append(writer, frame)

    monkeypatch.setattr(take_writer.TakeWriter, "append", interrupted)
    assert main(["solve", str(video), "--take", str(path), "--steps", "2"]) == 130
    assert len(load_take(path)) == 4
    assert str(path) in capsys.readouterr().err
    monkeypatch.undo()
    assert main(["solve", str(video), "--take", str(path), "--steps", "2"]) == 0, "unfinished, but its own"
    assert len(load_take(path)) == 8


def test_full_disk_ends_a_clip_with_one_line(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mcap_file.os, "write", full)
    assert main(["solve", str(video), "--take", str(tmp_path / "take.mcap"), "--steps", "2"]) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(errors) == 1 and "No space left on device" in errors[0]


def test_clips_that_cannot_be_solved_cost_one_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wall, text = tmp_path / "wall.mp4", tmp_path / "text.mp4"
    writer = cv2.VideoWriter(str(wall), cv2.VideoWriter_fourcc(*"mp4v"), 25.0, (160, 120))
    for _ in range(3):
        writer.write(np.full((120, 160, 3), 90, np.uint8))
    writer.release()
    text.write_text("not a video")
    out = tmp_path / "out"
    assert main(["solve", str(wall), str(text), str(tmp_path / "missing.mp4"), "--out", str(out)]) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("limelight: error:")]
    assert len(errors) == 3
    assert "wall.mp4: no face found in any of its 3 frames" in errors[0]
    assert "text.mp4: the file is not a video" in errors[1]
    assert "missing.mp4" in errors[2]
    assert list(out.iterdir()) == []


def test_a_take_is_of_one_clip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take = str(tmp_path / "take.mcap")
    assert main(["solve", "a.mp4", "b.mp4", "--take", take]) == 1
    assert "a take is of one clip" in capsys.readouterr().err
    assert main(["solve", "a.jpg", "--take", take]) == 1
    assert "is one image" in capsys.readouterr().err


def test_without_the_training_packages_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["solve", "a.jpg", "--out", str(tmp_path)]) == 1
    assert "pip install 'limelight[train]'" in capsys.readouterr().err
