"""The contract of a sink: something that takes tracked frames."""

from __future__ import annotations

from typing import Protocol

from realtime.frame import TrackedFrame


class Sink(Protocol):
    """Takes every tracked frame, in order, on the engine's thread.

    `submit` must return at once: a sink that needs time queues or drops, and says which. A sink that fails
    raises `LimelightError` once; the loop then closes it, reports it, and goes on without it.
    """

    def submit(self, result: TrackedFrame) -> None: ...

    def close(self) -> None:
        """Flush and release; a second call does nothing."""
        ...
