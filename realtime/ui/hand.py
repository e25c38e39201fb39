"""What a person sets at the window: edits of live values that can be undone, one for each gesture."""

from __future__ import annotations

from collections.abc import Mapping

from realtime.light.show import LiveEdit, Show

_PAUSE = 1.0
"""s between two turns of a wheel, or presses of a key, that parts them into two edits."""


class Hand:
    """Sets values of a show. All changes of one thing while a control is held (`hold`) are one edit, and so are those
    shortly after another, as a wheel or a key that repeats makes them."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._held = False
        self._edit: LiveEdit | None = None
        self._text, self._time = "", 0.0

    def hold(self, on: bool) -> None:
        """Begin a gesture, or end it."""
        self._held, self._edit, self._text = on, None, ""

    def set(self, values: Mapping[str, object], text: str = "") -> None:
        """Set some values, by name.

        Args:
            values: of the show.
            text: what that does; "" for the name of the last of the values.
        """
        text = text or next(reversed(list(values))).replace("/", " ").capitalize()
        now = self._show.moment()
        joins = text == self._text and (self._held or now - self._time < _PAUSE)
        self._edit = self._show.adjust(text, values, self._edit if joins else None)
        self._text, self._time = text, now
