"""Where a playback stands: what the transports of files and of takes have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Any

from realtime.loop.feed import FASTEST, SLOWEST


class Playhead(ABC):
    """Playing or paused, at a speed, between an in and an out point; half of a `realtime.loop.feed.Transport`.

    A kind of playback says what follows from a change: `_turn_back`, `_retime` and `_show`.

    Attributes:
        loop: go on at the in point after the out point, or the end.
    """

    def __init__(self, changed: AbstractContextManager[Any], loop: bool) -> None:
        """
        Args:
            changed: held during every change.
            loop: see above.
        """
        self.loop = loop
        self._changed = changed
        self._playing, self._speed = True, 1.0
        self._span: tuple[int, int] | None = None
        self._show_once = False  # deliver one frame even while paused

    @property
    def playing(self) -> bool:
        """False while paused. Set to True at the end, it plays from the in point or the start again."""
        return self._playing

    @playing.setter
    def playing(self, on: bool) -> None:
        with self._changed:
            if on:
                self._turn_back()
            self._playing = on
            self._retime()

    @property
    def speed(self) -> float:
        """Of the playback; 1 is the recording's own."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        with self._changed:
            self._speed = min(max(speed, SLOWEST), FASTEST)
            self._retime()

    def show(self, frame: int) -> None:
        """Continue from a frame, clamped to what there is; it is delivered even while paused."""
        with self._changed:
            self._show(frame)

    @property
    def _begin(self) -> int:
        return 0 if self._span is None else self._span[0]

    @abstractmethod
    def _turn_back(self) -> None:
        """Go to the in point, or the start, if this is the end."""

    @abstractmethod
    def _retime(self) -> None:
        """Let the next frame be due now, and wake who waits for one."""

    @abstractmethod
    def _show(self, frame: int) -> None:
        """Do what `show` does, with `changed` held."""
