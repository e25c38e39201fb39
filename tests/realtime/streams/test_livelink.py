"""Live Link Face's packets, read by a receiver written from Unreal's layout."""

from __future__ import annotations

import math
import struct
import time
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemodel import LimelightError
from realtime.frame import StreamInfo, TrackingState
from realtime.frame_rate import FrameRate, Timecode
from realtime.streams import livelink
from realtime.streams.livelink import this_process
from tests.realtime.streams.receivers import EVERY_WEIGHT, MODEL, a_face, a_result, open_stream

# EARFaceBlendShape, as Unreal's plugin counts it (index: name), by hand from the protocol's table.
UNREAL = """
    EyeBlinkLeft EyeLookDownLeft EyeLookInLeft EyeLookOutLeft EyeLookUpLeft EyeSquintLeft EyeWideLeft
    EyeBlinkRight EyeLookDownRight EyeLookInRight EyeLookOutRight EyeLookUpRight EyeSquintRight EyeWideRight
    JawForward JawLeft JawRight JawOpen MouthClose MouthFunnel MouthPucker MouthLeft MouthRight
    MouthSmileLeft MouthSmileRight MouthFrownLeft MouthFrownRight MouthDimpleLeft MouthDimpleRight
    MouthStretchLeft MouthStretchRight MouthRollLower MouthRollUpper MouthShrugLower MouthShrugUpper
    MouthPressLeft MouthPressRight MouthLowerDownLeft MouthLowerDownRight MouthUpperUpLeft MouthUpperUpRight
    BrowDownLeft BrowDownRight BrowInnerUp BrowOuterUpLeft BrowOuterUpRight CheekPuff CheekSquintLeft
    CheekSquintRight NoseSneerLeft NoseSneerRight TongueOut HeadYaw HeadPitch HeadRoll
    LeftEyeYaw LeftEyePitch LeftEyeRoll RightEyeYaw RightEyePitch RightEyeRoll
"""
UNREAL = dict(enumerate(UNREAL.split()))


@dataclass
class Packet:
    """One packet, taken apart."""

    device: str
    subject: str
    frame: int
    subframe: float
    rate: tuple[int, int]
    values: dict[str, float] | None

    @classmethod
    def read(cls, data: bytes) -> Packet:
        (version,), at = struct.unpack_from(">B", data), 1
        assert version == 6
        texts = []
        for _ in range(2):
            (length,) = struct.unpack_from(">i", data, at)
            texts.append(data[at + 4 : at + 4 + length].decode())
            at += 4 + length
        frame, subframe, numerator, denominator = struct.unpack_from(">ifii", data, at)
        at += 16
        values = None
        if at < len(data):
            assert data[at] == 61
            values = {UNREAL[i]: v for i, v in enumerate(struct.unpack_from(">61f", data, at + 1))}
            at += 1 + 4 * 61
        assert at == len(data)
        return cls(*texts, frame, subframe, (numerator, denominator), values)


@pytest.fixture
def ask(receiver):
    """Sends results through a stream, and returns the packets."""

    def ask(*results, **options):
        stream = open_stream("livelink", receiver.port, **options)
        for result in results:
            stream.submit(result)
        packets = [Packet.read(data) for data in receiver.take(stream.sent)]
        stream.close()
        return packets

    return ask


def test_every_weight_stands_in_its_own_place(ask):
    (packet,) = ask(a_result(a_face(EVERY_WEIGHT)))
    assert packet.values is not None
    for name, value in EVERY_WEIGHT.items():
        assert packet.values[name[0].upper() + name[1:]] == pytest.approx(value, abs=1e-6), name


def test_sideways_motions_go_to_their_side_and_mirrored_ones_to_the_other(ask):
    face = a_face({"jawLeft": 0.5, "mouthLeft": 0.25, "eyeBlinkRight": 0.75}, head=(10.0, 0.0, 0.0))
    (plain,), (mirrored,) = ask(a_result(face)), ask(a_result(face), mirror="yes")
    for packet, side, other in ((plain.values, "Left", "Right"), (mirrored.values, "Right", "Left")):
        assert packet[f"Jaw{side}"] == pytest.approx(0.5)
        assert packet[f"Mouth{side}"] == pytest.approx(0.25)
        assert packet[f"EyeBlink{other}"] == pytest.approx(0.75)
        assert packet[f"Jaw{other}"] == packet[f"Mouth{other}"] == packet[f"EyeBlink{side}"] == 0.0
    assert plain.values["HeadYaw"] == pytest.approx(-mirrored.values["HeadYaw"])
    assert plain.values["HeadYaw"] > 0.1


@pytest.mark.parametrize(
    ("head", "name", "sign"),
    [
        ((20.0, 0.0, 0.0), "HeadYaw", 1.0),  # to the subject's left
        ((0.0, 15.0, 0.0), "HeadPitch", 1.0),  # up
        ((0.0, 0.0, 12.0), "HeadRoll", -1.0),  # our roll > 0 tilts to the subject's left, theirs to the right
    ],
)
def test_head_angles_are_radians_with_their_signs(ask, head, name, sign):
    (packet,) = ask(a_result(a_face(head=head)))
    expected = dict.fromkeys(("HeadYaw", "HeadPitch", "HeadRoll"), 0.0) | {name: sign * math.radians(max(head))}
    assert {n: packet.values[n] for n in expected} == pytest.approx(expected, abs=1e-5)


