"""The index of a take: what it says of frames is what their messages say, and nothing is kept in memory."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemodel import LimelightError
from realtime.takes import TakePlayer, TakeWriter, load_take
from realtime.takes.data_section import Place
from realtime.takes.format import STATES
from realtime.takes.messages import decode_frame, encode_frame
from realtime.takes.take_index import TakeIndexBuilder
from tests.realtime.take_factory import GOLDEN_V1, LAYOUT, face, header, model, result, write_take

STATE = st.sampled_from(STATES[1:])
FACES = st.lists(st.tuples(st.integers(1, 5), STATE), max_size=4)


def build(messages: list[bytes]):
    """An index of messages that lie one behind the other, at odd places."""
    builder, content = TakeIndexBuilder(header()), b"x"
    places = []
    for message in messages:
        places.append((len(content), len(message)))
        content += message + b"abc"
    builder.add_piece(Place(0, len(content), len(content)), content)
    for number, (offset, length) in enumerate(places):
        builder.add_frame(offset, length, number)
    return builder.finish(), builder.malformed, content


@settings(max_examples=60)
@given(st.lists(FACES, min_size=1, max_size=6))
def test_the_index_says_what_the_messages_say(followed):
    results = [result(i, [face(i, n, state) for n, state in faces]) for i, faces in enumerate(followed)]
    index, malformed, content = build([encode_frame(one) for one in results])
    assert malformed == 0 and len(index) == len(results)
    for row, written in enumerate(results):
        frame, faces = index.frames[row], index.faces[index.first_face[row] : index.first_face[row + 1]]
        assert frame["time"] == written.time and frame["sequence"] == row
        assert frame["size"].tolist() == [640, 480]
        assert faces["id"].tolist() == [one.id for one in written.faces]
        assert faces["person"].tolist() == [one.person.key for one in written.faces]
        assert [STATES[state] for state in faces["state"]] == [one.state for one in written.faces]
        for found, one in zip(faces, written.faces, strict=True):
            assert found["confidence"] == np.float32(one.confidence)
            assert (found["raw"] > 0) == (one.raw is not None)
            at = int(frame["offset"]) + int(found["smoothed"])
            np.testing.assert_array_equal(np.frombuffer(content, "<f4", LAYOUT.size, at), one.smoothed)


@settings(max_examples=300)
@given(st.data())
def test_it_believes_the_messages_that_can_be_decoded_and_no_others(data):
    messages = []
    for i in range(4):
        message = bytearray(encode_frame(result(i, [face(i, n) for n in range(1, data.draw(st.integers(1, 3)) + 1)])))
        for _ in range(data.draw(st.integers(0, 2))):
            at = data.draw(st.sampled_from([0, 1, 2, 36, 37, 39, 48, 52, 92, 93, 95, len(message) // 2]))
            message[at] = data.draw(st.integers(0, 255))
        messages.append(bytes(message[: data.draw(st.sampled_from([len(message), len(message) - 3, 60, 3, 0]))]))
    index, malformed, _ = build(messages)

    def is_whole(message: bytes) -> bool:
        try:
            decode_frame(message, LAYOUT.size)
        except ValueError:
            return False
        return True

    assert index.frames["sequence"].tolist() == [i for i, message in enumerate(messages) if is_whole(message)]
    assert malformed == len(messages) - len(index)
    assert index.first_face[-1] == len(index.faces)


def test_frames_are_read_one_by_one_in_any_order(tmp_path):
    take = load_take(write_take(tmp_path / "a.mcap", [result(i) for i in range(40)]))
    for row in (39, 0, 17, 18, -1):
        assert take.frames[row].index == row % 40
    assert [frame.index for frame in take.frames[5:30:7]] == [5, 12, 19, 26]
    np.testing.assert_array_equal(take.times, [result(i).time for i in range(40)])
    with pytest.raises(IndexError):
        take.frames[40]


def test_format_version_1_reads_the_same_by_frames_and_by_blocks():
    take = load_take(GOLDEN_V1)
    track = take.track()
    for row, frame in enumerate(take.frames):
        (one,) = frame.faces
        assert (frame.index, frame.timestamp) == (track.index[row], track.timestamp[row])
        np.testing.assert_array_equal(one.smoothed, track.smoothed[row])
        np.testing.assert_array_equal(one.raw, track.raw[row])
        np.testing.assert_array_equal(track.crop[row], (*one.crop.centre, one.crop.side, one.crop.angle))
    assert track.size.tolist() == [[take.header.width, take.header.height]] * len(take)


def test_a_face_is_found_where_it_is(tmp_path):
    followed = [(), (2, 1), (1,), (1, 2), ()]
    results = [result(i, [face(i, number) for number in numbers]) for i, numbers in enumerate(followed)]
    take = load_take(write_take(tmp_path / "a.mcap", results))
    assert take.face_ids == (2, 1)
    assert take.presence(2).person.tolist() == [0, 2, 0, 2, 0]
    assert take.presence().person.tolist() == [0, 2, 1, 1, 0]
    assert (take.presence(3).rows == -1).all()


def test_memory_does_not_grow_with_the_parameters(tmp_path):
    path = tmp_path / "a.mcap"
    with TakeWriter(path, header(), model()) as writer:
        for i in range(3000):
            writer.append(result(0) if i else result(1))
    size = path.stat().st_size
    load_take(path)  # what is made once
    tracemalloc.start()
    take = load_take(path)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(take) == 3000 and held < 0.4 * size < 3000 * 2 * 4 * LAYOUT.size


def test_a_take_that_changes_while_it_is_open_is_one_line_and_plays_on(tmp_path):
    path = write_take(tmp_path / "a.mcap", [result(i) for i in range(3)])
    take = load_take(path)
    at = path.read_bytes().index(face(1).raw.tobytes())
    content = bytearray(path.read_bytes())
    content[at : at + 40] = bytes(40)
    path.write_bytes(content)
    for change, reason in ((lambda: None, "was changed"), (path.unlink, "cannot be read any more")):
        change()
        with pytest.raises(LimelightError, match=reason) as error:
            take.track()
        assert "\n" not in str(error.value)
        played = TakePlayer(take).read()
        assert played.time == take.times[0] and played.faces == ()
