"""The buttons that say what the audience sees, by real clicks; needs a display (Xvfb will do)."""

from __future__ import annotations

import pytest

pytest.importorskip("pytestqt")
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor

from realtime.controls.commands import session_commands
from realtime.controls.table import CommandTable
from realtime.outputs.display import DisplayState
from realtime.render import ViewMode
from realtime.ui.display_row import DisplayRow

LEFT = Qt.MouseButton.LeftButton


def lit(row: DisplayRow) -> list[DisplayState]:
    return [state for state, button in row.buttons.items() if button.isChecked()]


@pytest.fixture
def operator(window):
    window.show_operator(True)
    return window.operator


def test_without_displays_there_are_no_buttons(window, operator):
    assert not operator.displays.isVisible()
    worker = window.session.add_sink("display://2")
    window.refresh()
    assert operator.displays.isVisible()
    window.session.remove_sink(worker)
    window.refresh()
    assert not operator.displays.isVisible()


def test_one_button_is_lit_and_switches_all_displays(qtbot, window, operator):
    displays = [window.session.add_sink(f"display://{number}").sink for number in (2, 3)]
    window.refresh()
    row = operator.displays
    assert lit(row) == [DisplayState.PICTURE]
    for state in (DisplayState.BLACK, DisplayState.FREEZE, DisplayState.TEST_CARD, DisplayState.PICTURE):
        qtbot.mouseClick(row.buttons[state], LEFT)
        assert [display.state for display in displays] == [state, state]
        window.refresh()
        assert lit(row) == [state]
    qtbot.mouseClick(row.buttons[DisplayState.PICTURE], LEFT)  # the lit one again
    assert lit(row) == [DisplayState.PICTURE]


def test_what_a_command_switched_is_lit_too(window, operator):
    displays = [window.session.add_sink(f"display://{number}").sink for number in (2, 3)]
    CommandTable(session_commands(window.session)).call("display/state", "black")
    window.refresh()
    assert lit(operator.displays) == [DisplayState.BLACK]
    displays[1].state = DisplayState.FREEZE
    window.refresh()
    assert lit(operator.displays) == []
    assert operator.displays._title.text() == "Audience: they differ"


def test_live_and_black_cannot_be_mistaken(window, operator):
    """By colour as well as by words: green is live, red is not."""
    window.session.add_sink("display://2")
    colors = {}
    for state in (DisplayState.PICTURE, DisplayState.BLACK):
        operator.displays.show_states([state])
        button = operator.displays.buttons[state]
        colors[state] = QColor(button.grab().toImage().pixel(4, button.height() // 2))
    live, black = colors[DisplayState.PICTURE], colors[DisplayState.BLACK]
    assert live.green() > live.red() + 60
    assert black.red() > black.green() + 60


def test_a_display_in_the_list_has_buttons_of_its_own(qtbot, window):
    first, second = (window.session.add_sink(f"display://{number}").sink for number in (2, 3))
    window.session.add_sink("osc://127.0.0.1:9000")
    window.refresh()
    rows = window.panel.sinks.rows
    assert rows["osc://127.0.0.1:9000"].display.isHidden()
    row = rows["display://3"].display
    assert not row.isHidden()
    row.buttons[DisplayState.BLACK].click()
    assert (first.state, second.state) == (DisplayState.PICTURE, DisplayState.BLACK)
    window.refresh()
    assert lit(row) == [DisplayState.BLACK]


def test_a_command_switches_the_view_of_the_window_once(window):
    CommandTable(session_commands(window.session)).call("view/mode", "wireframe", "window")
    window.refresh()
    assert window.options.value.mode is ViewMode.WIREFRAME
    window.options.update(mode=ViewMode.CAMERA)  # by its key
    window.refresh()
    assert window.options.value.mode is ViewMode.CAMERA
