"""What a person does about sinks and takes: it may wait for disks and networks, so it does not hold up the window."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QObject, pyqtSignal

from facemodel import LimelightError
from realtime.session import Session
from realtime.sinks.worker import SinkState, Worker
from realtime.ui.background import Background


class SinkDesk(QObject):
    """Adds, ends and starts sinks again in the background, one after another.

    `done` is emitted after each; `failed` carries one line.
    """

    done = pyqtSignal()
    failed = pyqtSignal(str)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._background = Background()

    def add(self, text: str) -> None:
        """Add a sink by its address; a file that exists is left alone."""

        def add() -> None:
            worker = self._session.add_sink(text)
            if worker.status().state is SinkState.FAILED:
                self._session.remove_sink(worker)
                raise LimelightError(worker.problem)

        self._submit(add)

    def end(self, worker: Worker) -> None:
        """Finish a sink, and forget it."""

        def end() -> None:
            had_failed = worker.status().state is SinkState.FAILED
            self._session.remove_sink(worker)
            if worker.problem and not had_failed:
                raise LimelightError(worker.problem)

        self._submit(end)

    def restart(self, worker: Worker) -> None:
        """Start a failed sink again."""
        self._submit(lambda: self._session.restart_sink(worker))

    def restart_failed(self) -> None:
        """Start all failed sinks again."""
        for worker in self._session.workers():
            if worker.status().state is SinkState.FAILED:
                self.restart(worker)

    def toggle_recording(self) -> None:
        """Begin a take, or finish the one that is being written."""

        def toggle() -> None:
            if self._session.recording() is None:
                self._session.start_recording()
            else:
                self._session.stop_recording()

        self._submit(toggle)

    def close(self) -> None:
        """Begin nothing more; what is being done is left to itself."""
        self._background.close()

    def _submit(self, function: Callable[[], object]) -> None:
        self._background.submit(function, lambda _: self.done.emit(), self._failed)

    def _failed(self, line: str) -> None:
        self.failed.emit(line)
        self.done.emit()
