"""`limelight export-take` and `limelight replay`, through their command lines."""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np
import pytest

from facemodel import ARKIT_NAMES, Crop, FaceModel, LimelightError, ParameterLayout
from facemodel.rotation import matrix_from_euler
from limelight.commands import export_take, replay
from realtime.frame import Frame, TrackedFrame, TrackingState
from realtime.opencv import cv2
from realtime.takes import TakeHeader, load_take
from realtime.takes.exporters import exporter, formats
from realtime.takes.replay_session import ReplaySession
from tests.realtime.take_factory import LAYOUT, mixed_states, write_take
from tests.toy_model import toy_model


def limelight(*arguments: object) -> int:
    """Run a command line of these commands."""
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers(required=True)
    export_take.add_parser(subparsers)
    replay.add_parser(subparsers)
    args = parser.parse_args([str(argument) for argument in arguments])
    return args.run(args)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# --- export-take ---------------------------------------------------------------------------------------------


@pytest.fixture
def take(tmp_path) -> Path:
    return write_take(tmp_path / "a.mcap", mixed_states(9))


def test_csv_has_arkits_names_and_what_the_take_holds(take, tmp_path, capsys):
    assert limelight("export-take", take, "--to", "csv", "--out", tmp_path / "a.csv") == 0
    assert "9 frames" in capsys.readouterr().out
    rows = read_csv(tmp_path / "a.csv")
    recorded = load_take(take)
    assert tuple(list(rows[0])[4:56]) == ARKIT_NAMES
    assert [int(row["frame"]) for row in rows] == list(range(9))
    assert [row["state"] for row in rows] == [state.value for state in recorded.state]
    weights = recorded.smoothed[:, LAYOUT.slices["expression"]]
    for i in range(1, 9):
        exported = [float(rows[i][name]) for name in ARKIT_NAMES]
        np.testing.assert_allclose(exported, weights[i], rtol=1e-6)
        assert float(rows[i]["timestamp"]) == pytest.approx(recorded.timestamp[i], abs=1e-6)
        assert float(rows[i]["sh_3_g"]) == pytest.approx(recorded.smoothed[i, LAYOUT.slices["sh"]][10], rel=1e-6)
        assert float(rows[i]["shininess"]) == pytest.approx(recorded.smoothed[i, -1], rel=1e-6)
    assert rows[0]["jawOpen"] == ""  # searching
    assert rows[0]["head_yaw"] == ""


def test_raw_exports_what_the_network_said(take, tmp_path):
    limelight("export-take", take, "--to", "csv", "--out", tmp_path / "a.csv", "--raw")
    rows = read_csv(tmp_path / "a.csv")
    recorded = load_take(take)
    expected = recorded.raw[3, LAYOUT.slices["expression"]][ARKIT_NAMES.index("browInnerUp")]
    assert float(rows[3]["browInnerUp"]) == pytest.approx(expected, rel=1e-6)
    assert rows[-1]["browInnerUp"] == ""  # lost: the network said nothing


def test_the_head_is_in_degrees_and_mm(tmp_path):
    vector = LAYOUT.neutral()
    p = LAYOUT.view(vector)
    p.rotation = matrix_from_euler(*np.radians([20.0, -10.0, 5.0]))
    p.translation[:] = (420.0, 140.0)  # 100 px right of the middle and 100 px above it
    p.scale = 2.0
    result = TrackedFrame(
        Frame(0, 0.0, np.zeros((480, 640, 3), np.uint8)),
        TrackingState.TRACKING,
        raw=vector,
        smoothed=vector,
        crop=Crop((320.0, 240.0), 200.0),
    )
    path = write_take(tmp_path / "a.mcap", [result])
    limelight("export-take", path, "--to", "csv", "--out", tmp_path / "a.csv")
    (row,) = read_csv(tmp_path / "a.csv")
    angles = [float(row[f"head_{name}"]) for name in ("yaw", "pitch", "roll")]
    np.testing.assert_allclose(angles, [20.0, -10.0, 5.0], atol=1e-3)
    position = [float(row[f"head_{axis}"]) for axis in "xyz"]
    focal = 320.0 / np.tan(np.radians(30.0))
    np.testing.assert_allclose(position, [50.0, 50.0, -focal / 2.0], rtol=1e-6)


