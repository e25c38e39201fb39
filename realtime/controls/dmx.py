"""DMX comes in over the network: a lighting desk moves the show's lights as if they were fixtures."""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from facemodel import LimelightError
from realtime.controls.dmx_packets import SLOTS, DmxPacket, art_poll_reply, is_art_poll, read_art_net, read_sacn
from realtime.controls.inbox import Inbox
from realtime.controls.personality import FOOTPRINT, Personality
from realtime.controls.place import LOOPBACK, Place
from realtime.threads import Receiver

LOSS = 2.5
"""s without a packet after which a source is lost (E1.31, 6.7.1)."""
_BACKWARD = 20
"""Sequence numbers that are so far behind at most are old packets (E1.31, 6.7.2)."""
_MOST_SOURCES = 16
_ANSWERS = 0.1
"""s at least between two answers to who is there."""
_LARGEST = 2048

SACN_PORT, ART_NET_PORT = 5568, 6454


@dataclass(frozen=True)
class DmxConfig:
    """What DMX is listened to.

    Attributes:
        kind: "sacn" or "artnet".
        universe: 1..63999 of sACN, 0..32767 of Art-Net.
        address: of the first of our slots, from 1.
        place: to listen at; beyond this machine sACN's multicast is heard too.
    """

    kind: str
    universe: int
    address: int
    place: Place

    @classmethod
    def parse(cls, kind: str, text: str) -> DmxConfig:
        """Return what `UNIVERSE`, `UNIVERSE.ADDRESS`, `UNIVERSE.ADDRESS@HOST` or `...@HOST:PORT` says.

        Args:
            kind: "sacn" or "artnet".
            text: "" for the first universe's first slots, from this machine alone.

        Raises:
            LimelightError: it cannot be, or our slots do not fit behind the address.
        """
        slots, _, place = text.partition("@")
        match = re.fullmatch(r"(\d{1,5})(?:\.(\d{1,3}))?", slots or ("1" if kind == "sacn" else "0"))
        if match is None:
            raise LimelightError(f"{kind} {text}: must look like 1, 1.1 or 1.1@0.0.0.0 (universe, address, host)")
        universe, address = int(match[1]), int(match[2] or 1)
        low, high = (1, 63999) if kind == "sacn" else (0, 32767)
        if not low <= universe <= high:
            raise LimelightError(f"{kind} {text}: universes are {low} to {high}")
        if not 1 <= address <= SLOTS - FOOTPRINT + 1:
            raise LimelightError(f"{kind} {text}: {FOOTPRINT} slots must fit: address 1 to {SLOTS - FOOTPRINT + 1}")
        port = SACN_PORT if kind == "sacn" else ART_NET_PORT
        return cls(kind, universe, address, Place.parse(place, port) if place else Place(LOOPBACK, port))

    @property
    def group(self) -> str:
        """The multicast group of an sACN universe."""
        return f"239.255.{self.universe >> 8}.{self.universe & 255}"


@dataclass(frozen=True)
class DmxStatus:
    """How DMX goes.

    Attributes:
        packets: that came in.
        malformed: of those, neither sACN nor Art-Net.
        old: packets that came after newer ones.
        sources: that send now; none of them: the last look is held.
    """

    packets: int
    malformed: int
    old: int
    sources: int


@dataclass
class _Source:
    """One that sends a universe."""

    heard: float  # s
    priority: int
    sequence: int | None
    order: int = field(default=0)


