from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from facemodel import LimelightError
from realtime.controls.osc_query import OscQuery
from realtime.controls.place import Place
from tests.realtime.controls.small_show import make
from tests.waiting import PATIENCE


@pytest.fixture
def query():
    show, table = make()
    opened = OscQuery(table, Place("127.0.0.1", 0), Place("127.0.0.1", 8000))
    opened.start()
    yield show, opened
    opened.stop()


def ask(opened: OscQuery, path: str, **headers: str):
    request = urllib.request.Request(f"http://{opened.place}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.loads(answer.read()) if answer.status == 200 else answer.status


def test_the_tree_says_what_there_is(query):
    show, opened = query
    show.set({"light/2/azimuth": 12.0})
    tree = ask(opened, "/")
    light = tree["CONTENTS"]["limelight"]["CONTENTS"]["light"]["CONTENTS"]["2"]["CONTENTS"]
    assert light["azimuth"] == {
        "FULL_PATH": "/limelight/light/2/azimuth",
        "DESCRIPTION": "where it stands; 0 at the camera, 90 at image right, 180 behind the head",
        "ACCESS": 3,
        "TYPE": "f",
        "RANGE": [{"MIN": -180.0, "MAX": 180.0}],
        "UNIT": ["deg"],
        "VALUE": [12.0],
    }
    assert light["kind"]["RANGE"] == [{"VALS": ["point", "directional", "spot"]}]
    assert light["color"]["TYPE"] == "fff" and light["color"]["VALUE"] == [1.0, 1.0, 1.0]
    cue = tree["CONTENTS"]["limelight"]["CONTENTS"]["cue"]["CONTENTS"]
    assert cue["go"]["ACCESS"] == 2 and "VALUE" not in cue["go"]
    assert cue["active"]["ACCESS"] == 1


def test_parts_are_asked_for(query):
    _, opened = query
    assert ask(opened, "/limelight/master?VALUE") == {"VALUE": [1.0]}
    assert ask(opened, "/limelight/master")["FULL_PATH"] == "/limelight/master"
    info = ask(opened, "/?HOST_INFO")
    assert info["OSC_PORT"] == 8000 and info["OSC_IP"] == "127.0.0.1" and info["OSC_TRANSPORT"] == "UDP"
    assert ask(opened, "/limelight/cue/go?VALUE") == 204


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/limelight/master/x", 404), ("/?EVERYTHING", 400)])
def test_what_there_is_not(query, path, status):
    _, opened = query
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(opened, path)
    assert refused.value.code == status


def test_pages_of_the_web_get_no_answer(query):
    _, opened = query
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(opened, "/", Host="evil.example")
    assert refused.value.code == 403


def test_a_port_that_is_taken_is_one_clear_error(query):
    _, opened = query
    with pytest.raises(LimelightError, match="another program uses the port"):
        OscQuery(opened._table, opened.place).start()
