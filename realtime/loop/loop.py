"""The loop: reads a feed on a thread of its own and hands every result to those who listen."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from time import perf_counter

from facemodel import LimelightError
from realtime.frame import Result, TrackingState
from realtime.light.lighting import Lighting
from realtime.loop.feed import Feed, FeedStatus
from realtime.loop.stage_times import StageTimes
from realtime.one_line import one_line

_log = logging.getLogger(__name__)

_JOIN_SECONDS = 3.0

Listener = Callable[[Result], None]
"""Takes a result on the loop's thread, and returns at once."""


Lit = Callable[[Result], Lighting]
"""Tells what the show says at the moment of a result."""


@dataclass(frozen=True)
class LoopStatus:
    """Where the loop stands.

    Attributes:
        fps: results a second, over the last second.
        latency_ms: of the newest result, from its capture to its delivery.
        state: of the performer in the newest result.
        faces: that are followed in the newest result.
        source_name: of the feed.
        feed: how the feed goes.
        error: why the loop ended, in one line; "" if it did not, or at the feed's end.
        frames, tracked_frames: counts since the start, of results with a new frame.
        ended: whether no result will come any more.
    """

    fps: float = 0.0
    latency_ms: float = 0.0
    state: TrackingState = TrackingState.SEARCHING
    faces: int = 0
    source_name: str = ""
    feed: FeedStatus = FeedStatus()
    error: str = ""
    frames: int = 0
    tracked_frames: int = 0
    ended: bool = False


class Loop:
    """One run over one feed.

    Whatever a listener raises is logged, and the listener is left out from then on; the loop and the others go on.

    Attributes:
        feed: that is read.
        times: of the stages of every result with a new frame.
    """

    def __init__(self, feed: Feed, listeners: Iterable[Listener] = (), lighting: Lit | None = None) -> None:
        """
        Args:
            feed: that is read; closed by `stop`.
            listeners: get every result.
            lighting: tells what the show says at the moment of a result; None leaves results as the feed gives them.
        """
        self.feed = feed
        self._lighting = lighting
        self.times = StageTimes()
        self._listeners = tuple(listeners)
        self._listeners_lock = threading.RLock()
        self._delivered: deque[float] = deque(maxlen=1000)
        self._status = LoopStatus(source_name=feed.info.name)
        self._error = ""
        self._done = threading.Event()
        self._started_at = self._ended_at = 0.0
        self._thread = threading.Thread(target=self._run, name="limelight-loop", daemon=True)

    def start(self) -> None:
        self._started_at = perf_counter()
        self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the feed has ended and its last result is delivered; False if `timeout` s passed first."""
        # Not by joining the thread: Python takes a thread for dead whose join Ctrl-C interrupts.
        return self._done.wait(timeout)

    def stop(self) -> bool:
        """End the feed and the loop; threads are waited for, but not longer than a few seconds.

        Returns:
            False if the loop is still busy: then what the feed is made of must not be used by another one.
        """
        self.feed.close()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_JOIN_SECONDS)
        return not self._thread.is_alive()

    def listen(self, listener: Listener) -> None:
        """Deliver every result from now on to `listener`."""
        with self._listeners_lock:
            self._listeners = (*self._listeners, listener)

    def unlisten(self, listener: Listener) -> None:
        """Stop delivering to `listener`; once this returns no result is under way to it."""
        with self._listeners_lock:
            self._listeners = tuple(other for other in self._listeners if other != listener)

    def status(self) -> LoopStatus:
        """Return where the loop stands now; the feed's own status is of this moment, the rest of the last result."""
        status = self._status
        feed = self.feed.status()
        fps = float(sum(1 for moment in tuple(self._delivered) if perf_counter() - moment <= 1.0))
        return LoopStatus(
            fps=fps,
            latency_ms=status.latency_ms,
            state=status.state,
            faces=status.faces,
            source_name=status.source_name,
            feed=feed,
            error=self._error or ("" if feed.lost or not self._done.is_set() else feed.problem),
            frames=status.frames,
            tracked_frames=status.tracked_frames,
            ended=self._done.is_set(),
        )

    @property
    def elapsed(self) -> float:
        """Seconds from the start to now, or to the end of the loop."""
        return (self._ended_at or perf_counter()) - self._started_at

    def _run(self) -> None:
        try:
            while (result := self.feed.read()) is not None:
                self._deliver(result if self._lighting is None else replace(result, lighting=self._lighting(result)))
        except LimelightError as error:
            self._error = str(error)
        except BaseException as error:  # of whatever type: this thread is the loop's alone
            _log.exception("the live loop failed")
            self._error = f"the live loop ended on an internal error ({one_line(error)}), see the log"
        finally:
            self._ended_at = perf_counter()
            self._done.set()

    def _deliver(self, result: Result) -> None:
        start = perf_counter()
        with self._listeners_lock:
            for listener in self._listeners:
                try:
                    listener(result)
                except BaseException:
                    _log.exception("a listener failed and gets no more results")
                    self._listeners = tuple(other for other in self._listeners if other is not listener)
        done = perf_counter()
        self._delivered.append(done)
        self._count(result, start, done)

    def _count(self, result: Result, start: float, done: float) -> None:
        last, latency = self._status, 0.0
        if not result.stalled:
            waited = result.timings.get("wait", 0.0) + result.timings.get("track", 0.0)
            latency = waited + 1000.0 * (done - start)
            self.times.add({**result.timings, "deliver": 1000.0 * (done - start), "total": latency})
        self._status = LoopStatus(
            latency_ms=latency,
            state=result.state,
            faces=len(result.faces),
            source_name=last.source_name,
            frames=last.frames + (not result.stalled),
            tracked_frames=last.tracked_frames + (not result.stalled and result.state is TrackingState.TRACKING),
        )
