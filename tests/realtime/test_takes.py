"""Takes: nothing lost on the way to disk and back, whatever ends the recording."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from mcap.exceptions import EndOfFile
from mcap.reader import NonSeekingReader, make_reader
from mcap_ros2.decoder import DecoderFactory

from facemodel import FaceModel, LimelightError, ParameterLayout
from realtime.frame import Face, Frame, Result, TrackingState
from realtime.kept_models import model_file
from realtime.takes import Marker, Stall, TakeFrame, TakeHeader, TakePlayer, TakeReader, TakeWriter, is_take, load_take
from realtime.takes.exporters import export_take
from tests.realtime.take_factory import (
    GOLDEN_V1,
    LAYOUT,
    face,
    golden_v1,
    header,
    info,
    mixed_states,
    model,
    result,
    someone,
    tick,
    write_take,
)
from tests.toy_model import toy_model

ROOT = Path(__file__).resolve().parents[2]


def assert_same(read: TakeFrame, written: Result) -> None:
    assert (read.index, read.timestamp, read.time) == (written.frame.index, written.frame.timestamp, written.time)
    assert (read.height, read.width) == written.frame.image.shape[:2]
    assert [one.id for one in read.faces] == [one.id for one in written.faces]
    for a, b in zip(read.faces, written.faces, strict=True):
        assert_same_face(a, b)


def assert_same_face(read, written: Face) -> None:
    assert (read.person, read.state, read.crop) == (written.person.key, written.state, written.crop)
    assert read.confidence == np.float32(written.confidence)
    for name in ("raw", "smoothed"):
        a, b = getattr(read, name), getattr(written, name)
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_array_equal(a, b)
            assert a.dtype == np.float32
            assert not a.flags.writeable


def one_line(error: pytest.ExceptionInfo[LimelightError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


# --- round trip ----------------------------------------------------------------------------------------------


def test_every_number_survives_the_round_trip(tmp_path):
    results = mixed_states(20)
    reader = TakeReader(write_take(tmp_path / "a.mcap", results))
    assert reader.header == header()
    frames = list(reader)
    assert len(frames) == 20
    for frame, written in zip(frames, results, strict=True):
        assert_same(frame, written)
    assert reader.cut is None
    assert len(list(reader)) == 20  # as often as wanted


def coming_and_going() -> list[Result]:
    """Nobody, then 1, 3, 2 and 1 of three faces; the performer changes."""
    followed = [(), (1,), (1, 2, 3), (1, 2, 3), (3, 1), (3, 1), (1,), ()]
    return [result(i, [face(i, number) for number in numbers]) for i, numbers in enumerate(followed)]


def test_faces_that_come_and_go_are_all_kept(tmp_path):
    results = coming_and_going()
    take = load_take(write_take(tmp_path / "a.mcap", results))
    for frame, written in zip(take.frames, results, strict=True):
        assert_same(frame, written)
    assert take.face_ids == (1, 2, 3)
    assert set(take.rigs) == {1, 2, 3}
    second = take.track(2)
    assert [state is TrackingState.TRACKING for state in second.state] == [i in (2, 3) for i in range(8)]
    assert second.state[0] is TrackingState.SEARCHING
    np.testing.assert_array_equal(second.smoothed[3], face(3, 2).smoothed)
    assert np.isnan(second.raw[4]).all()
    np.testing.assert_array_equal(second.person, [0, 0, 2, 2, 0, 0, 0, 0])
    performer = take.track()
    np.testing.assert_array_equal(performer.raw[4], face(4, 3).raw)
    np.testing.assert_array_equal(performer.raw[6], face(6, 1).raw)


def test_one_face_as_arrays(tmp_path):
    results = mixed_states(8)
    take = load_take(write_take(tmp_path / "a.mcap", results))
    track = take.track()
    assert len(take) == len(track) == 8
    assert track.raw.shape == track.smoothed.shape == (8, LAYOUT.size)
    assert list(track.state) == [written.state for written in results]
    np.testing.assert_array_equal(track.crop[3], (303.0, 200.0, 180.0, 0.1))
    assert np.isnan(track.crop[0]).all()
    assert take.duration == pytest.approx(7 / 30.0)


def test_a_size_that_changes_in_the_middle_is_kept(tmp_path):
    results = [result(i, size=(640, 480) if i < 3 else (1280, 720)) for i in range(6)]
    take = load_take(write_take(tmp_path / "a.mcap", results))
    assert take.track().size.tolist() == [[640, 480]] * 3 + [[1280, 720]] * 3
    shapes = [played.frame.image.shape for played in play(TakePlayer(take))]
    assert shapes == [(480, 640, 3)] * 3 + [(720, 1280, 3)] * 3


def test_a_stall_is_one_mark_and_no_frame(tmp_path):
    frames = [result(i) for i in (0, 1, 2, 20, 21)]
    ticks = [tick(frames[2], seconds) for seconds in (0.1, 0.2, 0.3)]
    end = [tick(frames[4], seconds) for seconds in (0.1, 0.2)]
    path = write_take(tmp_path / "a.mcap", [*frames[:3], *ticks, *frames[3:], *end])
    take = load_take(path)
    assert [frame.index for frame in take.frames] == [0, 1, 2, 20, 21]
    assert take.stalls == (Stall(frames[2].time, frames[3].time), Stall(frames[4].time, None))
    with path.open("rb") as file:
        counts = make_reader(file).get_summary().statistics.channel_message_counts
    assert sum(counts.values()) == 2 + 1 + 1 + 5 + 3  # header and model, person, light, frames, marks of stalls


def test_a_stall_before_the_first_frame_is_none(tmp_path):
    first = result(0)
    take = load_take(write_take(tmp_path / "a.mcap", [tick(first, 0.0), first]))
    assert take.stalls == ()


def test_markers_are_kept_with_their_times(tmp_path):
    path = tmp_path / "a.mcap"
    with TakeWriter(path, header(), model()) as writer:
        writer.append(result(0))
        writer.mark(Marker(100.0, "the good one: größer"))
        writer.append(result(1))
    assert load_take(path).markers == (Marker(100.0, "the good one: größer"),)


def test_a_model_with_unbounded_expressions_keeps_its_range(tmp_path):
    free = replace(model(), expression_range=(-np.inf, np.inf))
    path = write_take(tmp_path / "a.mcap", [result(0)], free)
    assert TakeReader(path).header.layout == free.layout
    assert load_take(path).model.expression_range == (-np.inf, np.inf)


def test_the_header_describes_feed_and_model():
    described = TakeHeader.describe(info(width=320, height=240, fps=25.0, live=True))
    assert (described.model_digest, described.layout) == (model().digest, model().layout)
    assert (described.source_name, described.width, described.fps) == ("clip.mp4", 320, 25.0)
    assert described.source_live
    assert datetime.fromisoformat(described.created).tzinfo is not None
    assert TakeHeader.from_json(described.to_json()) == described


def test_mcaps_own_tools_read_a_take_without_our_code(tmp_path):
    results = coming_and_going()
    path = tmp_path / "a.mcap"
    with TakeWriter(path, header(), model()) as writer:
        for written in results:
            writer.append(written)
        writer.append(tick(results[-1], 0.1))
        writer.mark(Marker(100.1, "here"))
    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True, decoder_factories=[DecoderFactory()])
        assert reader.get_summary().statistics.message_count == 2 + 1 + 3 + 8 + 1 + 1
        texts = {"/limelight/header": [], "/limelight/stalls": [], "/limelight/markers": []}
        for schema, channel, message in reader.iter_messages(topics=list(texts)):
            assert (channel.message_encoding, schema.encoding) == ("json", "jsonschema")
            texts[channel.topic].append(json.loads(message.data))
        (content,) = texts["/limelight/header"]
        assert content["model_digest"] == model().digest
        assert len(content["parameters"]) == LAYOUT.size
        assert texts["/limelight/stalls"] == [{"begin": results[-1].time, "end": None}]
        assert texts["/limelight/markers"] == [{"time": 100.1, "text": "here"}]
        decoded = {"/limelight/frames": [], "/limelight/persons": [], "/limelight/model": []}
        for _, channel, message, found in reader.iter_decoded_messages(topics=list(decoded)):
            decoded[channel.topic].append((message, found))
    jaw = content["parameters"].index("expression.jawOpen")
    for row, ((message, found), written) in enumerate(zip(decoded["/limelight/frames"], results, strict=True)):
        assert (found.index, found.time, found.timestamp) == (row, written.time, written.frame.timestamp)
        assert (found.width, found.height) == (640, 480)
        assert message.sequence == row
        for a, b in zip(found.faces, written.faces, strict=True):
            assert (a.id, a.person, a.state) == (b.id, b.person.key, 1)
            assert a.confidence == 0.75
            assert tuple(a.crop) == (*b.crop.centre, b.crop.side, b.crop.angle)
            np.testing.assert_array_equal(np.array(a.raw, np.float32), b.raw)
            assert np.float32(a.smoothed[jaw]) == b.smoothed[jaw]
    assert {found.key for _, found in decoded["/limelight/persons"]} == {1, 2, 3}
    ((_, found),) = decoded["/limelight/model"]
    assert (found.name, found.digest) == (model().name, model().digest)
    started = datetime.fromisoformat("2026-11-22T21:30:00.500+00:00").timestamp()
    assert decoded["/limelight/frames"][6][0].log_time == pytest.approx((started + 6 / 30.0) * 1e9, abs=1e3)


def test_a_take_is_known_by_name_and_by_content(tmp_path):
    path = write_take(tmp_path / "a.mcap", [result(0)])
    other = path.rename(tmp_path / "a.bin")
    assert is_take(other) and is_take(tmp_path / "absent.mcap")
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0 ftypisom")
    assert not is_take(tmp_path / "clip.mp4") and not is_take("synthetic") and not is_take("camera:0")


# --- format version 1 ----------------------------------------------------------------------------------------


def test_version_1_reads_as_one_face():
    take = load_take(GOLDEN_V1)
    assert take.header.format_version == 1 and take.cut is None
    assert len(take) == 20 and take.face_ids == (1,) and set(take.persons) == {1}
    assert [frame.index for frame in take.frames] == list(range(20))
    track = take.track()
    assert (track.state == TrackingState.TRACKING).all()
    assert track.size.tolist() == [[640, 480]] * 20
    np.testing.assert_allclose(track.crop[7], (319.913378, 263.029781, 271.844463, -0.003534879), rtol=1e-6)
    numbers = (track.raw, track.smoothed, track.crop, track.timestamp, track.confidence)
    digest = hashlib.sha256(b"".join(array.tobytes() for array in numbers)).hexdigest()
    assert digest == "d7b376abf5091f78f61f98c90e76cdcf0bfdd518bd4caf5dff656f480fab8c02"  # what version 1's reader read


@pytest.fixture
def ship(tmp_path, monkeypatch) -> Callable[[FaceModel], FaceModel]:
    """Makes a face model the one that Limelight comes with."""

    def ship(model: FaceModel) -> FaceModel:
        for module in ("facemodel.model", "realtime.kept_models"):
            monkeypatch.setattr(f"{module}.files", lambda package: tmp_path / package)
        model.save(tmp_path / "facemodel" / "assets" / "limelight.npz")
        return FaceModel.load()

    return ship


def test_version_1_is_drawn_with_its_model_which_is_kept(ship, tmp_path):
    shipped = ship(toy_model(n_identity=53, n_albedo=39))
    take = golden_v1(shipped)
    assert take.model.digest == shipped.digest
    kept = model_file(shipped.digest)
    assert FaceModel.load(kept).digest == shipped.digest
    played = TakePlayer(take).read()
    np.testing.assert_array_equal(played.performer.smoothed, take.frames[0].faces[0].smoothed)
    own = take.person_model(1)
    identity = take.persons[1].identity
    expected = take.model.shape(identity, np.zeros(take.model.layout.n_expression))
    np.testing.assert_allclose(own.mean, expected, atol=1e-3)

    assert own.layout.n_identity == own.layout.n_albedo == 0
    (folder,) = export_take(take, "obj-sequence", tmp_path / "head")
    assert len(list(folder.iterdir())) == len(take)

    ship(model())  # the next Limelight comes with another one
    assert golden_v1(shipped).model.digest == shipped.digest
    kept.unlink()
    with pytest.raises(LimelightError) as error:
        _ = golden_v1(shipped).model
    assert str(kept) in one_line(error) and take.header.model_digest in one_line(error)


# --- recordings that do not end properly ---------------------------------------------------------------------

RECORD_FOREVER = """
import sys, time
from realtime.sinks.contract import Policy
from realtime.sinks.recorder import Recorder
from realtime.sinks.worker import Worker, WorkerConfig
from tests.realtime.take_factory import info, result
worker = Worker(Recorder(sys.argv[1]), WorkerConfig(Policy.EVERY))
assert worker.begin(info())
results = [result(i) for i in range(300)]
for one in results:
    time.sleep(1 / 30.0)  # never a burst, however late it is: nine frames last 0.3 s
    worker.offer(one)
    print(worker.status().delivered, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_killed_recording_loses_at_most_300_ms(tmp_path):
    path = tmp_path / "killed.mcap"
    child = subprocess.Popen(
        [sys.executable, "-c", RECORD_FOREVER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    given = 0
    while given < 60:
        given = int(child.stdout.readline())
    child.kill()
    rest = child.stdout.read().split("\n")[:-1]  # the last line may be cut
    child.wait()
    given = int(rest[-1]) if rest else given
    take = load_take(path)
    assert given - len(take) <= 9  # 0.3 s at 30 frames a second
    assert "did not end properly" in take.cut
    for frame in take.frames:
        assert_same(frame, result(frame.index))
    expected = model().shape(someone().identity, np.zeros(LAYOUT.n_expression, np.float32))
    np.testing.assert_allclose(take.person_model(1).mean, expected, atol=1e-4)  # drawable all the same
    with path.open("rb") as file:  # mcap's own reader gets as far
        messages = []
        with pytest.raises(EndOfFile):
            messages.extend(NonSeekingReader(file).iter_messages(log_time_order=False))
    assert sum(channel.topic == "/limelight/frames" for _, channel, _ in messages) == len(take)


def readable_indices(path: Path) -> list[int] | str:
    """Which frames can be read, or the one line that says why none can."""
    try:
        return [frame.index for frame in load_take(path).frames]
    except LimelightError as error:
        return str(error)


def chunked_take(path: Path) -> bytes:
    """12 frames of two faces, three in each chunk; returns the file."""
    with TakeWriter(path, header(), model()) as writer:
        for i in range(12):
            writer.append(result(i, [face(i), face(i, 2)]))
            if i == 5:
                writer.append(tick(result(i), 0.01))
                writer.mark(Marker(result(i).time, "half"))
            if i % 3 == 2:
                writer.flush()
    return path.read_bytes()


def record_boundaries(data: bytes) -> list[int]:
    """Where the records of an MCAP file begin, those in its chunks too."""
    boundaries, at = [], 8
    while at < len(data) - 8:
        boundaries.append(at)
        length = int.from_bytes(data[at + 1 : at + 9], "little")
        if data[at] == 6:  # a chunk: its records lie behind 32 bytes and the name of a compression, which is empty
            inner, end = at + 9 + 40, at + 9 + length
            while inner < end:
                boundaries.append(inner)
                inner += 9 + int.from_bytes(data[inner + 1 : inner + 9], "little")
        at += 9 + length
    return boundaries


def test_a_take_cut_at_every_structural_place_is_readable_up_to_there(tmp_path):
    data = chunked_take(tmp_path / "whole.mcap")
    boundaries = record_boundaries(data)
    assert len(boundaries) > 60
    cut = tmp_path / "cut.mcap"
    counts = []
    for length in sorted({at + off for at in [*boundaries, len(data)] for off in (-1, 0, 1, 9)}):
        if not 8 <= length <= len(data):
            continue
        cut.write_bytes(data[:length])
        found = readable_indices(cut)
        if isinstance(found, str):
            assert "no header" in found or "no frame" in found
            found = []
        elif length < len(data) - 8:
            assert found == list(range(len(found)))
        counts.append(len(found))
    assert counts == sorted(counts)
    assert set(counts) >= {0, 3, 6, 9, 12}


def test_damage_in_the_middle_costs_only_its_chunk(tmp_path):
    path = tmp_path / "a.mcap"
    data = bytearray(chunked_take(path))
    middle = data.index(face(4).raw.tobytes())
    data[middle : middle + 100] = bytes(100)
    path.write_bytes(data)
    take = load_take(path)
    indices = [frame.index for frame in take.frames]
    assert set(range(12)) - set(indices) <= {3, 4, 5}
    assert 4 not in indices and {0, 1, 2, 6, 7, 8, 9, 10, 11} <= set(indices)
    assert "missing" in take.cut


def test_damage_between_chunks_costs_one_of_them_and_is_said(tmp_path):
    path = tmp_path / "a.mcap"
    data = chunked_take(path)
    chunks = [at for at in record_boundaries(data) if data[at] == 6]
    frames_in = {
        at: [
            i
            for i in range(12)
            if face(i).raw.tobytes() in data[at : at + 9 + int.from_bytes(data[at + 1 : at + 9], "little")]
        ]
        for at in chunks
    }
    assert sorted(i for inside in frames_in.values() for i in inside) == list(range(12))
    for at, inside in frames_in.items():
        if not inside:
            continue
        for offset, value in [(0, b"\x0f"), (0, b"\x55"), (0, b"\x02"), (1, b"\xff" * 8), (1, bytes(8)), (3, b"\x01")]:
            content = bytearray(data)
            content[at + offset : at + offset + len(value)] = value
            path.write_bytes(content)
            take = load_take(path)
            kept = [frame.index for frame in take.frames]
            assert set(kept) >= set(range(12)) - set(inside), (at, offset, value)
            assert kept == sorted(kept)
            assert len(kept) == 12 or take.cut is not None


def test_damage_to_the_model_leaves_frames_and_says_so(tmp_path):
    path = tmp_path / "a.mcap"
    data = bytearray(chunked_take(path))
    at = data.index(b"expression.npy") + 400
    data[at : at + 50] = bytes(50)
    path.write_bytes(data)
    take = load_take(path)
    assert len(take) == 12 and take.cut is not None
    assert take.track().raw.shape == (12, LAYOUT.size)
    with pytest.raises(LimelightError) as error:
        _ = take.model
    assert "face model is missing" in one_line(error)


def test_random_damage_never_raises_anything_but_a_clear_line(tmp_path):
    data = chunked_take(tmp_path / "a.mcap")
    damaged = tmp_path / "damaged.mcap"
    random = np.random.default_rng(0)
    for i in range(150):
        content = bytearray(data)
        for position in random.integers(0, len(data), 4):
            content[position] = random.integers(256)
        if i % 3 == 0:
            del content[random.integers(9, len(data)) :]
        damaged.write_bytes(content)
        found = readable_indices(damaged)
        assert "\n" not in found if isinstance(found, str) else len(found) <= 12


@pytest.mark.parametrize("topic", ["/limelight/frames", "/limelight/persons", "/limelight/model", "/limelight/stalls"])
def test_a_message_that_is_none_costs_itself_alone(tmp_path, topic):
    from realtime.takes.format import TOPICS
    from realtime.takes.mcap_file import McapFile

    path = tmp_path / "a.mcap"
    source = TakeReader(write_take(tmp_path / "whole.mcap", [result(i) for i in range(3)]))
    file = McapFile(path)
    for recorded in source.messages():
        file.add(recorded.topic, recorded.message.log_time, recorded.message.data)
    for content in (b"", b"\0\1\0\0", b"\0\1\0\0" + b"\xff" * 60, b"\0\1\0\0" + bytes(60), b"{}", b"[1]"):
        file.add(TOPICS[topic], 0, content)
    file.close()
    take = load_take(path)
    assert [frame.index for frame in take.frames][:3] == [0, 1, 2]
    assert "a message is missing" in take.cut and "\n" not in take.cut


def test_a_tail_of_zeros_is_a_cut(tmp_path):
    path = tmp_path / "a.mcap"
    writer = TakeWriter(path, header(), model())
    writer.append(result(0))
    writer.flush()
    path.write_bytes(path.read_bytes() + bytes(5000))
    reader = TakeReader(path)
    assert len(list(reader)) == 1
    assert reader.cut is not None
    writer.close()


# --- files that cannot be written or read --------------------------------------------------------------------


def test_a_take_is_never_overwritten(tmp_path):
    path = write_take(tmp_path / "a.mcap", [result(0)])
    before = path.read_bytes()
    with pytest.raises(LimelightError) as error:
        TakeWriter(path, header(), model())
    assert "exists already" in one_line(error)
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(LimelightError) as error:
        TakeWriter(tmp_path / "file" / "a.mcap", header(), model())
    assert "folder cannot be created" in one_line(error)


def test_a_disk_without_room_for_the_header_leaves_no_file(tmp_path, monkeypatch):
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("realtime.takes.mcap_file.os.write", full)
    with pytest.raises(LimelightError) as error:
        TakeWriter(tmp_path / "a.mcap", header(), model())
    assert "No space left on device" in one_line(error)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"hello, this is no take at all", "not a take"), (b"\x89MCAP0\r\n", "no header")],
)
def test_a_file_that_is_no_take_is_one_line(tmp_path, content, reason):
    path = tmp_path / "a.mcap"
    path.write_bytes(content)
    with pytest.raises(LimelightError) as error:
        TakeReader(path)
    assert reason in one_line(error)
    assert str(path) in one_line(error)


