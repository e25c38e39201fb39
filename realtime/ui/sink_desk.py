"""What a person does about sinks and takes: it may wait for disks and networks, so it does not hold up the window."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PyQt6.QtCore import QObject, pyqtSignal

from facemodel import LimelightError
from realtime.session import Session
from realtime.sinks.worker import SinkState, Worker
from realtime.ui.background import Background
from realtime.ui.sink_list import SinkEntry, SinkList


class SinkDesk(QObject):
    """Adds, switches, ends and starts sinks again in the background, one after another.

    `done` is emitted after each, and when something was begun; `failed` carries one line.

    Attributes:
        list: what is listed; remembered streams are off until somebody switches them on.
    """

    done = pyqtSignal()
    failed = pyqtSignal(str)

    def __init__(self, session: Session, remembered: Iterable[str] = ()) -> None:
        """
        Args:
            session: whose sinks they are.
            remembered: addresses of streams of the last time.
        """
        super().__init__()
        self.list = SinkList(remembered)
        self._session = session
        self._background = Background()

    def add(self, text: str) -> None:
        """Add a sink by its address, and switch it on; a file that exists is left alone."""
        if any(worker.address == text for worker in self._session.workers()):
            self._failed(f"{text} is on already")
            return
        self._switch(text, True, lambda: self._open(text))

    def switch(self, entry: SinkEntry, on: bool) -> None:
        """Begin to send there, or end it; a stream keeps its address."""
        worker = entry.worker
        if on and worker is None:
            self._switch(entry.address, True, lambda: self._open(entry.address))
        elif not on and worker is not None:
            self.list.keep(entry.address)
            self._switch(entry.address, False, lambda: self._end(worker))

    def remove(self, entry: SinkEntry) -> None:
        """Finish a sink, and forget its address."""
        self.list.forget(entry.address)
        if (worker := entry.worker) is not None:
            self._submit(lambda: self._end(worker))
        self.done.emit()

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

    def use_timecode(self, name: str) -> None:
        """Take timecode from another source, "" for none."""
        self._submit(lambda: self._session.timecode.use(name))

    def close(self) -> None:
        """Begin nothing more; what is being done is left to itself."""
        self._background.close()

    def _open(self, text: str) -> None:
        worker = self._session.add_sink(text)
        self.list.keep(text)
        if worker.status().state is SinkState.FAILED:
            self._session.remove_sink(worker)
            raise LimelightError(worker.problem)

    def _end(self, worker: Worker) -> None:
        had_failed = worker.status().state is SinkState.FAILED
        self._session.remove_sink(worker)
        if worker.problem and not had_failed:
            raise LimelightError(worker.problem)

    def _switch(self, address: str, on: bool, function: Callable[[], object]) -> None:
        self.list.switching[address] = on

        def switch() -> None:
            try:
                function()
            finally:
                self.list.switching.pop(address, None)

        self._submit(switch)
        self.done.emit()

    def _submit(self, function: Callable[[], object]) -> None:
        self._background.submit(function, lambda _: self.done.emit(), self._failed)

    def _failed(self, line: str) -> None:
        self.failed.emit(line)
        self.done.emit()
