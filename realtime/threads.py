"""Threads: every pool of them is pinned to what the user allows, and one that calls something again and again."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from threadpoolctl import threadpool_limits

from realtime.opencv import cv2


def limit_threads(count: int) -> None:
    """Let no computation of this process use more than `count` threads; call it before sources and renderers open.

    It pins OpenCV, the decoders that `VideoSource` opens, and OpenGL where it runs on the CPU (Mesa's llvmpipe;
    LP_NUM_THREADS of the environment wins). BLAS and OpenMP get one thread: what the live loop multiplies is too
    small to be shared. ONNX Runtime is told by `open_engine` and `open_finder`.
    """
    cv2.setNumThreads(count)
    threadpool_limits(1)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for libraries that are loaded later
    os.environ.setdefault("LP_NUM_THREADS", str(count))


class Ticker:
    """Calls a function on a thread of its own, with `period` seconds before each call."""

    def __init__(self, tick: Callable[[], None], period: float, name: str) -> None:
        self._tick, self._period, self._name = tick, period, name
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, which may be again after `stop`."""
        self._ended.clear()
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Wait for a call that runs, and call no more; a second time does nothing."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._ended.wait(self._period):
            self._tick()
