"""Repairing and trimming: the file is whole again, and what is kept is as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader

from facemodel import LimelightError
from realtime.takes import Marker, Stall, TakeWriter, load_take
from realtime.takes.edit import repair_take, trim_take
from realtime.takes.format import Topic
from realtime.takes.mcap_file import McapFile
from realtime.takes.reader import TakeReader
from tests.realtime.take_factory import GOLDEN_V1, face, header, model, result, tick, write_take

START = result(0).time


@pytest.fixture
def take(tmp_path) -> Path:
    """Two seconds of two faces with a stall from 0.5 to 1 s, and a marker at each half second."""
    path = tmp_path / "take.mcap"
    with TakeWriter(path, header(), model()) as writer:
        for i in range(61):
            if i == 16:
                writer.append(tick(result(15), 0.1))
            if 16 <= i < 30:
                continue
            writer.append(result(i, [face(i), face(i, 2)] if i >= 45 else [face(i)]))
            if i % 15 == 0:
                writer.mark(Marker(result(i).time, f"at {i}"))
    return path


def assert_whole(path: Path) -> None:
    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        count = sum(1 for _ in reader.iter_messages())
        assert reader.get_summary().statistics.message_count == count


def test_a_cut_take_becomes_whole(take, tmp_path):
    data = take.read_bytes()
    at = data.index(face(50).raw.tobytes())
    cut, out = tmp_path / "cut.mcap", tmp_path / "out.mcap"
    cut.write_bytes(data[:at])
    edited = repair_take(cut, out)
    whole, original = load_take(out), load_take(take)
    assert edited.frames == len(whole) == len(load_take(cut)) and 30 < len(whole) < 47
    assert "cut short" in edited.cut and whole.cut is None
    assert_whole(out)
    assert whole.header == original.header and whole.stalls == original.stalls
    assert whole.markers == original.markers[: len(whole.markers)]
    np.testing.assert_array_equal(whole.track().raw, original.track().raw[: len(whole)])
    np.testing.assert_array_equal(whole.person_model(1).mean, original.person_model(1).mean)
    assert cut.read_bytes() == data[:at]


def test_a_damaged_take_loses_only_the_damage(take, tmp_path):
    data = bytearray(take.read_bytes())
    at = data.index(face(7).raw.tobytes())
    data[at : at + 40] = bytes(40)
    take.write_bytes(data)
    edited = repair_take(take, tmp_path / "out.mcap")
    kept = load_take(tmp_path / "out.mcap")
    assert "missing" in edited.cut and kept.cut is None
    assert 7 not in [frame.index for frame in kept.frames] and 47 - len(kept) <= 20
    assert_whole(tmp_path / "out.mcap")


def test_a_whole_take_is_repaired_into_the_same(take, tmp_path):
    edited = repair_take(take, tmp_path / "out.mcap")
    assert edited.cut is None and edited.frames == 47
    messages = [
        [
            (one.topic, one.message.log_time, one.message.sequence, one.message.data)
            for one in TakeReader(path).messages()
        ]
        for path in (take, tmp_path / "out.mcap")
    ]
    assert messages[0] == messages[1]


def test_topics_of_a_later_limelight_are_kept(take, tmp_path):
    later = Topic("/limelight/later", "json", "limelight.Later", "jsonschema", b"{}")
    source = TakeReader(take)
    file = McapFile(tmp_path / "later.mcap")
    for one in source.messages():
        file.add(one.topic, one.message.log_time, one.message.data, one.message.sequence)
    file.add(later, 5, b'{"light": 1}')
    file.close()
    repair_take(tmp_path / "later.mcap", tmp_path / "out.mcap")
    assert any(
        one.topic == later and one.message.data == b'{"light": 1}'
        for one in TakeReader(tmp_path / "out.mcap").messages()
    )


def test_a_part_keeps_header_rigs_and_what_belongs_to_it(take, tmp_path):
    out = tmp_path / "part.mcap"
    edited = trim_take(take, out, 0.9, 1.6)
    part, original = load_take(out), load_take(take)
    assert [frame.index for frame in part.frames] == list(range(30, 49)) and edited.frames == 19
    assert part.header == original.header
    assert part.markers == (Marker(result(30).time, "at 30"), Marker(result(45).time, "at 45"))
    assert part.stalls == (Stall(result(15).time, result(30).time),)
    assert set(part.rigs) == {1, 2}
    np.testing.assert_array_equal(part.model.identity, original.model.identity)
    np.testing.assert_array_equal(part.track().smoothed, original.track().smoothed[16:35])
    assert part.frames[0].time == pytest.approx(START + 1.0)
    assert_whole(out)


def test_parts_outside_and_inside_out_are_one_line(take, tmp_path):
    with pytest.raises(LimelightError, match="no frame"):
        trim_take(take, tmp_path / "out.mcap", 0.55, 0.95)  # all of it in the stall
    with pytest.raises(LimelightError, match="--to must be later"):
        trim_take(take, tmp_path / "out.mcap", 2.0, 1.0)
    assert not (tmp_path / "out.mcap").exists()


def test_no_edit_overwrites_anything(take, tmp_path):
    before = take.read_bytes()
    other = write_take(tmp_path / "other.mcap", [result(0)])
    for out in (take, other):
        with pytest.raises(LimelightError, match="exists already"):
            repair_take(take, out)
        with pytest.raises(LimelightError, match="exists already"):
            trim_take(take, out, 0.0, 1.0)
    assert take.read_bytes() == before and len(load_take(other)) == 1


def test_a_full_disk_leaves_no_half_take(take, tmp_path, monkeypatch):
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("realtime.takes.mcap_file.os.write", full)
    with pytest.raises(LimelightError, match="No space left on device"):
        repair_take(take, tmp_path / "out.mcap")
    assert not (tmp_path / "out.mcap").exists()


def test_version_1_is_edited_as_version_1(tmp_path):
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(GOLDEN_V1.read_bytes()[:-20_000])
    repair_take(cut, tmp_path / "whole.mcap")
    trim_take(GOLDEN_V1, tmp_path / "part.mcap", 0.1, 0.2)
    whole, part, golden = (load_take(path) for path in (tmp_path / "whole.mcap", tmp_path / "part.mcap", GOLDEN_V1))
    assert whole.header == part.header == golden.header and whole.cut is None
    assert 0 < len(whole) < 20
    np.testing.assert_array_equal(whole.track().raw, golden.track().raw[: len(whole)])
    assert [frame.index for frame in part.frames] == [3, 4, 5, 6]
