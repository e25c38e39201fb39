"""What the app iFacialMocap sends, read by a parser written after its public description."""

from __future__ import annotations

import math
import socket
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemodel import ARKIT_NAMES, LimelightError
from facemodel.rotation import matrix_from_euler
from realtime.frame import TrackingState
from realtime.sinks.registry import open_sink
from realtime.streams import asked
from tests.realtime.streams.faces import face, free_port, one, result, stream, vector
from tests.waiting import wait_for

UDP = b"iFacialMocap_sahuasouryya9218sauhuiayeta91555dy3719"
TCP = b"iFacialMocap_UDPTCP_sahuasouryya9218sauhuiayeta91555dy3719"
STOP = b"iFacialMocap_UDPTCPSTOP_sahuasouryya9218sauhuiayeta91555dy3719"
V2 = b"|sendDataVersion=v2"

# The line of the description, without its numbers.
SAMPLE = """mouthSmile_R eyeLookOut_L mouthUpperUp_L eyeWide_R mouthClose mouthPucker mouthRollLower eyeBlink_R
eyeLookDown_L cheekSquint_R eyeBlink_L tongueOut jawRight eyeLookIn_R cheekSquint_L mouthDimple_L mouthPress_L
eyeSquint_L mouthRight mouthShrugLower eyeLookUp_R eyeLookOut_R mouthPress_R cheekPuff jawForward mouthLowerDown_L
mouthFrown_L mouthShrugUpper browOuterUp_L browInnerUp mouthDimple_R browDown_R mouthUpperUp_R mouthRollUpper
mouthFunnel mouthStretch_R mouthFrown_R eyeLookDown_R jawOpen jawLeft browDown_L mouthSmile_L noseSneer_R
mouthLowerDown_R noseSneer_L eyeWide_L mouthStretch_L browOuterUp_R eyeLookIn_L eyeSquint_R eyeLookUp_L mouthLeft"""


def parse(data, between):
    """Weights 0..100 and {bone: numbers} of one frame."""
    shapes, bones = data.decode().split("=")
    weights = {}
    for entry in shapes.rstrip("|").split("|"):
        name, value = entry.split(between)
        assert value.isdigit()
        weights[name] = int(value)
    assert bones.endswith("|")
    found = {}
    for entry in bones.rstrip("|").split("|"):
        name, numbers = entry.split("#")
        found[name] = [float(number) for number in numbers.split(",")]
    assert {name: len(numbers) for name, numbers in found.items()} == {"head": 6, "rightEye": 3, "leftEye": 3}
    return weights, found


@pytest.fixture
def receiver():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(60)
        yield receiver


@pytest.fixture
def begin():
    begun = []

    def begin_(address):
        sink = stream(address)
        begun.append(sink)
        return sink

    yield begin_
    for sink in begun:
        sink.close()


@pytest.fixture
def pushed(begin, receiver):
    def pushed_(options=""):
        return begin(f"ifacialmocap://127.0.0.1:{receiver.getsockname()[1]}?{options}")

    return pushed_


@pytest.fixture
def answering(begin):
    def answering_(options=""):
        return begin(f"ifacialmocap://127.0.0.1:{free_port(socket.SOCK_DGRAM)}?answer=yes&{options}")

    return answering_


def ask(receiver, sink, question):
    receiver.sendto(question, ("127.0.0.1", sink.options.port))


@pytest.mark.parametrize(("version", "between"), [("1", "-"), ("2", "&")])
def test_every_weight_arrives_under_the_apps_name_alone(pushed, receiver, version, between):
    sink = pushed(f"version={version}")
    seen = set()
    for name in ARKIT_NAMES:
        sink.submit(one({name: 0.75} | ({"jawOpen": 1.0} if name == "mouthClose" else {})))
        weights, _ = parse(receiver.recv(8192), between)
        assert weights.pop("trackingStatus") == 1
        assert set(weights) == set(SAMPLE.split())
        moved = {n for n, value in weights.items() if value} - ({"jawOpen"} if name == "mouthClose" else set())
        (theirs,) = moved
        assert weights[theirs] == 75
        assert theirs.replace("_L", "Left").replace("_R", "Right") == name
        seen.add(theirs)
    assert len(seen) == 52


