"""What there is to know of a kind of sink before one is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from realtime.sinks.address import Address
from realtime.sinks.contract import Sink
from realtime.sinks.worker import WorkerConfig


@dataclass(frozen=True)
class SinkKind:
    """One kind of sink.

    Attributes:
        name: short, such as "take".
        title: what it does, for people, in one line.
        examples: (address, what it is for).
        open: makes a sink for an address; raises LimelightError where the address makes no sense.
        worker: how its worker treats it.
        scheme: of its addresses; "" for files.
        suffix: of its files, such as ".mcap"; "" where it writes none.
        options: that its addresses may have, as people write them: "mirror=yes|no", "pictures".
    """

    name: str
    title: str
    examples: tuple[tuple[str, str], ...]
    open: Callable[[Address], Sink]
    worker: WorkerConfig
    scheme: str = ""
    suffix: str = ""
    options: tuple[str, ...] = ()

    @property
    def option_names(self) -> tuple[str, ...]:
        """The options without what they may be."""
        return tuple(option.partition("=")[0] for option in self.options)

    def takes(self, address: Address) -> bool:
        """Whether an address is one of its."""
        return address.scheme == self.scheme and (not self.suffix or address.suffix == self.suffix)
