"""Undo and redo."""

from __future__ import annotations

import pytest

from realtime.light.cues.history import History


def test_edits_are_undone_and_made_again():
    history = History((1,))
    history.edit("Add 2", lambda thing: (*thing, 2))
    history.edit("Add 3", lambda thing: (*thing, 3))
    assert (history.now, history.undo_text, history.redo_text) == ((1, 2, 3), "Add 3", None)
    assert history.undo() == "Add 3"
    assert history.undo() == "Add 2"
    assert history.undo() is None
    assert (history.now, history.redo_text) == ((1,), "Add 2")
    assert history.redo() == "Add 2"
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
    assert [history.undo(), history.undo(), history.undo()] == ["Add 1", "Add 1", None]
    assert history.now == 3
