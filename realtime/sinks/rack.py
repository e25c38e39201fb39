"""The sinks of a session, which come and go while loops do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from facemodel.output_files import free_path
from realtime.frame import StreamInfo
from realtime.loop.loop import Loop
from realtime.sinks.address import Address
from realtime.sinks.contract import Screens
from realtime.sinks.registry import open_sink
from realtime.sinks.worker import Worker


class SinkRack:
    """Keeps workers, and has the loop that runs deliver to them. All methods may be called from any thread."""

    def __init__(self, switching: threading.RLock, loop: Callable[[], Loop | None]) -> None:
        """
        Args:
            switching: held while the feed changes, for seconds; sinks come and go before or after.
            loop: returns the one that runs.
        """
        self._switching, self._loop = switching, loop
        self._workers: tuple[Worker, ...] = ()
        self._lock = threading.Lock()
        self._screens: Screens | None = None

    def workers(self) -> tuple[Worker, ...]:
        """Return the workers, in the order in which they came."""
        return self._workers

    def show_on(self, screens: Screens) -> None:
        """Give displays to the sinks that show windows, those that are there and those that come."""
        with self._switching:
            self._screens = screens
            for worker in self._workers:
                self._give_screens(worker)

    def add(self, worker: Worker) -> Worker:
        """Deliver to a worker from now on, and return it; it begins at once where there is a feed."""
        with self._switching:
            self._give_screens(worker)
            with self._lock:
                self._workers = (*self._workers, worker)
            if (loop := self._loop()) is not None:
                worker.begin(loop.feed.info)
                loop.listen(worker.offer)
        return worker

    def begin(self, info: StreamInfo, all_or_none: bool) -> None:
        """Begin all sinks for a feed; with `all_or_none`, one that cannot keeps those behind it from beginning."""
        for worker in self._workers:
            if not worker.begin(info) and all_or_none:
                break

    def remove(self, worker: Worker) -> None:
        """Finish a sink and forget it."""
        with self._switching:
            self._drop(worker)

    def restart(self, worker: Worker) -> Worker:
        """Start a failed sink again, and return its worker; a file goes on in a new one, `NAME-2.mcap`."""
        with self._switching:
            if not worker.config.per_feed:
                worker.restart()
                return worker
            self._drop(worker)
            address = Address.parse(worker.address)
            return self.add(open_sink(address.at(free_path(Path(address.path)))))

    def finish(self, workers: Sequence[Worker]) -> None:
        """End sinks and forget them, all at once: one that hangs holds up no other."""
        for worker in workers:
            worker.end()
        for worker in workers:
            self._drop(worker)

    def _give_screens(self, worker: Worker) -> None:
        if hasattr(worker.sink, "screens"):
            worker.sink.screens = self._screens

    def _drop(self, worker: Worker) -> None:
        with self._lock:
            self._workers = tuple(other for other in self._workers if other is not worker)
        if (loop := self._loop()) is not None:
            loop.unlisten(worker.offer)
        worker.close()
