"""A value that tells its listeners when it changes. Models use it, so that views can listen to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Generic, TypeVar

T = TypeVar("T")


class Observable(Generic[T]):
    """Holds one immutable value (a frozen dataclass) and calls listeners with every new one.

    Belongs to one thread. Other threads may read `value`: they get a complete, immutable value.
    """

    def __init__(self, value: T) -> None:
        self._value = value
        self._listeners: list[Callable[[T], None]] = []

    @property
    def value(self) -> T:
        return self._value

    @value.setter
    def value(self, value: T) -> None:
        if value != self._value:
            self._value = value
            for listener in tuple(self._listeners):
                listener(value)

    def update(self, **changes: object) -> None:
        """Replace some fields of the value."""
        self.value = replace(self._value, **changes)  # type: ignore[type-var]

    def listen(self, listener: Callable[[T], None]) -> None:
        """Call `listener` with every new value, and once now with the present one."""
        self._listeners.append(listener)
        listener(self._value)
