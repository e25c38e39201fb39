"""The page of `limelight view`: what it is sent, who may ask, and who is too slow."""

from __future__ import annotations

import json
import math
import re
import socket
import struct
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import moderngl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

import shaders
from facemodel import LimelightError
from realtime.frame import Face, Frame, Person, Result, StreamInfo, TrackingState
from realtime.light.environments import ENVIRONMENTS
from realtime.light.lighting import Lighting
from realtime.render import headless_context
from realtime.sinks.registry import open_sink
from realtime.web import view as view_module
from realtime.web.view import View
from realtime.web.view_messages import FrameWriter, model_message
from shaders import load_shader
from tests.toy_model import occluded_toy_model, toy_model
from tests.waiting import wait_for

MODEL = toy_model()
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
INFO = StreamInfo("performer", 640, 480, 30.0, live=True, model=MODEL)
PAGES = Path(shaders.__file__).parents[1] / "realtime" / "web" / "pages"


def face(number: int = 1, seed: int = 0, centred: bool = False) -> Face:
    rng = np.random.default_rng(seed)
    vector = rng.normal(size=MODEL.layout.size).astype(np.float32)
    other = rng.normal(size=MODEL.layout.size).astype(np.float32) if centred else None
    p = MODEL.layout.view(vector)
    return Face(number, TrackingState.HELD, vector, Person(1, p.identity, p.albedo), centred=other, confidence=0.5)


def result(*faces: Face, at: float = 1.5, stalled: bool = False) -> Result:
    return Result(Frame(0, at, np.zeros((480, 640, 3), np.uint8)), at, faces, stalled=stalled)


@pytest.fixture
def view() -> Iterator[View]:
    sink = View(port=0)
    sink.begin(INFO)
    yield sink
    sink.close()


def fetch(view: View, path: str = "/", query: str = "") -> tuple[bytes, str]:
    """Return what is served under a path, and its media type."""
    with urllib.request.urlopen(f"http://127.0.0.1:{view.broadcast.port}{path}{query}", timeout=60) as answer:
        return answer.read(), answer.headers["Content-Type"]


def listen(view: View, query: str = "", **options):
    return connect(f"ws://127.0.0.1:{view.broadcast.port}/{query}", open_timeout=60, compression=None, **options)


