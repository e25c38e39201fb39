"""What VTube Studio's iPhone app sends, received as its own example receives it."""

from __future__ import annotations

import json
import math
import socket
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemodel import ARKIT_NAMES, LimelightError
from facemodel.rotation import matrix_from_euler
from realtime.frame import TrackingState
from realtime.sinks.registry import open_sink
from realtime.streams import asked, vts_ios
from tests.realtime.streams.faces import face, free_port, one, result, stream, vector
from tests.waiting import wait_for

# The names in the order of the receiver's enum, VTSARKitBlendshape, in groups that fit a line.
EYE = [f"Eye{what}" for what in ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide")]
PAIRS = [
    *EYE,
    "MouthSmile",
    "MouthFrown",
    "MouthDimple",
    "MouthStretch",
    "MouthPress",
    "MouthLowerDown",
    "MouthUpperUp",
]
PAIRS += ["BrowDown", "BrowOuterUp", "CheekSquint", "NoseSneer"]
SINGLE = "JawForward JawRight JawLeft JawOpen MouthClose MouthFunnel MouthPucker MouthLeft MouthRight MouthRollLower"
SINGLE += " MouthRollUpper MouthShrugLower MouthShrugUpper BrowInnerUp CheekPuff TongueOut"
THEIR_NAMES = {*SINGLE.split(), *(f"{name}{side}" for name in PAIRS for side in ("Left", "Right"))}


class Asker:
    """A receiver, with as many ports as it wants."""

    def __init__(self, port, ports=1):
        self.target = ("127.0.0.1", port)
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(ports)]
        for each in self.sockets:
            each.bind(("127.0.0.1", 0))
            each.settimeout(60)
        self.ports = [each.getsockname()[1] for each in self.sockets]

    def ask(self, seconds=10.0, **changes):
        request = {"messageType": "iOSTrackingDataRequest", "time": seconds, "sentBy": "MyApp", "ports": self.ports}
        self.send(json.dumps(request | changes).encode())

    def send(self, data):
        self.sockets[0].sendto(data, self.target)

    def receive(self, which=0):
        return json.loads(self.sockets[which].recv(65536))

    def hears_nothing(self):
        self.sockets[0].settimeout(0.1)
        with pytest.raises(TimeoutError):
            self.sockets[0].recv(65536)
        return True

    def close(self):
        for each in self.sockets:
            each.close()


@pytest.fixture
def pair():
    """A stream and one who asked it."""
    pairs = []

    def pair_(options="", ports=1, ask=True):
        sink = stream(f"vts-ios://127.0.0.1:{free_port(socket.SOCK_DGRAM)}?{options}")
        asker = Asker(sink.options.port, ports)
        pairs.append((sink, asker))
        if ask:
            asker.ask()
            wait_for(lambda: sink.guests_now() == ports)
        return sink, asker

    yield pair_
    for sink, asker in pairs:
        sink.close()
        asker.close()


def shapes(message):
    assert len(message["BlendShapes"]) == 52
    return {entry["k"]: entry["v"] for entry in message["BlendShapes"]}


def test_every_weight_arrives_under_the_receivers_name_alone(pair):
    sink, asker = pair()
    for name in ARKIT_NAMES:
        theirs = name[0].upper() + name[1:]
        sink.submit(one({name: 0.75} | ({"jawOpen": 1.0} if name == "mouthClose" else {})))
        got = shapes(asker.receive())
        assert set(got) == THEIR_NAMES
        expected = {theirs: 0.75} | ({"JawOpen": 1.0} if name == "mouthClose" else {})
        assert {k: v for k, v in got.items() if v} == pytest.approx(expected)


