"""What all streams have in common: address, rate, mirror, the performer's channels, and how it goes in one line."""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

import numpy as np

from facemodel import LimelightError
from facemodel.channels import CHANNEL_SLICES, ChannelReader, Channels
from realtime.frame import Face, Result, StreamInfo, TrackingState
from realtime.light.lighting import light_on
from realtime.sinks.address import Address, place_of

LOOPBACK = "127.0.0.1"

_EARLY = 0.25
"""Periods of the rate that a result may come before its time: frames of a camera do not come evenly."""

_TURN = threading.Lock()
"""Streams send one after the other: of many threads that want the interpreter, the loop's would wait for each."""

_GONE = 2.0
"""s of `NEUTRAL` after which a face counts as gone: by then it has eased to neutral, and only its place is kept."""


@dataclass(frozen=True)
class StreamOptions:
    """How a stream is sent.

    Attributes:
        host: where to, or where it listens; this machine unless the user said otherwise.
        port: 1..65535.
        rate: at most so many frames a second; infinite for every result of the feed.
        mirror: as a mirror shows the face: left and right exchanged.
        name: of the subject, for receivers that know several.
        others: the options that only this kind of stream has.
        text: the address as it was typed.
    """

    host: str
    port: int
    rate: float = math.inf
    mirror: bool = False
    name: str = "Limelight"
    others: Mapping[str, str] = field(default_factory=dict)
    text: str = ""

    @property
    def place(self) -> str:
        """Host and port as people write them, an IPv6 address in brackets."""
        return place_of(self.host, self.port)

    def choice(self, option: str, choices: Sequence[str], default: str) -> str:
        """Return the value of one of `others`.

        Args:
            option: its name.
            choices: what it may be.
            default: what it is where nothing, or nothing behind the equals sign, was said.

        Raises:
            LimelightError: it is none of the choices.
        """
        value = self.others.get(option) or default
        if value not in choices:
            known = f"{', '.join(choices[:-1])} or {choices[-1]}"
            raise LimelightError(f"sink {self.text}: {option}={value} must be {known}")
        return value

    @classmethod
    def of(cls, address: Address, port: int, mirror: bool = False) -> StreamOptions:
        """Read an address, `SCHEME://HOST:PORT?rate=30&mirror=yes&name=Anna`; everything may be left out.

        Args:
            address: of the stream.
            port: that the protocol is known by.
            mirror: whether receivers of this kind expect a mirrored face.

        Raises:
            LimelightError: an option's value makes no sense.
        """
        options = dict(address.options)
        rate, mirrored = options.pop("rate", ""), options.pop("mirror", "yes" if mirror else "no")
        try:
            hertz = float(rate) if rate else math.inf
        except ValueError:
            hertz = 0.0
        if not hertz > 0.0:
            raise LimelightError(f"sink {address.text}: rate={rate} must be frames a second, such as rate=30")
        if mirrored not in ("yes", "no", ""):
            raise LimelightError(f"sink {address.text}: mirror={mirrored} must be yes or no")
        name = options.pop("name", "") or cls.name
        if address.port == 0:
            raise LimelightError(f"sink {address.text}: the port must be a number from 1 to 65535")
        if address.path not in ("", "/"):
            place = place_of(address.host or LOOPBACK, address.port or port)
            raise LimelightError(
                f"sink {address.text}: a stream's address has no path; its port stands behind a colon, such as "
                f"{address.scheme}://{place}"
            )
        host = address.host or LOOPBACK
        return cls(host, address.port or port, hertz, mirrored != "no", name, options, address.text)


@dataclass(frozen=True, eq=False)
class Sight:
    """What a stream is given to send.

    Attributes:
        result: that it is of.
        time: seconds since the stream began, on the feed's clock; rises, unless a take is set back.
        face: the performer; None while there is none, and then `channels` are those of the last one.
        channels: (C,) of the performer, re-centred where a centre is set, mirrored where that was asked for; they
            may be read until `send` returns. Their light is the show's, where faces stand in that.
        everybody: the faces and their channels, the performer first where there is one; of a stream that sends one
            face, at most that.
    """

    result: Result
    time: float
    face: Face | None
    channels: Channels
    everybody: tuple[tuple[Face, Channels], ...] = ()

    @property
    def state(self) -> TrackingState:
        """The performer's; SEARCHING while there is none."""
        return self.face.state if self.face is not None else TrackingState.SEARCHING

    @property
    def tracked(self) -> bool:
        """Whether the performer was seen in this very frame."""
        return self.state is TrackingState.TRACKING