def parse_model(data: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    """What docs/view.md says of the model's message, and nothing of ours."""
    magic, version, length = data[:4], *struct.unpack("<II", data[4:12])
    assert (magic, version, length % 4) == (b"LLVM", 1, 0)
    header = json.loads(data[12 : 12 + length])
    arrays = {}
    for entry in header["arrays"]:
        size = {"f2": 2, "f4": 4, "u4": 4}[entry["type"]]
        count = int(np.prod(entry["shape"]))
        start = 12 + length + entry["offset"]
        assert start % 4 == 0
        values = np.frombuffer(data[start : start + size * count], "<" + entry["type"])
        arrays[entry["name"]] = values.reshape(entry["shape"])
    return header, arrays


def parse_frame(data: bytes) -> dict:
    """What docs/view.md says of a frame's message, and nothing of ours."""
    fields = ("magic", "version", "count", "model", "number", "time", "width", "height", "parameters", "flags")
    frame = dict(zip(fields, struct.unpack("<4sHHIIdIIII", data[:40]), strict=True))
    assert (frame["magic"], frame["version"]) == (b"LLVF", 1)
    place, frame["faces"] = 40, []
    for _ in range(frame["count"]):
        number, state, confidence = struct.unpack("<IIf", data[place : place + 12])
        values = struct.unpack(
            f"<{frame['parameters'] + 9}f", data[place + 12 : place + 12 + 4 * (frame["parameters"] + 9)]
        )
        place += 12 + 4 * (frame["parameters"] + 9)
        frame["faces"].append((number, state, confidence, values[:-9], values[-9:]))
    assert place == len(data)
    return frame


def test_the_model_arrives_whole(view):
    header, arrays = parse_model(fetch(view, "/model")[0])
    assert header["parameters"] == MODEL.layout.size
    assert {name: slice(*span) for name, span in header["slices"].items()} == MODEL.layout.slices
    for name in ("mean", "diffuse_mean", "specular_mean", "triangles"):
        np.testing.assert_array_equal(arrays[name], getattr(MODEL, name))
    for name in ("identity", "expression", "diffuse_basis", "specular_basis"):
        np.testing.assert_allclose(arrays[name], getattr(MODEL, name), rtol=2**-11, atol=1e-7)


def test_albedo_arrives_as_it_is_drawn():
    occluded = occluded_toy_model()
    _, arrays = parse_model(model_message(occluded)[0])
    np.testing.assert_array_equal(arrays["occlusion"], occluded.occlusion)
    for name in ("diffuse_mean", "specular_mean"):
        np.testing.assert_array_equal(arrays[name], getattr(occluded.occluded(), name))


def test_the_embedded_model_loses_nothing(model):
    _, arrays = parse_model(model_message(model)[0])
    shown = replace(model.occluded(), occlusion=model.occlusion)
    for name, values in arrays.items():
        np.testing.assert_array_equal(values, getattr(shown, name).astype(values.dtype))
    for name in ("identity", "expression"):
        np.testing.assert_array_equal(arrays[name].astype(np.float32), getattr(model, name))


def test_models_have_different_keys():
    assert model_message(MODEL)[1] != model_message(toy_model(seed=1))[1]


def test_a_result_arrives_whole(view):
    faces = (face(7, seed=1, centred=True), face(3, seed=2))
    with listen(view) as client:
        view.submit(result(*faces, stalled=True))
        frame = parse_frame(client.recv(timeout=60))
    assert frame["model"] == parse_model(fetch(view, "/model")[0])[0]["key"]
    assert (frame["time"], frame["width"], frame["height"], frame["flags"]) == (1.5, 640, 480, 1)
    pose = slice(MODEL.layout.slices["rotation"].start, MODEL.layout.slices["scale"].stop)
    for (number, state, confidence, vector, alone), sent in zip(frame["faces"], faces, strict=True):
        assert (number, state, confidence) == (sent.id, 2, 0.5)
        np.testing.assert_array_equal(np.float32(vector), sent.smoothed)
        shown = sent.smoothed if sent.centred is None else sent.centred
        np.testing.assert_array_equal(np.float32(alone), shown[pose])


def test_faces_stand_in_the_shows_light(view):
    lighting = Lighting.of({"light/source": "show", "environment/name": "sunset"})
    with listen(view) as client:
        view.submit(replace(result(face(1, seed=1, centred=True)), lighting=lighting))
        (sent,) = parse_frame(client.recv(timeout=60))["faces"]
    seen, sunset = face(1, seed=1), ENVIRONMENTS["sunset"]
    shown = MODEL.layout.view(np.array(sent[3], np.float32))
    np.testing.assert_allclose(shown.sh, sunset.sh, atol=1e-6)
    np.testing.assert_allclose(shown.key_color, sunset.key_color)
    before = slice(0, MODEL.layout.slices["sh"].start)
    np.testing.assert_array_equal(np.float32(sent[3])[before], seen.smoothed[before])


def test_without_a_face_there_is_a_message_too():
    frame = parse_frame(FrameWriter(MODEL.layout, 5).write(result()))
    assert (frame["faces"], frame["model"], frame["flags"]) == ([], 5, 0)


def test_at_most_eight_faces_are_sent():
    faces = [face(number) for number in range(1, 12)]
    frame = parse_frame(FrameWriter(MODEL.layout, 0).write(result(*faces)))
    assert [number for number, *_ in frame["faces"]] == list(range(1, 9))


def test_a_message_stays_as_it_was_sent():
    writer = FrameWriter(MODEL.layout, 0)
    first = writer.write(result(face(1, seed=1)))
    kept = bytes(first)
    writer.write(result(face(2, seed=2)))
    assert first == kept


def test_whoever_comes_late_sees_the_newest(view):
    for at in (1.0, 2.0):
        view.submit(result(face(), at=at))
    with listen(view) as client:
        assert parse_frame(client.recv(timeout=60))["time"] == 2.0


def test_everything_that_the_page_asks_for_is_served(view):
    page, kind = fetch(view)
    assert kind.startswith("text/html")
    modules = json.loads(re.search(rb"const modules = (\[.*?\]);", page)[1])
    for module in modules:
        source, kind = fetch(view, f"/{module}.js")
        assert kind.startswith("text/javascript")
        imported = re.findall(r'from "\./(\w+)\.js"', source.decode())
        assert set(imported) <= set(modules)
    assert sorted(f"{module}.js" for module in modules) == sorted(path.name for path in PAGES.glob("*.js"))


def test_the_page_knows_no_other_server():
    for path in PAGES.glob("*"):
        addresses = set(re.findall(r"(?:https?|wss?)://[\w.-]+", path.read_text(encoding="utf-8")))
        if path.name == "three.js":
            addresses -= {"http://www.w3.org"}  # names of XML's kinds
        assert not addresses, path


def test_three_has_its_notice():
    notice = (PAGES.parents[2] / "NOTICE").read_text()
    version = re.match(r"/\* three\.js ([\d.]+)", (PAGES / "three.js").read_text())[1]
    script = (PAGES.parents[2] / "scripts" / "bundle_three.sh").read_text()
    assert f"three.js {version}" in notice and "three.js authors" in notice
    assert f"three={version}\n" in script


def test_the_setup_has_the_renderers_lights(view):
    setup = json.loads(fetch(view, "/setup")[0])
    assert list(setup["environments"]) == list(ENVIRONMENTS)
    np.testing.assert_allclose(setup["environments"]["sunset"]["sh"], ENVIRONMENTS["sunset"].sh)
    assert list(setup["modes"]) == ["shaded", "geometry", "diffuse", "specular", "albedo", "wireframe"]
    assert setup["states"][2] == "held"


def test_the_browsers_shaders_are_the_renderers(view):
    served = json.loads(fetch(view, "/setup")[0])["shaders"]
    for name, source in served.items():
        assert source.startswith("#version 300 es\n")
        assert source.split("precision highp sampler2DArray;\n")[1] == load_shader(name).removeprefix(
            "#version 330 core\n"
        )
    for function in ("encode_srgb", "sh_irradiance", "blinn_phong"):
        assert function in served["texture_face.frag"]


def test_the_browsers_shaders_compile():
    with headless_context() as ctx:
        if "GL_ARB_ES3_compatibility" not in ctx.extensions:
            pytest.skip("this OpenGL compiles no GLSL ES")
        for vertex, fragment in (
            ("texture_face.vert", "texture_face.frag"),
            ("texture_wireframe.vert", "wireframe.frag"),
            ("texture_screen.vert", "texture_sum.frag"),
            ("texture_screen.vert", "texture_normals.frag"),
        ):
            ctx.program(load_shader(vertex, es=True), load_shader(fragment, es=True)).release()
            with pytest.raises(moderngl.Error):
                ctx.program(
                    load_shader(vertex, es=True), load_shader(fragment, es=True).replace("void main", "vid main")
                )
    ctx.release()


def test_this_machine_needs_no_token(view):
    assert view.addresses() == (f"http://127.0.0.1:{view.broadcast.port}/",)


@pytest.fixture
def open_view() -> Iterator[View]:
    """A page for the whole network."""
    sink = View("0.0.0.0", 0)
    sink.begin(INFO)
    yield sink
    sink.close()


@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", "?tokens=x", "?token=%FF"])
@pytest.mark.parametrize("path", ["/", "/model", "/three.js", "/setup", "/nothing"])
def test_without_the_token_nothing_is_served(open_view, path, query):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        fetch(open_view, path, query)
    with pytest.raises(InvalidStatus, match="403"):
        listen(open_view, query)


def test_with_the_token_everything_is_served(open_view):
    address = open_view.addresses()[0]
    query = address[address.index("?") :]
    assert b"<canvas" in fetch(open_view, "/", query)[0]
    open_view.submit(result(face()))
    with listen(open_view, query) as client:
        assert parse_frame(client.recv(timeout=60))["count"] == 1
    assert open_view.status().startswith(address)


def test_other_pages_of_the_web_may_not_listen(view):
    with pytest.raises(InvalidStatus, match="403"):
        listen(view, origin="http://example.org")


@pytest.mark.parametrize(
    "path", ["/view.html", "/../broadcast.py", "/%2e%2e/view.py", "/pages/view.js", "//", "/three.js/"]
)
def test_nothing_else_is_served(view, path):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        fetch(view, path)


def test_it_begins_again_at_the_same_address(open_view):
    address = open_view.addresses()
    open_view.close()
    open_view.begin(StreamInfo("another", 32, 24, 30.0, live=True, model=toy_model(n_identity=2)))
    assert open_view.addresses() == address
    query = address[0][address[0].index("?") :]
    header, _ = parse_model(fetch(open_view, "/model", query)[0])
    assert header["slices"]["identity"] == [0, 2]


def test_an_ipv6_network_has_addresses_for_this_machine_and_for_others(monkeypatch):
    monkeypatch.setattr(view_module, "network_address", lambda host: {"::": "2001:db8::7"}[host])
    everywhere = View("::", 8780)
    token = everywhere.broadcast.token
    assert everywhere.addresses() == (f"http://[::1]:8780/?token={token}", f"http://[2001:db8::7]:8780/?token={token}")
    assert everywhere.name == "view [::]:8780"


def test_faces_that_are_no_numbers_are_not_shown(view):
    broken, turned = face(number=2), face(number=3)
    broken.smoothed[0] = np.nan
    turned = replace(turned, centred=np.full_like(turned.smoothed, np.nan))
    doubtful = replace(face(number=4), confidence=math.nan)
    view.submit(result(broken, face(number=1), turned, doubtful))
    with listen(view) as client:
        frame = parse_frame(client.recv(timeout=60))
    assert frame["count"] == 1
    assert [shown[0] for shown in frame["faces"]] == [1]


def test_it_knows_who_looks(view):
    assert not view.connected()
    with listen(view):
        wait_for(view.connected)
        assert "1 looking" in view.status()


def test_a_taken_port_is_one_line(view):
    with pytest.raises(LimelightError, match="cannot listen there"):
        View(port=view.broadcast.port).begin(INFO)


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [("view://", "127.0.0.1", 8780), ("view://0.0.0.0:9000", "0.0.0.0", 9000), ("VIEW://localhost:0/", "localhost", 0)],
)
def test_addresses(address, host, port):
    sink = open_sink(address).sink
    assert isinstance(sink, View) and (sink.broadcast.host, sink.broadcast.port) == (host, port)


