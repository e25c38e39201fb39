"""Which trouble the banner tells, and what may help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from realtime.loop.feed import Transport
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


def stands_at_end(transport: Transport | None) -> bool:
    """Return whether a take or a file was played to its end."""
    return transport is not None and not transport.playing and transport.frame >= transport.frames - 1


def why_nothing_comes(status: LoopStatus, transport: Transport | None, still: bool) -> str:
    """Return why no result comes now, in a few words; "" while they come.

    Args:
        status: of the session.
        transport: of what plays; None of a camera.
        still: no new picture has come for a while.
    """
    if transport is not None and not transport.playing:
        return "it is at its end, Space plays it again" if stands_at_end(transport) else "it is paused, Space plays it"
    if status.feed.lost:
        return "the source is lost"
    if status.ended:
        return "the source is at its end"
    return "no pictures come" if still else ""


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