class FaceStream(ABC):
    """A sink that sends the performer's channels; a protocol fills in `start`, `send` and `stop`.

    Attributes:
        sends_everybody: the channels of all faces are read, not of the performer alone.
        needs_weights: it is of no use with a face model without ARKit's expressions.
        name: of the sink, for people.
        options: see `StreamOptions`.
        sent: messages that left.
    """

    sends_everybody = False
    needs_weights = True

    def __init__(self, name: str, options: StreamOptions) -> None:
        self.name, self.options = name, options
        self.sent = 0
        self._reader: ChannelReader | None = None
        self._memory: list[tuple[Channels, Channels]] = [(Channels.empty(), Channels.empty())]  # plain, mirrored
        self._spare = Channels.empty()
        self._began: float | None = None
        self._due = -math.inf  # on the `monotonic` clock
        self._neutral_since: dict[int, float] = {}  # of faces by their ids, on the stream's clock

    def begin(self, info: StreamInfo) -> None:
        """Get ready for the results of a feed.

        Raises:
            LimelightError: the face model has no expressions that the receiver knows, or `start` failed.
        """
        self._reader = ChannelReader.of_model(info.model)
        if self.needs_weights and not self._reader.has_arkit_weights:
            raise LimelightError(f"{self.name}: the face model has no ARKit expressions, which this stream is made of")
        self._began, self._due = None, -math.inf
        self._neutral_since.clear()
        self.start(info)

    def submit(self, result: Result) -> None:
        """Send a result, unless it comes too early for the rate.

        Faces that are gone are left out, and so are those whose parameters are no numbers.
        """
        if self._began is None:
            self._began = result.time
        time = result.time - self._began
        faces = result.faces if self.sends_everybody else result.faces[:1]
        gone = self._gone(faces, time)
        if self._is_due():
            with _TURN:
                self._send(result, time, faces, gone)

    def _send(self, result: Result, time: float, faces: Sequence[Face], gone: set[int]) -> None:
        """Read the channels of the faces that are not gone, and send them."""
        read = [(face, self._read(face, result, i)) for i, face in enumerate(faces) if face.id not in gone]
        everybody = tuple((face, channels) for face, channels in read if channels is not None)
        if everybody or not read:
            performer = everybody[0][0] if everybody and everybody[0][0] is result.performer else None
            self.send(Sight(result, time, performer, self._memory[0][self.options.mirror], everybody))

    def status(self) -> str:
        """Return where it sends and how much was sent."""
        return f"{self.options.place}, {self.sent} sent"

    def close(self) -> None:
        """End it; a second call does nothing."""
        self.stop()

    def connected(self) -> bool | None:
        """Return whether anything listens at the other end; None where that cannot be known."""
        return None

    @abstractmethod
    def start(self, info: StreamInfo) -> None:
        """Open what is needed.

        Raises:
            LimelightError: the host is unknown, the port is taken, and the like. A receiver that is not there yet is
                no error: it may come.
        """

    @abstractmethod
    def send(self, sight: Sight) -> None:
        """Send one moment, and count it in `sent`; never wait for a receiver."""

    @abstractmethod
    def stop(self) -> None:
        """Close what `start` opened; a second call does nothing."""

    def _read(self, face: Face, result: Result, i: int) -> Channels | None:
        """Return the channels of the i-th face, in memory that is its own; None if they are no numbers."""
        assert self._reader is not None
        while i >= len(self._memory):
            self._memory.append((Channels.empty(), Channels.empty()))
        plain, mirrored = self._memory[i]
        height, width = result.frame.image.shape[:2]
        vector = face.smoothed if face.centred is None else face.centred
        new = self._reader.read(vector, (width, height), self._spare)
        if not result.lighting.estimated:
            light = light_on(result.lighting, self._reader.layout.view(vector)).without_lamps()
            new.sh[:], new.key_position[:], new.key_color[:] = light.sh, light.key_position, light.key_color
            new.rows[CHANNEL_SLICES["shininess"]] = light.shininess
        numbers = (new.rows, face.smoothed, face.person.albedo, face.confidence)
        if not all(np.isfinite(some).all() for some in numbers):
            return None
        self._memory[i], self._spare = (new, mirrored), plain
        return new.mirror(mirrored) if self.options.mirror else new

    def _gone(self, faces: Sequence[Face], time: float) -> set[int]:
        """Return the ids of the faces that have been neutral for long.

        Args:
            faces: of a result, all that are to be sent.
            time: of the result, on the stream's clock.
        """
        since = self._neutral_since
        neutral = [face.id for face in faces if face.state is TrackingState.NEUTRAL]
        self._neutral_since = {id_: min(since.get(id_, time), time) for id_ in neutral}  # a take may be set back
        return {id_ for id_, began in self._neutral_since.items() if time - began >= _GONE}

    def _is_due(self) -> bool:
        """Whether a result that comes now is to be sent: the first one after each tick of the rate is.

        One that comes a whole period after the last that was sent always is.
        """
        now, period = monotonic(), 1.0 / self.options.rate
        if now < self._due - _EARLY * period:
            return False
        self._due = (self._due if now < self._due + period else now) + period
        return True
