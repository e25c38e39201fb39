"""All streams at once, for minutes, with receivers that are absent, slow or deaf: the loop must not notice.

`LIMELIGHT_STREAM_MINUTES` (1) says for how long. Everything stays on this machine. How late single results are is
printed; only the median is judged, since a busy machine is late by itself.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest
from websockets.sync.client import connect

from facemodel import FaceModel
from realtime.loop.loop import Loop
from realtime.sinks.registry import KINDS, open_sink
from realtime.sinks.worker import SinkState
from realtime.streams.pattern import PatternFeed

FPS = 60.0
LATE = 0.002
"""s that a result may be late because of streams."""
MINUTES = float(os.environ.get("LIMELIGHT_STREAM_MINUTES", "1"))

SENDING = ("vmc", "livelink", "opentrack", "openseeface", "vrchat", "osc", "ifacialmocap")
LISTENING = ("ws", "vts-ios", "view")
CALLING = ("vts",)


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Counting:
    """A receiver of datagrams that counts them; a slow one reads one in ten seconds."""

    def __init__(self, slow: bool = False) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self.port = self._socket.getsockname()[1]
        self.received = 0
        self._pause = 10.0 if slow else 0.0
        self._ended = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while not self._ended.wait(self._pause):
            try:
                self._socket.recv(65536)
                self.received += 1
            except TimeoutError:
                continue
            except OSError:
                return

    def close(self) -> None:
        self._ended.set()
        self._socket.close()


def lateness(model: FaceModel, seconds: float, workers: list) -> np.ndarray:
    """(N,) s by which each result was through all sinks after it was due."""
    feed = PatternFeed(model, FPS, step=0.5)
    for worker in workers:
        assert worker.begin(feed.info), worker.problem
    late = []

    def through(result) -> None:
        late.append(time.perf_counter() - result.time)  # the pattern tells when it was due

    loop = Loop(feed, [*(worker.offer for worker in workers), through])
    loop.start()
    time.sleep(seconds)
    loop.stop()
    return np.array(late[int(FPS) :])  # the first second is for starting


def memory() -> float:
    """MiB of this process."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


@pytest.mark.apps
def test_streams_hold_up_nobody(model, capsys):
    schemes = {kind.scheme for kind in KINDS if kind.scheme}
    assert schemes <= {*SENDING, *LISTENING, *CALLING}, "a stream that this test does not know"
    with ExitStack() as stack:
        receivers = {scheme: Counting(slow=scheme == "osc") for scheme in SENDING if scheme in schemes}
        for receiver in receivers.values():
            stack.callback(receiver.close)
        ports = {scheme: receiver.port for scheme, receiver in receivers.items()}
        ports["opentrack"] = free_port(socket.SOCK_DGRAM)  # nobody listens there
        ports |= {"ws": free_port(), "view": free_port(), "vts": free_port(), "vts-ios": free_port(socket.SOCK_DGRAM)}
        addresses = [f"{scheme}://127.0.0.1:{port}" for scheme, port in ports.items() if scheme in schemes]
        workers = [open_sink(address) for address in addresses]
        for worker in workers:
            stack.callback(worker.close)

        base = lateness(model, max(10.0, min(60.0, 6 * MINUTES)), [])
        watching = threading.Event()

        def deaf_and_listening() -> None:
            """One client reads, one never does."""
            time.sleep(2.0)
            with connect(f"ws://127.0.0.1:{ports['ws']}") as reads, connect(f"ws://127.0.0.1:{ports['ws']}"):
                while not watching.is_set():
                    heard.append(json.loads(reads.recv(timeout=5)))
                    del heard[:-2]
                    counts.append(1)

        heard: list[dict] = []
        counts: list[int] = []
        listener = threading.Thread(target=deaf_and_listening, daemon=True)
        listener.start()
        sizes: list[float] = []

        def weigh() -> None:
            while not watching.wait(max(1.0, 60.0 * MINUTES / 40)):
                sizes.append(memory())

        threading.Thread(target=weigh, daemon=True).start()
        with closing(_Ending(watching)):
            late = lateness(model, 60.0 * MINUTES, workers)
        statuses = [worker.status() for worker in workers]

    assert [status.line for status in statuses if status.state is SinkState.FAILED] == []
    assert all(status.delivered + status.dropped > 0.9 * len(late) for status in statuses)
    for scheme, receiver in receivers.items():
        if scheme not in ("opentrack", "osc"):
            assert receiver.received > 0.9 * len(late), scheme
    assert len(counts) > 0.5 * len(late)
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


class _Ending:
    """Sets an event when it is closed."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def close(self) -> None:
        self._event.set()
