"""The page for a phone in Chromium: what is pressed is done, and what is done is shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from realtime.controls.inbox import Inbox
from realtime.light.show import Show
from realtime.web.remote import Remote
from tests.apps.devtools import Tab, open_tab
from tests.realtime.controls.small_show import make
from tests.waiting import wait_for

pytestmark = pytest.mark.apps


@pytest.fixture
def opened(tmp_path) -> Iterator[tuple[Show, Tab, Remote]]:
    show, table = make()
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
    tab.evaluate("window.confirm = () => true; document.querySelectorAll('.cue')[1].click()")
    wait_for(lambda: str(show.status().progress.active) == "2.5")
    tab.evaluate("at('panic').click()")
    wait_for(lambda: show.status().progress.active is None)


def test_targets_are_large_and_nothing_is_cut_off(opened):
    _, tab, _ = opened
    sizes = tab.evaluate("[...document.querySelectorAll('button, input')].map((e) => e.getBoundingClientRect().height)")
    assert min(sizes) >= 48
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert tab.evaluate("at('panic').getBoundingClientRect().bottom") <= 844


def test_a_page_that_lost_the_show_says_so(opened):
    _, tab, remote = opened
    remote.stop()
    tab.wait_for("at('line').className === 'lost'")
