"""What the tests of the streams share: faces whose channels are known, and where to send them."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np

from facemodel import FaceModel, Parameters
from realtime.frame import Face, Frame, Person, Result, StreamInfo, TrackingState
from realtime.sinks.contract import Sink
from realtime.sinks.registry import open_sink
from tests.toy_model import toy_model

MODEL = toy_model()
INFO = StreamInfo("clip.mp4", 640, 480, 60.0, live=True, model=MODEL, network="none")
PICTURE = np.broadcast_to(np.zeros(3, np.uint8), (480, 640, 3))


def vector(
    weights: dict[str, float] | None = None,
    change: Callable[[Parameters], None] = lambda p: None,
    model: FaceModel = MODEL,
) -> np.ndarray:
    """Parameters of a head in the middle of the frame, 1 px/mm."""
    values = model.layout.neutral()
    p = model.layout.view(values)
    p.translation[:] = (320, 240)
    for name, weight in (weights or {}).items():
        p.expression[model.expression_names.index(name)] = weight
    change(p)
    return values


def face(values: np.ndarray, number: int = 1, state: TrackingState = TrackingState.TRACKING) -> Face:
    p = MODEL.layout.view(values)
    return Face(number, state, values, Person(number, p.identity, p.albedo), confidence=0.9)


def result(index: int = 0, faces: Sequence[Face] = (), fps: float = 60.0, label: str = "") -> Result:
    time_ = index / fps
    return Result(Frame(index, time_, PICTURE), time_, tuple(faces), label=label)


def one(weights: dict[str, float] | None = None, change: Callable[[Parameters], None] = lambda p: None) -> Result:
    """The result of one face."""
    return result(0, [face(vector(weights, change))])


def stream(address: str) -> Sink:
    """A stream by its address, begun."""
    sink = open_sink(address).sink
    sink.begin(INFO)
    return sink


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port of this machine's that nobody uses, and that the system gives to nobody who asks for any."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket(socket.AF_INET, kind) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
