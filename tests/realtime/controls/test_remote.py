from __future__ import annotations

import json
import urllib.request

import pytest
from websockets.sync.client import connect

from realtime.controls.inbox import Inbox
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
