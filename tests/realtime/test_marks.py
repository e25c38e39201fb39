"""Markers and in and out points that are set after the recording, by command and in code."""

from __future__ import annotations

import json

import pytest

from facemodel import LimelightError
from limelight.cli import main
from realtime.takes import Marker, load_take
from realtime.takes.marks import IN, OUT, marks_path, point, read_marks, with_point, without, write_marks
from tests.realtime.take_factory import result, write_take


@pytest.fixture
def take(tmp_path):
    """Two seconds, from 100.0 s on the feed's clock."""
    return write_take(tmp_path / "a.mcap", [result(i) for i in range(61)])


def test_marks_are_the_takes_markers_and_the_take_stays_as_it_was(take):
    before = take.read_bytes()
    created = load_take(take).header.created
    assert load_take(take).markers == () and read_marks(take, created) is None
    write_marks(take, created, [Marker(101.0, "nod"), Marker(100.5, IN)])
    assert load_take(take).markers == (Marker(100.5, IN), Marker(101.0, "nod"))
    assert take.read_bytes() == before
    assert sorted(path.name for path in take.parent.iterdir()) == ["a.mcap", "a.mcap.marks.json"]


def test_marks_of_another_take_of_that_name_do_not_count(take):
    write_marks(take, "2020-01-01T00:00:00.000+00:00", [Marker(101.0, "old")])
    assert load_take(take).markers == ()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": "limelight marks"}', '{"format": "other"}'])
def test_files_that_make_no_sense_are_no_marks(take, content):
    marks_path(take).write_text(content)
    assert load_take(take).markers == ()


@pytest.mark.parametrize(
    "markers", ["7", "[7]", '[{"time": 1}]', '[{"time": "x", "text": ""}]', '[{"time": NaN, "text": ""}]']
)
def test_marks_that_make_no_sense_do_not_count(take, markers):
    created = load_take(take).header.created
    marks_path(take).write_text(f'{{"format": "limelight marks", "take_created": "{created}", "markers": {markers}}}')
    assert load_take(take).markers == ()


def test_another_programs_file_is_left_alone(take):
    marks_path(take).write_text("mine")
    with pytest.raises(LimelightError, match="another program's file"):
        write_marks(take, "now", [])
    assert marks_path(take).read_text() == "mine"


def test_a_point_puts_away_the_other_where_they_would_cross():
    markers = with_point((Marker(1.0, "nod"),), OUT, 3.0)
    markers = with_point(markers, IN, 2.0)
    assert (point(markers, IN), point(markers, OUT)) == (2.0, 3.0)
    markers = with_point(markers, IN, 3.5)
    assert (point(markers, IN), point(markers, OUT)) == (3.5, None)
    markers = with_point(markers, OUT, 3.5)  # one frame
    assert (point(markers, IN), point(markers, OUT)) == (3.5, 3.5)
    markers = with_point(markers, OUT, 1.5)
    assert (point(markers, IN), point(markers, OUT)) == (None, 1.5)
    assert with_point(markers, OUT, None) == (Marker(1.0, "nod"),)
    assert without(markers, 1.5, 1.0) == (Marker(1.5, OUT),)


def run(capsys, *arguments):
    status = main(["take", "mark", *map(str, arguments)])
    said = capsys.readouterr()
    return status, said.out.split("\n")[:-1], said.err


def test_the_command_marks(take, capsys):
    assert run(capsys, take) == (0, [], "")
    assert not marks_path(take).exists()
    status, lines, _ = run(capsys, take, "--in", "0.5", "--out", "1.5", "--add", "1", "a smile", "--add", "1.2", "nod")
    assert status == 0
    assert lines == ["    0.500 s  in", "    1.000 s  a smile", "    1.200 s  nod", "    1.500 s  out"]
    status, lines, _ = run(capsys, take, "--remove", "1.2", "--out", "none")
    assert lines == ["    0.500 s  in", "    1.000 s  a smile"]
    assert [(m.time, m.text) for m in load_take(take).markers] == [(100.5, "in"), (101.0, "a smile")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--in", "2.5"], "0 to 2.000"),
        (["--add", "soon", "x"], "0 to 2.000"),
        (["--add", "1", "in"], "that is --in"),
        (["--remove", "1"], "no marker at 1 s"),
    ],
)
def test_what_the_command_cannot_do_is_one_line(take, capsys, arguments, words):
    status, _, error = run(capsys, take, *arguments)
    assert status == 1 and words in error and error.count("\n") == 1
    assert not marks_path(take).exists()


def test_a_trimmed_take_and_a_repaired_one_keep_their_marks(take, tmp_path, capsys):
    run(capsys, take, "--in", "0.5", "--add", "1.9", "late")
    assert main(["take", "trim", str(take), "--to", "1", "--out", str(tmp_path / "b.mcap")]) == 0
    assert [m.text for m in load_take(tmp_path / "b.mcap").markers] == ["in"]
    assert main(["take", "repair", str(take), "--out", str(tmp_path / "c.mcap")]) == 0
    assert [m.text for m in load_take(tmp_path / "c.mcap").markers] == ["in", "late"]
    assert json.loads(marks_path(tmp_path / "c.mcap").read_text())["format"] == "limelight marks"


def test_a_copy_of_a_take_without_marks_has_none(take, tmp_path, capsys):
    other = tmp_path / "b.mcap"
    assert main(["take", "trim", str(take), "--to", "1", "--out", str(other)]) == 0
    run(capsys, other, "--in", "0.5")
    assert main(["take", "trim", str(take), "--to", "1", "--out", str(other), "--force"]) == 0
    assert not marks_path(other).exists() and load_take(other).markers == ()
    marks_path(other).write_text("mine")
    assert main(["take", "trim", str(take), "--to", "1", "--out", str(other), "--force"]) == 0
    assert marks_path(other).read_text() == "mine", "another program's file stays"
