"""What other libraries read in the files that a take is exported to."""

from __future__ import annotations

import csv
import re
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from facemodel import ARKIT_NAMES, LimelightError
from facemodel.channels import CHANNEL_NAMES
from facemodel.color import encode_srgb
from facemodel.rotation import matrix_from_euler
from realtime.frame import Person, Result
from realtime.frame_rate import FrameRate, Timecode
from realtime.sinks.registry import open_sink
from realtime.takes import Take, TakeHeader, load_take
from realtime.takes.clip import Clip, ClipEdit
from realtime.takes.exporters import export_take, exporter, exports, formats
from tests.realtime.take_factory import LAYOUT, face, info, result, write_take
from tests.toy_model import toy_model

COUNT = 40
LOST = range(20, 24)

LIVE_LINK_FACE_HEADER = (
    "Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,EyeLookUpLeft,EyeSquintLeft,"
    "EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,EyeLookOutRight,EyeLookUpRight,EyeSquintRight,"
    "EyeWideRight,JawForward,JawRight,JawLeft,JawOpen,MouthClose,MouthFunnel,MouthPucker,MouthRight,MouthLeft,"
    "MouthSmileLeft,MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,MouthDimpleRight,MouthStretchLeft,"
    "MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,MouthShrugUpper,MouthPressLeft,MouthPressRight,"
    "MouthLowerDownLeft,MouthLowerDownRight,MouthUpperUpLeft,MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,"
    "BrowOuterUpLeft,BrowOuterUpRight,CheekPuff,CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,"
    "TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll"
)
"""As the app writes it."""

TURNS = [(30.0, 0.0, 0.0), (0.0, 20.0, 0.0), (0.0, 0.0, 15.0), (-50.0, 25.0, -40.0)]
"""Yaw to image right, pitch up, roll clockwise, degrees; one after the other."""


def moving(index: int) -> Result:
    """A face with all weights in motion, and a head that turns; lost for some frames, and not there in the first."""
    if index == 0 or index in LOST:
        return result(index, ())
    one = face(index)
    vector = one.smoothed.copy()
    p = LAYOUT.view(vector)
    p.rotation = matrix_from_euler(*np.radians(TURNS[index % len(TURNS)]))
    p.translation[:], p.scale = (300.0 + index, 200.0), 2.0
    return result(index, (replace(one, smoothed=vector),))


@pytest.fixture(scope="module")
def take(tmp_path_factory) -> Take:
    return load_take(write_take(tmp_path_factory.mktemp("exports") / "a.mcap", [moving(i) for i in range(COUNT)]))


@pytest.fixture(scope="module")
def channels(take):
    (block,) = Clip(take).blocks()
    return block.channels


def held(row: int) -> int:
    """The row whose pose stands in a row, in formats that hold it."""
    return 1 if row == 0 else 19 if row in LOST else row


# --- Live Link Face ------------------------------------------------------------------------------------------


def test_livelink_csv_is_what_the_app_writes(take, channels, tmp_path):
    (path,) = export_take(take, "livelink-csv", tmp_path / "a")
    assert path == tmp_path / "a.csv"
    lines = path.read_text(encoding="ascii").splitlines()
    assert lines[0] == LIVE_LINK_FACE_HEADER
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d:[0-5]\d\.\d{3},61(,-?\d+\.\d{10}){61}", line) for line in lines[1:])
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == COUNT
    for i, row in enumerate(rows):
        for name in ARKIT_NAMES:
            assert float(row[name[0].upper() + name[1:]]) == pytest.approx(channels.weight(name)[held(i)], abs=1e-9)