@pytest.mark.parametrize("mirror", [False, True])
def test_turns_and_places_as_the_receivers_example_shows_them(pair, mirror):
    """The example turns a cube before a camera that looks along +z by Euler(-Rotation.y, -Rotation.x, Rotation.z)."""
    sink, asker = pair("mirror=yes" if mirror else "")
    sign = -1.0 if mirror else 1.0
    for axis in range(3):
        angles = np.zeros(3)
        angles[axis] = math.radians(20)

        def turn(p, angles=angles):
            p.rotation = matrix_from_euler(*angles)
            p.translation[:] = (420, 140)
            p.scale = 2.0

        sink.submit(one({"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5, "jawLeft": 0.5}, turn))
        message = asker.receive()
        rotation = [message["Rotation"][axis] for axis in "xyz"]
        expected = [0.0, 0.0, 0.0]
        expected[axis] = (20 * sign, -20, -20 * sign)[axis]
        assert rotation == pytest.approx(expected, abs=0.01)
        # the front of the cube is at -z; Unity is left-handed
        x, y = math.radians(-rotation[1]), math.radians(-rotation[0])
        front = (-math.sin(y), math.sin(x), -math.cos(x) * math.cos(y))
        if axis == 0:
            assert front[0] * sign > 0.3  # to the right of the screen: where the picture has it
        if axis == 1:
            assert front[1] > 0.3  # up
        assert message["Position"]["x"] == pytest.approx(-5 * sign)  # which the example negates
        assert message["Position"]["y"] == pytest.approx(5)
        assert message["Position"]["z"] == pytest.approx(32 / math.tan(math.radians(30)) / 2, abs=1e-3)
        assert message["EyeLeft"]["x"] * sign > 10
        assert message["EyeRight"]["x"] * sign > 10
        assert shapes(message)["JawRight" if mirror else "JawLeft"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("weights", "turned"), [({"eyeLookOutLeft": 0.5}, "EyeLeft"), ({"eyeLookInRight": 0.5}, "EyeRight")]
)
def test_each_eye_is_its_own(pair, weights, turned):
    sink, asker = pair()
    sink.submit(one(weights))
    message = asker.receive()
    assert {eye for eye in ("EyeLeft", "EyeRight") if message[eye]["x"] > 5} == {turned}


def test_a_lost_face_is_told(pair):
    sink, asker = pair()
    sink.submit(result(0))
    assert asker.receive()["FaceFound"] is False
    sink.submit(result(1, [face(vector())]))
    assert asker.receive()["FaceFound"] is True
    sink.submit(result(2, [face(vector(), state=TrackingState.HELD)]))
    message = asker.receive()
    assert message["FaceFound"] is False
    assert message["Hotkey"] == -1
    assert abs(message["Timestamp"] / 1000 - time.time()) < 60


def test_all_the_ports_that_were_asked_for_are_sent_to_for_the_time_that_was_asked_for(pair, monkeypatch):
    sink, asker = pair(ports=16)
    sink.submit(one())
    assert all(asker.receive(i)["FaceFound"] for i in range(16))
    assert sink.sent == 16
    assert sink.connected()
    now = time.monotonic()
    monkeypatch.setattr(vts_ios.time, "monotonic", lambda: now + 10.5)
    sink.submit(one())
    assert asker.hears_nothing()
    assert not sink.connected()


@pytest.mark.parametrize(("asked_for", "kept"), [(0.0, 0.5), (1e9, 10.0), (2.5, 2.5)])
def test_times_are_kept_within_what_the_app_allows(pair, monkeypatch, asked_for, kept):
    sink, asker = pair(ask=False)
    now = time.monotonic()
    monkeypatch.setattr(vts_ios.time, "monotonic", lambda: now)
    asker.ask(asked_for)
    wait_for(sink.connected)
    monkeypatch.setattr(vts_ios.time, "monotonic", lambda: now + kept - 0.01)
    assert sink.connected()
    monkeypatch.setattr(vts_ios.time, "monotonic", lambda: now + kept + 0.01)
    assert not sink.connected()


def test_no_more_than_a_bounded_number_is_sent_to(pair):
    sink, asker = pair(ask=False)
    for first in range(1000, 3000, 16):
        asker.ask(ports=list(range(first, first + 16)))
    asker.ask(ports=[5])
    wait_for(lambda: sink.guests_now() == 64)


def test_a_stranger_is_told_nothing_and_the_user_how_to_let_it(pair, monkeypatch):
    sink, asker = pair(ask=False)
    monkeypatch.setattr(
        asked.ipaddress, "ip_address", lambda text, real=asked.ipaddress.ip_address: real("192.168.1.7")
    )
    asker.ask()
    wait_for(lambda: "192.168.1.7 may not ask: allow=192.168.1.7 lets it" in sink.status())
    sink.submit(one())
    assert asker.hears_nothing()


def test_whom_the_user_names_may_ask():
    for text, may in (
        ("", False),
        ("192.168.1.7", True),
        ("10.0.0.1,192.168.1.7", True),
        ("10.0.0.1", False),
        ("any", True),
    ):
        guests = open_sink(f"vts-ios://0.0.0.0?allow={text}").sink.guests
        assert guests.admit("192.168.1.7") is may
        assert guests.admit("::ffff:192.168.1.7") is may
        assert guests.admit("127.0.0.1")
        assert guests.admit("::1")
    with pytest.raises(LimelightError, match=r"allow=my phone must be addresses such as"):
        open_sink("vts-ios://?allow=my phone")


def test_numbers_that_are_none_are_never_sent(pair):
    sink, asker = pair()
    sink.submit(one({"jawOpen": float("nan")}))
    assert asker.hears_nothing()


def test_a_port_that_is_taken_is_one_line(pair):
    sink, _ = pair()
    with pytest.raises(LimelightError, match=r"^cannot listen there: another program uses the port$") as refused:
        stream(f"vts-ios://127.0.0.1:{sink.options.port}")
    assert "\n" not in str(refused.value)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
REQUESTS = st.fixed_dictionaries(
    {"messageType": st.just("iOSTrackingDataRequest")},
    optional={"time": ANYTHING, "ports": ANYTHING, "sentBy": ANYTHING},
).map(lambda request: json.dumps(request).encode())


@pytest.fixture(scope="module")
def listening():
    sink = stream(f"vts-ios://127.0.0.1:{free_port(socket.SOCK_DGRAM)}")
    asker = Asker(sink.options.port)
    yield sink, asker
    sink.close()
    asker.close()


@settings(max_examples=200)
@given(data=st.one_of(st.binary(max_size=5000), REQUESTS, st.sampled_from([b"[" * 4096, b"{" * 4096, b"9" * 4096])))
def test_whatever_comes_nothing_breaks_and_nothing_is_answered(listening, data):
    sink, asker = listening
    asker.send(data)
    asker.ask()  # which is still heard, after it
    wait_for(lambda: ("127.0.0.1", asker.ports[0]) in sink._until)
    sink.submit(one())
    assert asker.receive()["FaceFound"]
    sink._until.clear()
    asker.sockets[0].setblocking(False)
    with pytest.raises(BlockingIOError):
        asker.sockets[0].recv(65536)
    asker.sockets[0].settimeout(60)
