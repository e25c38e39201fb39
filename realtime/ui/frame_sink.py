"""The window's sink: hands the newest tracked frame from the loop's thread to Qt's."""

from __future__ import annotations

import threading

from PyQt6.QtCore import QObject, pyqtSignal

from realtime.frame import TrackedFrame


class FrameSink(QObject):
    """Keeps the newest tracked frame and says once that there is one; the window drops the rest, nobody waits.

    `arrived` is emitted on the loop's thread, and again only after `take`.
    """

    arrived = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._newest: TrackedFrame | None = None
        self._closed = False

    def submit(self, result: TrackedFrame) -> None:
        with self._lock:
            waiting, self._newest = self._newest is not None, result
            closed = self._closed
        if not waiting and not closed:
            self.arrived.emit()

    def take(self) -> TrackedFrame | None:
        """The newest frame since the last call, or None."""
        with self._lock:
            newest, self._newest = self._newest, None
            return newest

    def close(self) -> None:
        with self._lock:
            self._closed = True
