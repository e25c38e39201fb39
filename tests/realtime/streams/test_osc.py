"""Plain OSC, received by python-osc, and the bundles that it and others are laid out in."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_packet import OscPacket

from facemodel import LimelightError
from facemodel.rotation import matrix_from_euler
from realtime.frame import TrackingState
from realtime.streams.osc_bundles import OscBundles, OscMessage
from tests.realtime.streams.receivers import EVERY_WEIGHT, INFO, MODEL, a_face, a_result, open_stream

LIGHT = np.arange(27).reshape(9, 3) / 30 + 0.05


@pytest.fixture
def ask(ask_osc):
    """Sends results through a stream, and returns address: values, frame by frame."""
    return partial(ask_osc, "osc")


def a_lit_face(**options):
    face = a_face(EVERY_WEIGHT, head=(20.0, -10.0, 5.0), place=(420.0, 200.0, 2.0), **options)
    p = MODEL.layout.view(face.smoothed)
    p.sh[:], p.key_position[:], p.key_color[:], p.shininess = LIGHT, (300.0, 400.0, 500.0), (0.9, 0.5, 0.1), 25.0
    return face


def test_every_channel_has_its_address_and_unit(ask):
    (frame,) = ask(a_result(a_lit_face()))
    for name, value in EVERY_WEIGHT.items():
        assert frame[f"/limelight/1/{name}"] == (pytest.approx(value, abs=1e-6),), name
    for name, value in {"yaw": 20.0, "pitch": -10.0, "roll": 5.0, "x": 50.0, "y": 20.0}.items():
        assert frame[f"/limelight/1/head/{name}"] == (pytest.approx(value, abs=1e-3),)
    assert frame["/limelight/1/head/z"][0] < -100.0
    assert frame["/limelight/1/light/sh"] == pytest.approx(LIGHT.ravel().tolist(), abs=1e-6)
    assert frame["/limelight/1/light/key/position"] == pytest.approx((300.0, 400.0, 500.0))
    assert frame["/limelight/1/light/key/color"] == pytest.approx((0.9, 0.5, 0.1))
    assert frame["/limelight/1/light/key/shininess"] == (25.0,)
    assert (frame["/limelight/1/id"], frame["/limelight/1/tracked"]) == ((1,), (1,))
    assert frame["/limelight/1/confidence"] == (0.75,)
    assert (frame["/limelight/faces"], frame["/limelight/time"]) == ((1,), (0.0,))
    assert len(frame) == 2 + 3 + 52 + 10 + 4 + 1


def test_the_skin_tone_is_the_mean_albedo_of_the_persons_face(ask):
    (frame,) = ask(a_result(a_face(number=2)))
    diffuse, _ = MODEL.albedo(np.full(len(MODEL.diffuse_basis), 2.0))
    expected = diffuse[MODEL.region_vertices("face")].mean(axis=0)
    assert frame["/limelight/1/skin"] == pytest.approx(expected, abs=0.01)
    (other,) = ask(a_result(a_face(number=1)))
    assert other["/limelight/1/skin"] != pytest.approx(frame["/limelight/1/skin"], abs=1e-3)


def test_eyes_are_degrees_to_the_subjects_left_and_up(ask):
    weights = {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0, "eyeLookUpLeft": 0.5, "eyeLookUpRight": 0.5}
    (frame,) = ask(a_result(a_face(weights)))
    for side in ("left", "right"):
        assert 10.0 < frame[f"/limelight/1/eye/{side}/yaw"][0] < 60.0
        assert 4.0 < frame[f"/limelight/1/eye/{side}/pitch"][0] < 40.0


def test_one_eye_alone_is_its_own(ask):
    (frame,) = ask(a_result(a_face({"eyeLookUpLeft": 1.0})))
    assert frame["/limelight/1/eye/left/pitch"][0] > 10.0
    assert abs(frame["/limelight/1/eye/right/pitch"][0]) < 0.1


def test_mirrored(ask):
    (plain,), (mirrored,) = ask(a_result(a_lit_face())), ask(a_result(a_lit_face()), mirror="yes")
    assert mirrored["/limelight/1/jawLeft"] == plain["/limelight/1/jawRight"]
    assert mirrored["/limelight/1/eyeBlinkRight"] == plain["/limelight/1/eyeBlinkLeft"]
    for name, sign in {"yaw": -1, "pitch": 1, "roll": -1, "x": -1, "y": 1, "z": 1}.items():
        assert mirrored[f"/limelight/1/head/{name}"][0] == pytest.approx(sign * plain[f"/limelight/1/head/{name}"][0])
    assert mirrored["/limelight/1/light/key/position"] == pytest.approx((-300.0, 400.0, 500.0))


def test_faces_are_numbered_by_place_or_by_id(ask):
    first, second = a_face({"jawOpen": 0.1}, number=7), a_face({"jawOpen": 0.2}, number=4)
    results = a_result(first, second), a_result(second, time=1.0), a_result(time=2.0)
    frames = ask(*results)
    assert [frame["/limelight/faces"] for frame in frames] == [(2,), (1,), (0,)]
    jaws = [{a: round(v[0], 5) for a, v in frame.items() if a.endswith("jawOpen")} for frame in frames]
    assert jaws == [
        {"/limelight/1/jawOpen": 0.1, "/limelight/2/jawOpen": 0.2},
        {"/limelight/1/jawOpen": 0.2},
        {},
    ]
    assert [frame.get("/limelight/1/id") for frame in frames] == [(7,), (4,), None]
    frames = ask(*results, number="id", prefix="/cast/")
    jaws = [{a: round(v[0], 5) for a, v in frame.items() if a.endswith("jawOpen")} for frame in frames]
    assert jaws == [{"/cast/7/jawOpen": 0.1, "/cast/4/jawOpen": 0.2}, {"/cast/4/jawOpen": 0.2}, {}]


def test_the_first_place_is_the_performers_alone(ask):
    broken = a_face(number=7)
    broken.smoothed[:] = np.nan
    (frame,) = ask(a_result(broken, a_face({"jawOpen": 0.25}, number=4)))
    assert frame["/limelight/faces"] == (1,)
    assert frame["/limelight/2/jawOpen"] == (0.25,)
    assert not any(address.startswith("/limelight/1/") for address in frame)


def test_a_held_face_is_not_tracked(ask):
    states = TrackingState.TRACKING, TrackingState.HELD
    frames = ask(*(a_result(replace(a_face(), state=state), time=float(i)) for i, state in enumerate(states)))
    assert [frame["/limelight/1/tracked"] for frame in frames] == [(1,), (0,)]


def test_rate(osc_receiver, clock):
    stream = open_stream("osc", osc_receiver.port, rate="10")
    for i in range(30):
        clock[0] += 1 / 30
        stream.submit(a_result(time=i / 30))
    assert stream.sent == 10
    stream.close()


@pytest.mark.parametrize("prefix", ["a b", "face*", "x?", "[1]", "{a,b}", "#x", "é", "x" * 200])
def test_a_prefix_that_no_address_can_have_is_refused(prefix):
    with pytest.raises(LimelightError, match=r"prefix=.* must be plain"):
        open_stream("osc", 9010, prefix=prefix)


def test_what_faces_are_numbered_by_is_one_of_two():
    with pytest.raises(LimelightError, match="number=name must be place or id"):
        open_stream("osc", 9010, number="name")


def test_a_stream_goes_on_with_the_next_feed(osc_receiver):
    stream = open_stream("osc", osc_receiver.port)
    stream.submit(a_result(a_face({"jawOpen": 0.5})))
    stream.close()
    stream.begin(INFO)
    stream.submit(a_result(a_face({"jawOpen": 0.25})))
    assert dict(osc_receiver.take(stream.sent))["/limelight/1/jawOpen"] == (0.25,)
    stream.close()


def test_head_angles_are_those_of_the_documentation():
    """R = Rx(-pitch) Ry(yaw) Rz(-roll), which docs/protocols.md says."""
    face = a_face(head=(20.0, -10.0, 5.0))
    rotation = MODEL.layout.view(face.smoothed).rotation
    assert rotation == pytest.approx(matrix_from_euler(*np.radians((20.0, -10.0, 5.0))), abs=1e-6)


addresses = st.lists(st.text("abc/", min_size=1, max_size=30).map("/{}".format), min_size=1, max_size=40)
forms = st.sampled_from(["f", "fff", "i", "iif", "T", ""])


@given(st.data(), addresses, st.integers(60, 400))
def test_bundles_hold_what_was_written(data, addresses, largest):
    messages = [
        OscMessage(
            address,
            form := data.draw(forms),
            data.draw(st.none() | st.text("xyz", max_size=9)) if form != "T" else None,
        )
        for address in addresses
    ]
    bundles = OscBundles(messages, largest)
    assert bundles.count == sum(len(message.numbers) for message in messages)
    for offset in (0, 7):
        numbers = [float(i + offset) for i in range(bundles.count)]
        read = []
        for datagram in bundles.fill(numbers):
            content = OscPacket(bytes(datagram)).messages
            assert len(datagram) <= largest or len(content) == 1
            read += [(m.message.address, m.message.params) for m in content]
        expected, rest = [], iter(numbers)
        for message in messages:
            values = [bool(next(rest)) if tag == "T" else next(rest) for tag in message.numbers]
            expected.append((message.address, [*([] if message.text is None else [message.text]), *values]))
        assert read == expected