def test_a_missing_take_is_one_line(tmp_path):
    with pytest.raises(LimelightError) as error:
        TakeReader(tmp_path / "none.mcap")
    assert "cannot be read" in one_line(error)


def test_a_take_of_a_later_format_is_one_line(tmp_path):
    path = write_take(tmp_path / "a.mcap", [result(0)], format_version=3)
    with pytest.raises(LimelightError) as error:
        TakeReader(path)
    assert "format version 3" in one_line(error)
    assert str(path) in one_line(error)


def test_a_take_without_frames_is_one_line(tmp_path):
    with pytest.raises(LimelightError) as error:
        load_take(write_take(tmp_path / "a.mcap", []))
    assert "holds no frame" in one_line(error)


# --- playback ------------------------------------------------------------------------------------------------


def play(player: TakePlayer) -> list[Result]:
    results = []
    while (played := player.read()) is not None:
        results.append(played)
    return results


def test_a_player_delivers_what_was_recorded(tmp_path):
    results = coming_and_going()
    take = load_take(write_take(tmp_path / "a.mcap", results))
    player = TakePlayer(take)
    assert (player.name, player.width, player.height, player.fps) == ("a.mcap", 640, 480, 30.0)
    assert player.network == "student"
    layout = player.model.layout
    played = play(player)
    assert len(played) == 8
    for one, original in zip(played, results, strict=True):
        assert (one.frame.index, one.frame.timestamp, one.time) == (
            original.frame.index,
            original.frame.timestamp,
            original.time,
        )
        assert one.state is original.state and not one.stalled
        assert one.frame.image.shape == (480, 640, 3)
        for a, b in zip(one.faces, original.faces, strict=True):
            assert (a.id, a.state, a.crop, a.person.key) == (b.id, b.state, b.crop, b.person.key)
            for found, written in ((a.smoothed, b.smoothed), (a.raw, b.raw)):
                assert not found.flags.writeable
                for group in ("expression", "rotation", "translation", "scale", "sh", "shininess"):
                    np.testing.assert_array_equal(found[layout.slices[group]], written[LAYOUT.slices[group]])


