"""The WebSocket stream, received by the websockets package's own client, and judged by a JSON Schema validator."""

from __future__ import annotations

import json
import math
import socket
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import realtime.streams
from facemodel import ARKIT_NAMES, LimelightError
from facemodel.rotation import matrix_from_euler
from realtime.frame import TrackingState
from tests.realtime.streams.faces import INFO, face, free_port, one, result, stream, vector
from tests.waiting import wait_for

SCHEMA = json.loads((Path(realtime.streams.__file__).parent / "face_message.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)


@pytest.fixture
def opened():
    with ExitStack() as stack:

        def open_(options: str = ""):
            sink = stream(f"ws://127.0.0.1:{free_port()}?{options}")
            stack.callback(sink.close)
            address = f"ws://127.0.0.1:{sink.options.port}"
            return sink, stack.enter_context(connect(address, proxy=None, close_timeout=0.1))

        yield open_


def received(client) -> dict:
    text = client.recv(timeout=60)

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    message = json.loads(text, parse_constant=refuse)
    VALIDATOR.validate(message)
    return message


def refused(address: str, **more: str) -> None:
    with pytest.raises(InvalidStatus, match="403"), connect(address, proxy=None, **more):
        pass


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["$defs"]["face"]["properties"]["weights"]["required"]) == set(ARKIT_NAMES)


def test_every_weight_arrives_under_its_name_alone(opened):
    sink, client = opened()
    for name in ARKIT_NAMES:
        weights = {name: 0.75} | ({"jawOpen": 1.0} if name == "mouthClose" else {})
        sink.submit(one(weights))
        got = received(client)["faces"][0]["weights"]
        assert {n: w for n, w in got.items() if w} == pytest.approx(weights)


def test_sides_signs_and_units(opened):
    sink, client = opened()

    def turn(p):
        p.rotation = matrix_from_euler(math.radians(20), math.radians(10), math.radians(5))
        p.translation[:] = (420, 190)
        p.scale = 2.0
        p.key_position[:] = (100, 50, 300)
        p.key_color[:] = (1, 2, 3)
        p.sh[3] = (0.1, 0.2, 0.3)

    sink.submit(one({"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5}, turn))
    message = received(client)
    got = message["faces"][0]
    head = got["head"]
    assert (head["yaw"], head["pitch"], head["roll"]) == pytest.approx((20, 10, 5), abs=1e-3)
    assert head["position"][0] == pytest.approx(50)  # 100 px to image right at 2 px/mm
    assert head["position"][1] == pytest.approx(25)  # up
    assert head["position"][2] == pytest.approx(-320 / math.tan(math.radians(30)) / 2, abs=0.01)
    x, y, z, w = head["quaternion"]
    matrix = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    np.testing.assert_allclose(matrix, matrix_from_euler(*np.radians([20, 10, 5])), atol=1e-4)
    assert got["eyes"]["left"]["yaw"] > 10  # the subject's left is image right
    assert got["eyes"]["right"]["yaw"] > 10
    assert got["light"]["key"]["position"] == [100, 50, 300]
    assert got["light"]["key"]["color"] == [1, 2, 3]
    assert got["light"]["sh"][3] == pytest.approx([0.1, 0.2, 0.3])
    assert got["picture"] == {"x": 420, "y": 190, "scale": 2}
    assert got["skin"]["albedo"][0] > got["skin"]["albedo"][2] > 0
    assert (message["feed"], message["name"], message["mirrored"]) == ("clip.mp4", "Limelight", False)


@pytest.mark.parametrize(("weights", "turned"), [({"eyeLookOutLeft": 0.5}, "left"), ({"eyeLookInRight": 0.5}, "right")])
def test_each_eye_is_its_own(opened, weights, turned):
    sink, client = opened()
    sink.submit(one(weights))
    eyes = received(client)["faces"][0]["eyes"]
    assert {eye for eye in ("left", "right") if eyes[eye]["yaw"] > 5} == {turned}


def test_a_mirrored_stream_shows_what_a_mirror_shows(opened):
    sink, client = opened("mirror=yes&name=Anna")

    def turn(p):
        p.rotation = matrix_from_euler(math.radians(20), 0, 0)
        p.key_position[:] = (100, 50, 300)

    sink.submit(one({"jawLeft": 0.5, "eyeBlinkRight": 1.0}, turn))
    message = received(client)
    got = message["faces"][0]
    assert message["mirrored"]
    assert message["name"] == "Anna"
    assert got["weights"]["jawRight"] == pytest.approx(0.5)
    assert got["weights"]["eyeBlinkLeft"] == pytest.approx(1.0)
    assert got["weights"]["jawLeft"] == 0
    assert got["head"]["yaw"] == pytest.approx(-20, abs=1e-3)
    assert got["light"]["key"]["position"][0] == -100


def test_all_faces_with_their_ids_and_states(opened):
    sink, client = opened()
    everybody = [face(vector({"jawOpen": 0.1}), 7), face(vector({"jawOpen": 0.2}), 3, TrackingState.HELD)]
    sink.submit(result(4, everybody, label="jawOpen"))
    message = received(client)
    assert [(f["id"], f["state"]) for f in message["faces"]] == [(7, "tracking"), (3, "held")]
    assert [f["weights"]["jawOpen"] for f in message["faces"]] == pytest.approx([0.1, 0.2])
    assert (message["state"], message["frame"], message["label"]) == ("tracking", 4, "jawOpen")


def test_nobody_and_numbers_that_are_none_make_valid_messages(opened):
    sink, client = opened()
    sink.submit(result(0))
    assert received(client)["faces"] == []
    broken = vector({"jawOpen": float("nan")})
    endless = vector(change=lambda p: p.key_color.fill(np.inf))
    sink.submit(result(1, [face(broken, 1), face(endless, 2), face(vector(), 3)]))
    assert [f["id"] for f in received(client)["faces"]] == [3]


def test_the_rate_is_kept_to(opened, clock):
    sink, _ = opened("rate=20")
    for i in range(120):  # two seconds at 60 a second
        clock[0] += 1 / 60
        sink.submit(result(i, [face(vector())]))
    assert sink.sent in (40, 41)


def test_who_comes_late_gets_the_newest_message_at_once(opened):
    sink, client = opened()
    sink.submit(one({"jawOpen": 0.4}))
    received(client)
    with connect(f"ws://127.0.0.1:{sink.options.port}", proxy=None) as second:
        assert received(second)["faces"][0]["weights"]["jawOpen"] == pytest.approx(0.4)
        assert sink.connected()
        assert "2 connected" in sink.status()


def test_one_who_reads_nothing_holds_up_nobody_and_the_end(opened):
    sink, client = opened()
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", sink.options.port))
    slow.sendall(
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    wait_for(lambda: sink.broadcast.clients == 2)
    everybody = [face(vector(), n) for n in range(1, 9)]
    index = 0
    while "missed" not in sink.status():  # until the system's buffers are full
        sink.submit(result(index, everybody))
        received(client)
        index += 1
        assert index < 5000
    sink.submit(result(index, [face(vector({"jawOpen": 0.3}))]))
    assert received(client)["frame"] == index
    sink.close()
    wait_for(lambda: sink.broadcast.clients == 0)
    slow.close()


def test_a_port_that_is_taken_is_one_line(opened):
    sink, _ = opened()
    with pytest.raises(LimelightError, match=r"^cannot listen there: another program uses the port$") as refused:
        stream(f"ws://127.0.0.1:{sink.options.port}")
    assert "\n" not in str(refused.value)


def test_a_stream_begins_again_at_the_same_port(opened):
    sink, _ = opened()
    sink.close()
    sink.close()
    sink.begin(INFO)
    sink.submit(one({"jawOpen": 0.6}))
    with connect(f"ws://127.0.0.1:{sink.options.port}", proxy=None) as again:
        assert received(again)["faces"][0]["weights"]["jawOpen"] == pytest.approx(0.6)


@pytest.mark.parametrize(
    "origin", ["https://example.org", "null", "http://127.0.0.1.example.org", "http://[", "file://x"]
)
def test_pages_from_elsewhere_are_refused(opened, origin):
    sink, _ = opened()
    refused(f"ws://127.0.0.1:{sink.options.port}", origin=origin)


@pytest.mark.parametrize("origin", [None, "http://localhost:3000", "file://"])
def test_programs_and_pages_of_this_machine_are_not(opened, origin):
    sink, _ = opened()
    with connect(f"ws://127.0.0.1:{sink.options.port}", origin=origin, proxy=None):
        pass


def test_beyond_this_machine_a_token_is_needed():
    sink = stream(f"ws://0.0.0.0:{free_port()}")
    try:
        address = f"ws://127.0.0.1:{sink.options.port}"
        for wrong in (address, f"{address}/?token=x", f"{address}/?token=%ff"):
            refused(wrong)
        shown = sink.status().partition(",")[0]
        assert "token=" in shown
        with connect(shown, proxy=None, origin="https://example.org"):
            pass
    finally:
        sink.close()
