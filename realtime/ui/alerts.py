"""Which trouble the banner tells, and what may help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from realtime.loop.loop import LoopStatus
from realtime.sinks.worker import SinkState, SinkStatus


class Remedy(Enum):
    """What a person can do about an alert."""

    NONE = "none"  # it is being done already
    SOURCE = "source"  # open the source again
    SINK = "sink"  # start the failed sinks again


@dataclass(frozen=True)
class Alert:
    """Trouble that lasts until it is over.

    Attributes:
        line: what is wrong, in one line.
        remedy: what may help.
    """

    line: str
    remedy: Remedy

    def is_same_trouble(self, other: Alert | None) -> bool:
        """Whether another alert is this one, perhaps in other words: a lost source counts its tries."""
        if other is None or other.remedy is not self.remedy:
            return False
        return self.remedy is Remedy.NONE or other.line == self.line


def alert_of(status: LoopStatus, sinks: Sequence[SinkStatus]) -> Alert | None:
    """Return the worst trouble there is now: a source that is gone, a loop that ended, sinks that failed.

    Args:
        status: of the session.
        sinks: all of them.
    """
    failed = [sink.line for sink in sinks if sink.state is SinkState.FAILED]
    if status.feed.lost:
        return Alert(status.feed.problem, Remedy.NONE)
    if status.error and status.error not in failed:
        return Alert(status.error, Remedy.SOURCE if status.ended else Remedy.NONE)
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        return Alert(failed[-1] + more, Remedy.SINK)
    return None
