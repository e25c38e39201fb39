"""What the Streams panel lists: sinks that run, and addresses that are off and kept. Free of Qt."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from realtime.sinks.address import Address
from realtime.sinks.worker import SinkState, SinkStatus, Worker

_SPAN = 1.0
"""s over which a rate is counted."""


@dataclass(frozen=True)
class SinkEntry:
    """One sink of the list, on or off.

    Attributes:
        address: that it is opened by.
        worker: None while it is off.
        status: None while it is off.
        sent: what left: the sink's own count, or else the results that it took.
        rate: of `sent`, a second, over the last second.
        wanted: how it was switched, while that is still being done; None otherwise.
    """

    address: str
    worker: Worker | None = None
    status: SinkStatus | None = None
    sent: int = 0
    rate: float = 0.0
    wanted: bool | None = None

    @property
    def on(self) -> bool:
        """Whether it is on, or was just switched on."""
        return self.worker is not None if self.wanted is None else self.wanted

    @property
    def is_file(self) -> bool:
        """Whether it writes a file; otherwise it sends."""
        return not Address.parse(self.address).scheme

    @property
    def runs(self) -> bool:
        """Whether it takes results now."""
        return self.status is not None and self.status.state is SinkState.RUNNING


class SinkList:
    """Keeps the addresses of streams that are off, and measures the rates of those that are on.

    A stream is kept once it was added or switched off here; a file is not: when it ends, it is done.

    Attributes:
        kept: addresses of streams, on or off, in the order in which they came.
        switching: how each address was switched that is still being switched.
    """

    def __init__(self, remembered: Iterable[str] = ()) -> None:
        self.kept: tuple[str, ...] = tuple(dict.fromkeys(remembered))
        self.switching: dict[str, bool] = {}
        self._counts: dict[Worker, deque[tuple[float, int]]] = {}

    def keep(self, address: str) -> None:
        """Go on listing a stream's address while it is off."""
        if address not in self.kept and Address.parse(address).scheme:
            self.kept = (*self.kept, address)

    def forget(self, address: str) -> None:
        """List an address no more, once nothing is sent there."""
        self.kept = tuple(other for other in self.kept if other != address)

    def entries(self, sinks: Sequence[tuple[Worker, SinkStatus]], now: float) -> list[SinkEntry]:
        """Return what is to be listed: those that are kept, then the others.

        Args:
            sinks: all that are on.
            now: s, of any clock that rises.
        """
        self._counts = {worker: self._counts.get(worker, deque()) for worker, _ in sinks}
        entries = {address: SinkEntry(address, wanted=self.switching.get(address)) for address in self.kept}
        unlisted = []
        seen: Counter[str] = Counter()
        for worker, status in sinks:
            sent = getattr(worker.sink, "sent", status.delivered)
            wanted = self.switching.get(worker.address)
            entry = SinkEntry(worker.address, worker, status, sent, self._rate(worker, sent, now), wanted)
            seen[worker.address] += 1
            if worker.address in entries and seen[worker.address] == 1:
                entries[worker.address] = entry
            else:
                unlisted.append(entry)
        return [*entries.values(), *unlisted]

    def _rate(self, worker: Worker, sent: int, now: float) -> float:
        counts = self._counts[worker]
        if counts and sent < counts[-1][1]:
            counts.clear()  # it began again
        counts.append((now, sent))
        while len(counts) > 2 and now - counts[1][0] >= _SPAN:
            counts.popleft()
        (begin, before), (end, after) = counts[0], counts[-1]
        return (after - before) / (end - begin) if end > begin else 0.0