def test_a_player_of_a_take_without_a_face(tmp_path):
    played = play(TakePlayer(load_take(write_take(tmp_path / "a.mcap", [result(i, ()) for i in range(3)]))))
    assert [one.state for one in played] == [TrackingState.SEARCHING] * 3
    assert [one.performer for one in played] == [None] * 3


def test_a_live_player_keeps_the_recorded_times_stalls_too(tmp_path):
    frames = [result(i) for i in (0, 1, 2, 9)]
    path = write_take(tmp_path / "a.mcap", [*frames[:3], tick(frames[2], 0.1), frames[3]])
    player = TakePlayer(load_take(path), live=True)
    start = time.perf_counter()
    played = play(player)
    assert time.perf_counter() - start >= 9 / 30.0  # never early
    assert played[-1].frame.index == 9


def test_times_that_run_backwards_play_on(tmp_path):
    frames = [result(i) for i in (5, 6, 2, 3)]
    player = TakePlayer(load_take(write_take(tmp_path / "a.mcap", frames)))
    assert [played.frame.index for played in play(player)] == [5, 6, 2, 3]


def test_seeking_shows_the_frame_there_even_while_paused(tmp_path):
    take = load_take(write_take(tmp_path / "a.mcap", [result(i) for i in range(31)]))
    player = TakePlayer(take, live=True, at_end="pause")
    player.playing = False
    player.seek(0.5)
    assert player.read().frame.index == 15
    player.seek(99.0)
    assert player.read().frame.index == 30
    player.seek(-1.0)
    assert player.read().frame.index == 0
    assert (player.frame, player.position) == (0, 0.0)
    player.close()
    assert player.read() is None


