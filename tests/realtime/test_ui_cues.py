"""Cues are edited and re-ordered in the operator's panel, by real clicks and keys; needs a display (Xvfb will do)."""

from __future__ import annotations

import pytest

pytest.importorskip("pytestqt")
from PyQt6.QtCore import QMimeData, QPointF, Qt
from PyQt6.QtGui import QDropEvent
from PyQt6.QtWidgets import QAbstractItemView, QScrollArea

from realtime.light.cues.cue import Cue, CueNumber, Times
from realtime.light.cues.cue_list import CueList
from realtime.light.cues.document import ShowDocument
from realtime.light.cues.show_file import load_show, save_show

A = "light/1/intensity"
LEFT, CTRL, ALT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier


def n(number):
    return CueNumber.of(number)


@pytest.fixture
def show(session):
    cues = (Cue(n(1), "One", moves={A: 1.0}), Cue(n(2), "Two", "left\nright"), Cue(n(3), "Three"), Cue(n(4), "Four"))
    session.show.load(ShowDocument("Test", CueList(cues)))
    return session.show


@pytest.fixture
def operator(show, window):
    window.resize(1280, 800)
    return window.operator


def click_row(qtbot, operator, row):
    item = operator.cues.topLevelItem(row)
    qtbot.mouseClick(operator.cues.viewport(), LEFT, pos=operator.cues.visualItemRect(item).center())


def key(qtbot, operator, key, modifiers=Qt.KeyboardModifier.NoModifier):
    operator.window().refresh()
    qtbot.keyClick(operator.window().focusWidget(), key, modifiers)


def open_form(qtbot, operator, row):
    click_row(qtbot, operator, row)
    key(qtbot, operator, Qt.Key.Key_F3)
    assert operator.form.isVisible() and operator.form.fields["name"].hasFocus()


def type_into(qtbot, field, text, end=Qt.Key.Key_Tab):
    field.setFocus()
    field.selectAll()
    qtbot.keyClick(field, Qt.Key.Key_Delete)
    qtbot.keyClicks(field, text)
    qtbot.keyClick(field, end)


def names(show):
    return [cue.name for cue in show.document.cues]


def test_everything_that_a_cue_says_is_typed_by_keyboard_alone(qtbot, show, operator):
    open_form(qtbot, operator, 1)
    for word, text in (
        ("name", "Dusk"), ("time up", "4"), ("time down", "6.5"), ("time color", "1"), ("delay up", "0.5"),
        ("hang", "-1"), ("link", "1"),
    ):  # fmt: skip
        type_into(qtbot, operator.form.fields[word], text)
    operator.form.notes.setFocus()
    operator.form.notes.selectAll()
    qtbot.keyClicks(operator.form.notes, "slowly")
    qtbot.keyClick(operator.form.notes, Qt.Key.Key_Tab)
    edited = Cue(n(2), "Dusk", "slowly", Times(4.0, 6.5, color=1.0), Times(0.5), hang=-1.0, link=n(1))
    assert show.document.cues.cue(n(2)) == edited
    assert operator.cues.topLevelItem(1).text(2) == "4 / 6.5 D0.5 H-1 → 1"
    assert show.status().undo == "Cue 2 notes"
    for _ in range(8):
        key(qtbot, operator, Qt.Key.Key_Z, CTRL)
    assert show.document.cues.cue(n(2)) == Cue(n(2), "Two", "left\nright")
    assert operator.form.fields["name"].text() == "Two" and operator.form.notes.toPlainText() == "left\nright"


def test_what_a_show_file_may_not_say_is_refused_with_its_line_and_shown_as_it_was(qtbot, show, operator):
    before = show.document
    open_form(qtbot, operator, 1)
    for word, text, line in (
        ("time up", "soon", "cue 2: time: must be a number, got 'soon'"),
        ("link", "7", "cue 2: it links to cue 7, and there is none"),
        ("number", "3", "cue 3: there is one of this number already"),
    ):
        type_into(qtbot, operator.form.fields[word], text)
        assert operator.window().area.banner.text.text() == line
    assert show.document is before
    assert [operator.form.fields[word].text() for word in ("time up", "link", "number")] == ["5", "", "2"]


def test_return_takes_what_is_typed_and_escape_gives_it_up(qtbot, show, operator):
    open_form(qtbot, operator, 0)
    type_into(qtbot, operator.form.fields["name"], "First", Qt.Key.Key_Return)
    assert names(show)[0] == "First" and operator.cues.hasFocus()
    assert show.status().progress.active is None  # the key did not go to the list
    type_into(qtbot, operator.form.fields["name"], "Second", Qt.Key.Key_Escape)
    assert names(show)[0] == "First" and operator.form.fields["name"].text() == "First" and operator.cues.hasFocus()
    operator.form.notes.setFocus()
    qtbot.keyClicks(operator.form.notes, "nonsense")
    qtbot.keyClick(operator.form.notes, Qt.Key.Key_Escape)
    assert show.document.cues.cue(n(1)).notes == "" and operator.form.notes.toPlainText() == ""
    key(qtbot, operator, Qt.Key.Key_F3)
    assert not operator.form.isVisible()


def test_another_number_puts_the_cue_elsewhere_and_it_stays_selected(qtbot, show, operator):
    open_form(qtbot, operator, 0)
    type_into(qtbot, operator.form.fields["number"], "3.5", Qt.Key.Key_Return)
    assert names(show) == ["Two", "Three", "One", "Four"]
    assert operator.window().cues.chosen == n(3.5)
    assert operator.form.fields["name"].text() == "One"


