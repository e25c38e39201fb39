"""VRChat's OSC, received by python-osc and read as VRChat's and VRCFaceTracking's pages describe it."""

from __future__ import annotations

import math
from functools import partial

import pytest

from facemodel import ARKIT_NAMES, LimelightError
from facemodel.arkit import mirrored_name
from realtime.frame import TrackingState
from tests.realtime.streams.receivers import EVERY_WEIGHT, a_face, a_result, open_stream

V2 = "/avatar/parameters/v2/"
ACTIVE = ("EyeTrackingActive", "ExpressionTrackingActive", "LipTrackingActive")


@pytest.fixture
def ask(ask_osc):
    """Sends results through a stream, and returns address: values, frame by frame."""
    return partial(ask_osc, "vrchat")


def parameters(frame) -> dict[str, float]:
    return {address.removeprefix(V2): values[0] for address, values in frame.items() if address.startswith(V2)}


def both(names: str) -> dict[str, float]:
    """Both sides' parameters and their mean, all changed by 1."""
    return {f"{name}{side}": 1.0 for name in names.split() for side in ("", "Left", "Right")}


def sides(names: str) -> dict[str, float]:
    """Both sides' parameters of which there is no mean."""
    return {f"{name}{side}": 1.0 for name in names.split() for side in ("Left", "Right")}


def left(names: str, mean: float = 0.5) -> dict[str, float]:
    """The left side's parameters, changed by 1, and the means, changed by half of it."""
    return {f"{name}Left": 1.0 for name in names.split()} | dict.fromkeys(names.split(), mean)


# What each of ARKit's weights changes, per 1 of it, from VRCFaceTracking's module for Live Link Face and its sums.
LEFT = {
    "eyeSquintLeft": {"EyeSquintLeft": 1.0, "EyeSquint": 1.0, "EyesSquint": 1.0},
    "eyeWideLeft": {"EyeWideLeft": 1.0, "EyeWide": 1.0, "EyeLidLeft": 0.25, "EyeLid": 0.125},
    "eyeBlinkLeft": {"EyeOpenLeft": -1.0, "EyeOpen": -0.5, "EyeClosedLeft": 1.0, "EyeClosed": 0.5}
    | {"EyeLidLeft": -0.75, "EyeLid": -0.375},
    "browDownLeft": {"BrowPinchLeft": 1.0, "BrowLowererLeft": 1.0}
    | left("BrowDown")
    | {"BrowExpressionLeft": -1.0, "BrowExpression": -0.5},
    "browOuterUpLeft": left("BrowOuterUp")
    | {"BrowUpLeft": 0.6, "BrowUp": 0.3, "BrowExpressionLeft": 0.5, "BrowExpression": 0.25},
    "noseSneerLeft": left("NoseSneer"),
    "cheekSquintLeft": left("CheekSquint"),
    "mouthSmileLeft": {"MouthCornerPullLeft": 1.0, "MouthCornerSlantLeft": 1.0, "MouthSmileLeft": 1.0}
    | left("MouthCornerY SmileFrown SmileSad"),
    "mouthFrownLeft": {"MouthFrownLeft": 1.0, "MouthSadLeft": 1.0}
    | {name: -value for name, value in left("MouthCornerY SmileFrown SmileSad").items()},
    "mouthStretchLeft": {"MouthSadLeft": 1.0}
    | left("MouthStretch")
    | {name: -value for name, value in left("MouthTightenerStretch SmileSad").items()},
    "mouthDimpleLeft": left("MouthDimple"),
    "mouthPressLeft": left("MouthPress"),
    "mouthLowerDownLeft": left("MouthLowerDown") | {"MouthOpen": 0.25},
    "mouthUpperUpLeft": left("MouthUpperUp") | {"MouthUpperDeepenLeft": 1.0, "MouthOpen": 0.25},
    "jawLeft": {"JawLeft": 1.0, "JawX": -1.0},
    "mouthLeft": {"MouthUpperLeft": 1.0, "MouthLowerLeft": 1.0}
    | {"MouthUpperX": -1.0, "MouthLowerX": -1.0, "MouthX": -1.0},
}
MIDDLE = {
    "browInnerUp": both("BrowInnerUp") | {f"BrowUp{s}": 0.4 for s in ("", "Left", "Right")}
    | {f"BrowExpression{s}": 0.5 for s in ("", "Left", "Right")},
    "jawOpen": {"JawOpen": 1.0},
    "jawForward": {"JawForward": 1.0, "JawZ": 1.0},
    "mouthFunnel": both("LipFunnelUpper LipFunnelLower") | {"LipFunnel": 1.0}
    | dict.fromkeys(both("LipSuckFunnelUpper LipSuckFunnelLower"), -1.0),
    "mouthPucker": both("LipPuckerUpper LipPuckerLower LipPucker"),
    "mouthRollUpper": both("LipSuckUpper LipSuckFunnelUpper") | {"LipSuck": 0.5},
    "mouthRollLower": both("LipSuckLower LipSuckFunnelLower") | {"LipSuck": 0.5},
    "mouthShrugUpper": {"MouthRaiserUpper": 1.0},
    "mouthShrugLower": {"MouthRaiserLower": 1.0},
    "cheekPuff": sides("CheekPuff") | both("CheekPuffSuck"),
    "tongueOut": {"TongueOut": 1.0},
}  # fmt: skip
X_AXES = ("JawX", "MouthUpperX", "MouthLowerX", "MouthX")


