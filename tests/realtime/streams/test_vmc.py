"""VMC, received by python-osc and read as the protocol's page describes it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemodel import LimelightError
from facemodel.color import decode_srgb
from realtime.frame import TrackingState
from realtime.light.lighting import Lighting
from tests.realtime.streams import unity
from tests.realtime.streams.receivers import EVERY_WEIGHT, MODEL, a_face, a_result, open_stream

TO_VRM1 = {
    **{"A": "aa", "I": "ih", "U": "ou", "E": "ee", "O": "oh"},
    **{"Blink_L": "blinkLeft", "Blink_R": "blinkRight"},
    **{"LookUp": "lookUp", "LookDown": "lookDown", "LookLeft": "lookLeft", "LookRight": "lookRight"},
}
VRM0, VRM1 = set(TO_VRM1), set(TO_VRM1.values())


class Frame:
    """What a marionette knows after one frame."""

    def __init__(self, messages):
        self.order = [address for address, _ in messages]
        self.ok = next(values for address, values in messages if address == "/VMC/Ext/OK")
        (self.time,) = next(values for address, values in messages if address == "/VMC/Ext/T")
        self.bones = {v[0]: (v[1:4], v[4:]) for a, v in messages if a == "/VMC/Ext/Bone/Pos" and len(v) == 8}
        self.lights = {v[0]: (v[1:4], v[4:8], v[8:]) for a, v in messages if a == "/VMC/Ext/Light" and len(v) == 12}
        values = [v for a, v in messages if a == "/VMC/Ext/Blend/Val"]
        self.blends = dict(values)
        assert len(self.blends) == len(values), "a name twice"


@pytest.fixture
def ask(osc_receiver):
    """Sends results through a stream, and returns what a marionette then knows, frame by frame."""

    def ask(*results, **options):
        stream = open_stream("vmc", osc_receiver.port, **options)
        frames = []
        for result in results:
            before = stream.sent
            stream.submit(result)
            frames.append(Frame(osc_receiver.take(stream.sent - before)))
        stream.close()
        return frames

    return ask


def pascal(name):
    return name[0].upper() + name[1:]


def test_arkits_weights_come_in_both_spellings(ask):
    (frame,) = ask(a_result(a_face(EVERY_WEIGHT)))
    for name, value in EVERY_WEIGHT.items():
        assert frame.blends[name] == frame.blends[pascal(name)] == pytest.approx(value, abs=1e-6), name


@pytest.mark.parametrize(("names", "spelt"), [("pascal", {pascal}), ("camel", {str}), ("none", set())])
def test_the_spelling_can_be_chosen(ask, names, spelt):
    (frame,) = ask(a_result(a_face(EVERY_WEIGHT)), names=names, presets="none")
    assert set(frame.blends) == {spell(name) for spell in spelt for name in EVERY_WEIGHT}


@pytest.mark.parametrize(
    ("presets", "sent"), [("vrm0", VRM0), ("vrm1", VRM1), ("both", VRM0 | VRM1), ("none", set()), ("", VRM0 | VRM1)]
)
def test_the_presets_can_be_chosen(ask, presets, sent):
    (frame,) = ask(a_result(a_face()), presets=presets, names="none")
    assert set(frame.blends) == sent


def test_emotions_are_sent_only_when_asked_for(ask):
    face = a_face({"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8})
    (frame,) = ask(a_result(face), names="none", emotions="yes")
    assert set(frame.blends) == VRM0 | VRM1 | {"Joy", "Angry", "Sorrow", "Fun", "happy", "angry", "sad", "relaxed"}
    assert frame.blends["Fun"] == frame.blends["relaxed"] == pytest.approx(0.8)
    (cross,) = ask(a_result(a_face({"browDownLeft": 0.6, "browDownRight": 0.6})), names="none", emotions="yes")
    assert cross.blends["Angry"] == cross.blends["angry"] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("weights", "vowel"),
    [
        ({"jawOpen": 0.8}, "A"),
        ({"mouthStretchLeft": 0.8, "mouthStretchRight": 0.8}, "I"),
        ({"mouthPucker": 0.8}, "U"),
        ({"jawOpen": 0.8, "mouthStretchLeft": 0.8, "mouthStretchRight": 0.8}, "E"),
        ({"jawOpen": 0.8, "mouthFunnel": 0.8}, "O"),
    ],
)
def test_vowels(ask, weights, vowel):
    (frame,) = ask(a_result(a_face(weights)))
    vowels = {name: frame.blends[name] for name in "AIUEO"}
    assert max(vowels, key=vowels.get) == vowel
    assert vowels[vowel] > 0.6
    assert sum(vowels.values()) <= 1.0 + 1e-6


def test_lids_and_looks_belong_to_their_side(ask):
    weights = {"eyeBlinkLeft": 0.7, "eyeBlinkRight": 0.2, "eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5}
    weights |= {"eyeLookUpLeft": 0.4, "eyeLookUpRight": 0.4}
    (plain,), (mirrored,) = ask(a_result(a_face(weights))), ask(a_result(a_face(weights)), mirror="yes")
    assert (plain.blends["Blink_L"], plain.blends["Blink_R"]) == pytest.approx((0.7, 0.2))
    assert plain.blends["LookLeft"] > 0.2
    assert plain.blends["LookUp"] > 0.15
    assert plain.blends["LookRight"] == plain.blends["LookDown"] == 0.0
    assert (mirrored.blends["Blink_L"], mirrored.blends["Blink_R"]) == pytest.approx((0.2, 0.7))
    assert mirrored.blends["LookRight"] == pytest.approx(plain.blends["LookLeft"], abs=1e-6)
    assert mirrored.blends["LookLeft"] == 0.0
    for frame in (plain, mirrored):
        assert all(frame.blends[old] == frame.blends[new] for old, new in TO_VRM1.items())
        assert all(0.0 <= value <= 1.0 for value in frame.blends.values())


@settings(max_examples=30)
@given(st.tuples(st.floats(-70, 70), st.floats(-50, 50), st.floats(-60, 60)), st.booleans())
def test_the_head_bone_is_the_heads_rotation_in_unitys_axes(ask, head, mirror):
    face = a_face(head=head)
    (frame,) = ask(a_result(face), mirror="yes" if mirror else "no")
    position, quaternion = frame.bones["Head"]
    assert position == (0.0, 0.0, 0.0)
    ours = MODEL.layout.view(face.smoothed).rotation
    seen = unity.MIRROR @ ours @ unity.MIRROR if mirror else ours
    assert np.abs(unity.rotation(quaternion) - unity.MIRROR @ seen @ unity.MIRROR).max() < 1e-5


def test_who_turns_to_the_left_turns_the_avatar_to_its_left(ask):
    (left,), (up,), (tilted,) = (ask(a_result(a_face(head=h))) for h in ((30, 0, 0), (0, 30, 0), (0, 0, 30)))
    forward, upward = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
    assert (unity.rotation(left.bones["Head"][1]) @ forward)[0] == pytest.approx(-0.5, abs=1e-5)
    assert (unity.rotation(up.bones["Head"][1]) @ forward)[1] == pytest.approx(0.5, abs=1e-5)
    assert (unity.rotation(tilted.bones["Head"][1]) @ upward)[0] == pytest.approx(-0.5, abs=1e-5)


@pytest.mark.parametrize(
    ("weights", "axis", "sign"),
    [
        ({"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}, 0, -1.0),  # to the avatar's left
        ({"eyeLookInLeft": 1.0, "eyeLookOutRight": 1.0}, 0, 1.0),
        ({"eyeLookUpLeft": 1.0, "eyeLookUpRight": 1.0}, 1, 1.0),
        ({"eyeLookDownLeft": 1.0, "eyeLookDownRight": 1.0}, 1, -1.0),
    ],
)
def test_eye_bones_turn_to_their_side(ask, weights, axis, sign):
    (frame,) = ask(a_result(a_face(weights)))
    for eye in ("LeftEye", "RightEye"):
        look = unity.rotation(frame.bones[eye][1]) @ (0.0, 0.0, 1.0)
        assert sign * look[axis] > 0.15


def test_one_eye_alone_is_its_own_bone(ask):
    (frame,) = ask(a_result(a_face({"eyeLookUpLeft": 1.0})))
    left, right = ((unity.rotation(frame.bones[eye][1]) @ (0.0, 0.0, 1.0))[1] for eye in ("LeftEye", "RightEye"))
    assert left > 0.15 > 1e-3 > abs(right)


def test_the_light_is_the_key_light(ask):
    face = a_face()
    p = MODEL.layout.view(face.smoothed)
    p.key_position[:], p.key_color[:] = (300.0, 400.0, 500.0), (0.9, 0.5, 0.1)
    (frame,) = ask(a_result(face))
    position, quaternion, color = frame.lights["Key light"]
    assert position == pytest.approx((-0.3, 0.4, 0.5))  # +x to the subject's left is the avatar's -x
    shines = unity.rotation(quaternion) @ (0.0, 0.0, 1.0)
    assert shines == pytest.approx(-np.array(position) / np.linalg.norm(position), abs=1e-5)
    assert decode_srgb(color[:3]) == pytest.approx([0.9, 0.5, 0.1], abs=1e-4)
    assert color[3] == 1.0


def test_the_light_is_the_shows_where_faces_stand_in_that(ask):
    values = {"light/source": "show", "light/2/intensity": 0.8, "light/2/azimuth": 90.0, "light/2/elevation": 0.0}
    face = a_face()
    shown, dark = (Lighting.of({**values, "light/2/intensity": level}) for level in (0.8, 0.0))
    (frame, nothing) = ask(a_result(face, lighting=shown), a_result(face, time=1.0, lighting=dark))
    position, _, color = frame.lights["Key light"]
    assert position == pytest.approx((-1.0, 0.0, 0.0), abs=1e-6)
    assert decode_srgb(color[:3]) == pytest.approx([0.8, 0.8, 0.8], abs=1e-4)
    assert nothing.lights["Key light"][2][:3] == (0.0, 0.0, 0.0)


def test_available_time_and_order(ask):
    frames = ask(
        a_result(time=10.0),
        a_result(a_face({"jawOpen": 0.5}), time=10.5),
        a_result(a_face({"jawOpen": 0.25}, state=TrackingState.HELD), time=11.0),
    )
    assert [frame.ok for frame in frames] == [(1, 3, 0, 0), (1, 3, 0, 1), (1, 3, 0, 0)]
    assert [frame.time for frame in frames] == pytest.approx([0.0, 0.5, 1.0])
    assert [frame.blends["jawOpen"] for frame in frames] == pytest.approx([0.0, 0.5, 0.25])
    for frame in frames:
        assert frame.order[-1] == "/VMC/Ext/Blend/Apply"
        assert frame.order.count("/VMC/Ext/Blend/Apply") == 1


@pytest.mark.parametrize("options", [{}, {"emotions": "yes"}, {"names": "none", "presets": "none"}])
def test_bundles_are_at_most_1500_bytes(receiver, options):
    stream = open_stream("vmc", receiver.port, **options)
    stream.submit(a_result(a_face(EVERY_WEIGHT)))
    datagrams = receiver.take(stream.sent)
    assert all(datagram.startswith(b"#bundle\0") for datagram in datagrams)
    assert max(map(len, datagrams)) <= 1500
    assert len(datagrams) <= 6
    stream.close()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("names", "snake", "names=snake must be pascal, camel, both or none"),
        ("presets", "vrm2", "presets=vrm2 must be vrm0, vrm1, both or none"),
        ("emotions", "maybe", "emotions=maybe must be yes or no"),
    ],
)
def test_options_that_make_no_sense_are_refused(option, value, message):
    with pytest.raises(LimelightError, match=message):
        open_stream("vmc", 39539, **{option: value})
