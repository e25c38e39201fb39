"""Takes: nothing lost on the way to disk and back, whatever ends the recording."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from mcap.exceptions import EndOfFile
from mcap.reader import NonSeekingReader, make_reader

from facemodel import LimelightError, ParameterLayout
from realtime.frame import TrackedFrame, TrackingState
from realtime.takes import TakeHeader, TakePlayer, TakeReader, TakeWriter, load_take
from tests.realtime.take_factory import LAYOUT, header, mixed_states, tracked, write_take
from tests.toy_model import toy_model

ROOT = Path(__file__).resolve().parents[2]


def assert_same(read, written: TrackedFrame) -> None:
    assert (read.index, read.timestamp, read.state) == (
        written.frame.index,
        written.frame.timestamp,
        written.state,
    )
    assert read.confidence == np.float32(written.confidence)
    assert read.crop == written.crop
    for name in ("raw", "smoothed"):
        a, b = getattr(read, name), getattr(written, name)
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_array_equal(a, b)
            assert a.dtype == np.float32


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
    for frame, result in zip(frames, results, strict=True):
        assert_same(frame, result)
    assert reader.cut is None
    assert len(list(reader)) == 20  # as often as wanted


def test_a_take_as_arrays(tmp_path):
    results = mixed_states(8)
    take = load_take(write_take(tmp_path / "a.mcap", results), LAYOUT)
    assert len(take) == 8
    assert take.raw.shape == take.smoothed.shape == (8, LAYOUT.size)
    assert list(take.state) == [r.state for r in results]
    np.testing.assert_array_equal(np.isnan(take.raw[:, 0]), [s.raw is None for s in results])
    np.testing.assert_array_equal(take.smoothed[5], results[5].smoothed)
    np.testing.assert_array_equal(take.crop[3], (303.0, 200.0, 180.0, 0.1))
    assert take.duration == pytest.approx(7 / 30.0)


def test_a_model_with_unbounded_expressions_keeps_its_range(tmp_path):
    layout = ParameterLayout(2, 1, ("e0", "e1", "e2"), (-np.inf, np.inf))
    path = write_take(tmp_path / "a.mcap", [], layout=layout)
    assert TakeReader(path).header.layout == layout


def test_the_header_describes_source_and_model():
    model = toy_model()

    class Source:
        name, width, height, fps, live = "cam", 320, 240, 25.0, True

    described = TakeHeader.describe(Source(), model, "student")
    assert (described.model_digest, described.layout) == (model.digest, model.layout)
    assert (described.source_name, described.width, described.fps) == ("cam", 320, 25.0)
    assert datetime.fromisoformat(described.created).tzinfo is not None
    described.require_model(model)
    assert TakeHeader.from_json(described.to_json()) == described


def test_mcaps_own_reader_reads_a_take_without_our_code(tmp_path):
    results = [tracked(i) for i in range(30)]
    path = write_take(tmp_path / "a.mcap", results)
    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        messages = list(reader.iter_messages())
    assert summary.statistics.message_count == 31
    schema, channel, message = messages[0]
    assert (channel.topic, channel.message_encoding, schema.encoding) == ("/limelight/header", "json", "jsonschema")
    content = json.loads(message.data)
    assert content["model_digest"] == "0123456789abcdef"
    assert len(content["parameters"]) == LAYOUT.size
    jaw = content["parameters"].index("expression.jawOpen")
    schema, channel, message = messages[7]  # frame 6
    assert (channel.topic, channel.message_encoding, schema.encoding) == ("/limelight/frames", "cdr", "ros2msg")
    assert b"float32[] smoothed" in schema.data
    (index, timestamp) = struct.unpack_from("<Qd", message.data, 4)
    assert (index, timestamp) == (6, 100.0 + 6 / 30.0)
    raw = np.frombuffer(message.data, "<f4", LAYOUT.size, 4 + 60)
    assert raw[jaw] == LAYOUT.view(results[6].raw).expression[LAYOUT.expression_names.index("jawOpen")]
    started = datetime.fromisoformat("2026-11-22T21:30:00.500+00:00").timestamp()
    assert message.log_time == pytest.approx((started + 6 / 30.0) * 1e9, abs=1e3)


# --- recordings that do not end properly ---------------------------------------------------------------------

RECORD_FOREVER = """
import sys, time
from realtime.sinks.recorder import Recorder
from tests.realtime.take_factory import header, tracked
recorder = Recorder(sys.argv[1], header())
results = [tracked(i) for i in range(300)]
start = time.perf_counter()
for i, result in enumerate(results):
    time.sleep(max(0.0, start + i / 30.0 - time.perf_counter()))
    recorder.submit(result)
    print(i, flush=True)
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
    submitted = -1
    while submitted < 60:
        submitted = int(child.stdout.readline())
    child.kill()
    rest = child.stdout.read().split()
    child.wait()
    submitted = int(rest[-1]) if rest else submitted
    reader = TakeReader(path)
    frames = list(reader)
    assert submitted + 1 - len(frames) <= 9  # 0.3 s at 30 frames a second
    assert "did not end properly" in reader.cut
    for frame in frames:
        assert_same(frame, tracked(frame.index))
    with path.open("rb") as file:  # mcap's own reader gets as far
        messages = []
        with pytest.raises(EndOfFile):
            messages.extend(NonSeekingReader(file).iter_messages(log_time_order=False))
    assert len(messages) == 1 + len(frames)  # the header and the frames