def turned(axis: int, radians: float) -> np.ndarray:
    c, s = math.cos(radians), math.sin(radians)
    a, b = [(1, 2), (2, 0), (0, 1)][axis]
    matrix = np.eye(3)
    matrix[[a, a, b, b], [a, b, a, b]] = c, -s, s, c
    return matrix


@settings(max_examples=30)
@given(st.tuples(st.floats(-70, 70), st.floats(-50, 50), st.floats(-60, 60)))
def test_all_three_angles_together_are_the_heads_rotation(ask, head):
    face = a_face(head=head)
    (packet,) = ask(a_result(face))
    yaw, pitch, roll = (packet.values[f"Head{name}"] for name in ("Yaw", "Pitch", "Roll"))
    # Yaw about the upright axis, then pitch, then roll; their pitch > 0 is up, their roll > 0 to the subject's right.
    rotation = turned(1, yaw) @ turned(0, -pitch) @ turned(2, roll)
    ours = MODEL.layout.view(face.smoothed).rotation
    assert np.abs(rotation - ours).max() < 1e-5


@pytest.mark.parametrize(
    ("weights", "name", "sign"),
    [
        ({"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}, "Yaw", -1.0),  # to the subject's left
        ({"eyeLookInLeft": 1.0, "eyeLookOutRight": 1.0}, "Yaw", 1.0),
        ({"eyeLookUpLeft": 1.0, "eyeLookUpRight": 1.0}, "Pitch", -1.0),
        ({"eyeLookDownLeft": 1.0, "eyeLookDownRight": 1.0}, "Pitch", 1.0),
    ],
)
def test_eyes_turn_to_their_side(ask, weights, name, sign):
    (packet,) = ask(a_result(a_face(weights)))
    for eye in ("LeftEye", "RightEye"):
        assert 0.15 < sign * packet.values[f"{eye}{name}"] < 1.0
        assert packet.values[f"{eye}Roll"] == 0.0


def test_one_eye_alone_is_its_own(ask):
    (packet,) = ask(a_result(a_face({"eyeLookUpLeft": 1.0, "eyeLookOutLeft": 1.0})))
    for name in ("Yaw", "Pitch"):
        assert packet.values[f"LeftEye{name}"] < -0.15
        assert abs(packet.values[f"RightEye{name}"]) < 1e-3


def test_without_a_face_the_packet_ends_before_the_values(ask):
    packets = ask(
        a_result(),
        a_result(a_face({"jawOpen": 0.5}), time=1.0),
        a_result(a_face({"jawOpen": 0.25}, state=TrackingState.NEUTRAL), time=2.0),
        a_result(time=3.0),
    )
    assert [p.values and p.values["JawOpen"] for p in packets] == [None, pytest.approx(0.5), pytest.approx(0.25), None]


def test_names(ask, receiver):
    (packet,) = ask(a_result(), name="Änna")
    assert (packet.device, packet.subject) == (this_process(), "Änna")
    assert len(packet.device) == 36
    (packet,) = ask(a_result(), device="desk-1")
    assert (packet.device, packet.subject) == ("desk-1", "Limelight")
    # VRCFaceTracking's module takes packets of exactly 312 bytes: a subject of six letters
    stream = open_stream("livelink", receiver.port, name="iPhone")
    stream.submit(a_result(a_face()))
    assert len(receiver.take(1)[0]) == 312
    stream.close()


@pytest.mark.parametrize("option", ["name", "device"])
def test_a_name_that_is_too_long_is_refused(option):
    with pytest.raises(LimelightError, match=f"{option}=xxxx.* has more than 255 bytes"):
        open_stream("livelink", 11111, **{option: "x" * 300})


def test_frames_are_counted_from_midnight_by_the_clock_on_the_wall(receiver, monkeypatch):
    stream = open_stream("livelink", receiver.port)
    noon = time.mktime((2026, 3, 4, 12, 0, 0, 0, 0, -1))
    for i, at in enumerate((0.0, 1.0, 0.5, 0.0)):  # of a take that is set back
        monkeypatch.setattr(livelink.time, "time", lambda now=noon + 60.0 + i / 30: now)
        stream.submit(a_result(time=at))
    packets = [Packet.read(data) for data in receiver.take(4)]
    assert packets[0].rate == (30, 1)
    moments = np.array([p.frame + p.subframe for p in packets])
    assert moments == pytest.approx(30 * (12 * 3600 + 60) + np.arange(4), abs=1e-3)
    assert all(0.0 <= p.subframe < 1.0 for p in packets)
    stream.close()


def test_a_feeds_own_timecode_is_kept(ask):
    timecode = Timecode.parse("10:11:12;13", FrameRate.parse("29.97df"))
    (packet,) = ask(a_result(timecode=timecode.plus(0.5 / (30000 / 1001))))
    assert packet.rate == (30000, 1001)
    assert (packet.frame, packet.subframe) == (int(timecode.number), pytest.approx(0.5, abs=1e-3))


def test_a_feed_of_unknown_rate_is_counted_at_60(receiver):
    stream = open_stream("livelink", receiver.port)
    stream.begin(StreamInfo("test", 640, 480, 0.0, True, MODEL))
    stream.submit(a_result())
    assert Packet.read(receiver.take(1)[0]).rate == (60, 1)
    stream.close()