def expected_changes(name: str) -> dict[str, float]:
    if name in MIDDLE:
        return MIDDLE[name]
    if name in LEFT:
        return LEFT[name]
    changes = LEFT[mirrored_name(name)]
    return {mirrored_name(n): -v if n in X_AXES else v for n, v in changes.items()}


@pytest.mark.parametrize("name", [n for n in ARKIT_NAMES if not n.startswith("eyeLook") and n != "mouthClose"])
def test_each_weight_changes_its_own_parameters_and_no_others(ask, name):
    rest, moved = (parameters(ask(a_result(a_face(w)))[0]) for w in ({}, {name: 0.6}))
    changes = {n: moved[n] - rest[n] for n in rest if abs(moved[n] - rest[n]) > 1e-5}
    assert changes == pytest.approx({n: 0.6 * v for n, v in expected_changes(name).items()}, abs=1e-5)


def test_the_closed_mouth_belongs_to_the_open_jaw(ask):
    (frame,) = ask(a_result(a_face({"jawOpen": 0.5, "mouthClose": 0.3})))
    assert parameters(frame)["MouthClosed"] == pytest.approx(0.3)


def test_a_squint_shuts_a_half_shut_eye_further_and_raised_lips_are_not_sucked_in(ask):
    weights = {"eyeBlinkLeft": 0.5, "eyeSquintLeft": 0.4, "mouthRollUpper": 0.8, "mouthUpperUpRight": 0.5}
    values = parameters(ask(a_result(a_face(weights)))[0])
    assert values["EyeOpenLeft"] == pytest.approx(0.3)
    assert values["LipSuckUpperLeft"] == pytest.approx(0.8)
    assert values["LipSuckUpperRight"] == pytest.approx(1.0 - 0.5 ** (1.0 / 6.0))


def test_all_parameters_stay_in_their_range(ask):
    for value in (1.0, 0.5):
        values = parameters(ask(a_result(a_face(dict.fromkeys(ARKIT_NAMES, value), head=(80.0, 0.0, 0.0))))[0])
        assert {
            name: v for name, v in values.items() if not -1.0 - 1e-6 <= v <= 1.0 + 1e-6 and "Head" not in name
        } == {}


