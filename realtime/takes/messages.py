"""The messages of a take but its header: frames with their faces, stall marks, markers, timecode, light."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import numpy as np
from numpy.typing import NDArray

from facemodel import Crop, LimelightError
from realtime.frame import Result, TrackingState
from realtime.frame_rate import FrameRate, Timecode
from realtime.light.environments import Environment
from realtime.light.lighting import Lighting, values_of
from realtime.light.values import VALUES, Rgb, Value
from realtime.takes.cdr import CdrReader, CdrWriter
from realtime.takes.format import STATES

_FRAME = struct.Struct("<QddIII")  # the last is the number of faces
_FACE = struct.Struct("<IIB3xf")
_CROP = struct.Struct("<4d")
_NO_CROP = (float("nan"),) * 4

_FRAME_V1 = struct.Struct("<Qd4dB3xf")

MAX_FACES = 1000
"""In one frame; more is damage."""


@dataclass(frozen=True, slots=True, eq=False)
class TakeFace:
    """One face of a frame of a take: `realtime.frame.Face` with the key of its person.

    Attributes:
        id: of the face in its session, from 1 on.
        person: key of whose face it is.
        state, confidence, crop: as in `Face`.
        smoothed: (P,) float32, read only.
        raw: (P,) float32 or None, read only.
    """

    id: int
    person: int
    state: TrackingState
    confidence: float
    crop: Crop | None
    smoothed: NDArray[np.float32]
    raw: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True, eq=False)
class TakeFrame:
    """One frame of a take: a `Result` without its picture.

    Attributes:
        index, timestamp: of the frame in its source; s.
        time: s, on the clock of the feed.
        width, height: of the frame, px.
        faces: the performer first.
        sequence: number of the frame's message in its file.
    """

    index: int
    time: float
    timestamp: float
    width: int
    height: int
    faces: tuple[TakeFace, ...] = ()
    sequence: int = 0


@dataclass(frozen=True)
class Stall:
    """A time without frames: from the last frame before it (s, on the clock of the feed) to the first one after it.

    `end` is None where the recording was cut short in it.
    """

    begin: float
    end: float | None = None

    def to_json(self) -> bytes:
        """Return the mark as it stands in a file."""
        return json.dumps({"begin": self.begin, "end": self.end}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Stall:
        """Read what `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: `data` is not such a mark.
        """
        content = json.loads(data)
        return cls(float(content["begin"]), None if content["end"] is None else float(content["end"]))


@dataclass(frozen=True)
class Marker:
    """Something that was marked during a take: when (s, on the clock of the feed) and what."""

    time: float
    text: str

    def to_json(self) -> bytes:
        """Return the marker as it stands in a file."""
        return json.dumps({"time": self.time, "text": self.text}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Marker:
        """Read what `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: `data` is not a marker.
        """
        content = json.loads(data)
        return cls(float(content["time"]), str(content["text"]))


@dataclass(frozen=True)
class TimecodeMark:
    """What timecode it was at a time (s, on the clock of the feed); it runs on evenly until the next mark."""

    time: float
    timecode: Timecode

    def at(self, time: float) -> Timecode:
        """Return the timecode at a time, before or after the mark."""
        return self.timecode.plus(time - self.time)

    def to_json(self) -> bytes:
        """Return the mark as it stands in a file."""
        timecode = self.timecode
        content = {"timecode": str(timecode), "subframe": timecode.subframe, "rate": str(timecode.rate)}
        return json.dumps({"time": self.time} | content).encode()

    @classmethod
    def from_json(cls, data: bytes) -> TimecodeMark:
        """Read what `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: `data` is not a mark.
        """
        content = json.loads(data)
        try:
            rate = FrameRate.parse(str(content["rate"]))
            whole = Timecode.parse(str(content["timecode"]), rate)
        except LimelightError as error:
            raise ValueError(str(error)) from error
        return cls(float(content["time"]), Timecode(whole.number + Fraction(float(content["subframe"])), rate))


@dataclass(frozen=True)
class ShowMark:
    """What changed in the show at a time; of a take's first mark everything.

    Attributes:
        time: s, on the clock of the feed.
        values: that changed, by name.
        changes_environment: the environment changed, to `environment`.
        environment: None for the estimated SH light.
    """

    time: float
    values: Mapping[str, Value]
    changes_environment: bool = False
    environment: Environment | None = None

    @classmethod
    def between(cls, time: float, before: Lighting | None, now: Lighting) -> ShowMark:
        """Return what changed from one lighting to another, or everything of the first one (None before)."""
        old = {} if before is None else values_of(before)
        changed = {name: value for name, value in values_of(now).items() if old.get(name) != value}
        other = before is None or before.environment is not now.environment
        return cls(time, changed, other, now.environment if other else None)

    def to_json(self) -> bytes:
        """Return the mark as it stands in a file."""
        content: dict[str, object] = {"time": self.time, "values": dict(self.values)}
        if self.changes_environment:
            content["environment"] = self.environment and {
                part: getattr(self.environment, part).tolist() for part in _ENVIRONMENT
            }
        return json.dumps(content).encode()

    @classmethod
    def from_json(cls, data: bytes) -> ShowMark:
        """Read what `to_json` wrote; values that this version does not know are left out.

        Raises:
            ValueError, KeyError, TypeError: `data` is not a mark.
        """
        content = json.loads(data)
        if not isinstance(content["values"], dict):
            raise TypeError("values without names")
        values = {name: _value(name, value) for name, value in content["values"].items() if name in VALUES}
        found = content.get("environment")
        environment = None
        if found is not None:
            environment = Environment(*(_numbers(found[part], shape) for part, shape in _ENVIRONMENT.items()))
        return cls(float(content["time"]), values, "environment" in content, environment)


_ENVIRONMENT = {"sh": (9, 3), "key_position": (3,), "key_color": (3,)}


def _numbers(found: object, shape: tuple[int, ...]) -> NDArray[np.float32]:
    numbers = np.array(found, np.float32)
    if numbers.shape != shape or not np.isfinite(numbers).all():
        raise ValueError("an environment of other numbers")
    return numbers


def _value(name: str, value: object) -> Value:
    """A value of the show as it is told, even beyond its range, where the colour of a lamp took it."""
    try:
        checked = VALUES[name].checked(value)
    except LimelightError as error:
        raise ValueError(str(error)) from error
    if isinstance(checked, float):
        return float(cast(float, value))
    if isinstance(checked, tuple):
        r, g, b = (float(part) for part in cast(Rgb, value))
        return r, g, b
    return checked


def encode_frame(result: Result) -> bytes:
    """Return the CDR message of one result; of its picture only the size is kept."""
    height, width = result.frame.image.shape[:2]
    cdr = CdrWriter()
    frame = result.frame
    cdr.fields(_FRAME, 8, frame.index, result.time, frame.timestamp, width, height, len(result.faces))
    for face in result.faces:
        crop = face.crop
        cdr.fields(_FACE, 4, face.id, face.person.key, STATES.index(face.state), face.confidence)
        cdr.fields(_CROP, 8, *(_NO_CROP if crop is None else (*crop.centre, crop.side, crop.angle)))
        cdr.floats(face.raw)
        cdr.floats(face.smoothed)
    return cdr.message()


def decode_frame(data: bytes, size: int, sequence: int = 0) -> TakeFrame:
    """Read what `encode_frame` wrote.

    Args:
        data: the message.
        size: P, of each parameter vector.
        sequence: of the message.

    Raises:
        ValueError: `data` is not such a message.
    """
    try:
        cdr = CdrReader(data)
        index, time, timestamp, width, height, count = cdr.fields(_FRAME, 8)
        if count > MAX_FACES:
            raise ValueError(f"{count} faces in one frame")
        faces = tuple(_faces(cdr, count, size))
        return TakeFrame(index, time, timestamp, width, height, faces, sequence)
    except (struct.error, IndexError) as error:
        raise ValueError(f"malformed frame message ({error})") from error


def decode_frame_v1(data: bytes, size: int, width: int, height: int, sequence: int = 0) -> TakeFrame:
    """Read a frame of format version 1, which has one face at most: of id 1, of person 1.

    Args:
        data: the message.
        size: P, of each parameter vector.
        width, height: of every frame, px.
        sequence: of the message.

    Raises:
        ValueError: `data` is not such a message.
    """
    try:
        cdr = CdrReader(data)
        index, timestamp, x, y, side, angle, state, confidence = cdr.fields(_FRAME_V1, 8)
        raw, smoothed = _of_size(cdr.floats(), size), _of_size(cdr.floats(), size)
        crop = None if np.isnan(side) else Crop((x, y), side, angle)
        faces = () if smoothed is None else (TakeFace(1, 1, STATES[state], confidence, crop, smoothed, raw),)
        return TakeFrame(index, timestamp, timestamp, width, height, faces, sequence)
    except (struct.error, IndexError) as error:
        raise ValueError(f"malformed frame message ({error})") from error


def _faces(cdr: CdrReader, count: int, size: int) -> Iterator[TakeFace]:
    for _ in range(count):
        number, person, state, confidence = cdr.fields(_FACE, 4)
        x, y, side, angle = cdr.fields(_CROP, 8)
        raw, smoothed = _of_size(cdr.floats(), size), _of_size(cdr.floats(), size)
        if smoothed is None:
            raise ValueError("a face without parameters")
        crop = None if np.isnan(side) else Crop((x, y), side, angle)
        yield TakeFace(number, person, STATES[state], confidence, crop, smoothed, raw)


def _of_size(vector: NDArray[np.float32] | None, size: int) -> NDArray[np.float32] | None:
    if vector is not None and len(vector) != size:
        raise ValueError(f"{len(vector)} parameters instead of {size}")
    return vector
