"""No pool of threads is larger than the user asked for."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from realtime.threads import Receiver, Ticker
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import json, os, sys
import numpy as np
from realtime.opencv import cv2
from realtime.threads import limit_threads
from realtime.sources import VideoSource
from threadpoolctl import threadpool_info

path, count = sys.argv[1], int(sys.argv[2])
video = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (64, 48))
for i in range(8):
    video.write(np.full((48, 64, 3), 20 * i, np.uint8))
video.release()
limit_threads(count)
source = VideoSource(path)
decoders = source._reader._stream.codec_context.thread_count
print(json.dumps({
    "opencv": cv2.getNumThreads(),
    "decoder": decoders,
    "blas": max((pool["num_threads"] for pool in threadpool_info()), default=1),
    "opengl": int(os.environ["LP_NUM_THREADS"]),
}))
"""


def pools(tmp_path: Path, count: int, **environment: str) -> dict[str, float]:
    """Sizes of the pools of a process that allows itself `count` threads."""

    clean = {name: value for name, value in os.environ.items() if not name.endswith("NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "clip.mp4"), str(count)],
        capture_output=True, text=True, check=True, timeout=60, cwd=ROOT, env=clean | environment,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_every_pool_is_pinned(tmp_path):
    assert pools(tmp_path, 1) == {"opencv": 1, "decoder": 1, "blas": 1, "opengl": 1}
    assert pools(tmp_path, 3) == {"opencv": 3, "decoder": 3, "blas": 1, "opengl": 3}


def test_the_environment_may_say_otherwise_for_opengl(tmp_path):
    assert pools(tmp_path, 2, LP_NUM_THREADS="1")["opengl"] == 1


def test_a_ticker_calls_until_it_is_stopped_and_may_begin_again():
    calls = []
    ticker = Ticker(lambda: calls.append(threading.current_thread().name), 0.001, "tick")
    for _ in range(2):
        calls.clear()
        ticker.start()
        wait_for(lambda: len(calls) > 2)
        ticker.stop()
        ticker.stop()
        assert set(calls) == {"tick"} and "tick" not in {thread.name for thread in threading.enumerate()}


def test_a_receiver_hears_and_answers_until_it_is_stopped_and_may_begin_again():
    heard = []
    receiver = Receiver(lambda data, place: heard.append((data, place, threading.current_thread().name)), 4, "ear")
    assert not receiver.send(b"early", ("127.0.0.1", 9))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.settimeout(60)
        for _ in range(2):
            heard.clear()
            opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            opened.bind(("127.0.0.1", 0))
            opened.setblocking(False)
            place = opened.getsockname()
            receiver.start(opened)
            other.sendto(b"12345", place)
            other.sendto(b"", place)
            wait_for(lambda: len(heard) == 2)
            assert heard == [(b"1234", other.getsockname(), "ear"), (b"", other.getsockname(), "ear")]
            assert receiver.send(b"yes", other.getsockname()) and other.recvfrom(9) == (b"yes", place)
            assert not receiver.send(b"no", ("127.0.0.1", 70_000))
            receiver.stop()
            receiver.stop()
            assert opened.fileno() == -1 and "ear" not in {thread.name for thread in threading.enumerate()}
            assert not receiver.send(b"late", other.getsockname())
