"""`limelight export-take` and `limelight take`, through their command lines."""

from __future__ import annotations

import argparse
import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facemodel import ARKIT_NAMES, Crop, FaceModel, LimelightError
from facemodel.rotation import matrix_from_euler
from limelight.commands import export_take
from limelight.commands import take as take_command
from realtime.frame import Face, Frame, Person, Result, TrackingState
from realtime.takes import Marker, TakeHeader, TakeWriter, load_take
from realtime.takes.exporters import exporter, formats
from tests.realtime.take_factory import (
    GOLDEN_V1,
    LAYOUT,
    face,
    header,
    mixed_states,
    model,
    result,
    someone,
    tick,
    write_take,
)
from tests.toy_model import toy_model


def limelight(*arguments: object) -> int:
    """Run a command line of these commands."""
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers(required=True)
    export_take.add_parser(subparsers)
    take_command.add_parser(subparsers)
    args = parser.parse_args([str(argument) for argument in arguments])
    return args.run(args)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# --- export-take ---------------------------------------------------------------------------------------------


def of(vector: np.ndarray, face_model: FaceModel, frame: Frame) -> Result:
    """A result of one face with these parameters, raw and smoothed."""
    p = face_model.layout.view(vector)
    person = Person(1, p.identity, p.albedo)
    crop = Crop((320.0, 240.0), 200.0)
    return Result(frame, frame.timestamp, (Face(1, TrackingState.TRACKING, vector, person, vector, crop=crop),))


@pytest.fixture
def take(tmp_path) -> Path:
    return write_take(tmp_path / "a.mcap", mixed_states(9))


def test_csv_has_arkits_names_and_what_the_take_holds(take, tmp_path, capsys):
    assert limelight("export-take", take, "--to", "csv", "--out", tmp_path / "a.csv") == 0
    assert "9 frames" in capsys.readouterr().out
    rows = read_csv(tmp_path / "a.csv")
    recorded = load_take(take).track()
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
    recorded = load_take(take).track()
    expected = recorded.raw[3, LAYOUT.slices["expression"]][ARKIT_NAMES.index("browInnerUp")]
    assert float(rows[3]["browInnerUp"]) == pytest.approx(expected, rel=1e-6)
    assert rows[-1]["browInnerUp"] == ""  # lost: the network said nothing


def test_the_head_is_in_degrees_and_mm(tmp_path):
    vector = LAYOUT.neutral()
    p = LAYOUT.view(vector)
    p.rotation = matrix_from_euler(*np.radians([20.0, -10.0, 5.0]))
    p.translation[:] = (420.0, 140.0)  # 100 px right of the middle and 100 px above it
    p.scale = 2.0
    results = [of(vector, model(), Frame(0, 0.0, np.zeros((480, 640, 3), np.uint8)))]
    path = write_take(tmp_path / "a.mcap", results)
    limelight("export-take", path, "--to", "csv", "--out", tmp_path / "a.csv")
    (row,) = read_csv(tmp_path / "a.csv")
    angles = [float(row[f"head_{name}"]) for name in ("yaw", "pitch", "roll")]
    np.testing.assert_allclose(angles, [20.0, -10.0, 5.0], atol=1e-3)
    position = [float(row[f"head_{axis}"]) for axis in "xyz"]
    focal = 320.0 / np.tan(np.radians(30.0))
    np.testing.assert_allclose(position, [50.0, 50.0, -focal / 2.0], rtol=1e-6)


def test_npz_has_every_array_by_name(take, tmp_path):
    assert limelight("export-take", take, "--to", "npz", "--out", tmp_path / "a.npz") == 0
    recorded = load_take(take).track()
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
    split = replace(toy_model(2, 4, 1), expression_names=names)
    vector = split.layout.neutral()
    split.layout.view(vector).expression[:] = (0.3, 0.9, 0.2, 0.6)
    path = write_take(tmp_path / "a.mcap", [of(vector, split, Frame(0, 0.0, np.zeros((4, 4, 3), np.uint8)))], split)
    limelight("export-take", path, "--to", "csv", "--out", tmp_path / "a.csv")
    (row,) = read_csv(tmp_path / "a.csv")
    assert float(row["browInnerUp"]) == pytest.approx(0.4)
    assert float(row["mouthClose"]) == pytest.approx(0.3)  # at most jawOpen
    assert float(row["tongueOut"]) == 0.0


