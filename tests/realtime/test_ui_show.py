"""The operator's panel, by real clicks and keys; needs a display (Xvfb will do)."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("pytestqt")
from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtWidgets import QFileDialog, QLineEdit, QMessageBox, QToolButton

from realtime.light.cues.cue import Cue, CueNumber, Times
from realtime.light.cues.cue_list import CueList
from realtime.light.cues.document import ShowDocument
from realtime.light.cues.effects import Lfo, Pace
from realtime.light.cues.show_file import load_show, save_show
from realtime.render import ViewMode
from realtime.ui.settings import SettingsFile
from tests.realtime.window_parts import open_window

A, B = "light/1/intensity", "light/2/intensity"
LEFT = Qt.MouseButton.LeftButton


def n(number):
    return CueNumber.of(number)


@pytest.fixture
def show(session):
    cues = (
        Cue(n(1), "Warm key", "Enter", Times(0.0), moves={A: 1.0}),
        Cue(n(2), "Sunset", time=Times(60.0, down=30.0), hang=1.0, moves={B: 1.0}),
        Cue(n(3.5), "Blackout", time=Times(0.0), moves={A: 0.0, B: 0.0}),
    )
    session.show.load(ShowDocument("Test", CueList(cues)))
    return session.show


@pytest.fixture
def operator(show, window):
    assert window.operator.isVisible()
    return window.operator


def press(qtbot, operator, name):
    qtbot.mouseClick(operator.findChild(QToolButton, f"show_{name}"), LEFT)


def click_row(qtbot, operator, row):
    item = operator.cues.topLevelItem(row)
    place = operator.cues.visualItemRect(item).center()
    qtbot.mouseClick(operator.cues.viewport(), LEFT, pos=place)


def active(show):
    number = show.status().progress.active
    return number and str(number)


def test_go_starts_cues_and_the_panel_says_which(qtbot, show, operator):
    assert operator.next.full_text() == "Next: 1  Warm key"
    press(qtbot, operator, "go")
    assert active(show) == "1"
    assert operator.active.full_text() == "1  Warm key"
    assert operator.next.full_text() == "Next: 2  Sunset"
    qtbot.keyClick(operator.window().view, Qt.Key.Key_F5)
    assert active(show) == "2"
    assert 0 <= operator.progress.value() < 500
    rows = [[operator.cues.topLevelItem(row).text(column) for column in range(3)] for row in range(3)]
    assert rows == [["1", "Warm key", "0"], ["2", "Sunset", "60 / 30 H1"], ["3.5", "Blackout", "0"]]
    qtbot.keyClick(operator.window().view, Qt.Key.Key_F6)
    assert active(show) == "1"


def test_pause_and_blackout_cannot_be_overlooked(qtbot, show, operator):
    assert not operator.state.isVisible()
    press(qtbot, operator, "go")
    qtbot.keyClick(operator.window().view, Qt.Key.Key_F7)
    qtbot.keyClick(operator.window().view, Qt.Key.Key_F9)
    assert show.blackout
    assert operator.state.isVisible()
    assert operator.state.text() == "BLACKOUT   PAUSED"
    assert operator.findChild(QToolButton, "show_blackout").isChecked()
    press(qtbot, operator, "hold")
    press(qtbot, operator, "blackout")
    assert not show.blackout
    assert not operator.state.isVisible()


def test_panic_and_release(qtbot, show, operator):
    press(qtbot, operator, "go")
    press(qtbot, operator, "panic")
    press(qtbot, operator, "panic")
    assert show.values()[A] == 0.0
    assert (active(show), str(show.status().progress.next)) == (None, "2")
    press(qtbot, operator, "release")
    assert str(show.status().progress.next) == "1"


def test_a_chosen_cue_is_gone_to_made_next_and_deleted(qtbot, show, operator):
    assert not operator.to_cue.isEnabled()
    click_row(qtbot, operator, 2)
    qtbot.mouseClick(operator.to_next, LEFT)
    assert str(show.status().progress.next) == "3.5"
    qtbot.mouseClick(operator.to_cue, LEFT)
    assert active(show) == "3.5"
    click_row(qtbot, operator, 0)
    qtbot.keyClick(operator.cues, Qt.Key.Key_Return)
    assert active(show) == "1"
    click_row(qtbot, operator, 1)
    qtbot.mouseClick(operator.delete, LEFT)
    assert [str(cue.number) for cue in show.document.cues] == ["1", "3.5"]
    assert operator.cues.topLevelItemCount() == 2


def test_recorded_updated_undone_and_made_again(qtbot, show, operator):
    window = operator.window()
    assert not window.actions_by_name["undo"].isEnabled()
    press(qtbot, operator, "go")
    show.set({A: 0.5})
    qtbot.keyClick(window.view, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    assert show.document.cues.cue(n(4)).moves == {A: 0.5}
    assert active(show) == "4"
    show.set({A: 0.7})
    qtbot.keyClick(window.view, Qt.Key.Key_U, Qt.KeyboardModifier.ControlModifier)
    assert show.document.cues.cue(n(4)).moves == {A: 0.7}
    assert window.actions_by_name["undo"].text() == "Undo: Update cue 4"
    qtbot.keyClick(window.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert show.document.cues.cue(n(4)).moves == {A: 0.5}
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(window.view, Qt.Key.Key_Z, both)
    assert show.document.cues.cue(n(4)).moves == {A: 0.7}


def test_cue_only_leaves_the_next_cue_as_it_looks(qtbot, show, operator):
    operator.only.setChecked(True)
    press(qtbot, operator, "go")
    show.set({A: 0.5})
    qtbot.keyClick(operator.window().view, Qt.Key.Key_U, Qt.KeyboardModifier.ControlModifier)
    assert show.document.cues.cue(n(2)).moves[A] == 1.0


def edit(qtbot, operator, row, column, text):
    """Double-click a cell and type."""
    item = operator.cues.topLevelItem(row)
    rect = operator.cues.visualRect(operator.cues.indexFromItem(item, column))
    qtbot.mouseClick(operator.cues.viewport(), LEFT, pos=rect.center())
    qtbot.mouseDClick(operator.cues.viewport(), LEFT, pos=rect.center())
    editor = operator.cues.findChild(QLineEdit)
    if editor is not None:
        qtbot.keyClicks(editor, text)
        qtbot.keyClick(editor, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: operator.cues.findChild(QLineEdit) is None)


def test_names_and_numbers_are_edited_in_the_list(qtbot, show, operator):
    press(qtbot, operator, "go")
    edit(qtbot, operator, 1, 1, "Dusk")
    qtbot.waitUntil(lambda: show.document.cues.cue(n(2)).name == "Dusk")
    assert operator.cues.topLevelItem(1).text(1) == "Dusk"
    edit(qtbot, operator, 0, 0, "2.5")
    qtbot.waitUntil(lambda: show.document.cues.find(n(1)) is None)
    assert [str(cue.number) for cue in show.document.cues] == ["2", "2.5", "3.5"]
    assert active(show) == "2.5"
    assert operator.active.full_text() == "2.5  Warm key"
    edit(qtbot, operator, 0, 0, "3.5")
    qtbot.waitUntil(operator.window().area.banner.isVisible)
    assert "3.5" in operator.window().area.banner.text.text()
    assert [operator.cues.topLevelItem(row).text(0) for row in range(3)] == ["2", "2.5", "3.5"]
    before = show.document
    edit(qtbot, operator, 0, 2, "9")
    assert (show.document, active(show)) == (before, "2.5")  # no other column is edited, and nothing started


def test_effects_are_started_and_stopped_from_their_button(qtbot, show, operator):
    assert not operator.effects.isEnabled()
    show.edit("Make swell", lambda document: document.with_effect("swell", Lfo((A,), Pace(seconds=4.0), depth=0.5)))
    operator.refresh()
    assert (operator.effects.isEnabled(), operator.effects.text()) == (True, "Effects")

    def choose():
        """Press the only line of the menu, once it is open."""
        menu = operator.effects.menu()
        QTimer.singleShot(100, lambda: qtbot.keyClick(menu, Qt.Key.Key_Down))
        QTimer.singleShot(200, lambda: qtbot.keyClick(menu, Qt.Key.Key_Return))
        operator.effects.showMenu()  # which returns when the menu has closed

    choose()
    assert (show.status().effects, operator.effects.text()) == (("swell",), "Effects: 1 on")
    choose()
    assert (show.status().effects, operator.effects.text()) == ((), "Effects")


def test_the_master_dims_and_the_tempo_is_tapped(qtbot, show, operator):
    operator.master.slider.setValue(100)
    assert show.master == pytest.approx(0.2)
    show.set_master(0.0)
    operator.refresh()
    assert operator.master.value() == 0.0
    assert operator.state.text() == "MASTER AT 0"
    show.set_tempo(90.0)
    operator.refresh()
    assert operator.tempo.text() == "90 bpm"
    before = show.status().beat
    press(qtbot, operator, "tap")
    assert show.status().beat != before


def test_what_cannot_be_done_is_said(qtbot, show, operator):
    window = operator.window()
    window.cues.chosen = n(9)
    window.cues.go_to()
    assert "cue 9" in window.area.banner.text.text()


def test_a_show_is_opened_edited_and_saved(qtbot, show, operator, tmp_path, monkeypatch):
    window, path = operator.window(), tmp_path / "night.yaml"
    save_show(path, ShowDocument("Night", CueList((Cue(n(7), "Only"),))))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_args: (str(path), ""))
    window.actions_by_name["open_show"].trigger()
    qtbot.waitUntil(lambda: show.document.name == "Night")
    operator.refresh()
    assert not window.actions_by_name["save_show"].isEnabled()
    window.cues.type(n(7), "name", "Other")
    assert window.actions_by_name["save_show"].isEnabled()
    window.actions_by_name["save_show"].trigger()
    qtbot.waitUntil(lambda: not show.status().edited)
    assert load_show(path).cues.cue(n(7)).name == "Other"
    path.write_text("cues: [")
    window.actions_by_name["open_show"].trigger()
    qtbot.waitUntil(lambda: "night.yaml" in window.area.banner.text.text())
    assert show.document.name == "Night"


@pytest.mark.parametrize(
    ("answer", "closes", "saved"), [("Save", True, True), ("Discard", True, False), ("Cancel", False, False)]
)
def test_edits_are_not_lost_unasked(show, window, tmp_path, monkeypatch, answer, closes, saved):
    asked, path = [], tmp_path / "show.yaml"
    monkeypatch.setattr(QMessageBox, "question", lambda *args: asked.append(args) or QMessageBox.StandardButton[answer])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args: (str(tmp_path / "show"), ""))
    window.cues.type(n(1), "name", "Cold key")
    window.actions_by_name["quit"].trigger()
    assert len(asked) == 1
    assert window.isVisible() != closes
    assert path.exists() == saved
    assert not saved or load_show(path) == show.document


def test_without_edits_nobody_is_asked(show, window, monkeypatch):
    monkeypatch.setattr(QMessageBox, "question", lambda *_args: pytest.fail("asked"))
    window.actions_by_name["quit"].trigger()
    assert not window.isVisible()


def test_a_show_begins_as_it_says_and_leaves_the_remembered_light_alone(qtbot, show, session, tmp_path):
    settings = SettingsFile(tmp_path / "window.json")
    settings.save(replace(settings.load(), light={"light/5/intensity": 0.5}))
    show.go()
    window = open_window(qtbot, session, settings)
    assert show.values()["light/5/intensity"] == 0.0
    assert show.values()[A] == 1.0
    window.close()
    assert settings.load().light == {"light/5/intensity": 0.5}


def test_without_cues_the_panel_waits_for_its_key(qtbot, window):
    assert not window.operator.isVisible()
    qtbot.keyClick(window.view, Qt.Key.Key_F2)
    assert window.operator.isVisible()
    window.set_full_screen(True)
    assert not window.operator.isVisible()
    window.set_full_screen(False)
    assert window.operator.isVisible()
    qtbot.keyClick(window.view, Qt.Key.Key_F2)
    assert not window.operator.isVisible()


def test_a_window_that_opens_with_a_show_shows_the_relit_picture(qtbot, session, tmp_path):
    settings = SettingsFile(tmp_path / "window.json")
    session.config = replace(session.config, show=ShowDocument("Test", CueList()))
    assert open_window(qtbot, session, settings).options.value.mode is ViewMode.RELIT
