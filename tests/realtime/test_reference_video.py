"""The reference video of a take: its pictures come back with their frames, wherever one looks."""

from __future__ import annotations

import io
import json
import struct
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from numpy.typing import NDArray

from facemodel import LimelightError
from realtime.frame import Frame, Result
from realtime.sinks.recorder import Recorder
from realtime.takes import Take, TakePlayer, load_take
from realtime.takes.cdr import CdrWriter
from realtime.takes.edit import repair_take, trim_take
from realtime.takes.player import plain_background
from realtime.takes.reference_video import encode_packet, is_key, is_key_message, packet_data
from realtime.takes.summary import summarise
from tests.realtime.take_factory import info, result, tick

COUNT = 40


def picture(index: int, width: int = 160, height: int = 120) -> NDArray[np.uint8]:
    """A grey that changes smoothly, with a bar at a place that tells the index."""
    image = np.full((height, width, 3), (90, 110, 130), np.uint8)
    at = 3 * index % (width - 12)
    image[:, at : at + 12] = (30, 40, 220)
    return image


def filmed(index: int, width: int = 160, height: int = 120) -> Result:
    one = result(index)
    return replace(one, frame=Frame(index, one.time, picture(index, width, height)))


def record(path: Path, results: list[Result], **changes: object) -> Path:
    recorder = Recorder(path, reference_video=True)
    recorder.begin(info(width=160, height=120, **changes))
    for one in results:
        recorder.submit(recorder.prepare(one))
    recorder.close()
    assert recorder.left_out == 0
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return record(tmp_path_factory.mktemp("video") / "a.mcap", [filmed(i) for i in range(COUNT)])


def assert_shows(image: NDArray[np.uint8], index: int) -> None:
    expected = picture(index, image.shape[1], image.shape[0]).astype(float)
    assert image.shape == expected.shape
    assert np.abs(image - expected).mean() < 4.0, index
    assert np.abs(image - picture(index + 4, image.shape[1], image.shape[0])).mean() > 8.0  # and no other


def test_every_frame_shows_its_own_picture(path):
    take = load_take(path)
    player = TakePlayer(take)
    for i in range(COUNT):
        image = player.read().frame.image
        assert_shows(image, i)
        assert not image.flags.writeable
    assert 1 < sum(packet.key for packet in take.video) < COUNT / 3


def test_seeking_shows_the_picture_there(path):
    player = TakePlayer(load_take(path), at_end="pause")
    for index in (25, 3, 4, 39, 38, 0, 17):
        player.seek(index / 30.0 - 0.001)
        played = player.read()
        assert played.frame.index == index
        assert_shows(played.frame.image, index)


def test_mcaps_own_tools_give_a_video_that_ffmpeg_decodes(path):
    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True, decoder_factories=[DecoderFactory()])
        messages = [
            (schema.name, message.sequence, found)
            for schema, _, message, found in reader.iter_decoded_messages(topics=["/limelight/video"])
        ]
    assert {name for name, _, _ in messages} == {"foxglove_msgs/msg/CompressedVideo"}
    assert [sequence for _, sequence, _ in messages] == list(range(COUNT))
    assert {found.format for _, _, found in messages} == {"h264"}
    stamps = [found.timestamp.sec + found.timestamp.nanosec * 1e-9 for _, _, found in messages]
    np.testing.assert_allclose(stamps, [result(i).time for i in range(COUNT)], atol=1e-6)
    stream = b"".join(bytes(found.data) for _, _, found in messages)
    with av.open(io.BytesIO(stream), format="h264") as video:
        assert sum(1 for _ in video.decode(video=0)) == COUNT


def test_another_size_in_the_middle_is_filmed_too(tmp_path):
    results = [filmed(i) for i in range(10)] + [filmed(i, 321, 181) for i in range(10, 20)] + [filmed(20)]
    player = TakePlayer(load_take(record(tmp_path / "a.mcap", results)))
    for i, original in enumerate(results):
        image = player.read().frame.image
        assert image.shape == original.frame.image.shape  # the odd row and column too
        assert_shows(image, i)


def test_stalls_are_not_filmed(tmp_path):
    results = [filmed(0), filmed(1), tick(filmed(1), 0.1), tick(filmed(1), 0.2), filmed(12)]
    take = load_take(record(tmp_path / "a.mcap", results))
    assert len(take.video) == len(take) == 3 and len(take.stalls) == 1
    player = TakePlayer(take)
    for index in (0, 1, 12):
        assert_shows(player.read().frame.image, index)