@pytest.mark.parametrize("address", ["view://127.0.0.1:8780/page", "view://127.0.0.1:8780?rate=3", "view://:99999"])
def test_addresses_that_make_no_sense(address):
    with pytest.raises(LimelightError, match="sink view://"):
        open_sink(address)


def never_reading(view: View, request: bytes) -> socket.socket:
    """Ask for something, and take none of it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.connect(("127.0.0.1", view.broadcast.port))
    client.sendall(request)
    return client


def test_who_never_reads_holds_up_nobody(view, model):
    view.close()
    view.begin(StreamInfo("large", 640, 480, 30.0, live=True, model=model))
    faces = [Face(number, TrackingState.HELD, model.layout.neutral(), face().person) for number in range(1, 9)]
    with (
        never_reading(view, UPGRADE),
        never_reading(view, b"GET /model HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
        listen(view) as quick,
    ):
        for number in range(2000):
            view.submit(result(*faces, at=float(number)))
        while parse_frame(quick.recv(timeout=60))["time"] < 1999.0:
            pass
        assert b"<canvas" in fetch(view)[0]
        closing = threading.Thread(target=view.close)
        closing.start()
        closing.join(60)
        assert not closing.is_alive()


junk = st.one_of(st.binary(max_size=5000), st.text(max_size=300))


@settings(max_examples=30)
@given(messages=st.lists(junk, max_size=4))
def test_what_a_page_says_changes_nothing(view, messages):
    view.submit(result(face()))
    with listen(view) as client:
        client.recv(timeout=60)
        try:
            for message in messages:
                client.send(message)
            view.submit(result(face(), at=9.0))
            assert parse_frame(client.recv(timeout=60))["time"] == 9.0
        except ConnectionClosed:
            assert any(len(message if isinstance(message, bytes) else message.encode()) > 4096 for message in messages)
    assert b"<canvas" in fetch(view)[0]


requests = st.one_of(
    st.binary(max_size=300),
    st.builds(
        lambda path, rest: b"GET /" + path + b" HTTP/1.1\r\n" + rest, st.binary(max_size=60), st.binary(max_size=200)
    ),
    st.binary(max_size=100).map(lambda frames: UPGRADE + frames),
)


@settings(max_examples=40)
@given(request=requests)
def test_what_is_no_request_harms_nobody(open_view, request):
    with socket.create_connection(("127.0.0.1", open_view.broadcast.port), timeout=60) as stranger:
        stranger.sendall(request)
        stranger.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while part := stranger.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
    assert b"<canvas" not in answer and len(answer) < 1000
    query = open_view.addresses()[0].partition("/?")[2]
    assert b"<canvas" in fetch(open_view, "/", f"?{query}")[0]