LOOKS = [
    ({"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}, "X", -1.0),  # to the user's left
    ({"eyeLookInLeft": 1.0, "eyeLookOutRight": 1.0}, "X", 1.0),
    ({"eyeLookUpLeft": 1.0, "eyeLookUpRight": 1.0}, "Y", 1.0),
    ({"eyeLookDownLeft": 1.0, "eyeLookDownRight": 1.0}, "Y", -1.0),
]


@pytest.mark.parametrize(("weights", "axis", "sign"), LOOKS)
def test_eyes_look_to_their_side_in_both_forms(ask, weights, axis, sign):
    (frame,) = ask(a_result(a_face(weights)))
    values = parameters(frame)
    native = frame["/tracking/eye/LeftRightPitchYaw"]  # positive pitch is down, positive yaw to the user's right
    for eye, (pitch, yaw) in {"EyeLeft": native[:2], "EyeRight": native[2:]}.items():
        assert 0.15 < sign * values[f"{eye}{axis}"] <= 1.0
        assert values[f"{eye}X"] == pytest.approx(math.tan(math.radians(yaw)), abs=1e-5)
        assert values[f"{eye}Y"] == pytest.approx(-math.tan(math.radians(pitch)), abs=1e-5)
        assert sign * (yaw if axis == "X" else -pitch) > 10.0
    assert values[f"Eye{axis}"] == pytest.approx(0.5 * (values[f"EyeLeft{axis}"] + values[f"EyeRight{axis}"]))


def test_one_eye_alone_is_its_own_in_both_forms(ask):
    (frame,) = ask(a_result(a_face({"eyeLookUpLeft": 1.0})))
    left_pitch, _, right_pitch, _ = frame["/tracking/eye/LeftRightPitchYaw"]
    assert left_pitch < -10.0
    assert abs(right_pitch) < 0.1
    assert parameters(frame)["EyeLeftY"] > 0.15
    assert abs(parameters(frame)["EyeRightY"]) < 1e-3


def test_the_lids_are_shut_as_far_as_both_are(ask):
    (frame,) = ask(a_result(a_face({"eyeBlinkLeft": 1.0, "eyeBlinkRight": 0.5})))
    assert frame["/tracking/eye/EyesClosedAmount"] == (pytest.approx(0.75),)


@pytest.mark.parametrize(
    ("head", "name", "sign"),
    [((20.0, 0.0, 0.0), "Yaw", -1.0), ((0.0, 20.0, 0.0), "Pitch", -1.0), ((0.0, 0.0, 20.0), "Roll", 1.0)],
)
def test_the_head(ask, head, name, sign):
    values = parameters(ask(a_result(a_face(head=head)))[0])
    expected = dict.fromkeys(("Yaw", "Pitch", "Roll"), 0.0) | {name: sign * math.radians(20.0)}
    assert {n: values[f"Head/{n}"] for n in expected} == pytest.approx(expected, abs=1e-5)


def test_mirrored(ask):
    face = a_face({"jawLeft": 0.5, "mouthLeft": 0.3, "eyeBlinkLeft": 0.8}, head=(20.0, 0.0, 0.0))
    plain, mirrored = (parameters(ask(a_result(face), mirror=m)[0]) for m in ("no", "yes"))
    assert plain["JawX"] == -mirrored["JawX"] == pytest.approx(-0.5)
    assert plain["MouthX"] == -mirrored["MouthX"] == pytest.approx(-0.3)
    assert plain["EyeClosedLeft"] == mirrored["EyeClosedRight"] == pytest.approx(0.8)
    assert plain["Head/Yaw"] == -mirrored["Head/Yaw"]


def test_the_avatar_is_told_whether_there_is_a_face(ask):
    held = a_face(state=TrackingState.HELD)
    frames = ask(a_result(), a_result(a_face(), time=1.0), a_result(held, time=2.0), a_result(time=3.0))
    active = [[frame[f"/avatar/parameters/{name}"] for name in ACTIVE] for frame in frames]
    assert active == [[(there,)] * 3 for there in (False, True, True, False)]
    assert [len(frame) for frame in frames] == [3, len(frames[1]), len(frames[1]), 3]


def test_prefix_and_native_can_be_chosen(ask):
    (frame,) = ask(a_result(a_face(EVERY_WEIGHT)), prefix="FT/", native="no")
    assert frame["/avatar/parameters/FT/v2/JawOpen"] == (pytest.approx(EVERY_WEIGHT["jawOpen"], abs=1e-6),)
    active = {f"/avatar/parameters/{name}" for name in ACTIVE}  # avatars differ in whether these have the prefix
    assert active < set(frame)
    assert all(address.startswith("/avatar/parameters/FT/") for address in frame.keys() - active)
    (gone,) = ask(a_result(), prefix="FT")
    assert gone == dict.fromkeys(active | {f"/avatar/parameters/FT/{name}" for name in ACTIVE}, (False,))
    with pytest.raises(LimelightError, match="native=off must be yes or no"):
        open_stream("vrchat", 9000, native="off")


def test_bundles_fit_a_datagram(receiver):
    stream = open_stream("vrchat", receiver.port, prefix="x" * 100)
    stream.submit(a_result(a_face()))
    assert max(map(len, receiver.take(stream.sent))) <= 1472
    stream.close()