def test_a_looping_player_starts_again(tmp_path):
    player = TakePlayer(load_take(write_take(tmp_path / "a.mcap", [result(i) for i in range(3)])), at_end="loop")
    assert [player.read().frame.index for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]


def test_a_take_of_a_take_is_the_same(tmp_path):
    """What a player gives can be recorded again."""
    results = coming_and_going()
    first = load_take(write_take(tmp_path / "a.mcap", results))
    second = load_take(write_take(tmp_path / "b.mcap", play(TakePlayer(first)), first.model))
    np.testing.assert_allclose(second.person_model(3).mean, first.person_model(3).mean, atol=1e-4)
    expression = second.track().smoothed[:, second.header.layout.slices["expression"]]
    np.testing.assert_array_equal(expression, first.track().smoothed[:, LAYOUT.slices["expression"]])


def test_frames_keep_a_picture_of_their_size_without_memory():
    bare = Frame(3, 0.5, np.ones((480, 640, 3), np.uint8)).without_picture()
    assert bare.image.shape == (480, 640, 3) and not bare.image.any()
    assert (bare.index, bare.timestamp) == (3, 0.5)
    assert not bare.image.flags.writeable and max(bare.image.strides) == 1


def test_other_dimensions_round_trip(tmp_path):
    """Every number comes from the model in use."""
    other = toy_model(n_identity=2, n_expression=8, n_albedo=1)
    layout: ParameterLayout = other.layout
    vector = layout.neutral()
    person = replace(someone(), identity=np.ones(2, np.float32), albedo=np.ones(1, np.float32))
    written = result(0, [Face(1, TrackingState.HELD, vector, person)])
    take = load_take(write_take(tmp_path / "a.mcap", [written], other))
    np.testing.assert_array_equal(take.track().smoothed[0], vector)
    assert take.model.layout.n_expression == 8