def test_livelink_csv_says_what_the_stream_says(take, tmp_path):
    """Under the same names: the orders differ where the jaw and the mouth go sideways."""
    (path,) = export_take(take, "livelink-csv", tmp_path / "a.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    angles = [f"{part}{angle}" for part in ("Head", "LeftEye", "RightEye") for angle in ("Yaw", "Pitch", "Roll")]
    names = [*(name[0].upper() + name[1:] for name in ARKIT_NAMES), *angles]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(60)
        stream = open_sink(f"livelink://127.0.0.1:{receiver.getsockname()[1]}").sink
        stream.begin(info(model=take.model))
        for i in range(1, 20):
            recorded = take.frames[i]
            vector = take.vector(recorded.faces[0])
            stream.submit(replace(moving(i), faces=(replace(moving(i).faces[0], smoothed=vector),)))
            values = np.frombuffer(receiver.recv(2000)[-4 * len(names) :], ">f4")
            for name, value in zip(names, values, strict=True):
                assert float(rows[i][name]) == pytest.approx(float(value), abs=1e-5), name
        stream.close()


@pytest.mark.parametrize(
    ("rate", "start", "expected"),
    [
        ("30", "13:13:04:15", ["13:13:04:30.000", "13:13:04:32.000", "13:13:04:34.000"]),
        ("60", "23:59:59:58", ["23:59:59:58.000", "23:59:59:59.000", "00:00:00:00.000"]),
        ("24", "01:00:00:22", ["01:00:00:55.000", "01:00:00:57.500", "01:00:01:00.000"]),
        ("25", "01:00:00:01", ["01:00:00:02.400", "01:00:00:04.800", "01:00:00:07.200"]),
        ("29.97df", "00:00:59;29", ["00:00:59:58.000", "00:01:00:04.000", "00:01:00:06.000"]),
    ],
)
def test_livelink_timecode_counts_sixty_a_second(take, tmp_path, rate, start, expected):
    rate = FrameRate.parse(rate)
    edit = ClipEdit(rate=rate, start=Timecode.parse(start, rate))
    (path,) = export_take(take, "livelink-csv", tmp_path / "a.csv", edit=edit)
    assert [line.split(",")[0] for line in path.read_text().splitlines()[1:4]] == expected


# --- CSV, Parquet and NumPy ----------------------------------------------------------------------------------


def test_csv_tells_timecode_in_a_column_of_its_own(take, tmp_path):
    rate = FrameRate.parse("29.97df")
    edit = ClipEdit(rate=rate, start=Timecode.parse("10:00:59;29", rate))
    (path,) = export_take(take, "csv", tmp_path / "a.csv", edit=edit)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["timecode"] for row in rows[:2]] == ["10:00:59;29", "10:01:00;02"]
    assert [int(row["frame"]) for row in rows] == list(range(len(rows)))
    assert "timecode" not in export_take(take, "csv", tmp_path / "b.csv")[0].read_text()


def test_parquet_has_every_channel_with_its_unit(take, channels, tmp_path, monkeypatch):
    monkeypatch.setattr("realtime.takes.clip.BLOCK", 7)
    monkeypatch.setattr("realtime.takes.exporters.parquet._ROW_GROUP", 16)
    (path,) = export_take(take, "parquet", tmp_path / "a")
    file = pq.ParquetFile(path)
    assert file.metadata.num_row_groups > 1 and file.metadata.num_rows == COUNT
    table = file.read()
    for name in CHANNEL_NAMES:
        column = table[name]
        assert column.type == pa.float32() and table.schema.field(name).metadata[b"unit"]
        assert column.null_count == 5
        expected = channels.rows[:, CHANNEL_NAMES.index(name)]
        found = column.to_numpy(zero_copy_only=False)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    track = take.track()
    assert table["state"].to_pylist() == [state.value for state in track.state]
    np.testing.assert_array_equal(table["timestamp"].to_numpy(), track.timestamp)
    assert table["width"].to_pylist() == [640] * COUNT
    assert table["person"].to_pylist() == track.person.tolist()
    units = {name: table.schema.field(name).metadata[b"unit"].decode() for name in ("headYaw", "headX", "translationX")}
    assert units == {"headYaw": "degree", "headX": "mm", "translationX": "px"}
    assert TakeHeader.from_json(table.schema.metadata[b"limelight.header"]) == take.header


def test_parquet_of_another_models_expressions(tmp_path):
    free = replace(toy_model(2, 2, 1), expression_names=("e0", "e1"), expression_range=(-np.inf, np.inf))
    vector = free.layout.neutral()
    p = free.layout.view(vector)
    p.expression[:] = (0.25, -0.5)
    person = Person(1, p.identity, p.albedo)
    one = result(0, (replace(face(0), smoothed=vector, raw=None, person=person),))
    take = load_take(write_take(tmp_path / "a.mcap", [one], free))
    (path,) = export_take(take, "parquet", tmp_path / "a.parquet")
    (row,) = pq.read_table(path).to_pylist()
    assert (row["e0"], row["e1"]) == (0.25, -0.5) and "jawOpen" not in row and row["headYaw"] is not None


