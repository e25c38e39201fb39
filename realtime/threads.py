"""Threads: every pool of them is pinned to what the user allows; some call again and again, or hear datagrams."""

from __future__ import annotations

import os
import selectors
import socket
import threading
from collections.abc import Callable

from threadpoolctl import threadpool_limits

from realtime.opencv import cv2

_GLANCE = 0.2
"""s that a receiver waits for a datagram before it looks whether it is to end."""


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


class Receiver:
    """Hears datagrams on a thread of its own, and answers from where it hears them."""

    def __init__(self, heard: Callable[[bytes, tuple[str, int]], None], largest: int, name: str) -> None:
        """
        Args:
            heard: is given each datagram and the host and port that it comes from, on the thread.
            largest: bytes of a datagram; what is beyond is cut off.
            name: of the thread.
        """
        self._heard, self._largest, self._name = heard, largest, name
        self._ended = threading.Event()
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def start(self, opened: socket.socket) -> None:
        """Begin to hear what comes to a bound UDP socket, which is this one's from now on; may be again after `stop`.

        Args:
            opened: that does not block, or has a timeout.
        """
        self._ended.clear()
        self._socket = opened
        self._thread = threading.Thread(target=self._run, args=(opened,), name=self._name, daemon=True)
        self._thread.start()

    def send(self, data: bytes, place: tuple[str, int]) -> bool:
        """Send a datagram; return whether it left."""
        opened = self._socket
        if opened is None:
            return False
        try:
            opened.sendto(data, place)
        except (OSError, OverflowError):  # no room, no way, refused before
            return False
        return True

    def stop(self) -> None:
        """Hear no more, and close the socket; a second time does nothing."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _run(self, opened: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(opened, selectors.EVENT_READ)
            while not self._ended.is_set():
                if not selector.select(_GLANCE):
                    continue
                try:
                    data, place = opened.recvfrom(self._largest)
                except OSError:  # taken back; or Windows tells here that nobody took an answer
                    continue
                self._heard(data, place[:2])