def readable_indices(path: Path) -> list[int] | str:
    """Which frames can be read, or the one line that says why none can."""
    try:
        return [frame.index for frame in TakeReader(path)]
    except LimelightError as error:
        return str(error)


def test_a_take_cut_anywhere_is_readable_up_to_there(tmp_path):
    with TakeWriter(tmp_path / "whole.mcap", header()) as writer:
        for i in range(12):
            writer.append(tracked(i))
            if i % 3 == 2:
                writer.flush()
    data = (tmp_path / "whole.mcap").read_bytes()
    cut = tmp_path / "cut.mcap"
    counts = []
    for length in range(8, len(data), 997):
        cut.write_bytes(data[:length])
        found = readable_indices(cut)
        if isinstance(found, str):
            assert "no header" in found
            found = []
        assert found == list(range(len(found)))
        counts.append(len(found))
    assert counts == sorted(counts)
    assert set(counts) == {0, 3, 6, 9, 12}


def test_damage_in_the_middle_costs_only_its_chunk(tmp_path):
    path = tmp_path / "a.mcap"
    with TakeWriter(path, header()) as writer:
        for i in range(12):
            writer.append(tracked(i))
            if i % 3 == 2:
                writer.flush()
    data = bytearray(path.read_bytes())
    middle = data.index(tracked(4).raw.tobytes())
    data[middle : middle + 100] = bytes(100)
    path.write_bytes(data)
    reader = TakeReader(path)
    assert [f.index for f in reader] == [0, 1, 2, 6, 7, 8, 9, 10, 11]
    assert "missing" in reader.cut


def test_random_damage_never_raises_anything_but_a_clear_line(tmp_path):
    data = write_take(tmp_path / "a.mcap", [tracked(i) for i in range(6)]).read_bytes()
    damaged = tmp_path / "damaged.mcap"
    random = np.random.default_rng(0)
    for _ in range(150):
        content = bytearray(data)
        for position in random.integers(0, len(data), 4):
            content[position] = random.integers(256)
        damaged.write_bytes(content)
        found = readable_indices(damaged)
        assert "\n" not in found if isinstance(found, str) else len(found) <= 6


def test_a_tail_of_zeros_is_a_cut(tmp_path):
    path = tmp_path / "a.mcap"
    writer = TakeWriter(path, header())
    writer.append(tracked(0))
    writer.flush()
    path.write_bytes(path.read_bytes() + bytes(5000))
    reader = TakeReader(path)
    assert len(list(reader)) == 1
    assert reader.cut is not None
    writer.close()


# --- files that cannot be written or read --------------------------------------------------------------------