def test_a_model_without_arkit_expressions_exports_as_npz_only(tmp_path):
    free = replace(toy_model(2, 2, 1), expression_names=("e0", "e1"), expression_range=(-np.inf, np.inf))
    frame = Frame(0, 0.0, np.zeros((4, 4, 3), np.uint8))
    path = write_take(tmp_path / "a.mcap", [of(free.layout.neutral(), free, frame)], free)
    with pytest.raises(LimelightError, match="no ARKit expressions"):
        limelight("export-take", path, "--to", "csv", "--out", tmp_path / "a.csv")
    assert not (tmp_path / "a.csv").exists()
    limelight("export-take", path, "--to", "npz", "--out", tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as arrays:
        assert tuple(arrays["expression_names"]) == ("e0", "e1")


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="no such device here")
def test_a_device_is_written_to_by_its_own_name(take, capsys):
    assert limelight("export-take", take, "--to", "csv", "--out", "/dev/null") == 0
    assert capsys.readouterr().out.startswith("/dev/null: 9 frames")
    assert Path("/dev/null").is_char_device() and not Path("/dev/null.csv").exists()


def test_every_format_keeps_the_contract():
    assert {"csv", "npz"} <= set(formats())
    for name in formats():
        one = exporter(name)
        assert one.extension.startswith(".") or callable(one.files)  # type: ignore[attr-defined]
        assert callable(one.write)


def test_an_unknown_format_lists_those_there_are(take, tmp_path):
    with pytest.raises(LimelightError, match="formats: bvh, csv, fbx, gltf, livelink-csv, npz"):
        limelight("export-take", take, "--to", "xls", "--out", tmp_path / "a.xls")


