"""What the window says of trouble: a lost source, a loop that ended, sinks that failed."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("pytestqt")
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QPushButton

from facemodel import LimelightError
from realtime.frame import TrackingState
from realtime.loop.feed import FeedStatus
from realtime.loop.loop import LoopStatus
from realtime.sinks.worker import SinkState, SinkStatus, Worker
from realtime.ui.alerts import Alert, Remedy, alert_of
from tests.realtime.fake_session import toy_face, toy_result
from tests.realtime.loop_parts import Collector
from tests.realtime.window_parts import settle, show_frame

RUNS = LoopStatus(30.0, 20.0, TrackingState.TRACKING, 1, "Logitech C920")
LOST, STILL_LOST = (
    replace(RUNS, feed=FeedStatus(problem=f"Logitech C920: unplugged; trying again every {pause} s", lost=True))
    for pause in (0.25, 1)
)


def sink(state=SinkState.RUNNING, line="", name="ws", delivered=10, dropped=0):
    return SinkStatus(name, "test://", state, line, delivered, dropped, 0)


FAILED = sink(SinkState.FAILED, "ws: the port is taken")


@pytest.mark.parametrize(
    ("status", "sinks", "alert"),
    [
        (LoopStatus(), [], None),
        (RUNS, [sink()], None),
        (replace(RUNS, ended=True), [sink(SinkState.CLOSED)], None),
        (LOST, [], Alert(LOST.feed.problem, Remedy.NONE)),
        (LOST, [FAILED], Alert(LOST.feed.problem, Remedy.NONE)),
        (replace(RUNS, error="clip.mp4: damaged", ended=True), [], Alert("clip.mp4: damaged", Remedy.SOURCE)),
        (replace(RUNS, error=FAILED.line), [sink(), FAILED], Alert(FAILED.line, Remedy.SINK)),
        (replace(RUNS, error=FAILED.line, ended=True), [FAILED], Alert(FAILED.line, Remedy.SINK)),
        (
            replace(RUNS, error=FAILED.line),
            [sink(SinkState.FAILED, "take: full"), FAILED],
            Alert(f"{FAILED.line} (and 1 more)", Remedy.SINK),
        ),
    ],
)
def test_the_worst_trouble_is_told_with_what_helps(status, sinks, alert):
    assert alert_of(status, sinks) == alert


def test_a_lost_source_is_told_until_it_is_back(qtbot, window, session, toy):
    banner, line = window.area.banner, window.status_line
    show_frame(qtbot, window, session)
    session.state = LOST
    qtbot.waitUntil(banner.isVisible)
    assert "trying again every 0.25 s" in banner.text.text() and not banner.again.isVisible()
    assert "trying again" in line.state.text() and "trying again" in line.message.full_text()
    assert window.isActiveWindow() and window.view.result is not None  # no dialog, and the last picture stays
    session.state = replace(
        LOST, feed=FeedStatus(problem="Logitech C920: unplugged; trying again every 1 s", lost=True)
    )
    qtbot.waitUntil(lambda: "every 1 s" in banner.text.text())
    session.state = replace(RUNS, feed=FeedStatus(reopened=1))
    qtbot.waitUntil(lambda: not banner.isVisible())
    assert "Tracking" in line.state.text() and line.message.full_text() == ""


def test_a_held_face_stays_over_the_last_picture_while_the_source_is_lost(qtbot, window, session, toy):
    show_frame(qtbot, window, session)
    session.state = LOST
    last = window.view.result
    for state in (TrackingState.HELD, TrackingState.NEUTRAL):
        tick = replace(last, faces=(toy_face(toy, state=state),), stalled=True)
        session.deliver(tick)
        qtbot.waitUntil(lambda tick=tick: window.view.result is tick)
        assert window.view.result.frame is last.frame


def test_an_alert_that_was_dismissed_does_not_come_back_with_other_words(qtbot, window, session):
    banner = window.area.banner
    session.state = LOST
    qtbot.waitUntil(banner.isVisible)
    close = next(button for button in banner.findChildren(QPushButton) if button.accessibleName() == "Dismiss")
    qtbot.mouseClick(close, Qt.MouseButton.LeftButton)
    session.state = replace(
        LOST, feed=FeedStatus(problem="Logitech C920: unplugged; trying again every 1 s", lost=True)
    )
    window.refresh()
    assert not banner.isVisible()
    session.state = RUNS
    window.refresh()
    session.state = LOST  # once more
    window.refresh()
    assert banner.isVisible()


def test_full_screen_shows_no_alert_until_it_is_left(qtbot, window, session):
    qtbot.keyClick(window.view, Qt.Key.Key_F11)
    qtbot.waitUntil(window.isFullScreen)
    session.state = LOST
    window.refresh()
    assert not window.area.banner.isVisible()
    qtbot.keyClick(window.view, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not window.isFullScreen() and window.area.banner.isVisible())


def test_an_error_of_the_moment_outlives_an_alert_that_is_over(qtbot, window, session):
    session.state = LOST
    window.refresh()
    window.area.banner.show_error("no such kind of sink")
    session.state = RUNS
    window.refresh()
    assert window.area.banner.isVisible() and window.area.banner.text.text() == "no such kind of sink"


def test_a_frozen_camera_is_named(qtbot, window, session):
    session.state = replace(RUNS, feed=FeedStatus(message="the picture has not changed for 2 s: is the camera frozen?"))
    qtbot.waitUntil(lambda: "camera frozen" in window.status_line.message.full_text())
    session.state = RUNS
    qtbot.waitUntil(lambda: window.status_line.message.full_text() == "")


def test_the_status_line_tells_a_stall_from_a_lost_face(qtbot, window, session, toy):
    session.state = replace(RUNS, state=TrackingState.HELD)
    held = (toy_face(toy, state=TrackingState.HELD),)
    for stalled, words in ((True, "Waiting for a picture"), (False, "Face lost, pose held")):
        result = replace(toy_result(toy, faces=held), stalled=stalled)
        session.deliver(result)
        qtbot.waitUntil(lambda result=result: window.view.result is result)
        window.refresh()
        assert words in window.status_line.state.text()


def test_the_status_line_counts_faces_and_what_got_lost(window):
    line = window.status_line
    line.show_status(RUNS, [sink(delivered=90)])
    assert (line.faces.text(), line.lost.text()) == ("", "")
    many = replace(RUNS, faces=3, feed=FeedStatus(unusable=4))
    line.show_status(many, [sink(delivered=90, dropped=10), sink(dropped=2, name="overlay.mp4"), sink(name="take")])
    assert line.faces.text() == "3 faces"
    assert line.lost.text() == "12 dropped, 4 unusable"
    assert "ws: 10 of 100 results dropped" in line.lost.toolTip()
    assert "take" not in line.lost.toolTip()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"stopped": True}, "Stopped"),
        ({"paused": True}, "Paused"),
        ({"still": True}, "No new pictures"),
        ({"waiting": True}, "Waiting for a picture"),
    ],
)
def test_the_status_line_says_why_nothing_moves(window, how, words):
    window.status_line.show_status(RUNS, **how)
    assert words in window.status_line.state.text()


def test_at_the_end_and_without_a_source(window):
    window.status_line.show_status(replace(RUNS, ended=True), still=True)
    assert "At the end" in window.status_line.state.text() and window.status_line.speed.text() == ""
    window.status_line.show_status(LoopStatus())
    assert "No source" in window.status_line.state.text()


class FlakySink(Collector):
    """Cannot begin as often as it is told."""

    def __init__(self, failures, error):
        super().__init__()
        self.failures, self.why = failures, error

    def begin(self, info):
        if self.failures:
            self.failures -= 1
            raise self.why
        super().begin(info)


def add_sink(session, sink):
    """A worker on a fake session, begun as with a feed."""
    worker = session.add_sink(Worker(sink, address="test://"))
    worker.begin(session.info)
    return worker


def test_a_failed_sink_is_one_line_and_can_be_started_again(qtbot, window, session):
    flaky = FlakySink(2, OSError("the port is taken"))
    worker = add_sink(session, flaky)
    banner = window.area.banner
    qtbot.waitUntil(banner.isVisible)
    assert banner.text.text() == "collector: OSError: the port is taken"
    assert banner.again.text() == "Start again"
    row = window.panel.sinks.rows["test://"]
    assert row.sign.accessibleName() == "failed" and "port is taken" in row.line.full_text()
    qtbot.mouseClick(banner.again, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: flaky.failures == 0)
    qtbot.waitUntil(banner.isVisible)  # it failed again, and that is said again
    qtbot.mouseClick(row.again, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: row.sign.accessibleName() == "whether anybody listens cannot be known")
    qtbot.waitUntil(lambda: not banner.isVisible())
    assert not row.again.isVisible()
    worker.offer(toy_result(session.model))
    qtbot.waitUntil(lambda: "1 results" in row.line.full_text())
    qtbot.mouseClick(row.end, Qt.MouseButton.LeftButton)
    settle(qtbot, window)
    assert not window.panel.sinks.rows
    assert flaky.closed and session.workers() == ()


def test_a_sink_that_fails_at_its_end_says_so(qtbot, window, session):
    class FailsAtTheEnd(Collector):
        def close(self):
            raise LimelightError("take.mcap: the disk is full")

    add_sink(session, FailsAtTheEnd())
    qtbot.waitUntil(lambda: "test://" in window.panel.sinks.rows)
    qtbot.mouseClick(window.panel.sinks.rows["test://"].end, Qt.MouseButton.LeftButton)
    settle(qtbot, window)
    assert window.area.banner.isVisible()
    assert "disk is full" in window.area.banner.text.text()
    assert session.workers() == ()


def test_an_address_that_makes_no_sense_is_refused_in_one_line(qtbot, window, session):
    field = window.panel.sinks.address
    qtbot.keyClicks(field, "semaphore://roof")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "no such kind of sink" in window.area.banner.text.text())
    assert field.text() == "" and session.workers() == ()
    qtbot.mouseClick(window.panel.sinks.add, Qt.MouseButton.LeftButton)  # with nothing in the field
    assert session.workers() == ()
    assert "overlay.mp4" in field.toolTip()
