"""MIDI is learned by right clicks; mido stands for the desk. Needs a display (Xvfb will do)."""

from __future__ import annotations

import mido
import pytest

pytest.importorskip("pytestqt")
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QContextMenuEvent
from PyQt6.QtWidgets import QApplication, QMenu, QToolButton, QToolTip

from realtime.controls.desk import Desk, DeskConfig
from realtime.controls.midi import MidiInput
from realtime.controls.midi_bindings import read_bindings


@pytest.fixture
def desk(session, window, tmp_path):
    desk = Desk(session, DeskConfig(midi_map=tmp_path / "desk.toml"))
    desk.learn_from(MidiInput(desk.inbox))
    window.midi.desk = desk
    return desk


def right_click(qtbot, widget):
    """Click where a person would, on the inner control, and return the menu that opens."""
    inner = getattr(widget, "slider", widget)
    at = inner.rect().center()
    QApplication.sendEvent(inner, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, inner.mapToGlobal(at)))
    qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    return QApplication.activePopupWidget()


def texts(menu):
    return [action.text() for action in menu.actions()]


def choose(qtbot, menu, text):
    action = next(action for action in menu.actions() if action.text() == text)
    qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(action).center())
    qtbot.waitUntil(lambda: QApplication.activePopupWidget() is None)


def turn(desk, value, control=7):
    desk.midi.hear(mido.Message("control_change", channel=0, control=control, value=value))
    desk.inbox.drain()


def test_a_knob_is_learned_for_a_slider_moves_it_and_is_forgotten(qtbot, window, session, desk):
    window.selected_light.value = 3
    slider = window.panel.light.sliders["size"]
    menu = right_click(qtbot, slider)
    assert texts(menu) == ["Learn MIDI control"]
    choose(qtbot, menu, "Learn MIDI control")
    assert desk.midi.learning == "light/3/size"
    qtbot.waitUntil(lambda: QToolTip.text() == "Move a MIDI control: light 3 size will follow it")
    turn(desk, 0)
    qtbot.waitUntil(lambda: QToolTip.text() == "light 3 size follows cc 1 7")
    turn(desk, 0)  # it comes past where the value is
    turn(desk, 127)
    assert session.show.values()["light/3/size"] == 60.0
    assert session.show.status().undo is None
    (binding,) = read_bindings(desk.config.midi_map, desk.table)
    assert binding.path == "light/3/size"
    menu = right_click(qtbot, slider)
    assert texts(menu) == ["Learn MIDI control", "Forget cc 1 7"]
    choose(qtbot, menu, "Forget cc 1 7")
    turn(desk, 10)
    assert session.show.values()["light/3/size"] == 60.0
    assert read_bindings(desk.config.midi_map, desk.table) == ()


def test_a_button_is_learned_and_learning_is_given_up(qtbot, window, session, desk):
    window.show_operator(True)
    blackout = window.operator.findChild(QToolButton, "show_blackout")
    choose(qtbot, right_click(qtbot, blackout), "Learn MIDI control")
    choose(qtbot, right_click(qtbot, blackout), "Stop learning")
    desk.midi.hear(mido.Message("note_on", channel=0, note=60, velocity=100))
    assert desk.midi.bindings == ()
    choose(qtbot, right_click(qtbot, blackout), "Learn MIDI control")
    for velocity in (100, 0, 100, 0):
        desk.midi.hear(mido.Message("note_on", channel=0, note=60, velocity=velocity))
        desk.inbox.drain()
    assert desk.midi.controls_of("blackout") and session.show.blackout


def test_every_control_that_offers_it_has_a_command(window, desk):
    parts = (window.operator, window.panel.light, window.panel.look)
    paths = [path() for part in parts for _, path in part.bindable()]
    assert len(paths) > 25
    assert all(desk.table.find(path) is not None and desk.table.find(path).call is not None for path in paths)


def test_without_midi_it_is_said_how_to_have_it(qtbot, window):
    menu = right_click(qtbot, window.panel.look.skin.sliders["material/tone"])
    (action,) = menu.actions()
    assert action.text() == "No MIDI is heard: start with limelight show --midi" and not action.isEnabled()
    menu.close()


def test_a_file_that_cannot_be_kept_is_said(qtbot, window, session, desk, tmp_path):
    choose(qtbot, right_click(qtbot, window.operator.master), "Learn MIDI control")
    turn(desk, 0)
    desk.config.midi_map.unlink()
    desk.config.midi_map.mkdir()
    choose(qtbot, right_click(qtbot, window.operator.master), "Forget cc 1 7")
    assert "desk.toml" in window.area.banner.text.text()