class DmxMerge:
    """Tells which packets of a universe count: those of the source of highest priority; of equals, the first's."""

    def __init__(self) -> None:
        self.old = 0
        self._sources: dict[tuple[str, bytes], _Source] = {}
        self._count = 0

    def take(self, packet: DmxPacket, sender: str, now: float) -> bool:
        """Take a packet in; return whether it is to be played.

        Args:
            packet: of the universe.
            sender: the address that it came from.
            now: s of any clock that does not go back.
        """
        key = ("", packet.source) if packet.source else (sender, b"")
        self._forget(now)
        source = self._sources.get(key)
        if packet.ended:
            self._sources.pop(key, None)
            return False
        if source is None:
            if len(self._sources) == _MOST_SOURCES:
                return False
            self._count += 1
            source = self._sources[key] = _Source(now, packet.priority, packet.sequence, self._count)
        else:
            if packet.sequence is not None and source.sequence is not None:
                ahead = (packet.sequence - source.sequence + 128) % 256 - 128
                if -_BACKWARD < ahead <= 0:
                    self.old += 1
                    return False
            source.heard, source.priority, source.sequence = now, packet.priority, packet.sequence
        return source is min(self._sources.values(), key=lambda other: (-other.priority, other.order))

    def sources(self, now: float) -> int:
        """Return how many sources send."""
        self._forget(now)
        return len(self._sources)

    def _forget(self, now: float) -> None:
        self._sources = {key: source for key, source in self._sources.items() if now - source.heard <= LOSS}


class DmxInput:
    """Listens to a universe, and puts what changes in our slots into an inbox. A lost source's last look is held."""

    def __init__(
        self,
        inbox: Inbox,
        config: DmxConfig,
        personality: Personality | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            inbox: for what is asked.
            config: what to listen to.
            personality: of our slots; None: without environments.
            clock: s, that lost sources are told by.
        """
        self.config = config
        self.place = config.place
        self._inbox, self._clock = inbox, clock
        self._personality = personality or Personality()
        self._read = read_sacn if config.kind == "sacn" else read_art_net
        self._merge = DmxMerge()
        self._before: bytes | None = None
        self._packets = self._malformed = 0
        self._answered = -_ANSWERS  # when, s
        self._lock = threading.Lock()
        self._receiver = Receiver(self._receive, _LARGEST, "limelight-dmx")

    def hear(self, data: bytes, sender: str) -> None:
        """Take in a packet."""
        with self._lock:
            self._packets += 1
            try:
                packet = self._read(data)
            except ValueError:
                self._malformed += 1
                return
            if packet is None or packet.universe != self.config.universe:
                return
            if not self._merge.take(packet, sender, self._clock()):
                return
            first = self.config.address - 1
            slots = packet.slots[first : first + FOOTPRINT].ljust(FOOTPRINT, b"\0")
            if slots == self._before:
                return
            before, self._before = self._before, slots
        for asked in self._personality.changes(before, slots):
            self._inbox.put(asked.path, *asked.args, who=f"{self.config.kind} {sender}")

    def status(self) -> DmxStatus:
        """Return how it goes."""
        with self._lock:
            return DmxStatus(self._packets, self._malformed, self._merge.old, self._merge.sources(self._clock()))

    def start(self) -> None:
        """Begin to listen.

        Raises:
            LimelightError: the address is taken, or is not this machine's.
        """
        beyond = not _is_loopback(self.place.host)  # a desk on this machine listens there too
        opened = self.place.listen(self.config.kind, shared=beyond)
        if self.config.kind == "sacn" and beyond:
            member = socket.inet_aton(self.config.group) + socket.inet_aton("0.0.0.0")
            with suppress(OSError):  # without a network, until it is there, unicast alone is heard
                opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        self.place = Place(self.place.host, opened.getsockname()[1])
        self._receiver.start(opened)

    def stop(self) -> None:
        """Stop listening; a second call does nothing."""
        self._receiver.stop()

    def _receive(self, data: bytes, sender: tuple[str, int]) -> None:
        if self.config.kind == "artnet" and is_art_poll(data):
            self._answer(sender[0])
        else:
            self.hear(data, sender[0])

    def _answer(self, sender: str) -> None:
        """Tell a desk that we are there, at most a few times a second."""
        now = self._clock()
        if now - self._answered < _ANSWERS:
            return
        self._answered = now
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
            way.connect((sender, ART_NET_PORT))  # which says what our address is, seen from there
            ours = socket.inet_aton(way.getsockname()[0])
            self._receiver.send(art_poll_reply(self.config.universe, ours, self.place.port), (sender, ART_NET_PORT))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