def test_a_slow_encoder_costs_pictures_of_the_video_never_frames(tmp_path):
    recorder = Recorder(tmp_path / "a.mcap", reference_video=True)
    recorder.begin(info(width=160, height=120))
    queued = [recorder.prepare(filmed(i)) for i in range(30)]  # nothing is taken meanwhile
    for item in queued:
        recorder.submit(item)
    more = [recorder.prepare(filmed(30)), recorder.prepare(filmed(31))]
    for item in more:
        recorder.submit(item)
    recorder.close()
    assert recorder.left_out == 22 and "22 pictures left out" in recorder.status()
    take = load_take(recorder.path)
    assert len(take) == 32 and [packet.sequence for packet in take.video] == [*range(8), 30, 31]
    images = [played.frame.image for played in iter(TakePlayer(take).read, None)]
    for shown, index in ((0, 0), (7, 7), (20, 7), (29, 7), (30, 30), (31, 31)):
        assert_shows(images[shown], index)


def test_a_part_begins_with_a_key_picture(path, tmp_path):
    for begin in (0.0, 0.2, 0.3, 0.55, 0.8, 1.1):
        out = tmp_path / f"{begin}.mcap"
        trim_take(path, out, begin, begin + 0.2)
        take = load_take(out)
        assert take.video[0].key and take.video[0].sequence <= take.frames[0].sequence
        assert take.video[-1].sequence == take.frames[-1].sequence
        assert take.frames[0].sequence - take.video[0].sequence < 9
        for played in iter(TakePlayer(take).read, None):
            assert_shows(played.frame.image, played.frame.index)


def test_a_cut_and_repaired_take_shows_what_is_left(path, tmp_path):
    data = path.read_bytes()
    cut, out = tmp_path / "cut.mcap", tmp_path / "out.mcap"
    cut.write_bytes(data[: load_take(path).video[25].place.offset])
    repair_take(cut, out)
    for take in (load_take(cut), load_take(out)):
        assert 5 < len(take) < COUNT
        for played in iter(TakePlayer(take).read, None):
            assert_shows(played.frame.image, played.frame.index)


def test_damaged_packets_show_a_plain_background(path, tmp_path):
    whole: Take = load_take(path)
    content = bytearray(path.read_bytes())
    for packet in whole.video[10:12]:
        content[packet.place.offset : packet.place.offset + packet.place.length] = bytes(packet.place.length)
    damaged = tmp_path / "damaged.mcap"
    damaged.write_bytes(content)
    moved = replace(whole, path=damaged)  # as if the damage had come while it plays
    images = [played.frame.image for played in iter(TakePlayer(moved).read, None)]
    assert len(images) == COUNT
    assert_shows(images[39], 39)
    damaged.unlink()
    gone = TakePlayer(moved).read().frame.image
    np.testing.assert_array_equal(gone, plain_background(640 if gone.shape[1] == 640 else 160, gone.shape[0]))


def test_info_tells_the_video(path, tmp_path):
    said = json.loads(json.dumps(summarise(load_take(path))))["reference_video"]
    assert said["pictures"] == COUNT and said["key_pictures"] > 1
    recorder = Recorder(tmp_path / "b.mcap")
    recorder.begin(info())
    recorder.submit(recorder.prepare(result(0)))
    recorder.close()
    assert summarise(load_take(tmp_path / "b.mcap"))["reference_video"] is None


def test_a_size_that_cannot_be_filmed_is_one_line_and_no_file(tmp_path):
    recorder = Recorder(tmp_path / "a.mcap", reference_video=True)
    with pytest.raises(LimelightError, match="1x1"):
        recorder.begin(info(width=1, height=1))
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from([b"\0\0\1\x65", b"\0\0\1\x41", b"\0\0\0\1\x67", b"\0\0\1\x06", b"h264\0", b"\0\0", b"abc"])
    ),
    st.sampled_from(["", "camera"]),
    st.integers(0, 60),
)
def test_the_key_of_a_message_is_told_where_it_lies(parts, frame_id, cut):
    data = b"".join(parts)
    cdr = CdrWriter()
    cdr.fields(struct.Struct("<iI"), 4, 5, 6)
    cdr.text(frame_id)
    cdr.data(data)
    cdr.text("h264")
    message = cdr.message()
    assert frame_id or message == encode_packet(data, 5.000000006)
    assert is_key_message(b"xyz" + message + b"\0\0\1\x65", 3, len(message)) == is_key(data)
    cut = min(cut, len(message))
    try:
        expected = is_key(packet_data(message[:cut]))
    except ValueError:
        with pytest.raises(ValueError):
            is_key_message(b"xyz" + message, 3, cut)
    else:
        assert is_key_message(b"xyz" + message, 3, cut) == expected
