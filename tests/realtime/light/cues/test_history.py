"""Undo and redo."""

from __future__ import annotations

import pytest

from realtime.light.cues.history import History


def test_edits_are_undone_and_made_again():
    history = History((1,))
    history.edit("Add 2", lambda thing: (*thing, 2))
    history.edit("Add 3", lambda thing: (*thing, 3))
    assert (history.now, history.undo_text, history.redo_text) == ((1, 2, 3), "Add 3", None)
    assert history.undo().text == "Add 3"
    assert history.undo().text == "Add 2"
    assert history.undo() is None
    assert (history.now, history.redo_text) == ((1,), "Add 2")
    assert history.redo().text == "Add 2"
    assert history.now == (1, 2)
    history.edit("Add 4", lambda thing: (*thing, 4))
    assert history.redo() is None
    assert history.now == (1, 2, 4)


def test_an_edit_that_changes_nothing_or_fails_is_none():
    history = History(1)
    history.edit("Add 0", lambda thing: thing + 0)
    with pytest.raises(ZeroDivisionError):
        history.edit("Divide", lambda thing: thing // 0)
    assert (history.now, history.undo_text) == (1, None)


def test_the_oldest_edits_are_forgotten():
    history = History(0, limit=2)
    for _ in range(5):
        history.edit("Add 1", lambda thing: thing + 1)
    assert [history.undo().text, history.undo().text, history.undo()] == ["Add 1", "Add 1", None]
    assert history.now == 3


def test_live_values_stand_between_edits_of_the_document_in_the_order_they_were_made():
    history = History((1,))
    history.note("Dim", {"a": 1.0, "b": 0.0}, {"a": 0.5, "b": 0.0})
    history.edit("Add 2", lambda thing: (*thing, 2))
    assert history.undo().was == {}
    assert history.now == (1,)
    edit = history.undo()
    assert (edit.text, edit.was, edit.became, history.now) == ("Dim", {"a": 1.0}, {"a": 0.5}, (1,))
    assert [history.redo().text, history.redo().text] == ["Dim", "Add 2"]
    assert history.now == (1, 2)


def test_live_values_that_go_on_with_the_last_edit_are_one_with_it():
    history = History(0)
    first = history.note("Drag", {"a": 0.0}, {"a": 0.1})
    second = history.note("Drag", {"a": 0.1, "b": 1.0}, {"a": 0.2, "b": 2.0}, first)
    assert (second.was, second.became) == ({"a": 0.0, "b": 1.0}, {"a": 0.2, "b": 2.0})
    history.edit("Add 1", lambda thing: thing + 1)
    history.note("Drag", {"a": 0.2}, {"a": 0.3}, second)  # another edit came between
    assert [history.undo().was, history.undo().text, history.undo(), history.undo()] == [
        {"a": 0.2}, "Add 1", second, None,
    ]  # fmt: skip


def test_a_drag_that_ends_where_it_began_is_no_edit():
    history = History(0)
    history.note("Before", {"a": 1.0}, {"a": 0.0})
    edit = history.note("Drag", {"a": 0.0}, {"a": 0.1})
    assert history.note("Drag", {"a": 0.1}, {"a": 0.0}, edit) is None
    assert history.undo_text == "Before"
