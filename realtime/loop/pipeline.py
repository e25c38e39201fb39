"""The live loop: source -> tracker -> smoothing -> sinks, on threads of its own."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

from facemodel import LimelightError
from realtime.frame import Frame, TrackedFrame, TrackingState
from realtime.loop.slot import LatestSlot
from realtime.loop.stage_times import StageTimes
from realtime.sinks.base import Sink
from realtime.sources.base import Source
from realtime.tracking.smoothing import SmoothingStage
from realtime.tracking.tracker import Tracker

_log = logging.getLogger(__name__)

_JOIN_SECONDS = 3.0


@dataclass(frozen=True)
class PipelineStatus:
    """Where the loop stands.

    Attributes:
        fps: frames through the loop a second, over the last second.
        latency_ms: newest frame, from its capture to its delivery to the sinks.
        state: tracking state after the newest frame.
        source_name: of the source.
        message: one line worth telling; "" if none.
        error: why the loop, or a sink, ended, in one line; "" if nothing did.
        frames, tracked_frames: counts since the start.
    """

    fps: float = 0.0
    latency_ms: float = 0.0
    state: TrackingState = TrackingState.SEARCHING
    source_name: str = ""
    message: str = ""
    error: str = ""
    frames: int = 0
    tracked_frames: int = 0


class Pipeline:
    """One run over one source. A reader thread waits for frames, a second thread does everything else.

    From a live source, or with `realtime`, the loop always works on the newest frame and misses those that came
    while it was busy; otherwise every frame of the source goes through it.
    """

    def __init__(
        self,
        source: Source,
        tracker: Tracker,
        stage: SmoothingStage,
        sinks: Sequence[Sink] = (),
        realtime: bool = False,
    ) -> None:
        """
        Args:
            source: read until it ends; closed by `stop`.
            tracker, stage: used by the loop's thread only, until `stop` has returned.
            sinks: get every frame in order; they stay the caller's to close, except one that fails.
            realtime: play a source that is not live at its own pace.
        """
        self.source = source
        self.times = StageTimes()
        self.smoothing = stage.smoother.strength
        self._tracker = tracker
        self._stage = stage
        self._sinks: tuple[Sink, ...] = tuple(sinks)
        self._sinks_lock = threading.Lock()
        self._pace = realtime and not source.live
        self._drops = source.live or realtime
        self._inbox: LatestSlot[tuple[Frame, float | None]] = LatestSlot()
        self._stopping = threading.Event()
        self._done = threading.Event()
        self._requests: deque[Callable[[], None]] = deque()
        self._errors: list[str] = []
        self._delivered: deque[float] = deque(maxlen=240)
        self._status = PipelineStatus(source_name=source.name)
        self._started_at = self._ended_at = 0.0
        self._reader = threading.Thread(target=self._read, name="limelight-source", daemon=True)
        self._worker = threading.Thread(target=self._work, name="limelight-engine", daemon=True)

    def start(self) -> None:
        self._started_at = perf_counter()
        self._reader.start()
        self._worker.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the source has ended and its last frame is delivered; False if `timeout` s passed first."""
        # Not by joining the thread: Python takes a thread for dead whose join Ctrl-C interrupts.
        return self._done.wait(timeout)

    def stop(self) -> bool:
        """End the loop and close the source; threads are waited for, but not longer than a few seconds.

        Returns:
            False if the loop is still busy: then tracker and stage must not be used by another one.
        """
        self._stopping.set()
        self._inbox.close()
        if self._worker.is_alive():
            self._worker.join(_JOIN_SECONDS)
        if self._reader.is_alive():
            self._reader.join(_JOIN_SECONDS)
        self.source.close()
        return not self._worker.is_alive()

    def add_sink(self, sink: Sink) -> None:
        """Deliver every frame from now on to `sink`."""
        with self._sinks_lock:
            self._sinks = (*self._sinks, sink)

    def remove_sink(self, sink: Sink) -> None:
        """Stop delivering to `sink`; once this returns no frame is under way to it."""
        with self._sinks_lock:
            self._sinks = tuple(s for s in self._sinks if s is not sink)

    def recenter(self) -> None:
        """Make the next tracked pose straight ahead."""
        self._requests.append(self._stage.recenter)

    def reset_person(self) -> None:
        """Forget identity and albedo from the next frame on."""
        self._requests.append(self._stage.smoother.reset_person)

    def status(self) -> PipelineStatus:
        return self._status

    @property
    def elapsed(self) -> float:
        """Seconds from the start to now, or to the end of the loop."""
        return (self._ended_at or perf_counter()) - self._started_at

    @property
    def errors(self) -> tuple[str, ...]:
        """What failed so far: the source, or sinks."""
        return tuple(self._errors)

    def _read(self) -> None:
        started: float | None = None
        try:
            while not self._stopping.is_set():
                frame = self.source.read()
                if frame is None:
                    break
                if self._pace:
                    started = perf_counter() - frame.timestamp if started is None else started
                    if self._stopping.wait(max(0.0, started + frame.timestamp - perf_counter())):
                        break
                if self._drops:
                    self._inbox.put((frame, frame.timestamp if self.source.live else perf_counter()))
                elif not self._inbox.put_in_turn((frame, None)):
                    break
        except LimelightError as error:
            if not self._stopping.is_set():
                self._errors.append(str(error))
        except Exception:
            _log.exception("the source failed")
            self._errors.append(f"{self.source.name}: internal error, see the log")
        finally:
            self._inbox.close()

    def _work(self) -> None:
        try:
            while not self._stopping.is_set():
                item = self._inbox.take()
                if item is None:
                    break
                self._process(*item)
        except LimelightError as error:
            self._errors.append(str(error))
        except Exception:
            _log.exception("the live loop failed")
            self._errors.append("the live loop ended on an internal error, see the log")
        finally:
            self._ended_at = perf_counter()
            self._stopping.set()
            self._inbox.close()
            self._publish(self._status.latency_ms, self._status.state, frames=0)
            self._done.set()

    def _process(self, frame: Frame, arrived: float | None) -> None:
        """One frame; `arrived` is when it could have been taken, None for one that waited its turn."""
        taken = perf_counter()
        result = self._tracker.track(frame)
        result.captured = arrived
        arrived = taken if arrived is None else arrived
        tracked = perf_counter()
        self._smooth(result)
        smoothed = perf_counter()
        self._deliver(result)
        done = perf_counter()
        result.timings.update(
            wait=1000.0 * (taken - arrived),
            track=1000.0 * (tracked - taken),
            smooth=1000.0 * (smoothed - tracked),
            deliver=1000.0 * (done - smoothed),
            total=1000.0 * (done - arrived),
        )
        self.times.add(result.timings)
        self._delivered.append(done)
        self._publish(1000.0 * (done - arrived), result.state, frames=1)

    def _smooth(self, result: TrackedFrame) -> None:
        self._stage.smoother.strength = self.smoothing
        while self._requests:
            self._requests.popleft()()
        self._stage(result)

    def _deliver(self, result: TrackedFrame) -> None:
        with self._sinks_lock:
            for sink in self._sinks:
                try:
                    sink.submit(result)
                except LimelightError as error:
                    self._errors.append(str(error))
                    self._sinks = tuple(s for s in self._sinks if s is not sink)
                    sink.close()

    def _publish(self, latency_ms: float, state: TrackingState, frames: int) -> None:
        now, last = perf_counter(), self._status
        tracked = frames if state is TrackingState.TRACKING else 0
        self._status = PipelineStatus(
            fps=float(sum(1 for moment in self._delivered if now - moment <= 1.0)),
            latency_ms=latency_ms,
            state=state,
            source_name=self.source.name,
            message=self._tracker.message,
            error=self._errors[-1] if self._errors else "",
            frames=last.frames + frames,
            tracked_frames=last.tracked_frames + tracked,
        )
