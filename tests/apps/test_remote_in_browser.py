"""The page for a phone in Chromium: what is pressed is done, and what is done is shown."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from realtime.controls.commands import session_commands
from realtime.controls.inbox import Inbox
from realtime.light.show import Show
from realtime.outputs.display import DisplayOutput
from realtime.sinks.address import Address
from realtime.web.remote import Remote
from tests.apps.devtools import Tab, open_tab
from tests.realtime.controls.small_show import make
from tests.waiting import wait_for

pytestmark = pytest.mark.apps


@pytest.fixture
def opened(tmp_path) -> Iterator[tuple[Show, Tab, Remote]]:
    show, table = make()
    displays = (SimpleNamespace(sink=DisplayOutput(Address.parse("display://2"))),)
    session = SimpleNamespace(
        workers=lambda: displays, recording=lambda: None, asked_view=None, config=SimpleNamespace(takes=tmp_path)
    )
    table.register(session_commands(session))
    inbox = Inbox(table)
    remote = Remote(inbox, show, port=0)
    inbox.start()
    remote.start()
    with open_tab(tmp_path) as tab:
        tab.open(remote.broadcast.url, 390, 844)
        tab.wait_for("typeof state !== 'undefined' && state !== null")
        yield show, tab, remote
    remote.stop()
    inbox.stop()


def test_buttons_play_the_show(opened):
    show, tab, _ = opened
    tab.evaluate("at('go').click()")
    tab.wait_for("document.querySelector('.cue.active')?.dataset.number === '1'")
    tab.wait_for("document.querySelector('.cue.next')?.dataset.number === '2.5'")
    tab.evaluate("at('pause').click()")
    tab.wait_for("at('pause').textContent === 'Resume'")
    assert show.status().progress.paused
    tab.evaluate("at('pause').click()")
    tab.wait_for("at('pause').textContent === 'Pause'")
    tab.evaluate("at('blackout').click()")
    tab.wait_for("at('blackout').getAttribute('aria-pressed') === 'true'")
    assert show.blackout
    tab.evaluate("at('master').value = 0.25; at('master').dispatchEvent(new Event('input'))")
    tab.wait_for("at('level').textContent === '25 %'")
    assert show.master == 0.25
    assert tab.evaluate("document.querySelector('[data-state=picture]').getAttribute('aria-pressed')") == "true"
    tab.evaluate("document.querySelector('[data-state=black]').click()")
    tab.wait_for("document.querySelector('[data-state=black]').getAttribute('aria-pressed') === 'true'")
    tab.evaluate("at('view').value = 'relit'; at('view').dispatchEvent(new Event('change'))")
    tab.wait_for("at('view').value === ''")
    tab.evaluate("window.confirm = () => true; document.querySelectorAll('.cue')[1].click()")
    wait_for(lambda: str(show.status().progress.active) == "2.5")
    tab.evaluate("at('panic').click()")
    wait_for(lambda: show.status().progress.active is None)


def test_targets_are_large_and_nothing_is_cut_off(opened):
    _, tab, _ = opened
    sizes = tab.evaluate(
        "[...document.querySelectorAll('button, input, select')].map((e) => e.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 48
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert tab.evaluate("at('panic').getBoundingClientRect().bottom") <= 844


def test_a_page_that_lost_the_show_says_so(opened):
    _, tab, remote = opened
    remote.stop()
    tab.wait_for("at('line').className === 'lost'")