def test_parquet_without_pyarrow_says_what_to_install(take, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(LimelightError, match=r"pip install 'limelight\[export\]'"):
        export_take(take, "parquet", tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []


def test_npz_is_read_by_numpy_alone(take, channels, tmp_path, monkeypatch):
    monkeypatch.setattr("realtime.takes.clip.BLOCK", 7)
    rate = FrameRate.parse("30")
    (path,) = export_take(take, "npz", tmp_path / "a")
    with np.load(path, allow_pickle=False) as arrays:
        for name in ("head_angles", "head_position", "eye_angles", "sh", "scale", "shininess"):
            np.testing.assert_array_equal(arrays[name], getattr(channels, name))
        np.testing.assert_array_equal(arrays["parameters"], take.track().smoothed)
        assert "timecode" not in arrays
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.npz"]
    edit = ClipEdit(rate=rate, start=Timecode.parse("10:00:00:00", rate))
    (path,) = export_take(take, "npz", tmp_path / "b", edit=edit)
    with np.load(path, allow_pickle=False) as arrays:
        assert arrays["timecode"][:2].tolist() == ["10:00:00:00", "10:00:00:01"]


# --- BVH -----------------------------------------------------------------------------------------------------


class Bvh:
    """A BVH file as its specification says: joints by name with offset and channels, and the frames."""

    def __init__(self, path: Path) -> None:
        words = path.read_text(encoding="ascii").split()
        self.joints: dict[str, tuple[list[float], list[str], str | None]] = {}
        stack: list[str] = []
        at = 1
        while words[at] != "MOTION":
            if words[at] in ("ROOT", "JOINT"):
                name, parent = words[at + 1], stack[-1] if stack else None
                assert words[at + 2] == "{" and words[at + 3] == "OFFSET"
                offset = [float(word) for word in words[at + 4 : at + 7]]
                assert words[at + 7] == "CHANNELS"
                count = int(words[at + 8])
                self.joints[name] = (offset, words[at + 9 : at + 9 + count], parent)
                stack.append(name)
                at += 9 + count
            elif words[at] == "End":
                assert words[at + 1 : at + 4] == ["Site", "{", "OFFSET"] and words[at + 7] == "}"
                at += 8
            else:
                assert words[at] == "}"
                stack.pop()
                at += 1
        assert words[at + 1] == "Frames:" and words[at + 3 : at + 5] == ["Frame", "Time:"] and not stack
        self.seconds = float(words[at + 5])
        channels = sum(len(joint[1]) for joint in self.joints.values())
        self.frames = np.array(words[at + 6 :], float).reshape(int(words[at + 2]), channels)

    def local(self, frame: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Translation and rotation of each joint in its parent."""
        values, found = iter(self.frames[frame]), {}
        for name, (offset, channels, _) in self.joints.items():
            place, turn = np.array(offset), np.eye(3)
            for channel in channels:
                axis, value = "XYZ".index(channel[0]), next(values)
                if channel.endswith("position"):
                    place[axis] = value
                else:
                    turn = turn @ Rotation.from_euler("xyz"[axis], value, degrees=True).as_matrix()
            found[name] = (place, turn)
        return found


def test_bvh_holds_head_and_eyes(take, channels, tmp_path):
    (path,) = export_take(take, "bvh", tmp_path / "a")
    bvh = Bvh(path)
    assert list(bvh.joints) == ["Head", "LeftEye", "RightEye"]
    assert [parent for _, _, parent in bvh.joints.values()] == [None, "Head", "Head"]
    assert bvh.seconds == pytest.approx(1 / 30) and len(bvh.frames) == COUNT
    centres = take.person_model(1).eye_centres
    for name, centre in zip(("LeftEye", "RightEye"), centres, strict=True):
        np.testing.assert_allclose(bvh.joints[name][0], centre / 10.0, atol=1e-4)
    for i in range(COUNT):
        place, turn = bvh.local(i)["Head"]
        np.testing.assert_allclose(place, channels.head_position[held(i)] / 10.0, atol=1e-3)
        np.testing.assert_allclose(turn, channels.head_rotation[held(i)], atol=1e-4)
        for eye, name in enumerate(("LeftEye", "RightEye")):
            yaw, pitch = np.radians(channels.eye_angles[held(i), eye])
            looks = bvh.local(i)[name][1] @ [0.0, 0.0, 1.0]
            np.testing.assert_allclose(looks[:2], [np.sin(yaw), np.sin(pitch) * np.cos(yaw)], atol=1e-4)
    assert np.abs(np.diff(bvh.frames[:, 3:], axis=0)).max() < 180.0


def test_bvh_has_even_times_whatever_the_camera_did(tmp_path):
    times = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.05, 90))
    results = [replace(moving(1), time=100.0 + time) for time in times]
    take = load_take(write_take(tmp_path / "a.mcap", results))
    assert len(Bvh(export_take(take, "bvh", tmp_path / "a.bvh")[0]).frames) == int(take.duration * 30.0) + 1
    edit = ClipEdit(rate=FrameRate.parse("24"))
    bvh = Bvh(export_take(take, "bvh", tmp_path / "b.bvh", edit=edit)[0])
    assert bvh.seconds == pytest.approx(1 / 24) and len(bvh.frames) == int(take.duration * 24.0) + 1


# --- OBJ sequence --------------------------------------------------------------------------------------------


def test_obj_sequence_shows_the_person_where_it_was(take, channels, tmp_path):
    (folder,) = export_take(take, "obj-sequence", tmp_path / "head", edit=ClipEdit(begin=0.6, end=0.9))
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"head_{i:04d}.obj" for i in range(1, 11)]
    person = take.person_model(1)
    for i, name in enumerate(names):
        row = held(18 + i)
        mesh = trimesh.load(folder / name, process=False, maintain_order=True)
        weights = take.track().smoothed[row, LAYOUT.slices["expression"]]
        vertices = person.shape(np.zeros(0), weights) @ channels.head_rotation[row].T + channels.head_position[row]
        text = (folder / name).read_text()
        found = np.array([line.split()[1:] for line in text.splitlines() if line.startswith("v ")], float)
        np.testing.assert_allclose(found[:, :3], vertices, atol=1e-3)
        np.testing.assert_allclose(found[:, 3:], encode_srgb(person.diffuse_mean), atol=1e-4)
        assert len(mesh.faces) == len(person.triangles)
        assert text.count("\nvt ") == len(person.uv)


def test_the_end_of_a_longer_sequence_is_no_part_of_a_shorter_one(take, tmp_path):
    long, short = (
        exports(take, "obj-sequence", tmp_path / "head", edit=ClipEdit(begin=0.6, end=end))[0] for end in (0.9, 0.8)
    )
    long.write()
    (tmp_path / "head" / "head_notes.txt").write_text("mine")
    assert [path.name for path in short.leftovers] == ["head_0008.obj", "head_0009.obj", "head_0010.obj"]
    assert long.leftovers == ()


# --- all of them ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in formats() if exporter(name).extension and name != "fbx"])
def test_an_interrupted_export_leaves_the_file_before_it(take, tmp_path, monkeypatch, name):
    path = tmp_path / f"a{exporter(name).extension}"
    path.write_text("precious")

    def interrupt(count: int) -> None:
        raise KeyboardInterrupt

    (one,) = exports(take, name, path, progress=interrupt)
    with pytest.raises(KeyboardInterrupt):
        one.write()
    assert path.read_text() == "precious" and [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["livelink-csv", "bvh", "obj-sequence"])
def test_nobody_to_hold_is_one_line(tmp_path, name):
    take = load_take(write_take(tmp_path / "a.mcap", [result(i, ()) for i in range(3)]))
    with pytest.raises(LimelightError, match="there is no face in it") as error:
        export_take(take, name, tmp_path / "out")
    assert "\n" not in str(error.value) and str(take.path) in str(error.value)


def test_an_end_that_says_nothing_gets_the_formats_own(tmp_path):
    take = write_take(tmp_path / "a.mcap", [result(0), result(1)])
    assert export_take(load_take(take), "csv", tmp_path / "shot1.v2") == (tmp_path / "shot1.v2.csv",)
    with pytest.raises(LimelightError, match=r"a csv file ends in \.csv, not in \.glb"):
        export_take(load_take(take), "csv", tmp_path / "a.glb")


def test_of_all_faces_those_that_are_there_are_written(tmp_path):
    """The second one comes after the part."""
    both = [result(i, [face(i), face(i, number=2)] if i >= 20 else [face(i)]) for i in range(30)]
    take = load_take(write_take(tmp_path / "a.mcap", both))
    part = ClipEdit(begin=0.0, end=0.3)
    written = export_take(take, "livelink-csv", tmp_path / "a", all_faces=True, edit=part)
    assert written == (tmp_path / "a.face1.csv",)
