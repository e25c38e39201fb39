"""The loop at a camera's rate: latency by numbers in the picture, processor time, memory, and all of it for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from time import perf_counter, process_time

import numpy as np
from numpy.typing import NDArray

from benchmark.clip import Clip, ClipReader
from benchmark.figures import Live, Soak, Spread
from benchmark.frame_ids import ID_WIDTH, IDS, draw_id, read_id
from benchmark.memory import peak_mb, resident_mb
from benchmark.own import OwnTracker
from benchmark.screen import Screen
from facemodel import LimelightError
from realtime.frame import Frame, Result, Sound
from realtime.loop.frame_pool import FramePool
from realtime.loop.live_feed import LiveFeed
from realtime.loop.loop import Listener, Loop
from realtime.sinks.contract import Policy
from realtime.sinks.worker import Worker, WorkerConfig

_PATIENCE = 30.0
"""s for the first picture to come through, however busy the machine is; only then is anything measured."""


class ClipCamera:
    """A live source that delivers a clip in real time, every frame with its number drawn in; see `Source`.

    Frames are ready on disk, so this costs what a camera costs: waiting, and one copy.
    """

    live = True
    sound: Sound | None = None

    def __init__(self, clip: Clip, fps: float) -> None:
        self.name, self.width, self.height, self.fps = clip.name, clip.width, clip.height, fps
        self._reader = ClipReader(clip)
        self._pool = FramePool(clip.height, clip.width)
        self._times = np.full(IDS, np.nan)
        self._start: float | None = None
        self._next = 0
        self._closed = threading.Event()
        self._lock = threading.Lock()  # `close` may come while another thread reads

    def read(self) -> Frame | None:
        """Wait for the next frame; one that a late reader missed is skipped. None after `close`."""
        now = perf_counter()
        self._start = now if self._start is None else self._start
        due = self._start + self._next / self.fps
        if now < due:
            self._closed.wait(due - now)
        else:
            self._next = max(self._next, int((now - self._start) * self.fps))
        with self._lock:
            return None if self._closed.is_set() else self._capture()

    def captured_at(self, number: int) -> float:
        """When the frame with this number was captured, on the `perf_counter` clock."""
        return float(self._times[number])

    def close(self) -> None:
        self._closed.set()
        with self._lock:
            self._reader.close()

    def _capture(self) -> Frame:
        index, moment = self._next, perf_counter()
        image = self._pool.take()
        np.copyto(image, self._reader.read(index))
        draw_id(image, index)
        self._times[index % IDS] = moment
        self._next += 1
        return Frame(index, moment, image)


class LiveLoop:
    """One network at a camera's rate; made in the process that is measured."""

    def __init__(self, clip: Clip, network: str, threads: int, fps: float, drawn: bool) -> None:
        """
        Raises:
            LimelightError: the network cannot be opened, no OpenGL, or the frames are too small for a number.
        """
        if clip.width < ID_WIDTH:
            raise LimelightError(f"{clip.name}: {clip.size} is too small for the numbers that measure latency")
        self._own = OwnTracker(network, threads)
        self._camera = ClipCamera(clip, fps)
        self._parameters, self._pictures = _Latencies(self._camera), _Latencies(self._camera)
        self._own.tracker.reset(thorough=False)
        feed = LiveFeed(self._camera, self._own.tracker)
        self._screen = Worker(Screen(self._pictures.note), WorkerConfig(Policy.NEWEST)) if drawn else None
        listeners: list[Listener] = [self._note_arrival]
        if self._screen is not None:
            if not self._screen.begin(feed.info):
                raise LimelightError(self._screen.problem)
            listeners.append(self._screen.offer)
        self._loop = Loop(feed, listeners)
        self._loop.start()

    def watch(self, seconds: float) -> Live:
        """What the loop does in the next so many seconds.

        Raises:
            LimelightError: the loop failed, or delivered nothing.
        """
        self._parameters.arrived.wait(_PATIENCE)
        if self._screen is not None:
            self._pictures.arrived.wait(_PATIENCE)
        self._parameters.take()
        self._pictures.take()
        tracked = self._loop.status().tracked_frames
        start, busy = perf_counter(), process_time()
        time.sleep(seconds)
        busy, elapsed = process_time() - busy, perf_counter() - start
        tracked = self._loop.status().tracked_frames - tracked
        (to_parameters, missed), (to_screen, _) = self._parameters.take(), self._pictures.take()
        if problem := self._loop.status().error or (self._screen is not None and self._screen.problem):
            raise LimelightError(problem)
        if not to_parameters or (self._screen is not None and not to_screen):
            raise LimelightError(f"the live loop delivered nothing in {seconds:.1f} s")
        return Live(
            to_parameters_ms=Spread.of(to_parameters),
            to_screen_ms=Spread.of(to_screen) if to_screen else None,
            cpu_percent=round(100.0 * busy / elapsed, 1),
            frames=len(to_parameters),
            tracked=tracked,
            shown=len(to_screen),
            missed=missed,
            memory_mb=resident_mb(),
            peak_memory_mb=peak_mb(),
        )

    def _note_arrival(self, result: Result) -> None:
        """Parameters arrive."""
        if not result.stalled:
            self._parameters.note(result.frame.image, result)

    def close(self) -> None:
        self._loop.stop()
        if self._screen is not None:
            self._screen.close()
        self._own.close()


def soak_of(windows: Sequence[Live], minutes: float) -> Soak:
    """What grew over the parts of a long run, in order."""
    part = max(1, len(windows) // 10)

    def growth(values: list[float]) -> float:
        return float(np.median(values[-part:]) - np.median(values[:part]))

    memory = [window.memory_mb for window in windows if window.memory_mb is not None]
    return Soak(
        minutes=round(minutes, 3),
        latency_growth_ms=round(growth([window.to_parameters_ms.p95 for window in windows]), 3),
        memory_growth_mb=round(growth(memory), 2) if memory else None,
        windows=list(windows),
    )


class _Latencies:
    """How old frames are when they arrive somewhere, by the numbers in their pictures; ms."""

    def __init__(self, camera: ClipCamera) -> None:
        self._camera = camera
        self.arrived = threading.Event()  # the first one has
        self._lock = threading.Lock()
        self._values: list[float] = []
        self._missed = 0
        self._last: int | None = None

    def note(self, picture: NDArray[np.uint8], result: Result, milliseconds: float = 0.0) -> None:  # noqa: ARG002
        """A picture (H, W, 3) has arrived, made of `result`.

        Raises:
            LimelightError: the picture does not show the frame that the result was computed from.
        """
        now, number = perf_counter(), read_id(picture)
        if number != result.frame.index % IDS:
            raise LimelightError(f"the picture shows frame {number}, the face is of frame {result.frame.index}")
        with self._lock:
            self._values.append(1000.0 * (now - self._camera.captured_at(number)))
            self._missed += 0 if self._last is None else result.frame.index - self._last - 1
            self._last = result.frame.index
        self.arrived.set()

    def take(self) -> tuple[list[float], int]:
        """What was noted since the last call, and how many frames in between never arrived."""
        with self._lock:
            taken = self._values, self._missed
            self._values, self._missed = [], 0
            return taken
