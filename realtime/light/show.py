"""The show: what the people at the controls do to light and picture."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from realtime.light.lighting import Lighting
from realtime.light.values import DEFAULTS, Value, spec_of

Listener = Callable[[Mapping[str, Value]], None]


class Show:
    """Holds the live values of a show. All methods may be called from any thread.

    Attributes:
        master: the grand master, 0..1, a factor on all of the show's light.
        blackout: no light of the show shines.
    """

    def __init__(self, values: Mapping[str, Value] | None = None) -> None:
        """
        Args:
            values: at the start, by name; others have their default.

        Raises:
            LimelightError: there is no such value, or it cannot be so.
        """
        self._values: dict[str, Value] = dict(DEFAULTS)
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []
        self.master = 1.0
        self.blackout = False
        self.set(values or {})

    def set(self, values: Mapping[str, object]) -> None:
        """Set some values by hand, at once; whatever faded them ends for them.

        Raises:
            LimelightError: there is no such value, or it cannot be so; none is set then.
        """
        checked = {name: spec_of(name).checked(value) for name, value in values.items()}
        with self._lock:
            changed = {name: value for name, value in checked.items() if self._values[name] != value}
            self._values.update(changed)
        self._tell(changed)

    def values(self) -> dict[str, Value]:
        """Return every value as it is now."""
        with self._lock:
            return dict(self._values)

    def now(self) -> Lighting:
        """Return what the show says now."""
        with self._lock:
            return Lighting.of(self._values, 0.0 if self.blackout else self.master)

    def listen(self, listener: Listener) -> None:
        """Call `listener` with what was set, on the thread that set it; once now with everything."""
        self._listeners.append(listener)
        listener(self.values())

    def unlisten(self, listener: Listener) -> None:
        """Call `listener` no more."""
        self._listeners.remove(listener)

    def _tell(self, changed: Mapping[str, Value]) -> None:
        if changed:
            for listener in tuple(self._listeners):
                listener(changed)
