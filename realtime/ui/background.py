"""Calls that may take seconds, one after another on a thread of their own."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from PyQt6.QtCore import QObject, pyqtSignal

from facemodel import LimelightError

T = TypeVar("T")
_log = logging.getLogger(__name__)
_NAME = "limelight-background"


class Background(QObject):
    """Runs functions in order on one daemon thread and brings their results back to Qt's thread."""

    _finished = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._closed = False
        self._finished.connect(self._call)
        threading.Thread(target=self._run, name=_NAME, daemon=True).start()

    def submit(self, function: Callable[[], T], done: Callable[[T], None], failed: Callable[[str], None]) -> None:
        """Run `function` in the background, then `done(result)` or `failed(one line)` on Qt's thread."""

        def job() -> None:
            try:
                result = function()
            except LimelightError as error:
                line = str(error)
                self._deliver(lambda: failed(line))
            except Exception:
                _log.exception("a background call of the window failed")
                self._deliver(lambda: failed("internal error, see the log"))
            else:
                self._deliver(lambda: done(result))

        self._jobs.put(job)

    def close(self) -> None:
        """Drop what has not begun, and every result still to come."""
        self._closed = True
        self._jobs.put(lambda: None)  # which ends the thread

    def _deliver(self, call: Callable[[], None]) -> None:
        if not self._closed:
            self._finished.emit(call)

    def _call(self, call: Callable[[], None]) -> None:
        if not self._closed:
            call()

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            if self._closed:
                return
            job()


def all_ended(seconds: float) -> bool:
    """Return whether the threads of everything that was closed have ended, after waiting for them so long.

    A source that was being opened is soon done. A thread that stays in a driver would crash the interpreter's end.
    """
    until = time.monotonic() + seconds
    threads = [thread for thread in threading.enumerate() if thread.name == _NAME]
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)
