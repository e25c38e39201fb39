"""A face whose every number a test knows, and receivers to send it to."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import BlockingOSCUDPServer

from facemodel import FaceModel
from facemodel.rotation import matrix_from_euler
from realtime.frame import Face, Frame, Person, Result, StreamInfo, TrackingState
from realtime.sinks.address import Address
from realtime.streams.kinds import STREAMS

MODEL = FaceModel.load()
LAYOUT = MODEL.layout
WIDTH, HEIGHT = 640, 480
INFO = StreamInfo("test", WIDTH, HEIGHT, 30.0, live=True, model=MODEL)
PICTURE = np.zeros((HEIGHT, WIDTH, 3), np.uint8)

EVERY_WEIGHT = {name: (i + 1) / 60 for i, name in enumerate(MODEL.expression_names)}
EVERY_WEIGHT["mouthClose"] = EVERY_WEIGHT["jawOpen"] / 2  # never more than jawOpen
"""A value of its own for each expression."""


def a_face(
    weights: Mapping[str, float] | None = None,
    head: tuple[float, float, float] = (0.0, 0.0, 0.0),
    place: tuple[float, float, float] = (320.0, 240.0, 2.0),
    number: int = 1,
    state: TrackingState = TrackingState.TRACKING,
) -> Face:
    """A face.

    Args:
        weights: of expressions; others are 0.
        head: yaw, pitch, roll, degrees, in the order and signs of our own channels.
        place: of the head centre in the picture, px, and px/mm.
        number: its id.
        state: see `TrackingState`.
    """
    vector = LAYOUT.neutral()
    p = LAYOUT.view(vector)
    for name, value in (weights or {}).items():
        p.expression[LAYOUT.expression_names.index(name)] = value
    p.rotation = matrix_from_euler(*np.radians(head))
    p.translation[:], p.scale = place[:2], place[2]
    p.albedo[:] = number
    who = Person(number, p.identity, p.albedo)
    return Face(number, state, vector, who, raw=vector if state is TrackingState.TRACKING else None, confidence=0.75)


def a_result(*faces: Face, time: float = 0.0, **fields) -> Result:
    return Result(Frame(round(30 * time), time, PICTURE), time, faces, **fields)


class Receiver:
    """A socket that keeps what comes."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.settimeout(60)
        self.port = self.socket.getsockname()[1]

    def take(self, count: int) -> list[bytes]:
        """The next datagrams."""
        return [self.socket.recv(65536) for _ in range(count)]

    def is_empty(self) -> bool:
        self.socket.setblocking(False)
        try:
            self.socket.recv(65536)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(60)
        return False

    def close(self) -> None:
        self.socket.close()


class OscReceiver:
    """A server of python-osc that keeps what comes, in its order."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, tuple]] = []
        dispatcher = Dispatcher()
        dispatcher.set_default_handler(lambda address, *values: self.messages.append((address, values)))
        self._server = BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher)
        self._server.timeout = 2.0
        self.port = self._server.server_address[1]

    def take(self, datagrams: int) -> list[tuple[str, tuple]]:
        """The messages of the next datagrams."""
        self.messages = []
        for _ in range(datagrams):
            self._server.handle_request()
        return self.messages

    def close(self) -> None:
        self._server.server_close()


def open_stream(kind: str, port: int, host: str = "127.0.0.1", **options: str):
    """A stream that has begun."""
    address = Address.parse(f"{kind}://[{host}]:{port}" if ":" in host else f"{kind}://{host}:{port}")
    (found,) = (of for of in STREAMS if of.takes(address))
    stream = found.open(replace(address, options=options))
    stream.begin(INFO)
    return stream
