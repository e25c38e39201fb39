"""The test pattern: every channel in turn, by name, so that one sees at the other end what arrives where."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from facemodel import ARKIT_NAMES, FaceModel, Parameters
from facemodel.channels import FIELD_OF_VIEW
from facemodel.rotation import matrix_from_euler
from realtime.frame import Face, Frame, Person, Result, StreamInfo, TrackingState
from realtime.loop.feed import FeedStatus, Transport

_WIDTH, _HEIGHT = 640, 480
_DISTANCE = 600.0
"""mm from the camera that the head is at."""
_TURN, _SHIFT = 30.0, 60.0
"""Degrees and mm that the head moves each way."""


@dataclass(frozen=True, eq=False)
class Step:
    """One moment of the pattern's sequence.

    Attributes:
        name: of the channel that moves, such as "jawLeft" or "headYaw +".
        apply: moves it: takes the face at rest, and how far, 0..1.
    """

    name: str
    apply: Callable[[Parameters, float], None]


class PatternFeed:
    """Moves one channel after the other from 0 to 1 and back, for ever; a `realtime.loop.feed.Feed`.

    ARKit's weights come first, then the head's angles and place each way, both eyes together each way, and the light:
    the key light from either side, from above and below, in red, green and blue, and the SH light's three directions.
    mouthClose comes with an open jaw, without which there is nothing to close. Every result has the name of the channel
    as its `label`.

    Attributes:
        info, transport: see `Feed`.
        steps: the sequence.
    """

    transport: Transport | None = None

    def __init__(self, model: FaceModel, fps: float = 60.0, step: float = 1.0, paced: bool = True) -> None:
        """
        Args:
            model: that is moved; of ARKit's expressions those that it has.
            fps: results a second.
            step: s for each channel.
            paced: in real time; otherwise as fast as it is read.
        """
        self.info = StreamInfo("test pattern", _WIDTH, _HEIGHT, fps, paced, model, network="none", pictures=False)
        self.steps = tuple(_steps(model))
        self._per_step = max(round(step * fps), 2)
        self._rest = model.layout.neutral()
        p = model.layout.view(self._rest)
        p.translation[:] = (_WIDTH / 2, _HEIGHT / 2)
        p.scale = 0.5 * _WIDTH / math.tan(0.5 * FIELD_OF_VIEW) / _DISTANCE
        self._person = Person(1, p.identity, p.albedo, settled=True)
        self._picture = np.zeros((_HEIGHT, _WIDTH, 3), np.uint8)
        self._picture.setflags(write=False)
        self._next = 0
        self._began: float | None = None
        self._closed = threading.Event()

    def read(self) -> Result | None:
        """Wait until the next result is due, and return it; None once closed."""
        index, info = self._next, self.info
        if info.live:
            now = perf_counter()
            self._began = now if self._began is None else self._began
            index = max(index, int((now - self._began) * info.fps))  # a late reader misses some
            self._closed.wait(max(self._began + index / info.fps - now, 0.0))
        if self._closed.is_set():
            return None
        self._next = index + 1
        step, at = divmod(index, self._per_step)
        moving = self.steps[step % len(self.steps)]
        vector = self._rest.copy()
        moving.apply(info.model.layout.view(vector), 0.5 - 0.5 * math.cos(2.0 * math.pi * at / self._per_step))
        vector.setflags(write=False)
        time = (self._began or 0.0) + index / info.fps
        face = Face(1, TrackingState.TRACKING, vector, self._person, raw=vector, confidence=1.0)
        return Result(Frame(index, time, self._picture), time, (face,), label=moving.name)

    def status(self) -> FeedStatus:
        """Return the name of the channel that moves, as a message."""
        return FeedStatus(message=self.steps[max(self._next - 1, 0) // self._per_step % len(self.steps)].name)

    def recenter(self) -> None:
        """Do nothing: the head is straight ahead."""

    def reset_person(self) -> None:
        """Do nothing: there is nobody else."""

    def choose(self, number: int) -> None:
        """Do nothing: there is nobody else."""

    def choose_at(self, x: float, y: float) -> None:
        """Do nothing: there is nobody else."""

    def close(self) -> None:
        self._closed.set()


def _steps(model: FaceModel) -> Iterator[Step]:
    for name in ARKIT_NAMES:
        sides = [side for side in (name, f"{name}Left", f"{name}Right") if side in model.expression_names]
        if sides:
            yield _weights(model, name, *(sides[:1] if sides[0] == name else sides))
    for i, name in enumerate(("headYaw", "headPitch", "headRoll")):
        yield from (Step(f"{name} {way}", _turn(i, sign)) for way, sign in _WAYS)
    for i, name in enumerate(("headX", "headY", "headZ")):
        yield from (Step(f"{name} {way}", _shift(i, sign)) for way, sign in _WAYS)
    looks = (("image right", "OutLeft", "InRight"), ("image left", "InLeft", "OutRight"))
    for way, left, right in (*looks, ("up", "UpLeft", "UpRight"), ("down", "DownLeft", "DownRight")):
        if {f"eyeLook{left}", f"eyeLook{right}"} <= set(model.expression_names):
            yield _weights(model, f"eyes {way}", f"eyeLook{left}", f"eyeLook{right}")
    places = (("image right", 0, 1.0), ("image left", 0, -1.0), ("above", 1, 1.0), ("below", 1, -1.0))
    yield from (Step(f"key light from {way}", _key_place(i, sign)) for way, i, sign in places)
    for i, name in enumerate(("red", "green", "blue")):
        yield Step(f"key light {name}", _key_color(i))
    for i, name in ((3, "image right"), (1, "above"), (2, "the camera")):
        yield Step(f"SH light from {name}", _sh(i))


_WAYS = (("+", 1.0), ("-", -1.0))


def _weights(model: FaceModel, name: str, *expressions: str) -> Step:
    names = model.expression_names
    columns = [names.index(expression) for expression in expressions]
    jaw = names.index("jawOpen") if name == "mouthClose" and "jawOpen" in names else None

    def apply(p: Parameters, amount: float) -> None:
        if jaw is not None:
            p.expression[jaw] = 1.0
        p.expression[columns] = amount

    return Step(name, apply)


def _turn(axis: int, sign: float) -> Callable[[Parameters, float], None]:
    def apply(p: Parameters, amount: float) -> None:
        angles = [0.0, 0.0, 0.0]
        angles[axis] = sign * amount * math.radians(_TURN)
        p.rotation = matrix_from_euler(*angles)

    return apply


def _shift(axis: int, sign: float) -> Callable[[Parameters, float], None]:
    def apply(p: Parameters, amount: float) -> None:
        if axis == 2:
            p.scale *= _DISTANCE / (_DISTANCE - sign * amount * _SHIFT)
        else:
            p.translation[axis] += (sign, -sign)[axis] * amount * _SHIFT * p.scale

    return apply


def _key_place(axis: int, sign: float) -> Callable[[Parameters, float], None]:
    def apply(p: Parameters, amount: float) -> None:
        p.key_position[:] = (0.0, 0.0, 500.0)
        p.key_position[axis] = sign * amount * 500.0

    return apply


def _key_color(channel: int) -> Callable[[Parameters, float], None]:
    def apply(p: Parameters, amount: float) -> None:
        p.key_color[:] = 0.0
        p.key_color[channel] = amount

    return apply


def _sh(harmonic: int) -> Callable[[Parameters, float], None]:
    def apply(p: Parameters, amount: float) -> None:
        p.sh[1:] = 0.0
        p.sh[harmonic] = amount

    return apply
