"""What is to be read in the window can be, and stays where it is; needs a display (Xvfb will do)."""

from __future__ import annotations

import pytest

pytest.importorskip("pytestqt")
from PyQt6.QtCore import QPoint, QRect, Qt
from PyQt6.QtWidgets import QApplication, QLabel, QToolButton, QWidget

from realtime.light.cues.cue import Cue, CueNumber, Times
from realtime.light.cues.cue_list import CueList
from realtime.light.cues.document import ShowDocument
from realtime.light.cues.show_file import DEMO_SHOW, load_show
from realtime.loop.loop import LoopStatus
from realtime.ui.status_line import StatusLine
from realtime.ui.theme import GOOD, PANEL, TEXT
from realtime.ui.window import MainWindow
from tests.realtime.window_parts import settle, show_frame

_CELL_PADDING = 3
"""px, of the style sheet."""


def on_screen(widget: QWidget) -> QRect:
    return QRect(widget.mapToGlobal(QPoint()), widget.size())


def resize(window: MainWindow, width: int, height: int) -> None:
    window.resize(width, height)
    for _pass in range(3):
        QApplication.processEvents()


def clipped(widget: QWidget) -> list[str]:
    """Texts of the labels in a widget that have less room than they need."""
    return [
        label.text()
        for label in widget.findChildren(QLabel)
        if label.isVisible() and label.width() < label.fontMetrics().horizontalAdvance(label.text())
    ]


def reached_by_tab(begin: QWidget, within: QWidget) -> int:
    """How many times Tab is pressed until something in a widget has the focus."""
    at, presses = begin.nextInFocusChain(), 0
    while not (within.isAncestorOf(at) and at.focusPolicy() & Qt.FocusPolicy.TabFocus):
        presses += bool(at.focusPolicy() & Qt.FocusPolicy.TabFocus)
        at = at.nextInFocusChain()
        assert at is not begin
    return presses


@pytest.mark.parametrize("operated", [False, True])
def test_the_help_page_shows_every_line_in_a_small_window(qtbot, window, operated):
    window.show_operator(operated)
    resize(window, 1280, 800)
    qtbot.keyClick(window.view, Qt.Key.Key_F1)
    QApplication.processEvents()
    page = window.area.help
    assert all(not label.visibleRegion().isEmpty() for label in page.findChildren(QLabel))
    assert not page._area.verticalScrollBar().isVisible() and not page._area.horizontalScrollBar().isVisible()
    assert on_screen(window.centralWidget()).contains(on_screen(page))


def test_the_help_page_scrolls_where_there_is_no_room(qtbot, window):
    resize(window, 720, 480)
    qtbot.keyClick(window.view, Qt.Key.Key_F1)
    QApplication.processEvents()
    page = window.area.help
    assert page._area.verticalScrollBar().isVisible() and not page._area.horizontalScrollBar().isVisible()
    assert on_screen(window.centralWidget()).contains(on_screen(page))


def test_nothing_moves_when_the_state_of_the_show_is_told(window, session):
    window.show_operator(True)
    resize(window, 1280, 800)
    go = window.operator.findChild(QToolButton, "show_go")
    before = on_screen(go)
    session.show.set_blackout(True)
    window.refresh()
    QApplication.processEvents()
    assert window.operator.state.isVisible() and window.operator.state.text() == "BLACKOUT"
    assert on_screen(go) == before


@pytest.mark.parametrize(
    ("press", "state"), [(Qt.Key.Key_F8, "PANIC"), (Qt.Key.Key_F9, "BLACKOUT"), (Qt.Key.Key_F7, "PAUSED")]
)
@pytest.mark.parametrize("operated", [False, True])
def test_a_show_that_does_not_shine_says_why_in_both_layouts(qtbot, window, session, press, state, operated):
    session.show.load(load_show(DEMO_SHOW))
    window.show_operator(operated)
    qtbot.keyClick(window.view, Qt.Key.Key_F5)
    window.refresh()
    told = window.operator.state if operated else window.status_line.show_state
    assert not told.isVisible()
    qtbot.keyClick(window.view, press)
    window.refresh()
    assert told.isVisible() and told.text() == state
    assert not (window.status_line.show_state.isVisible() and operated)
    qtbot.keyClick(window.view, Qt.Key.Key_F9 if press == Qt.Key.Key_F9 else Qt.Key.Key_F5)
    window.refresh()
    assert not told.isVisible()