def test_a_failed_export_leaves_the_file_before_it(take, tmp_path, monkeypatch):
    out = tmp_path / "a.csv"
    out.write_text("precious")

    def fail(self, *arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("realtime.takes.clip.Clip.blocks", fail)
    with pytest.raises(LimelightError, match="No space left on device"):
        limelight("export-take", take, "--to", "csv", "--out", out, "--force")
    assert out.read_text() == "precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "a.mcap"]


def test_the_take_itself_is_never_the_output(take):
    before = take.read_bytes()
    with pytest.raises(LimelightError, match=r"a npz file ends in \.npz, not in \.mcap"):
        limelight("export-take", take, "--to", "npz", "--out", take)
    (take.parent / "link.npz").symlink_to(take)
    with pytest.raises(LimelightError, match="is an input itself"):
        limelight("export-take", take, "--to", "npz", "--out", take.parent / "link.npz")
    assert take.read_bytes() == before


def test_a_cut_take_exports_with_a_warning(tmp_path, capsys):
    data = write_take(tmp_path / "whole.mcap", mixed_states(60)).read_bytes()
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(data[: data.index(face(30).raw.tobytes())])
    limelight("export-take", cut, "--to", "csv", "--out", tmp_path / "a.csv")
    assert "cut" in capsys.readouterr().err
    assert 10 < len(read_csv(tmp_path / "a.csv")) <= 30


def three_faces(path: Path) -> Path:
    """Ten frames: face 1 throughout, 2 in the middle, and 3 at the end as the performer."""
    followed = [(1,)] * 3 + [(1, 2)] * 3 + [(3, 1)] * 4
    return write_take(path, [result(i, [face(i, number) for number in numbers]) for i, numbers in enumerate(followed)])


def test_the_performer_is_exported_alone(tmp_path):
    limelight("export-take", three_faces(tmp_path / "a.mcap"), "--to", "csv", "--out", tmp_path / "a.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.mcap"]
    rows = read_csv(tmp_path / "a.csv")
    for i, number in ((5, 1), (6, 3), (9, 3)):
        expected = face(i, number).smoothed[LAYOUT.slices["shininess"]]
        assert float(rows[i]["shininess"]) == pytest.approx(float(expected[0]), rel=1e-6)


@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_all_faces_are_exported_each_into_its_own_file(tmp_path, capsys, suffix):
    path = three_faces(tmp_path / "a.mcap")
    limelight("export-take", path, "--to", suffix[1:], "--out", tmp_path / f"b{suffix}", "--all-faces")
    names = [f"b.face{number}{suffix}" for number in (1, 2, 3)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mcap", *names]
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [str(tmp_path / n) for n in names]
    if suffix == ".csv":
        states = [row["state"] for row in read_csv(tmp_path / "b.face2.csv")]
        shininess = read_csv(tmp_path / "b.face3.csv")[8]["shininess"]
    else:
        with np.load(tmp_path / "b.face2.npz") as arrays:
            states = list(arrays["state"])
            assert list(arrays["person"]) == [0] * 3 + [2] * 3 + [0] * 4
        with np.load(tmp_path / "b.face3.npz") as arrays:
            shininess = arrays["shininess"][8]
    assert states == ["searching"] * 3 + ["tracking"] * 3 + ["searching"] * 4  # a row a frame, in every file
    assert float(shininess) == pytest.approx(float(face(8, 3).smoothed[LAYOUT.slices["shininess"]][0]), rel=1e-6)


def test_all_faces_of_a_take_without_any_is_one_line(tmp_path):
    path = write_take(tmp_path / "a.mcap", [result(0, ())])
    with pytest.raises(LimelightError, match="no face in it"):
        limelight("export-take", path, "--to", "csv", "--out", tmp_path / "a.csv", "--all-faces")


def test_a_picture_size_that_changes_moves_the_head_nowhere(tmp_path):
    results = []
    for i, (width, height, zoom) in enumerate([(640, 480, 1.0), (1280, 960, 2.0)]):
        vector = LAYOUT.neutral()
        LAYOUT.view(vector).translation[:] = (0.6 * width, 0.4 * height)
        LAYOUT.view(vector).scale = zoom
        results.append(of(vector, model(), Frame(i, float(i), np.zeros((height, width, 3), np.uint8))))
    limelight("export-take", write_take(tmp_path / "a.mcap", results), "--to", "csv", "--out", tmp_path / "a.csv")
    first, second = read_csv(tmp_path / "a.csv")
    for axis in "xyz":
        assert float(first[f"head_{axis}"]) == pytest.approx(float(second[f"head_{axis}"]), rel=1e-6)


def test_version_1_exports(tmp_path):
    limelight("export-take", GOLDEN_V1, "--to", "csv", "--out", tmp_path / "a.csv")
    rows = read_csv(tmp_path / "a.csv")
    assert len(rows) == 20 and all(row["state"] == "tracking" for row in rows)
    assert abs(float(rows[19]["timestamp"]) - 19 / 30) < 1e-6 and 0.0 <= float(rows[19]["jawOpen"]) <= 1.0


def smooth_motion(path: Path, markers: dict[float, str] | None = None) -> Path:
    """Two seconds at 30 a second of a jaw that opens evenly; lost for three frames."""
    with TakeWriter(path, header(), model()) as writer:
        for i in range(61):
            vector = LAYOUT.neutral()
            p = LAYOUT.view(vector)
            p.expression[ARKIT_NAMES.index("jawOpen")] = i / 60.0
            one = of(vector, model(), Frame(i, 100.0 + i / 30.0, np.zeros((480, 640, 3), np.uint8)))
            writer.append(replace(one, faces=()) if 30 <= i < 33 else one)
        for seconds, text in (markers or {}).items():
            writer.mark(Marker(100.0 + seconds, text))
    return path


def test_a_rate_and_timecode_resample(tmp_path, capsys):
    path = smooth_motion(tmp_path / "a.mcap")
    options = ("--fps", "24", "--timecode", "01:00:00:00", "--clean", "strength=0")
    limelight("export-take", path, "--to", "csv", "--out", tmp_path / "a.csv", *options)
    assert "49 frames, 2.00 s" in capsys.readouterr().out
    rows = read_csv(tmp_path / "a.csv")
    np.testing.assert_allclose([float(row["jawOpen"]) for row in rows], np.arange(49) / 48.0, atol=1e-5)
    assert rows[0]["timecode"] == "01:00:00:00" and rows[48]["timecode"] == "01:00:02:00"
    assert {row["state"] for row in rows} == {"tracking", "held"}  # the gap was closed


def test_a_semicolon_counts_with_drops(tmp_path):
    path = smooth_motion(tmp_path / "a.mcap")
    limelight(
        "export-take", path, "--to", "csv", "--out", tmp_path / "a.csv", "--fps", "29.97", "--timecode", "00:00:59;28"
    )
    assert [row["timecode"] for row in read_csv(tmp_path / "a.csv")[:3]] == [
        "00:00:59;28",
        "00:00:59;29",
        "00:01:00;02",
    ]


def test_in_and_out_markers_are_respected_and_can_be_overruled(tmp_path):
    path = smooth_motion(tmp_path / "a.mcap", {0.5: "in", 1.0: "smile", 1.5: "out"})

    def indices(*options: object) -> list[int]:
        limelight("export-take", path, "--to", "csv", "--out", tmp_path / "a.csv", "--force", *options)
        return [int(row["frame"]) for row in read_csv(tmp_path / "a.csv")]

    assert indices() == list(range(15, 46))
    assert indices("--whole") == list(range(61))
    assert indices("--from", "smile") == list(range(30, 46))
    assert indices("--from", "0", "--until", "0.1") == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--fps", "31"), "no frame rate of film or television"),
        (("--timecode", "soon"), "must look like 01:02:03:04"),
        (("--timecode", "00:01:00;00", "--fps", "29.97"), "left out"),
        (("--timecode", "00:01:00;00", "--fps", "25"), "write 00:01:00:00, or add --fps 29.97df"),
        (("--clean", "strength=7"), "from 0 up to 1"),
        (("--from", "applause"), "neither seconds nor a marker"),
        (("--from", "2", "--until", "1"), "ends before it begins"),
        (("--from", "9"), "no frame in that part"),
        (("--whole", "--from", "1"), "no room"),
    ],
)
def test_export_options_that_make_no_sense_are_one_line(tmp_path, options, reason):
    path = smooth_motion(tmp_path / "a.mcap")
    with pytest.raises(LimelightError, match=reason) as error:
        limelight("export-take", path, "--to", "csv", "--out", tmp_path / "a.csv", *options)
    assert "\n" not in str(error.value) and not (tmp_path / "a.csv").exists()