def test_a_take_is_never_overwritten(tmp_path):
    path = write_take(tmp_path / "a.mcap", [tracked(0)])
    before = path.read_bytes()
    with pytest.raises(LimelightError) as error:
        TakeWriter(path, header())
    assert "exists already" in one_line(error)
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(LimelightError) as error:
        TakeWriter(tmp_path / "file" / "a.mcap", header())
    assert "folder cannot be created" in one_line(error)


def test_a_disk_without_room_for_the_header_leaves_no_file(tmp_path, monkeypatch):
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("realtime.takes.writer.os.write", full)
    with pytest.raises(LimelightError) as error:
        TakeWriter(tmp_path / "a.mcap", header())
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


def test_a_take_of_a_later_format_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("realtime.takes.format.FORMAT_VERSION", 2)
    path = write_take(tmp_path / "a.mcap", [tracked(0)])
    monkeypatch.undo()
    with pytest.raises(LimelightError) as error:
        TakeReader(path)
    assert "format version 2" in one_line(error)
    assert str(path) in one_line(error)


def test_another_face_model_is_one_line(tmp_path):
    model = toy_model()
    reader = TakeReader(write_take(tmp_path / "a.mcap", [tracked(0)]))
    with pytest.raises(LimelightError) as error:
        reader.header.require_model(model)
    assert "toy" in one_line(error)
    assert model.name in one_line(error)
    with pytest.raises(LimelightError) as error:
        load_take(reader.path, ParameterLayout(9, 3, LAYOUT.expression_names))
    assert "other dimensions" in one_line(error)


def test_a_take_without_frames_is_one_line(tmp_path):
    with pytest.raises(LimelightError) as error:
        load_take(write_take(tmp_path / "a.mcap", []))
    assert "holds no frame" in one_line(error)


# --- playback ------------------------------------------------------------------------------------------------


def play(player: TakePlayer) -> list[TrackedFrame]:
    results = []
    while (result := player.read()) is not None:
        results.append(result)
    return results


def test_a_player_delivers_what_was_recorded(tmp_path):
    results = mixed_states(10)
    player = TakePlayer(load_take(write_take(tmp_path / "a.mcap", results)))
    assert (player.name, player.width, player.height, player.fps) == ("a.mcap", 640, 480, 30.0)
    played = play(player)
    assert len(played) == 10
    for result, original in zip(played, results, strict=True):
        assert (result.frame.index, result.frame.timestamp) == (original.frame.index, original.frame.timestamp)
        assert (result.state, result.crop) == (original.state, original.crop)
        assert (result.raw is None) == (original.raw is None)
        assert (result.smoothed is None) == (original.smoothed is None)
        assert result.frame.image.shape == (480, 640, 3)
    np.testing.assert_array_equal(played[4].smoothed, results[4].smoothed)


def test_a_live_player_keeps_the_recorded_times(tmp_path):
    player = TakePlayer(load_take(write_take(tmp_path / "a.mcap", [tracked(i) for i in range(7)])), live=True)
    start = time.perf_counter()
    played = play(player)
    assert time.perf_counter() - start >= 6 / 30.0  # never early
    assert played[-1].frame.index == 6


def test_seeking_shows_the_frame_there_even_while_paused(tmp_path):
    take = load_take(write_take(tmp_path / "a.mcap", [tracked(i) for i in range(31)]))
    player = TakePlayer(take, live=True, at_end="pause")
    player.playing = False
    player.seek(0.5)
    assert player.read().frame.index == 15
    player.seek(99.0)
    assert player.read().frame.index == 30
    player.seek(-1.0)
    assert player.read().frame.index == 0
    assert player.position == pytest.approx(1 / 30.0)
    player.close()
    assert player.read() is None


def test_a_looping_player_starts_again(tmp_path):
    player = TakePlayer(load_take(write_take(tmp_path / "a.mcap", [tracked(i) for i in range(3)])), at_end="loop")
    assert [player.read().frame.index for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]


def test_a_recorded_state_survives(tmp_path):
    states = list(TrackingState)
    path = write_take(tmp_path / "a.mcap", [tracked(i, state) for i, state in enumerate(states)])
    assert [f.state for f in TakeReader(path)] == states