@pytest.mark.parametrize("mirror", [False, True])
def test_turns_are_about_arkits_axes(pushed, receiver, mirror):
    """They are right-handed, x image right, y up, z to the camera; for Unity a receiver turns y and z around."""
    sink = pushed("mirror=yes" if mirror else "")
    sign = -1.0 if mirror else 1.0
    for axis in range(3):
        angles = np.zeros(3)
        angles[axis] = math.radians(20)  # our yaw, pitch, roll

        def turn(p, angles=angles):
            p.rotation = matrix_from_euler(*angles)
            p.translation[:] = (420, 140)
            p.scale = 2.0

        sink.submit(one({"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5, "jawLeft": 0.5}, turn))
        weights, bones = parse(receiver.recv(8192), "-")
        expected = [0.0, 0.0, 0.0]
        expected[(1, 0, 2)[axis]] = (20 * sign, -20, -20 * sign)[axis]
        assert bones["head"][:3] == pytest.approx(expected, abs=0.01)
        distance = 0.320 / math.tan(math.radians(30)) / 2
        assert bones["head"][3:] == pytest.approx([0.05 * sign, 0.05, -distance], abs=1e-3)  # metres
        for eye in ("leftEye", "rightEye"):
            assert bones[eye][1] * sign > 10
            assert bones[eye][0] == pytest.approx(0, abs=0.5)
        assert weights["jawRight" if mirror else "jawLeft"] == 50


def test_eyes_that_look_down_turn_about_x_as_in_the_apps_own_sample(pushed, receiver):
    pushed().submit(one({"eyeLookDownLeft": 0.5, "eyeLookDownRight": 0.5}))
    _, bones = parse(receiver.recv(8192), "-")
    assert bones["leftEye"][0] > 5
    assert bones["rightEye"][0] > 5


@pytest.mark.parametrize(
    ("weights", "turned"), [({"eyeLookOutLeft": 0.5}, "leftEye"), ({"eyeLookInRight": 0.5}, "rightEye")]
)
def test_each_eye_is_its_own(pushed, receiver, weights, turned):
    pushed().submit(one(weights))
    _, bones = parse(receiver.recv(8192), "-")
    assert {eye for eye in ("leftEye", "rightEye") if bones[eye][1] > 5} == {turned}


def test_it_is_quiet_before_a_face_and_tells_of_a_lost_one(pushed, receiver):
    sink = pushed()
    sink.submit(result(0))
    sink.submit(one({"jawOpen": float("nan")}))
    sink.submit(result(1, [face(vector(), state=TrackingState.HELD)]))
    weights, _ = parse(receiver.recv(8192), "-")
    assert weights["trackingStatus"] == 0
    assert sink.sent == 1


@pytest.mark.parametrize(("question", "between"), [(UDP, "-"), (UDP + V2, "&"), (UDP + b"\0", "-")])
def test_a_question_is_answered_in_the_version_that_it_asks_for(answering, receiver, question, between):
    sink = answering()
    assert not sink.connected()
    for _ in range(3):  # as receivers do, since questions may be lost
        ask(receiver, sink, question)
    wait_for(sink.connected)
    sink.submit(one({"jawOpen": 0.5}))
    weights, _ = parse(receiver.recv(8192), between)
    assert weights["jawOpen"] == 50
    assert sink.sent == 1
    assert "1 asked" in sink.status()


def test_answers_to_other_machines_go_to_the_port_that_the_app_sends_to(answering, receiver):
    sink = answering(f"udp={receiver.getsockname()[1]}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:  # receivers ask from any port
        ask(elsewhere, sink, UDP)
        wait_for(sink.connected)
        sink.submit(one())
        parse(receiver.recv(8192), "-")


@pytest.mark.parametrize(("question", "between"), [(TCP, "-"), (TCP + V2, "&")])
def test_over_tcp_frames_end_as_the_description_says(answering, receiver, question, between):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        sink = answering(f"tcp={server.getsockname()[1]}")
        for _ in range(3):
            ask(receiver, sink, question)
        connection, _ = server.accept()
        connection.settimeout(60)
        buffer, frames, index = b"", [], 0
        while len(frames) < 5:
            sink.submit(result(index, [face(vector({"jawOpen": 0.5}))]))
            index += 1
            buffer += connection.recv(4096)
            *whole, buffer = buffer.split(b"___iFacialMocap")
            frames += whole
        assert all(parse(frame, between)[0]["jawOpen"] == 50 for frame in frames)
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()  # three questions, one connection
        ask(receiver, sink, STOP)
        wait_for(lambda: not sink.connected())
        while connection.recv(4096):
            pass


def test_a_tcp_receiver_that_goes_may_ask_again(answering, receiver):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        sink = answering(f"tcp={server.getsockname()[1]}")
        for _ in range(2):
            ask(receiver, sink, TCP)
            connection, _ = server.accept()
            sink.submit(one())
            assert connection.recv(4096)
            connection.close()

            def gone():
                sink.submit(one())
                return not sink.connected()

            wait_for(gone)


def test_a_tcp_receiver_that_reads_nothing_holds_up_nobody(answering, receiver):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.settimeout(60)
        sink = answering(f"tcp={server.getsockname()[1]}")
        ask(receiver, sink, TCP)
        ask(receiver, sink, UDP)
        connection, _ = server.accept()
        wait_for(lambda: sink.guests_now() == 2)
        for i in range(500):
            sink.submit(result(i, [face(vector({"jawOpen": i / 500}))]))
            assert parse(receiver.recv(8192), "-")[0]["jawOpen"] == round(i / 5)
        sink.close()
        connection.close()


def test_nobody_at_the_tcp_port_is_no_harm(answering, receiver):
    sink = answering(f"tcp={free_port()}")
    ask(receiver, sink, TCP)
    wait_for(lambda: sink._receivers and sink.guests_now() == 0)
    sink.submit(one())


def test_a_stranger_is_told_nothing(answering, receiver, monkeypatch):
    sink = answering()
    monkeypatch.setattr(asked.ipaddress, "ip_address", lambda text, real=asked.ipaddress.ip_address: real("10.0.0.9"))
    for question in (UDP, TCP, STOP):
        ask(receiver, sink, question)
    wait_for(lambda: "10.0.0.9 may not ask: allow=10.0.0.9 lets it" in sink.status())
    sink.submit(one())
    receiver.settimeout(0.1)
    with pytest.raises(TimeoutError):
        receiver.recv(8192)


def test_no_more_than_eight_are_sent_to_and_the_newest_are(answering):
    sink = answering()
    askers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(12)]
    for asker in askers:
        ask(asker, sink, UDP)
        wait_for(lambda asker=asker: asker.getsockname()[1] in {port for _, port in tuple(sink._receivers)})
    assert sink.guests_now() == 8
    sink.submit(one())
    askers[-1].settimeout(60)
    assert askers[-1].recv(8192)
    for asker in askers:
        asker.close()


@pytest.mark.parametrize(
    ("address", "answers"),
    [
        ("ifacialmocap://", False),
        ("ifacialmocap://192.168.1.5", False),
        ("ifacialmocap://0.0.0.0", True),
        ("ifacialmocap://[::]", True),
        ("ifacialmocap://127.0.0.1?answer=yes", True),
        ("ifacialmocap://0.0.0.0?answer=no", False),
    ],
)
def test_who_listens_for_others_is_asked(address, answers):
    sink = open_sink(address).sink
    assert type(sink).__name__ == ("AnsweringStream" if answers else "PushedStream")
    assert sink.options.port == 49983


@pytest.mark.parametrize(
    "options", ["version=3", "answer=perhaps", "answer=yes&tcp=0", "answer=yes&udp=x", "answer=yes&tcp=99999999"]
)
def test_what_makes_no_sense_is_one_line(options):
    with pytest.raises(LimelightError, match=f"{options.partition('&')[2] or options} must be") as refused:
        open_sink(f"ifacialmocap://127.0.0.1?{options}")
    assert "\n" not in str(refused.value)


def test_a_port_that_is_taken_is_one_line(begin, receiver):
    port = receiver.getsockname()[1]
    with pytest.raises(LimelightError, match=r"^cannot listen there: another program uses the port$"):
        begin(f"ifacialmocap://127.0.0.1:{port}?answer=yes")


@pytest.fixture(scope="module")
def listening():
    sink = stream(f"ifacialmocap://127.0.0.1:{free_port(socket.SOCK_DGRAM)}?answer=yes&tcp={free_port()}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(60)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.bind(("127.0.0.1", 0))
            last.settimeout(60)
            yield sink, receiver, last, threading.active_count()
    sink.close()


NEARLY = st.builds(
    lambda a, b, c: a[:b] + c, st.sampled_from([UDP, UDP + V2, TCP, STOP]), st.integers(0, 40), st.binary(max_size=99)
)


@settings(max_examples=200)
@given(data=st.one_of(st.binary(max_size=5000), NEARLY, st.sampled_from([TCP, STOP, TCP + V2, V2, b""])))
def test_whatever_comes_nothing_breaks_and_nothing_else_is_answered(listening, data):
    sink, receiver, last, threads = listening
    ask(receiver, sink, data)
    ask(receiver, sink, UDP)  # which is still heard, after it
    ask(last, sink, UDP)
    wait_for(lambda: last.getsockname() in sink._receivers)
    sink.submit(one())
    for asker in (receiver, last):
        parse(asker.recv(8192), "-")
    with sink._lock:
        sink._receivers.clear()
    receiver.setblocking(False)
    with pytest.raises(BlockingIOError):
        receiver.recv(8192)
    receiver.settimeout(60)
    assert threading.active_count() < threads + 10