def test_a_folder_of_files_is_claimed_file_by_file(tmp_path, capsys):
    path, folder = smooth_motion(tmp_path / "a.mcap"), tmp_path / "head"

    def export(*options: object) -> list[str]:
        limelight("export-take", path, "--to", "obj-sequence", "--out", folder, *options)
        return sorted(one.name for one in folder.iterdir())

    assert export("--until", "0.2") == [f"head_{i:04d}.obj" for i in range(1, 8)]
    assert f"{folder}: 7 frames" in capsys.readouterr().out
    assert export("--until", "0.1") == [f"head_{i:04d}.obj" for i in range(1, 5)]  # its own files, of the same take
    (folder / "head_0002.obj").write_text("somebody else's")
    with pytest.raises(LimelightError, match="exists already"):
        export("--until", "0.1")
    (folder / "head_0002.obj").unlink()
    (folder / "head_0009.obj").write_text("somebody else's")
    with pytest.raises(LimelightError, match="exists already"):
        export("--until", "0.1")
    assert (folder / "head_0009.obj").read_text() == "somebody else's"
    assert len(export("--until", "0.1", "--force")) == 4


# --- take ----------------------------------------------------------------------------------------------------


@pytest.fixture
def eventful(tmp_path) -> Path:
    """Two faces, a stall, a marker and a new size."""
    path = tmp_path / "eventful.mcap"
    with TakeWriter(path, header(), model()) as writer:
        for i in range(10):
            writer.append(result(i, [face(i, person=someone(settled=True))]))
        writer.append(tick(result(9), 0.1))
        for i in range(30, 40):
            writer.append(result(i, [face(i, person=someone(settled=True)), face(i, 2)], size=(1280, 720)))
        writer.mark(Marker(result(30).time, "applause"))
    return path


