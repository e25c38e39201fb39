"""The VTube Studio plugin, against a VTube Studio written after the public description of its API."""

from __future__ import annotations

import itertools
import json
import math
import socket
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.sync.server import serve

from facemodel import ARKIT_NAMES, LimelightError
from facemodel.rotation import matrix_from_euler
from realtime.frame import TrackingState
from realtime.sinks.address import Address
from realtime.sinks.registry import open_sink
from realtime.streams import vts
from realtime.streams.face_stream import StreamOptions
from realtime.streams.vts import VtsStream
from realtime.streams.vts_parameters import OWN_PARAMETERS
from realtime.streams.vts_session import TokenFile
from tests.realtime.streams.faces import INFO, face, free_port, one, result, vector
from tests.realtime.streams.vtube_studio import VTubeStudio
from tests.waiting import wait_for

KEEP = vts._KEEP


@pytest.fixture
def studio():
    studio = VTubeStudio()
    yield studio
    studio.close()


@pytest.fixture
def begin(tmp_path, monkeypatch):
    """Begin a stream to a port; everything of it ends with the test. It repeats nothing while the feed pauses."""
    monkeypatch.setattr(vts, "_KEEP", 600.0)
    begun = []

    def begin_(port, options=""):
        options = StreamOptions.of(Address.parse(f"vts://127.0.0.1:{port}?{options}"), 8001)
        sink = VtsStream("VTube Studio", options, TokenFile(tmp_path / "tokens.json"), pauses=(0.02, 0.1))
        sink.begin(INFO)
        begun.append(sink)
        return sink

    yield begin_
    for sink in begun:
        sink.close()


@pytest.fixture
def repeats(begin, monkeypatch):
    """The streams repeat the last values while the feed pauses, as outside these tests."""
    monkeypatch.setattr(vts, "_KEEP", KEEP)


def told(studio, sink, moment):
    """What VTube Studio has after a moment."""
    wait_for(sink.connected)
    before = len(studio.frames)
    sink.submit(moment)
    wait_for(lambda: len(studio.frames) > before)
    return studio.newest


def test_permission_is_asked_for_once_and_kept(studio, begin, tmp_path):
    studio.allows = None
    sink = begin(studio.port)
    wait_for(lambda: "click Allow in VTube Studio" in sink.status())
    assert not sink.connected()
    studio.allows = True
    wait_for(sink.connected)
    sink.close()
    again = begin(studio.port)
    wait_for(again.connected)
    assert studio.popups == 1
    assert studio.sessions == 2
    assert (tmp_path / "tokens.json").stat().st_mode & 0o077 == 0  # nobody else's business


def test_a_token_that_is_valid_no_more_is_asked_for_anew(studio, begin, tmp_path):
    TokenFile(tmp_path / "tokens.json").save(f"127.0.0.1:{studio.port}", "revoked")
    sink = begin(studio.port)
    wait_for(sink.connected)
    assert studio.popups == 1
    assert TokenFile(tmp_path / "tokens.json").load(f"127.0.0.1:{studio.port}") == "token-1"


def test_a_refusal_is_told_and_nobody_is_asked_again(studio, begin):
    studio.allows = False
    sink = begin(studio.port)
    wait_for(lambda: "denied in VTube Studio; start the stream again" in sink.status())
    time.sleep(0.3)
    assert studio.popups == 1
    assert sink.connected() is False
    assert "\n" not in sink.status()
    studio.allows = True
    sink.close()
    sink.begin(INFO)
    wait_for(sink.connected)


def test_a_kept_token_file_that_is_garbage_is_as_none(studio, begin, tmp_path):
    (tmp_path / "tokens.json").write_text('["no", {"tokens": 1}')
    wait_for(begin(studio.port).connected)


def test_its_own_parameters_keep_the_rules(studio, begin):
    wait_for(begin(studio.port).connected)
    assert list(studio.custom) == [parameter.name for parameter in OWN_PARAMETERS]
    assert len(studio.custom) == 64
    assert list(studio.custom)[:52] == [f"Limelight{n[0].upper()}{n[1:]}" for n in ARKIT_NAMES]