def test_go_looks_as_if_it_did_something_only_where_there_is_a_cue_to_start(window, session):
    window.show_operator(True)
    go = window.operator.go

    def looks() -> str:
        window.refresh()
        QApplication.processEvents()
        return go.grab().toImage().pixelColor(12, go.height() // 2).name()

    resize(window, 1280, 800)
    assert looks() == PANEL and window.operator.next.text() == "No cues yet: Record makes one"  # not shortened
    session.show.load(ShowDocument("One", CueList((Cue(CueNumber.of(1), time=Times(60.0)),))))
    assert looks() == GOOD
    session.show.go()
    assert looks() == PANEL and "at its end" in window.operator.next.full_text()
    session.show.pause()
    assert looks() == GOOD  # it goes on


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_no_name_of_the_demo_show_is_shortened(window, session, size):
    session.show.load(load_show(DEMO_SHOW))
    window.show_operator(True)
    resize(window, *size)
    cues = window.operator.cues
    window.refresh()
    QApplication.processEvents()
    assert cues.topLevelItemCount() > 5
    for row in range(cues.topLevelItemCount()):
        for column in range(3):
            text = cues.topLevelItem(row).text(column)
            needed = cues.fontMetrics().horizontalAdvance(text) + 2 * _CELL_PADDING
            assert needed <= cues.columnWidth(column), text


def test_a_selected_cue_keeps_the_colour_of_its_state(window, session):
    session.show.load(load_show(DEMO_SHOW))
    session.show.go()
    window.show_operator(True)
    resize(window, 1280, 800)
    cues = window.operator.cues
    window.refresh()
    row = cues.visualItemRect(cues.topLevelItem(0))
    cues.setCurrentItem(cues.topLevelItem(0))
    QApplication.processEvents()
    picture = cues.viewport().grab().toImage()
    assert picture.pixelColor(row.right() - 30, row.center().y()).name() == GOOD
    assert picture.pixelColor(row.center().x(), row.top() + 1).name() == TEXT  # the frame


def test_handles_of_lights_grow_with_the_picture(qtbot, window, session):
    session.show.set({"light/source": "show", "light/1/intensity": 1.0})
    settle(qtbot, window)
    show_frame(qtbot, window, session)
    resize(window, 900, 640)
    small = window.area.lights.marks[0].radius
    resize(window, 1900, 1300)
    large = window.area.lights.marks[0]
    assert small == 11.0 and 15.0 < large.radius < 25.0
    at = QPoint(round(large.x + large.radius), round(large.y))
    qtbot.mousePress(window.view, Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseMove(window.view, at + QPoint(300, 0))
    qtbot.mouseRelease(window.view, Qt.MouseButton.LeftButton, pos=at + QPoint(300, 0))
    assert window.area.lights.marks[0].x > large.x + 30


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080), (3840, 2160)])
def test_the_operators_panel_grows_with_the_window_and_cuts_nothing_off(window, size):
    window.show_operator(True)
    resize(window, *size)
    panel = window.operator
    share = panel.width() / window.width()
    assert 350 <= panel.width() <= 560 and share < 0.3
    assert panel.active.font().pixelSize() == (24 if size[0] == 1280 else 36)
    assert clipped(panel) == []
    for button in panel.findChildren(QToolButton):
        if button.isVisible():
            assert button.width() >= button.fontMetrics().horizontalAdvance(button.text()) + 4, button.text()


def test_the_operators_layout_puts_light_first_and_the_capture_one_the_source(window):
    panel = window.panel
    resize(window, 1280, 800)
    for operated in (True, False):
        window.show_operator(operated)
        QApplication.processEvents()
        assert (on_screen(panel.light).top() < on_screen(panel.source).top()) is operated
        assert panel.record.slate.isVisible() is not operated
        first, then = (panel.light, panel.source) if operated else (panel.source, panel.light)
        assert reached_by_tab(window.view, first) < reached_by_tab(window.view, then)
        assert window.status_line.state.font().pixelSize() == (17 if operated else 13)
    window.show_operator(True)
    QApplication.processEvents()
    for widget in (panel.light.environment, panel.light.pad, *panel.light.sliders.values()):
        assert not widget.visibleRegion().isEmpty()  # without scrolling


def test_a_window_with_both_panels_is_never_too_narrow_for_them(window):
    resize(window, 720, 480)
    assert window.width() == 720
    window.show_operator(True)
    resize(window, 720, 480)
    inside = on_screen(window.centralWidget())
    left, middle, right = (on_screen(part) for part in (window.operator, window.area, window.panel))
    assert inside.contains(left) and inside.contains(right)
    assert left.right() < middle.left() and middle.right() < right.left()
    window.show_operator(False)
    resize(window, 720, 480)
    assert window.width() == 720


def test_figures_of_the_status_line_stand_still(qapp, qtbot):
    line = StatusLine()
    qtbot.addWidget(line)
    line.resize(900, 30)
    line.show()
    places = []
    for milliseconds in (9.0, 58.0, 1113.0):
        status = LoopStatus(source_name="camera", fps=30.0, latency_ms=milliseconds)
        line.show_status(status, screen_ms=milliseconds)
        QApplication.processEvents()
        places.append((line.speed.x(), line.latency.x(), line.to_screen.x(), line.message.x()))
    assert places[0] == places[1] == places[2]
    assert line.to_screen.text() == "1113 ms to screen"