def test_npz_has_every_array_by_name(take, tmp_path):
    assert limelight("export-take", take, "--to", "npz", "--out", tmp_path / "a.npz") == 0
    recorded = load_take(take)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        assert tuple(arrays["expression_names"]) == ARKIT_NAMES
        np.testing.assert_array_equal(arrays["parameters"], recorded.smoothed)
        assert list(arrays["parameter_names"]) == list(LAYOUT.names())
        assert list(arrays["state"]) == [state.value for state in recorded.state]
        assert arrays["expression"].shape == (9, 52)
        assert arrays["sh"].shape == (9, 9, 3)
        assert arrays["identity"].shape == (9, 5)
        assert TakeHeader.from_json(str(arrays["header"]).encode()) == recorded.header


def test_expressions_that_a_model_splits_or_lacks_still_come_out_as_arkits(tmp_path):
    names = ("jawOpen", "mouthClose", "browInnerUpLeft", "browInnerUpRight")
    layout = ParameterLayout(2, 1, names)
    vector = layout.neutral()
    layout.view(vector).expression[:] = (0.3, 0.9, 0.2, 0.6)
    result = TrackedFrame(
        Frame(0, 0.0, np.zeros((4, 4, 3), np.uint8)), TrackingState.TRACKING, raw=vector, smoothed=vector
    )
    path = write_take(tmp_path / "a.mcap", [result], layout=layout)
    limelight("export-take", path, "--to", "csv", "--out", tmp_path / "a.csv")
    (row,) = read_csv(tmp_path / "a.csv")
    assert float(row["browInnerUp"]) == pytest.approx(0.4)
    assert float(row["mouthClose"]) == pytest.approx(0.3)  # at most jawOpen
    assert float(row["tongueOut"]) == 0.0