def test_what_is_typed_goes_to_its_own_cue_when_another_is_clicked(qtbot, show, operator):
    open_form(qtbot, operator, 0)
    operator.form.fields["name"].selectAll()
    qtbot.keyClicks(operator.form.fields["name"], "First")
    click_row(qtbot, operator, 1)
    assert names(show) == ["First", "Two", "Three", "Four"]
    assert operator.form.fields["name"].text() == "Two"


def test_block_and_assert_are_ticked(qtbot, show, operator):
    open_form(qtbot, operator, 1)
    operator.form.block.click()
    operator.form.asserting.click()
    cue = show.document.cues.cue(n(2))
    assert (cue.blocks, cue.asserts, cue.moves) == (True, True, {A: 1.0})
    key(qtbot, operator, Qt.Key.Key_Z, CTRL)
    assert operator.form.block.isChecked() and not operator.form.asserting.isChecked()


def test_cues_are_moved_by_keys_and_take_numbers_between_their_neighbours(qtbot, show, operator):
    click_row(qtbot, operator, 2)
    key(qtbot, operator, Qt.Key.Key_Up, ALT)
    assert [str(cue.number) for cue in show.document.cues] == ["1", "1.5", "2", "4"]
    assert names(show) == ["One", "Three", "Two", "Four"]
    key(qtbot, operator, Qt.Key.Key_Down, ALT)
    key(qtbot, operator, Qt.Key.Key_Down, ALT)
    key(qtbot, operator, Qt.Key.Key_Down, ALT)  # it is at the end
    assert names(show) == ["One", "Two", "Four", "Three"]
    assert operator.window().cues.chosen == n(5)
    for _ in range(3):
        key(qtbot, operator, Qt.Key.Key_Z, CTRL)
    assert [str(cue.number) for cue in show.document.cues] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("row", "to", "place", "order"),
    [
        (3, 1, "AboveItem", ["One", "Four", "Two", "Three"]),
        (0, 2, "BelowItem", ["Two", "Three", "One", "Four"]),
        (0, None, "OnViewport", ["Two", "Three", "Four", "One"]),
        (1, 1, "BelowItem", ["One", "Two", "Three", "Four"]),
    ],
)
def test_cues_are_moved_by_dragging(qtbot, show, operator, monkeypatch, row, to, place, order):
    click_row(qtbot, operator, row)
    cues = operator.cues
    at = cues.viewport().rect().bottomLeft() if to is None else cues.visualItemRect(cues.topLevelItem(to)).center()
    monkeypatch.setattr(cues, "dropIndicatorPosition", lambda: QAbstractItemView.DropIndicatorPosition[place])
    none = Qt.KeyboardModifier.NoModifier
    cues.dropEvent(QDropEvent(QPointF(at), Qt.DropAction.MoveAction, QMimeData(), LEFT, none))
    qtbot.waitUntil(lambda: names(show) == order)
    assert [cues.topLevelItem(i).text(1) for i in range(4)] == order
    assert (show.status().undo is None) == (order == ["One", "Two", "Three", "Four"])


def test_del_deletes_one_cue_after_another_and_ctrl_z_brings_them_back(qtbot, show, operator):
    click_row(qtbot, operator, 1)
    key(qtbot, operator, Qt.Key.Key_Delete)
    key(qtbot, operator, Qt.Key.Key_Delete)
    assert names(show) == ["One", "Four"]
    key(qtbot, operator, Qt.Key.Key_Delete)
    assert operator.window().cues.chosen == n(1)
    for _ in range(3):
        key(qtbot, operator, Qt.Key.Key_Z, CTRL)
    assert names(show) == ["One", "Two", "Three", "Four"]


def test_what_was_edited_is_in_the_file_and_its_comments_stay(qtbot, show, operator, tmp_path):
    window, path = operator.window(), tmp_path / "show.yaml"
    save_show(path, show.document)
    path.write_text(path.read_text().replace("name: One", "name: One # the first"))
    window.cues.file = path
    open_form(qtbot, operator, 1)
    type_into(qtbot, operator.form.fields["follow"], "2", Qt.Key.Key_Return)
    key(qtbot, operator, Qt.Key.Key_Down, ALT)
    key(qtbot, operator, Qt.Key.Key_S, CTRL)
    qtbot.waitUntil(lambda: not show.status().edited)
    assert load_show(path) == show.document
    assert "name: One # the first" in path.read_text() and "follow: 2" in path.read_text()


def test_the_form_without_a_chosen_cue_is_of_the_one_that_comes_next(qtbot, show, operator):
    window = operator.window()
    window.view.setFocus()
    key(qtbot, operator, Qt.Key.Key_F2)
    assert not operator.isVisible()
    key(qtbot, operator, Qt.Key.Key_F3)
    assert operator.isVisible() and operator.form.fields["name"].text() == "One"
    show.load(ShowDocument())
    operator.refresh()
    assert not operator.form.isEnabled()


@pytest.mark.parametrize("height", [500, 800])
def test_in_a_low_window_the_fields_are_scrolled_to_and_keep_their_height(qtbot, show, operator, height):
    operator.window().resize(1280, height)
    show.set_blackout(True)
    open_form(qtbot, operator, 1)
    form, area = operator.form, operator.findChild(QScrollArea, "showScroll")
    qtbot.waitUntil(lambda: not form.fields["time up"].visibleRegion().isEmpty())
    qtbot.waitUntil(lambda: form.height() >= form.minimumSizeHint().height())
    assert operator.cues.viewport().height() > 40
    assert area.widget().minimumSizeHint().width() <= area.viewport().width()