def test_info_says_what_is_in_a_take(eventful, capsys):
    assert limelight("take", "info", eventful, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["format_version"], said["frames"], said["cut"]) == (2, 20, None)
    assert said["seconds"] == pytest.approx(39 / 30)
    assert said["bytes"] == eventful.stat().st_size
    assert said["sizes"] == [[640, 480], [1280, 720]]
    assert [(one["id"], one["tracked_frames"], one["persons"]) for one in said["faces"]] == [(1, 20, [1]), (2, 10, [2])]
    assert [said["faces"][1][key] for key in ("begin", "end")] == pytest.approx([1.0, 1.3])
    assert said["persons"] == [{"key": 1, "settled": True, "rig": True}, {"key": 2, "settled": False, "rig": True}]
    assert said["model"] == {"name": model().name, "digest": model().digest, "in_take": True}
    (stall,), (marker,) = said["stalls"], said["markers"]
    assert (stall["begin"], stall["end"]) == pytest.approx((0.3, 1.0))
    assert marker["text"] == "applause" and marker["time"] == pytest.approx(1.0)

    assert limelight("take", "info", eventful) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("640x480, 1280x720" in line for line in lines) and any("applause" in line for line in lines)
    assert any("0.30 s to 1.00 s" in line for line in lines)


def test_info_of_a_damaged_take_and_of_version_1(eventful, tmp_path, capsys):
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(eventful.read_bytes()[:-9000])
    limelight("take", "info", cut)
    assert "cut short" in capsys.readouterr().out
    limelight("take", "info", GOLDEN_V1, "--json")
    said = json.loads(capsys.readouterr().out)
    assert said["format_version"] == 1 and said["frames"] == 20 and not said["model"]["in_take"]


def test_repair_and_trim_through_the_command(eventful, tmp_path, capsys):
    cut, whole, part = (tmp_path / name for name in ("cut.mcap", "whole.mcap", "part.mcap"))
    cut.write_bytes(eventful.read_bytes()[: eventful.read_bytes().index(face(35).raw.tobytes())])
    assert limelight("take", "repair", cut, "--out", whole) == 0
    assert "cut short" in capsys.readouterr().out and load_take(whole).cut is None
    assert limelight("take", "trim", eventful, "--from", "1.0", "--to", "1.1", "--out", part) == 0
    assert f"{part}: 4 frames" in capsys.readouterr().out
    assert [frame.index for frame in load_take(part).frames] == [30, 31, 32, 33]
    assert limelight("take", "trim", eventful, "--from", "1.2", "--out", tmp_path / "end.mcap") == 0
    assert [frame.index for frame in load_take(tmp_path / "end.mcap").frames] == [36, 37, 38, 39]
    assert limelight("take", "repair", cut, "--out", whole) == 0, "its own file, of the same take"
    with pytest.raises(LimelightError, match="exists already"):
        limelight("take", "trim", eventful, "--out", whole)
    assert limelight("take", "trim", eventful, "--to", "0.1", "--out", whole, "--force") == 0
    assert len(load_take(whole).frames) == 4
    for force in ([], ["--force"]):
        with pytest.raises(LimelightError, match="is an input itself"):
            limelight("take", "trim", eventful, "--out", eventful, *force)


def test_a_failed_edit_leaves_the_file_before_it(eventful, tmp_path):
    out = tmp_path / "out.mcap"
    out.write_bytes(b"precious")
    with pytest.raises(LimelightError, match="no frame in that part"):
        limelight("take", "trim", eventful, "--from", "1000", "--out", out, "--force")
    assert out.read_bytes() == b"precious"
    assert {path.name for path in tmp_path.iterdir()} == {"out.mcap", eventful.name}


def test_a_stranger_is_not_replaced_by_an_export(take, tmp_path):
    out = tmp_path / "a.csv"
    out.write_text("precious")
    with pytest.raises(LimelightError, match="exists already"):
        limelight("export-take", take, "--to", "csv", "--out", tmp_path / "a")
    assert out.read_text() == "precious"
    for force in (["--force"], []):
        assert limelight("export-take", take, "--to", "csv", "--out", out, *force) == 0


def test_every_face_of_an_export_is_claimed(eventful, tmp_path):
    stranger = tmp_path / "a.face1.csv"
    stranger.write_text("precious")
    with pytest.raises(LimelightError, match="exists already"):
        limelight("export-take", eventful, "--to", "csv", "--out", tmp_path / "a.csv", "--all-faces")
    assert stranger.read_text() == "precious"


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "soon"])
def test_times_that_are_none_are_refused(eventful, tmp_path, seconds, capsys):
    with pytest.raises(SystemExit):
        limelight("take", "trim", eventful, f"--from={seconds}", "--out", tmp_path / "a.mcap")
    assert "--from" in capsys.readouterr().err
