"""The Streams panel: what is listed, switched, remembered and said of each."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from realtime.sinks import registry
from realtime.sinks.kind import SinkKind
from realtime.sinks.worker import SinkState, SinkStatus, Worker, WorkerConfig
from realtime.ui.sink_list import SinkList

pytest.importorskip("pytestqt")
from PyQt6.QtCore import Qt

from realtime.ui.settings import SettingsFile
from tests.realtime.fake_session import FakeSession, toy_result
from tests.realtime.loop_parts import Collector
from tests.realtime.window_parts import open_window, settle

HERE, THERE = "blinks://127.0.0.1:7000", "blinks://10.0.0.7:7000?rate=30"


class Stream(Collector):
    """A stream that sends two messages a result, to a receiver that is there or not."""

    name = "Blinks to 127.0.0.1:7000"
    listens: bool | None = None

    @property
    def sent(self):
        return 2 * len(self.results)

    def status(self):
        return f"127.0.0.1:7000, {self.sent} sent"

    def connected(self):
        return self.listens


@pytest.fixture
def streams(monkeypatch):
    """A kind of streams of which each that was opened is kept, or refused while its address is in `refused`."""
    known = SimpleNamespace(opened=[], refused={})

    def opens(address):
        stream = Stream()
        known.opened.append(stream)
        if address.text in known.refused:
            stream.begin = lambda _info: (_ for _ in ()).throw(OSError(known.refused[address.text]))
        return stream

    kind = SinkKind("blinks", "blinks", ((HERE, "the Blinker"),), opens, WorkerConfig(), "blinks", options=("rate",))
    monkeypatch.setattr(registry, "KINDS", (*registry.KINDS, kind))
    return known


class StartedSession(FakeSession):
    """Begins sinks at once, as with a feed."""

    def add_sink(self, sink):
        worker = super().add_sink(sink)
        worker.begin(self.info)
        return worker


@pytest.fixture
def session(toy, tmp_path):
    return StartedSession(toy, tmp_path)


@pytest.fixture
def window(streams, qtbot, session, tmp_path):
    window = open_window(qtbot, session, SettingsFile(tmp_path / "window.json"))
    yield window
    window.close()


def start(qtbot, window, address=HERE):
    """Type an address, and wait until it runs."""
    qtbot.keyClicks(window.panel.sinks.address, address)
    qtbot.keyClick(window.panel.sinks.address, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: address in window.panel.sinks.rows and window.panel.sinks.rows[address].entry.runs)
    return window.panel.sinks.rows[address]


def click(qtbot, widget):
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def test_a_kind_from_the_menu_sends_nothing_before_it_is_started(qtbot, window, session):
    panel = window.panel.sinks
    kinds = {action.text().partition(":")[0]: action for action in panel.kinds.menu().actions()}
    assert list(kinds).index("blinks") < list(kinds).index("") < list(kinds).index("video")  # streams, then files
    kinds["blinks"].trigger()
    assert panel.address.text() == HERE and session.workers() == ()
    click(qtbot, panel.add)
    qtbot.waitUntil(lambda: HERE in panel.rows and panel.rows[HERE].entry.runs)
    assert panel.rows[HERE].switch.isChecked() and panel.address.text() == ""


def test_a_stream_that_is_switched_off_keeps_its_address(qtbot, window, session, streams):
    row = start(qtbot, window, THERE)
    click(qtbot, row.switch)
    qtbot.waitUntil(lambda: row.line.full_text() == "off")
    qtbot.waitUntil(lambda: session.workers() == () and bool(streams.opened[0].closed))
    assert window.panel.sinks.rows[THERE] is row and not row.switch.isChecked()
    assert row.address.full_text() == THERE
    qtbot.keyClick(row.switch, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: row.entry.runs)
    qtbot.waitUntil(lambda: len(streams.opened) == 2 and bool(streams.opened[1].begun))
    click(qtbot, row.end)
    qtbot.waitUntil(lambda: not window.panel.sinks.rows and session.workers() == ())


@pytest.mark.parametrize(
    ("listens", "words"),
    [
        (True, "somebody listens"),
        (False, "nobody listens"),
        (None, "whether anybody listens cannot be known"),
    ],
)
def test_the_light_says_whether_anybody_listens(qtbot, window, streams, listens, words):
    row = start(qtbot, window)
    streams.opened[0].listens = listens
    qtbot.waitUntil(lambda: row.sign.accessibleName() == words)
    assert ("nobody listens" in row.line.full_text()) is (listens is False)


def test_counts_are_of_what_was_sent(qtbot, window, session):
    row = start(qtbot, window)
    worker = row.entry.worker
    for i in range(3):
        worker.offer(toy_result(session.model, i))
        qtbot.waitUntil(lambda i=i: worker.status().delivered == i + 1)
    qtbot.waitUntil(lambda: row.line.full_text() == "6 sent, 0 dropped")  # the place is in the address already
    assert row.rate.text().endswith(" /s")


def test_a_page_that_a_stream_serves_is_a_link(qtbot, window, streams):
    row = start(qtbot, window)
    streams.opened[0].status = lambda: "http://127.0.0.1:8780/?token=a&b, 2 looking, 3 dropped"
    qtbot.waitUntil(lambda: "2 looking" in row.line.full_text())
    assert 'href="http://127.0.0.1:8780/?token=a&amp;b"' in row.line.text() and row.line.openExternalLinks()
    assert row.line.full_text().count("dropped") == 1


def test_a_stream_that_cannot_start_is_kept_off(qtbot, window, session, streams):
    streams.refused[HERE] = "the port is taken"
    qtbot.keyClicks(window.panel.sinks.address, HERE)
    click(qtbot, window.panel.sinks.add)
    settle(qtbot, window)
    assert window.area.banner.isVisible()
    assert "the port is taken" in window.area.banner.text.text()
    assert not window.panel.sinks.rows[HERE].entry.on
    assert session.workers() == ()
    streams.refused.clear()
    click(qtbot, window.panel.sinks.rows[HERE].switch)
    qtbot.waitUntil(lambda: window.panel.sinks.rows[HERE].entry.runs)


def test_an_address_that_is_on_is_not_started_twice(qtbot, window, session):
    start(qtbot, window)
    qtbot.keyClicks(window.panel.sinks.address, HERE)
    qtbot.keyClick(window.panel.sinks.address, Qt.Key.Key_Return)
    assert window.area.banner.text.text() == f"{HERE} is on already"
    assert len(session.workers()) == 1


def test_streams_are_remembered_and_off(qtbot, window, session, streams, toy, tmp_path):
    start(qtbot, window, HERE)
    start(qtbot, window, THERE)
    path = tmp_path / "added.mcap"
    qtbot.keyClicks(window.panel.sinks.address, str(path))
    click(qtbot, window.panel.sinks.add)
    qtbot.waitUntil(lambda: str(path) in window.panel.sinks.rows)
    window.close()
    opened = len(streams.opened)
    again = open_window(qtbot, StartedSession(toy, tmp_path), SettingsFile(tmp_path / "window.json"))
    rows = again.panel.sinks.rows
    assert list(rows) == [HERE, THERE]  # no file: it is done
    assert not any(row.switch.isChecked() for row in rows.values()) and again.session.workers() == ()
    assert len(streams.opened) == opened
    click(qtbot, rows[THERE].end)
    again.close()
    assert SettingsFile(tmp_path / "window.json").load().streams == (HERE,)


def test_a_sink_that_the_command_asked_for_is_listed_and_remembered_once_switched(qtbot, window, session):
    session.add_sink(HERE)
    session.add_sink(HERE)
    window.refresh()
    assert list(window.panel.sinks.rows) == [HERE, f"{HERE}#2"] and window.sinks.list.kept == ()
    click(qtbot, window.panel.sinks.rows[f"{HERE}#2"].end)
    qtbot.waitUntil(lambda: len(session.workers()) == 1)
    click(qtbot, window.panel.sinks.rows[HERE].switch)
    qtbot.waitUntil(lambda: not session.workers())
    assert window.sinks.list.kept == (HERE,)


def worker_and_status(sent, address=HERE):
    stream = Stream()
    stream.results = [None] * (sent // 2)
    worker = Worker(stream, address=address)
    return worker, SinkStatus("blinks", address, SinkState.RUNNING, "", sent // 2, 0, 0)


def test_a_rate_is_counted_over_the_last_second():
    listed = SinkList()
    worker, status = worker_and_status(0)
    for tenth in range(21):  # 60 a second, then 20
        worker.sink.results += [None] * ((3 if tenth <= 10 else 1) * (tenth > 0))
        (entry,) = listed.entries([(worker, status)], 0.1 * tenth)
        if tenth == 10:
            assert entry.rate == pytest.approx(60.0)
    assert entry.rate == pytest.approx(20.0) and entry.sent == 80
    worker.sink.results.clear()  # it began again
    assert listed.entries([(worker, status)], 2.2)[0].rate == 0.0
    assert listed.entries([], 2.3) == []