def test_a_model_without_arkit_expressions_exports_as_npz_only(tmp_path):
    layout = ParameterLayout(2, 1, ("e0", "e1"), (-np.inf, np.inf))
    vector = layout.neutral()
    result = TrackedFrame(Frame(0, 0.0, np.zeros((4, 4, 3), np.uint8)), TrackingState.TRACKING, vector, vector)
    path = write_take(tmp_path / "a.mcap", [result], layout=layout)
    with pytest.raises(LimelightError, match="no ARKit expressions"):
        limelight("export-take", path, "--to", "csv", "--out", tmp_path / "a.csv")
    assert not (tmp_path / "a.csv").exists()
    limelight("export-take", path, "--to", "npz", "--out", tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as arrays:
        assert tuple(arrays["expression_names"]) == ("e0", "e1")


def test_every_format_keeps_the_contract():
    assert {"csv", "npz"} <= set(formats())
    for name in formats():
        assert exporter(name).extension.startswith(".")
        assert callable(exporter(name).write)


def test_an_unknown_format_lists_those_there_are(take, tmp_path):
    with pytest.raises(LimelightError, match="csv, npz"):
        limelight("export-take", take, "--to", "fbx", "--out", tmp_path / "a.fbx")


def test_a_failed_export_leaves_the_file_before_it(take, tmp_path, monkeypatch):
    out = tmp_path / "a.csv"
    out.write_text("precious")

    def fail(self, *arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("realtime.takes.exporters.csv.channels_of", fail)
    with pytest.raises(LimelightError, match="No space left on device"):
        limelight("export-take", take, "--to", "csv", "--out", out)
    assert out.read_text() == "precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "a.mcap"]


def test_the_take_itself_is_never_the_output(take):
    before = take.read_bytes()
    with pytest.raises(LimelightError, match="is the take itself"):
        limelight("export-take", take, "--to", "npz", "--out", take)
    assert take.read_bytes() == before


def test_a_cut_take_exports_with_a_warning(tmp_path, capsys):
    data = write_take(tmp_path / "whole.mcap", mixed_states(60)).read_bytes()
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(data[: len(data) // 2])
    limelight("export-take", cut, "--to", "csv", "--out", tmp_path / "a.csv")
    assert "cut" in capsys.readouterr().err
    assert 10 < len(read_csv(tmp_path / "a.csv")) < 30


# --- replay --------------------------------------------------------------------------------------------------


@pytest.fixture
def toy(monkeypatch) -> FaceModel:
    """The model that the commands load."""
    model = toy_model()
    monkeypatch.setattr(FaceModel, "load", lambda path=None: model)
    return model


def toy_take(path: Path, model: FaceModel, count: int = 6, digest: str | None = None) -> Path:
    """A head that moves to the right; no face in the first frame."""
    results = []
    for i in range(count):
        vector = model.layout.neutral()
        model.layout.view(vector).translation[:] = (60.0 + 8.0 * i, 60.0)
        model.layout.view(vector).scale = 0.4
        frame = Frame(i, i / 25.0, np.zeros((120, 160, 3), np.uint8))
        results.append(
            TrackedFrame(frame, TrackingState.SEARCHING)
            if i == 0
            else TrackedFrame(frame, TrackingState.TRACKING, vector, vector, crop=Crop((80.0, 60.0), 90.0))
        )
    digest = model.digest if digest is None else digest
    changes = {"layout": model.layout, "model_name": model.name, "model_digest": digest}
    return write_take(path, results, **changes, width=160, height=120, fps=25.0)


def test_a_take_replays_into_a_video(toy, tmp_path, capsys):
    path = toy_take(tmp_path / "a.mcap", toy)
    assert limelight("replay", path, "--headless", "--video", tmp_path / "a.mp4") == 0
    assert "6 frames" in capsys.readouterr().out
    video = cv2.VideoCapture(str(tmp_path / "a.mp4"))
    pictures = []
    while (read := video.read())[0]:
        pictures.append(read[1].astype(float))
    assert len(pictures) == 6
    empty = pictures[0]
    assert empty.std() < 3.0  # no face yet: the plain background
    columns = np.arange(160)
    centres = []
    for picture in pictures[1:]:
        face = np.abs(picture - empty).max(axis=2) > 40.0
        assert face.sum() > 500
        centres.append((face.sum(axis=0) * columns).sum() / face.sum())
    np.testing.assert_allclose(np.diff(centres), 8.0, atol=1.5)


def test_another_face_model_is_one_line(toy, tmp_path):
    path = toy_take(tmp_path / "a.mcap", toy, digest="feedfacefeedface")
    with pytest.raises(LimelightError, match="feedfacefeedface") as error:
        limelight("replay", path, "--headless", "--video", tmp_path / "a.mp4")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "a.mp4").exists()


def test_headless_without_a_video_says_what_is_missing(tmp_path):
    with pytest.raises(LimelightError, match="--video"):
        limelight("replay", tmp_path / "a.mcap", "--headless")


def test_a_missing_take_is_one_line(tmp_path):
    with pytest.raises(LimelightError, match="cannot be read"):
        limelight("replay", tmp_path / "none.mcap", "--video", tmp_path / "a.mp4")


class Collector:
    """A sink that keeps what it gets, and optionally fails."""

    def __init__(self, fails: bool = False) -> None:
        self.results: list[TrackedFrame] = []
        self.fails = fails
        self.closed = False

    def submit(self, result: TrackedFrame) -> None:
        if self.fails:
            raise LimelightError("the sink broke")
        self.results.append(result)

    def close(self) -> None:
        self.closed = True

    def wait_for(self, index: int) -> TrackedFrame:
        """The newest result once the frame `index` has come."""
        limit = time.monotonic() + 30.0
        while not self.results or self.results[-1].frame.index != index:
            assert time.monotonic() < limit
            time.sleep(0.005)
        return self.results[-1]


def test_a_replay_session_plays_pauses_and_seeks(toy, tmp_path):
    session = ReplaySession(load_take(toy_take(tmp_path / "a.mcap", toy)), toy)
    sink, broken = Collector(), Collector(fails=True)
    session.add_sink(sink)
    session.add_sink(broken)
    sink.wait_for(5)
    assert session.playback.duration == pytest.approx(0.2)
    session.recenter()
    session.playback.seek(0.08)
    centred = toy.layout.view(sink.wait_for(2).centred)
    np.testing.assert_allclose(centred.translation, (80.0, 60.0))
    session.stop()
    session.stop()
    assert session.status().source_name == "a.mcap"
    assert session.status().frames == len(sink.results)
    assert session.status().error == "the sink broke"
    assert broken.closed
    with pytest.raises(LimelightError):
        session.start_recording()
    with pytest.raises(LimelightError):
        session.open_source("camera")


def test_a_replay_session_refuses_another_model(toy, tmp_path):
    take = load_take(toy_take(tmp_path / "a.mcap", toy, digest="feedfacefeedface"))
    with pytest.raises(LimelightError, match="feedfacefeedface"):
        ReplaySession(take, toy)
