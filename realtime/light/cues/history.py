"""Undo and redo of edits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _Edit(Generic[T]):
    text: str
    before: T
    after: T


class History(Generic[T]):
    """Keeps what immutable thing was before each edit, and after it.

    Attributes:
        now: the thing as it is.
    """

    def __init__(self, thing: T, limit: int = 500) -> None:
        """
        Args:
            thing: before any edit.
            limit: edits that can be undone; older ones are forgotten.
        """
        self.now = thing
        self._limit = limit
        self._done: list[_Edit[T]] = []
        self._undone: list[_Edit[T]] = []

    @property
    def undo_text(self) -> str | None:
        """Return what `undo` would undo, or None."""
        return self._done[-1].text if self._done else None

    @property
    def redo_text(self) -> str | None:
        """Return what `redo` would do again, or None."""
        return self._undone[-1].text if self._undone else None

    def edit(self, text: str, change: Callable[[T], T]) -> T:
        """Make an edit, and return what came of it; one that changes nothing is none.

        Args:
            text: what it does, "Record cue 2".
            change: returns the new thing for the old; what it raises leaves all as it was.
        """
        after = change(self.now)
        if after != self.now:
            self._done = [*self._done, _Edit(text, self.now, after)][-self._limit :]
            self._undone = []
            self.now = after
        return after

    def undo(self) -> str | None:
        """Undo the last edit, and return its text, or None if there is none."""
        if not self._done:
            return None
        edit = self._done.pop()
        self._undone.append(edit)
        self.now = edit.before
        return edit.text

    def redo(self) -> str | None:
        """Make the edit again that was undone last, and return its text, or None if there is none."""
        if not self._undone:
            return None
        edit = self._undone.pop()
        self._done.append(edit)
        self.now = edit.after
        return edit.text
