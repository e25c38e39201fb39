from __future__ import annotations

import json
import urllib.request
from types import SimpleNamespace

import pytest
from websockets.sync.client import connect

from realtime.controls.commands import session_commands
from realtime.controls.inbox import Inbox
from realtime.outputs.display import DisplayOutput, DisplayState
from realtime.render import ViewMode
from realtime.sinks.address import Address
from realtime.web.remote import Remote
from tests.realtime.controls.small_show import make
from tests.waiting import PATIENCE, wait_for


@pytest.fixture
def remote():
    show, table = make()
    inbox = Inbox(table)
    opened = Remote(inbox, show, port=0)
    inbox.start()
    opened.start()
    yield show, opened, inbox
    opened.stop()
    inbox.stop()


def test_the_page_plays_the_show_and_is_told_where_it_is(remote):
    show, opened, _ = remote
    with urllib.request.urlopen(opened.broadcast.url, timeout=PATIENCE) as page:
        assert b'id="go"' in page.read()
    with connect(opened.broadcast.url.replace("http", "ws"), open_timeout=PATIENCE) as phone:
        state = json.loads(phone.recv(timeout=PATIENCE))
        assert state["cues"] == [["1", ""], ["2.5", ""]]
        assert (state["active"], state["next"], state["master"], state["blackout"]) == ("", "1", 1.0, False)
        phone.send('["cue/go"]')
        while state["active"] != "1":
            state = json.loads(phone.recv(timeout=PATIENCE))
        assert state["next"] == "2.5"
        phone.send('["master", 0.5]')
        phone.send('["blackout", true]')
        phone.send('["cue/go_to", "2.5"]')
        wait_for(lambda: show.master == 0.5 and show.blackout and str(show.status().progress.active) == "2.5")


def test_the_page_says_and_switches_what_the_audience_sees(tmp_path):
    show, table = make()
    displays = []
    session = SimpleNamespace(
        workers=lambda: tuple(displays), recording=lambda: None, asked_view=None, config=SimpleNamespace(takes=tmp_path)
    )
    table.register(session_commands(session))
    inbox = Inbox(table)
    remote = Remote(inbox, show, port=0)
    state = json.loads(remote.state())
    assert state["display"] == "" and "relit" in state["views"]
    display = DisplayOutput(Address.parse("display://2"))
    displays.append(SimpleNamespace(sink=display))
    assert json.loads(remote.state())["display"] == "picture"
    inbox.start()
    remote.start()
    with connect(remote.broadcast.url.replace("http", "ws"), open_timeout=PATIENCE) as phone:
        phone.send('["display/state", "black"]')
        phone.send('["view/mode", "relit"]')
        wait_for(lambda: display.state is DisplayState.BLACK and session.asked_view is ViewMode.RELIT)
        while json.loads(phone.recv(timeout=PATIENCE))["display"] != "black":
            pass
    remote.stop()
    inbox.stop()


@pytest.mark.parametrize(
    "said",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        "7",
        '["light/1/azimuth", 3]',
        '["record/start"]',
        '[["cue/go"]]',
        b"\xff",
        "[" * 4000,
    ],
)
def test_what_no_page_says_is_ignored(remote, said):
    show, opened, inbox = remote
    with connect(opened.broadcast.url.replace("http", "ws"), open_timeout=PATIENCE) as phone:
        phone.send(said)
        wait_for(lambda: opened.ignored == 1)
        phone.send('["cue/go"]')
        wait_for(lambda: show.status().progress.active is not None)
    assert inbox.status().refused == 0


def test_beyond_this_machine_the_page_needs_its_token():
    show, table = make()
    opened = Remote(Inbox(table), show, "0.0.0.0", 0)
    assert "?token=" in opened.broadcast.url
