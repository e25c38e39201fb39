"""A run that nobody sees: works a feed through, and says in the end how it went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from facemodel import LimelightError
from realtime.loop.loop import Loop, LoopStatus
from realtime.session import Session
from realtime.sinks.worker import SinkStatus

_GLANCE_SECONDS = 0.2


@dataclass(frozen=True)
class Outcome:
    """How a headless run went.

    Attributes:
        status: of the loop, at its end.
        seconds: that it took.
        times: {stage: {"median": ms, "p95": ms}}.
        sinks: how each ended.
        problems: one line each; empty if all went well.
    """

    status: LoopStatus
    seconds: float
    times: dict[str, dict[str, float]]
    sinks: tuple[SinkStatus, ...]
    problems: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """Return what the command's line of JSON says."""
        feed = self.status.feed
        return {
            "frames": self.status.frames,
            "tracked_frames": self.status.tracked_frames,
            "fps": round(self.status.frames / max(self.seconds, 1e-9), 2),
            "latency_ms": self.times,
            "stalls": feed.stalls,
            "reopened": feed.reopened,
            "unusable_frames": feed.unusable,
            "sinks": [
                {"name": sink.name, "state": sink.state.value, "delivered": sink.delivered, "dropped": sink.dropped}
                for sink in self.sinks
            ],
        }


def run_headless(
    session: Session,
    start: Callable[[], Loop],
    stopping: Callable[[], bool],
    say: Callable[[str], None],
    progress: Callable[[int], None],
) -> Outcome:
    """Run a feed to its end, then finish every sink.

    Args:
        session: with its sinks; stopped in the end.
        start: opens the feed.
        stopping: asked a few times a second; True ends the run early.
        say: takes one line for people, each time there is something new to tell.
        progress: takes the number of frames so far.

    Raises:
        LimelightError: the feed cannot be opened, or a sink not begun: nothing has been worked through then.
    """
    try:
        loop = start()
        if unready := [worker.problem for worker in session.workers() if not worker.ready]:
            raise LimelightError(unready[0])
        said = ""
        while not loop.wait(_GLANCE_SECONDS) and not stopping():
            status = loop.status()
            progress(status.frames)
            line = status.feed.problem or status.feed.message
            if line not in ("", said):
                say(line)
            said = line
        loop.stop()
    finally:  # whatever happened, what was written is finished
        workers = session.workers()
        problems = session.stop()
    status = loop.status()
    sinks = tuple(worker.status() for worker in workers)
    if status.frames and not status.tracked_frames:
        say("no face was found in any frame")
    every = tuple(dict.fromkeys(filter(None, (status.error, *problems))))
    return Outcome(status, loop.elapsed, loop.times.summary(), sinks, every)
