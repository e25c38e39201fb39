"""Undo and redo of edits: of a document, and of what people set live."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from realtime.light.cues.cue import CueNumber
from realtime.light.values import Value

T = TypeVar("T")


@dataclass(frozen=True)
class Edit(Generic[T]):
    """One step that can be undone.

    Attributes:
        text: what it does, "Record cue 2".
        before, after: the document before and after it; one thing where it leaves the document as it is.
        was, became: the live values that it set, by name, before and after it.
        renumbered: the number that it took from a cue, and the one that it gave it instead, or None.
    """

    text: str
    before: T
    after: T
    was: Mapping[str, Value] = field(default_factory=dict)
    became: Mapping[str, Value] = field(default_factory=dict)
    renumbered: tuple[CueNumber, CueNumber] | None = None


class History(Generic[T]):
    """Keeps an immutable document as it was before each edit and after it, and live values that were set between those.

    Attributes:
        now: the document as it is.
    """

    def __init__(self, document: T, limit: int = 500) -> None:
        """
        Args:
            document: before any edit.
            limit: edits that can be undone; older ones are forgotten.
        """
        self.now = document
        self._limit = limit
        self._done: list[Edit[T]] = []
        self._undone: list[Edit[T]] = []

    @property
    def undo_text(self) -> str | None:
        """Return what `undo` would undo, or None."""
        return self._done[-1].text if self._done else None

    @property
    def redo_text(self) -> str | None:
        """Return what `redo` would do again, or None."""
        return self._undone[-1].text if self._undone else None

    def edit(self, text: str, change: Callable[[T], T], renumbered: tuple[CueNumber, CueNumber] | None = None) -> T:
        """Make an edit of the document, and return what came of it; one that changes nothing is none.

        Args:
            text: what it does, "Record cue 2".
            change: returns the new document for the old; what it raises leaves all as it was.
            renumbered: see `Edit`.
        """
        after = change(self.now)
        if after != self.now:
            self._add(Edit(text, self.now, after, renumbered=renumbered))
            self.now = after
        return after

    def note(
        self, text: str, was: Mapping[str, Value], became: Mapping[str, Value], joins: Edit[T] | None = None
    ) -> Edit[T] | None:
        """Take in that somebody set live values, and return the edit that this is; setting what was so already is none.

        Args:
            text: what it does, "Light 1 intensity".
            was, became: the values before and after, by name.
            joins: an edit that it goes on with, if that is still the last one: both are one then.
        """
        if joins is not None and self._done and self._done[-1] is joins:
            was, became = {**was, **joins.was}, {**joins.became, **became}
            self._done.pop()
        was = {name: value for name, value in was.items() if became[name] != value}
        if not was:
            return None
        return self._add(Edit(text, self.now, self.now, was, {name: became[name] for name in was}))

    def undo(self) -> Edit[T] | None:
        """Undo the last edit, and return it, or None if there is none. Its live values are the caller's to set."""
        if not self._done:
            return None
        edit = self._done.pop()
        self._undone.append(edit)
        self.now = edit.before
        return edit

    def redo(self) -> Edit[T] | None:
        """Make the edit again that was undone last, and return it, or None if there is none; see `undo`."""
        if not self._undone:
            return None
        edit = self._undone.pop()
        self._done.append(edit)
        self.now = edit.after
        return edit

    def _add(self, edit: Edit[T]) -> Edit[T]:
        self._done = [*self._done, edit][-self._limit :]
        self._undone = []
        return edit
