"""All streams at once, for minutes, with receivers that are absent, slow or deaf: the loop must not notice.

`LIMELIGHT_STREAM_MINUTES` (1) says for how long. Everything stays on this machine. How late single results are is
printed; only the median is judged, since a busy machine is late by itself.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from facemodel import FaceModel
from realtime.loop.loop import Loop
from realtime.sinks.registry import KINDS, open_sink
from realtime.sinks.worker import SinkState
from realtime.streams.pattern import PatternFeed
from tests.apps.stream_receivers import Receivers

FPS = 60.0
LATE = 0.002
"""s that a result may be late because of streams."""
MINUTES = float(os.environ.get("LIMELIGHT_STREAM_MINUTES", "1"))

SENDING = ("vmc", "livelink", "opentrack", "openseeface", "vrchat", "osc", "ifacialmocap")
LISTENING = ("ws", "vts-ios", "view")
CALLING = ("vts",)
PICTURES = ("vcam", "ndi", "spout", "syphon", "display")
"""Draw, and need devices: no streams of numbers."""


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def lateness(model: FaceModel, seconds: float, workers: list, begun: Callable[[], None] = lambda: None) -> np.ndarray:
    """(N,) s by which each result was through all sinks after it was due."""
    feed = PatternFeed(model, FPS, step=0.5)
    for worker in workers:
        assert worker.begin(feed.info), worker.problem
    late = []

    def through(result) -> None:
        late.append(time.perf_counter() - result.time)  # the pattern tells when it was due

    loop = Loop(feed, [*(worker.offer for worker in workers), through])
    loop.start()
    begun()
    time.sleep(seconds)
    loop.stop()
    return np.array(late[int(FPS) :])  # the first second is for starting


def memory() -> float:
    """MiB of this process."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


@pytest.mark.apps
def test_streams_hold_up_nobody(model, capsys):
    schemes = {kind.scheme for kind in KINDS if kind.scheme}.difference(PICTURES)
    assert schemes <= {*SENDING, *LISTENING, *CALLING}, "a stream that this test does not know"
    with ExitStack() as stack:
        receivers = Receivers([scheme for scheme in SENDING if scheme in schemes], slow=["osc"])
        stack.callback(receivers.close)
        ports = receivers.ports | {"opentrack": free_port(socket.SOCK_DGRAM)}  # nobody listens there
        ports |= {"ws": free_port(), "view": free_port(), "vts": free_port(), "vts-ios": free_port(socket.SOCK_DGRAM)}
        addresses = [f"{scheme}://127.0.0.1:{port}" for scheme, port in ports.items() if scheme in schemes]
        workers = [open_sink(address) for address in addresses]
        for worker in workers:
            stack.callback(worker.close)

        plain = max(10.0, min(60.0, 6 * MINUTES))
        before = lateness(model, plain, [])
        sizes: list[float] = []
        watching = threading.Event()
        stack.callback(watching.set)

        def weigh() -> None:
            while not watching.wait(max(1.0, 60.0 * MINUTES / 40)):
                sizes.append(memory())

        threading.Thread(target=weigh, daemon=True).start()
        late = lateness(model, 60.0 * MINUTES, workers, lambda: receivers.read(ports["ws"]))
        statuses = [worker.status() for worker in workers]
        received = receivers.end()
        base = np.concatenate((before, lateness(model, plain, [])))

    assert [status.line for status in statuses if status.state is SinkState.FAILED] == []
    assert all(status.delivered + status.dropped > 0.9 * len(late) for status in statuses)
    for scheme, count in received.items():
        if scheme not in ("opentrack", "osc"):
            assert count > 0.9 * len(late), scheme
    extra = np.quantile(late, (0.5, 0.99, 0.999)) - np.quantile(base, (0.5, 0.99, 0.999))
    beyond = np.mean(late > np.quantile(base, 0.999) + LATE)
    with capsys.disabled():
        print(
            f"\n{len(workers)} streams, {len(late)} results: late by {1e3 * np.median(late):.2f} ms in the median, "
            f"{1e3 * np.quantile(late, 0.999):.2f} at 99.9 %, {1e3 * late.max():.2f} at most; without streams "
            f"{1e3 * np.median(base):.2f}, {1e3 * np.quantile(base, 0.999):.2f}, {1e3 * base.max():.2f}; "
            f"{100 * beyond:.2f} % more than 2 ms later; memory {sizes[len(sizes) // 4]:.0f} -> {sizes[-1]:.0f} MiB"
        )
    assert extra[0] < LATE
    assert sizes[-1] - sizes[len(sizes) // 4] < 10.0
