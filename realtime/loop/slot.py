"""A slot that holds one item: how a slow reader never makes a fast writer late, or a file waits its turn."""

from __future__ import annotations

from typing import Generic, TypeVar

from realtime.loop.clock import Clock, SystemClock

T = TypeVar("T")


class LatestSlot(Generic[T]):
    """Thread-safe holder of one item. Putting replaces; taking empties."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._condition = (clock or SystemClock()).condition()
        self._item: T | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nothing more will come; an item may still wait."""
        return self._closed

    def put(self, item: T) -> None:
        """Store `item`, replacing one that nobody took."""
        with self._condition:
            self._item = item
            self._condition.notify_all()

    def put_in_turn(self, item: T) -> bool:
        """Wait until the slot is empty, then store `item`; False, and nothing stored, once the slot is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._item is None or self._closed)
            if self._closed:
                return False
            self._item = item
            self._condition.notify_all()
            return True

    def take(self, timeout: float | None = None) -> T | None:
        """Wait for an item and remove it; None when the slot is closed and empty, or after `timeout` s."""
        with self._condition:
            self._condition.wait_for(lambda: self._item is not None or self._closed, timeout)
            item, self._item = self._item, None
            self._condition.notify_all()
            return item

    def close(self) -> None:
        """Wake everybody who waits; an item that is still in the slot can be taken."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
