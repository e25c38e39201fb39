"""Receivers of streams in a process of their own, so that what is measured of the loop is not theirs.

`python -m tests.apps.stream_receivers SLOW,SLOW SCHEME...` listens for each scheme at a port of its own and prints them
as JSON; each line that it reads then is a command: `ws PORT` connects two clients there, of which one never reads;
`end` prints what was received, and ends.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

from websockets.sync.client import connect

SLOW = 10.0
"""s between two datagrams that a slow receiver reads."""


class Counting:
    """A receiver of datagrams that counts them."""

    def __init__(self, pause: float = 0.0) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.received = 0
        self._pause = pause
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(self._pause):
            self._socket.recv(65536)
            self.received += 1


class Reading:
    """Two clients of a WebSocket: one counts what it reads, one never reads."""

    def __init__(self, port: int) -> None:
        self.received = 0
        self._port = port
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        address = f"ws://127.0.0.1:{self._port}"
        with connect(address, proxy=None) as reads, connect(address, proxy=None):
            for message in reads:
                json.loads(message)
                self.received += 1


class Receivers:
    """The process, seen from outside.

    Attributes:
        ports: of the receivers of datagrams, by scheme.
    """

    def __init__(self, schemes: Iterable[str], slow: Iterable[str] = ()) -> None:
        command = [sys.executable, "-m", "tests.apps.stream_receivers", ",".join(slow), *schemes]
        root = Path(__file__).parents[2]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=root)
        self.ports: dict[str, int] = self._answer()

    def read(self, port: int) -> None:
        """Let two clients connect to a WebSocket, of which one never reads."""
        self._say(f"ws {port}")

    def end(self) -> dict[str, int]:
        """End the process; return how many messages each scheme received, `ws` the WebSocket's."""
        self._say("end")
        received = self._answer()
        self._process.wait(10)
        return received

    def close(self) -> None:
        """End the process at once; a second call does nothing."""
        self._process.kill()
        self._process.wait()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _answer(self) -> dict[str, int]:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def _main(slow: str, *schemes: str) -> None:
    receivers: dict[str, Counting | Reading] = {
        scheme: Counting(SLOW if scheme in slow.split(",") else 0.0) for scheme in schemes
    }
    ports = {scheme: receiver.port for scheme, receiver in receivers.items() if isinstance(receiver, Counting)}
    print(json.dumps(ports), flush=True)
    for line in sys.stdin:
        word, *port = line.split()
        if word == "end":
            break
        receivers[word] = Reading(int(port[0]))
    print(json.dumps({scheme: receiver.received for scheme, receiver in receivers.items()}), flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
