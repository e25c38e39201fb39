"""Hands the newest result from the loop's thread to Qt's."""

from __future__ import annotations

import threading
from collections.abc import Callable

from PyQt6.QtCore import QObject, pyqtSignal

from facemodel import FaceModel
from realtime.frame import Result
from realtime.session import Session

Shown = tuple[Result, FaceModel]
"""A result, and the face model that its parameters drive."""


class FrameSink(QObject):
    """Keeps the newest result and says once that there is one; the window drops the rest, nobody waits.

    `submit` is a listener of the session. `arrived` is emitted on the loop's thread, and again only after `take`.
    """

    arrived = pyqtSignal()

    def __init__(self, session: Session, companion: Callable[[Result], Shown | None] = lambda _result: None) -> None:
        """
        Args:
            session: that the results are of.
            companion: gives what is shown beside a result; called on the loop's thread.
        """
        super().__init__()
        self._session = session
        self._companion = companion
        self._lock = threading.Lock()
        self._newest: tuple[Shown, Shown | None] | None = None
        self._closed = False

    def submit(self, result: Result) -> None:
        """Keep a result, with the face model of the feed that gives it."""
        info = self._session.info
        if info is None:
            return  # the feed is being ended
        newest = (result, info.model), self._companion(result)
        with self._lock:
            waiting, self._newest = self._newest is not None, newest
            closed = self._closed
        if not waiting and not closed:
            self.arrived.emit()

    def take(self) -> tuple[Shown, Shown | None] | None:
        """Return the newest result since the last call, and its companion; None without one."""
        with self._lock:
            newest, self._newest = self._newest, None
            return newest

    def close(self) -> None:
        """Emit nothing more."""
        with self._lock:
            self._closed = True