def test_every_weight_arrives_in_its_parameter_alone(studio, begin):
    sink = begin(studio.port)
    for name in ARKIT_NAMES:
        weights = {name: 0.75} | ({"jawOpen": 1.0} if name == "mouthClose" else {})
        values = told(studio, sink, one(weights))
        own = {n: values[f"Limelight{n[0].upper()}{n[1:]}"] for n in ARKIT_NAMES}
        assert {n: v for n, v in own.items() if v} == pytest.approx(weights)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({}, {"MouthSmile": 0.5, "Brows": 0.5, "BrowLeftY": 0.5, "EyeOpenLeft": 1.0, "EyeOpenRight": 1.0}),
        ({"eyeBlinkLeft": 1.0}, {"EyeOpenLeft": 0.0, "EyeOpenRight": 1.0}),
        ({"jawOpen": 0.8, "mouthClose": 0.3}, {"MouthOpen": 0.5}),
        ({"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}, {"MouthSmile": 1.0}),
        ({"mouthFrownLeft": 1.0, "mouthFrownRight": 1.0}, {"MouthSmile": 0.0}),
        ({"mouthLeft": 0.6}, {"MouthX": 0.6}),
        ({"mouthRight": 0.6}, {"MouthX": -0.6}),
        # a look to image right, the subject's left: VTube Studio's eyes count to the subject's right
        ({"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5}, {"EyeLeftX": -0.5, "EyeRightX": -0.5}),
        ({"eyeLookInLeft": 0.5, "eyeLookOutRight": 0.5}, {"EyeLeftX": 0.5, "EyeRightX": 0.5}),
        ({"eyeLookUpLeft": 0.5, "eyeLookDownRight": 0.5}, {"EyeLeftY": 0.5, "EyeRightY": -0.5}),
        ({"browDownLeft": 1.0}, {"BrowLeftY": 0.0, "BrowRightY": 0.5, "FaceAngry": 0.5}),
        ({"browOuterUpRight": 1.0, "browInnerUp": 1.0}, {"BrowRightY": 1.0, "BrowLeftY": 0.75}),
        ({"tongueOut": 0.7, "cheekPuff": 0.4}, {"TongueOut": 0.7, "CheekPuff": 0.4}),
    ],
)  # fmt: skip
def test_the_default_parameters_of_expressions(studio, begin, weights, expected):
    values = told(studio, begin(studio.port), one(weights))
    assert {name: values[name] for name in expected} == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("mirror", [False, True])
def test_the_default_parameters_of_the_head(studio, begin, mirror):
    sign = -1.0 if mirror else 1.0
    sink = begin(studio.port, "mirror=yes" if mirror else "")
    for axis, name in ((0, "FaceAngleX"), (1, "FaceAngleY"), (2, "FaceAngleZ")):
        angles = np.zeros(3)
        angles[axis] = math.radians(20)

        def turn(p, angles=angles):
            p.rotation = matrix_from_euler(*angles)
            p.translation[:] = (420, 140)  # 100 px, at 2 px/mm 50 mm, to image right and up
            p.scale = 2.0

        values = told(studio, sink, one({"jawLeft": 0.5}, turn))
        expected = dict.fromkeys(("FaceAngleX", "FaceAngleY", "FaceAngleZ"), 0.0)
        expected[name] = 20.0 * (1.0 if axis == 1 else sign)
        assert {key: values[key] for key in expected} == pytest.approx(expected, abs=0.01)
        assert values["FacePositionX"] == pytest.approx(5 * sign)
        assert values["FacePositionY"] == pytest.approx(5)
        distance = 320 / math.tan(math.radians(30)) / 2
        assert values["FacePositionZ"] == pytest.approx((distance - 600) / 50, abs=1e-3)
        assert values["LimelightJawRight" if mirror else "LimelightJawLeft"] == pytest.approx(0.5)


def test_light_and_skin_go_along(studio, begin):
    def light(p):
        p.key_position[:] = (300, 0, 400)
        p.key_color[:] = (0.1, 0.2, 0.3)

    values = told(studio, begin(studio.port), one({}, light))
    assert [values[f"LimelightKey{axis}"] for axis in "XYZ"] == pytest.approx([0.6, 0.0, 0.8])
    assert [values[f"LimelightKey{color}"] for color in ("Red", "Green", "Blue")] == pytest.approx([0.1, 0.2, 0.3])
    assert values["LimelightLightRed"] == pytest.approx(2.6 * 0.282095, abs=1e-3)
    assert 0 < values["LimelightSkinBlue"] < values["LimelightSkinRed"] < 1


def test_the_last_values_are_sent_again_while_the_feed_pauses(studio, begin, repeats):
    told(studio, begin(studio.port), one({"jawOpen": 0.5}))
    wait_for(lambda: len(studio.frames) >= 4)
    gaps = [b[0] - a[0] for a, b in itertools.pairwise(studio.frames)]
    assert min(gaps) < 1.0  # VTube Studio's own limit
    assert {values["MouthOpen"] for _, values, _ in studio.frames} == {0.5}


def test_nothing_is_sent_before_a_face_and_a_lost_one_is_told(studio, begin):
    sink = begin(studio.port)
    wait_for(sink.connected)
    sink.submit(result(0))
    time.sleep(0.1)
    assert studio.frames == []
    told(studio, sink, result(1, [face(vector({"jawOpen": 0.5}), state=TrackingState.HELD)]))
    told(studio, sink, result(2))
    assert [found for _, _, found in studio.frames][-2:] == [True, False]


def test_values_that_are_no_numbers_are_never_sent(studio, begin):
    sink = begin(studio.port)
    told(studio, sink, one({"jawOpen": 0.5}))
    sink.submit(one({"jawOpen": float("nan")}))
    told(studio, sink, one({"jawOpen": 0.25}))
    assert studio.broken == []
    assert {values["MouthOpen"] for _, values, _ in studio.frames} == {0.5, 0.25}


def test_parameters_may_be_chosen(studio, begin):
    defaults = told(studio, begin(studio.port, "parameters=defaults"), one())
    assert len(defaults) == 21
    assert studio.custom == {}
    own = told(studio, begin(studio.port, "parameters=own"), one())
    assert set(own) == {parameter.name for parameter in OWN_PARAMETERS}
    with pytest.raises(LimelightError, match="parameters=few must be all, defaults or own"):
        open_sink("vts://?parameters=few")


def test_a_limit_that_is_reached_is_told_and_the_rest_is_sent(studio, begin):
    studio.custom = {f"Foreign{i}": "Other" for i in range(290)}
    studio.custom["LimelightJawOpen"] = "Other"
    sink = begin(studio.port)
    values = told(studio, sink, one({"jawLeft": 0.5}))
    assert len([name for name in values if name.startswith("Limelight")]) == 9
    assert "55 of its own parameters are missing: " in sink.status()


def test_parameters_that_another_plugin_holds_are_left_to_it(studio, begin, repeats):
    studio.controlled = {"FaceAngleX"}
    sink = begin(studio.port)
    wait_for(sink.connected)
    sink.submit(one())
    wait_for(lambda: "FaceAngleX is controlled by plugin Other" in sink.status())
    sink.submit(one({"jawLeft": 0.5}))
    wait_for(lambda: studio.frames and studio.newest["LimelightJawLeft"] == 0.5)
    assert "FaceAngleX" not in studio.newest
    assert studio.sessions == 1


def test_an_api_that_is_switched_off_is_told_and_tried_again(studio, begin):
    studio.api_on = False
    sink = begin(studio.port)
    wait_for(lambda: "switch on 'Allow Plugin API access'" in sink.status())
    studio.api_on = True
    wait_for(sink.connected)


def test_vtube_studio_may_come_later_and_come_back(begin, repeats):
    port = free_port()
    sink = begin(port)
    wait_for(lambda: "VTube Studio is not there" in sink.status())
    for n in (1, 2):
        studio = VTubeStudio(port)
        sink.submit(one({"jawOpen": 0.1 * n}))
        wait_for(lambda n=n, studio=studio: studio.frames and studio.newest["MouthOpen"] == pytest.approx(0.1 * n))
        studio.close()
        wait_for(lambda: not sink.connected())


def test_a_session_that_is_authenticated_no_more_is_begun_anew(studio, begin, repeats):
    sink = begin(studio.port)
    told(studio, sink, one())
    studio.custom.clear()  # as when the user removes the plugin's parameters
    sink.submit(one())
    wait_for(lambda: studio.sessions == 2)
    told(studio, sink, one())


def test_one_that_does_not_answer_holds_up_nobody(studio, begin):
    sink = begin(studio.port)
    told(studio, sink, one())
    studio.deaf.set()
    for i in range(200):  # all of which return, though nobody reads
        sink.submit(result(i, [face(vector({"jawOpen": i / 200}))]))
    assert len(studio.frames) == 1
    assert sink.dropped > 100
    studio.deaf.clear()
    wait_for(lambda: studio.newest["MouthOpen"] == pytest.approx(0.995, abs=1e-3))
    assert len(studio.frames) < 20  # none of the old ones


def test_it_ends_whoever_is_at_the_other_side():
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        sink = open_sink(f"vts://127.0.0.1:{silent.getsockname()[1]}").sink
        sink.begin(INFO)
        sink.submit(one())
        thread = sink._thread
        sink.close()
        sink.close()
        wait_for(lambda: not thread.is_alive())


@pytest.fixture(scope="module")
def fickle():
    """A server that answers whatever it is told to."""
    answers: list = []

    def serve_(connection):
        for _ in connection:
            for answer in answers:
                connection.send(answer)

    server = serve(serve_, "127.0.0.1", 0, compression=None, close_timeout=0.1)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.socket.getsockname()[1], answers
    server.shutdown()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["requestID", "messageType", "data", "errorID", "message", "authenticated"]), inner, max_size=4
    ),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=25)
@given(answer=st.one_of(st.text(max_size=50), st.binary(max_size=50), JSON))
def test_whatever_is_answered_nothing_breaks(fickle, tmp_path, answer):
    port, answers = fickle
    text = answer if isinstance(answer, str | bytes) else json.dumps(answer)
    answers[:] = [text, json.dumps({"requestID": "1", "data": answer if not isinstance(answer, bytes) else None}), text]
    sink = VtsStream(
        "VTube Studio",
        StreamOptions.of(Address.parse(f"vts://127.0.0.1:{port}"), 8001),
        TokenFile(tmp_path / "none.json"),
        pauses=(0.01, 0.01),
    )
    sink.begin(INFO)
    sink.submit(one())
    thread = sink._thread
    wait_for(lambda: sink.status().split(", ")[1] != "connects")
    assert "\n" not in sink.status()
    assert len(sink.status()) < 400
    assert thread.is_alive() or "denied" in sink.status()
    sink.close()
    assert not thread.is_alive()
