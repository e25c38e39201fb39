"""A worker: gives any sink a thread, a policy, and a fence that nothing it raises gets over."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from facemodel import LimelightError
from realtime.frame import Result, StreamInfo
from realtime.one_line import one_line
from realtime.sinks.contract import Policy, Sink

_log = logging.getLogger(__name__)

_BACKLOG_WARNING = 300
"""Results that wait in a queue without a limit; ten seconds of a camera."""


class SinkState(Enum):
    """Where a sink stands."""

    WAITING = "waiting"  # for a feed
    RUNNING = "running"
    FAILED = "failed"  # it can be started again
    CLOSED = "closed"


@dataclass(frozen=True)
class SinkStatus:
    """How a sink goes, for people.

    Attributes:
        name: of the sink.
        address: that it was opened by.
        state: see `SinkState`.
        line: what went wrong, or else what the sink says of itself.
        delivered: results that it took.
        dropped: results that it had no time for.
        waiting: results in its queue.
        connected: whether anything listens at the other end; None where that cannot be known.
    """

    name: str
    address: str
    state: SinkState
    line: str
    delivered: int
    dropped: int
    waiting: int
    connected: bool | None = None


@dataclass(frozen=True)
class WorkerConfig:
    """How a worker treats its sink.

    Attributes:
        policy: see `Policy`.
        offline: the policy towards a feed that waits; None for `policy`.
        room: results that wait, with the policies `NEWEST` and `IN_STEP`.
        patience: s that a sink may take for one result, or to end, before it is given up.
        per_feed: the sink ends with the feed that it began with (a file); others go on with the next one (a stream).
    """

    policy: Policy = Policy.NEWEST
    offline: Policy | None = None
    room: int = 1
    patience: float = 30.0
    per_feed: bool = False


class Worker:
    """Runs one sink on a thread of its own.

    `offer` is a listener of the loop: it returns at once, but with the policy `IN_STEP`, which waits for the sink.
    Whatever the sink raises, of whatever type, is logged with its traceback, and shown as one line by `status`; the
    sink is closed and gets nothing more until it is started again. A sink that hangs costs the loop nothing, or with
    `IN_STEP` its patience once.

    All methods may be called from any thread, but `begin` and `close` by one at a time.
    """

    def __init__(self, sink: Sink, config: WorkerConfig | None = None, address: str = "") -> None:
        self.sink = sink
        self.config = config or WorkerConfig()
        self.address = address
        self._prepare: Callable[[Result], Any] = getattr(sink, "prepare", lambda result: result)
        self._changed = threading.Condition(threading.RLock())
        self._queue: deque[Any] = deque()
        self._state = SinkState.WAITING
        self._info: StreamInfo | None = None
        self._policy = self.config.policy
        self._problem = ""
        self._delivered = self._dropped = 0
        self._ready = False
        self._ending = False
        self._warned = False
        self._thread: threading.Thread | None = None

    @property
    def ready(self) -> bool:
        """Whether the sink has begun, at least once, whatever became of it."""
        return self._ready

    @property
    def problem(self) -> str:
        """What the sink failed of, in one line; "" while it did not."""
        return self._problem

    def status(self) -> SinkStatus:
        """Return how the sink goes now."""
        with self._changed:
            state, problem, waiting = self._state, self._problem, len(self._queue)
        return SinkStatus(
            self.sink.name,
            self.address,
            state,
            problem or self._ask(self.sink.status, ""),
            self._delivered,
            self._dropped,
            waiting,
            self._ask(getattr(self.sink, "connected", None), None) if state is SinkState.RUNNING else None,
        )

    def begin(self, info: StreamInfo) -> bool:
        """Start the sink for a feed, or start it again; return whether it is ready, which is waited for."""
        with self._changed:
            if self._state is SinkState.RUNNING and info == self._info:
                return True
        if self._state is SinkState.RUNNING:
            self.close()  # another feed, perhaps of another face model
        with self._changed:
            if self._thread is not None and self._thread.is_alive() and self._state is SinkState.FAILED:
                self._problem = f"{self.sink.name}: still hangs"
                return False
            self._info, self._state, self._problem = info, SinkState.WAITING, ""
            self._policy = self.config.policy if info.live else self.config.offline or self.config.policy
            self._ending, self._warned = False, False
            self._delivered = self._dropped = 0
            self._queue.clear()
            self._thread = threading.Thread(
                target=self._run, args=(info,), name=f"limelight-{self.sink.name}", daemon=True
            )
            self._thread.start()
            ready = self._changed.wait_for(lambda: self._state is not SinkState.WAITING, self.config.patience)
            if not ready:
                self._fail(f"{self.sink.name}: does not start")
            return self._state is SinkState.RUNNING

    def restart(self) -> bool:
        """Start a failed sink again, with the feed that it knew; return whether it is ready."""
        return self._info is not None and self.begin(self._info)

    def offer(self, result: Result) -> None:
        """Hand the sink a result, as its policy says."""
        policy, room = self._policy, self.config.room
        with self._changed:
            if self._state is not SinkState.RUNNING or self._ending:
                self._dropped += self._state is SinkState.FAILED
                return
            try:
                item = self._prepare(result)
            except BaseException as error:
                self._fail_of(error)
                return
            if policy is Policy.IN_STEP:
                free = self._changed.wait_for(lambda: len(self._queue) < room or not self._runs, self.config.patience)
                if not free:
                    self._fail(f"{self.sink.name}: hangs; it took more than {self.config.patience:g} s for one result")
                if not self._runs:
                    return
            elif policy is Policy.NEWEST and len(self._queue) >= room:
                self._queue.popleft()
                self._dropped += 1
            self._queue.append(item)
            self._changed.notify_all()
            if len(self._queue) > _BACKLOG_WARNING and not self._warned:
                self._warned = True
                _log.warning("%s is slow: %d results wait in memory", self.sink.name, len(self._queue))

    def end(self) -> None:
        """Take no more results; what waits is still finished, and `close` waits for that."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()

    def close(self) -> None:
        """Let the sink finish what waits for it, and end it; a second call does nothing.

        A sink that makes no progress for as long as its patience is given up.
        """
        self.end()
        thread, delivered = self._thread, -1
        while thread is not None and thread.is_alive() and delivered != self._delivered:
            delivered = self._delivered
            thread.join(self.config.patience)
        with self._changed:
            if thread is not None and thread.is_alive():
                self._fail(f"{self.sink.name}: hangs; given up without an end")
            elif self._state is not SinkState.FAILED:
                self._state = SinkState.CLOSED

    @property
    def _runs(self) -> bool:
        return self._state is SinkState.RUNNING

    def _run(self, info: StreamInfo) -> None:
        try:
            self.sink.begin(info)
            with self._changed:
                if self._state is SinkState.WAITING:
                    self._state, self._ready = SinkState.RUNNING, True
                    self._changed.notify_all()
            while (item := self._next()) is not None:
                self.sink.submit(item)
                self._delivered += 1
        except BaseException as error:  # of whatever type: this thread is the sink's alone
            self._fail_of(error)
        try:
            self.sink.close()
        except BaseException as error:
            self._fail_of(error)
        with self._changed:
            if self._state is SinkState.RUNNING:
                self._state = SinkState.CLOSED
            self._changed.notify_all()

    def _next(self) -> Any | None:
        """Wait for the next result; None once the sink is ended or given up."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._ending or not self._runs)
            if not self._queue or not self._runs:
                return None
            item = self._queue.popleft()
            self._changed.notify_all()
            return item

    def _fail_of(self, error: BaseException) -> None:
        """Note what the sink raised."""
        expected = isinstance(error, LimelightError)
        _log.log(logging.INFO if expected else logging.ERROR, "%s failed", self.sink.name, exc_info=error)
        line = one_line(error)
        self._fail(line if self.sink.name in line else f"{self.sink.name}: {line}")

    def _fail(self, line: str) -> None:
        with self._changed:
            self._problem = self._problem or line
            self._state = SinkState.FAILED
            self._queue.clear()
            self._changed.notify_all()

    def _ask(self, question: Callable[[], Any] | None, otherwise: Any) -> Any:
        """What the sink says of itself, or something else where it has no answer or fails at it."""
        try:
            return otherwise if question is None else question()
        except BaseException:
            _log.exception("%s cannot say how it goes", self.sink.name)
            return otherwise
