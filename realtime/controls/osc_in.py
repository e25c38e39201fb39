"""OSC comes in over UDP, and tells whoever asks for it how things stand."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from facemodel import LimelightError
from realtime.controls.inbox import Inbox
from realtime.controls.osc_addresses import PREFIX, OscAddresses
from realtime.controls.osc_packet import MalformedError, Message, read_packet
from realtime.controls.place import Place
from realtime.controls.table import Checked, as_numbers
from realtime.streams.osc_bundles import FULL_DATAGRAM
from realtime.streams.udp import UdpSender
from realtime.threads import Receiver, Ticker

FEEDBACK_PERIOD = 1.0 / 30.0
"""s at least between two messages about one value."""
SUBSCRIBED = 60.0
"""s that a subscription lasts for."""
_RENEWED = 10.0
"""s after which who is always told of changes is told everything again."""
_MOST_PEERS = 8
_LARGEST = 65_536
_HEADER, _WORD = 16, 4

State = dict[str, tuple[Checked, ...]]


@dataclass(frozen=True)
class OscStatus:
    """How OSC goes.

    Attributes:
        packets: that came in.
        malformed: of those, no OSC.
        unknown: messages that ask for nothing there is.
        peers: that are told of changes.
    """

    packets: int
    malformed: int
    unknown: int
    peers: int


class OscInput:
    """Listens at an address, and puts what comes into an inbox. Malformed packets are dropped and counted.

    `/limelight/subscribe`, with a port if the answers shall go to another one than the asking one, is answered with how
    everything stands, and for a minute with every change; `/limelight/unsubscribe` ends that.
    """

    def __init__(self, inbox: Inbox, place: Place, feedback: Iterable[Place] = ()) -> None:
        """
        Args:
            inbox: for what comes in.
            place: where to listen; port 0 takes a free one.
            feedback: who is always told of changes.
        """
        self.place = place
        self._inbox = inbox
        self._addresses = OscAddresses(inbox.table)
        self._fixed = tuple(feedback)
        self._senders: tuple[UdpSender, ...] = ()  # to the fixed ones
        self._peers: dict[tuple[str, int], float] = {}  # that subscribed; until when, s of the monotonic clock
        self._told: dict[tuple[str, int], State] = {}
        self._told_fixed: list[State] = []
        self._renewed = -math.inf  # when the fixed ones were told everything, s
        self._packets = self._malformed = self._unknown = 0
        self._receiver = Receiver(self._receive, _LARGEST, "limelight-osc-in")
        self._teller = Ticker(self._tell, FEEDBACK_PERIOD, "limelight-osc-out")
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to listen.

        Raises:
            LimelightError: the address is taken, or is not this machine's; or nobody knows a host.
        """
        self._senders = tuple(_sender(place) for place in self._fixed)
        opened = self.place.listen("OSC")
        self.place = Place(self.place.host, opened.getsockname()[1])
        self._renewed = -math.inf
        self._receiver.start(opened)
        self._teller.start()

    def stop(self) -> None:
        """Stop listening; a second call does nothing."""
        self._teller.stop()
        self._receiver.stop()
        for sender in self._senders:
            sender.close()

    def status(self) -> OscStatus:
        """Return how it goes."""
        return OscStatus(self._packets, self._malformed, self._unknown, len(self._senders) + len(self._peers))

    def _receive(self, data: bytes, sender: tuple[str, int]) -> None:
        self._packets += 1
        try:
            messages = read_packet(data)
        except MalformedError:
            self._malformed += 1
            return
        who = f"osc {sender[0]}"
        for message in messages:
            self._hear(message, who, sender)

    def _hear(self, message: Message, who: str, sender: tuple[str, int]) -> None:
        if message.address in (f"{PREFIX}subscribe", f"{PREFIX}unsubscribe"):
            self._subscribe(message, sender)
            return
        asked = self._addresses.asked(message)
        if asked is None:
            self._unknown += 1
            return
        for one in asked:
            self._inbox.put(one.path, *one.args, who=who, due=message.due)

    def _subscribe(self, message: Message, sender: tuple[str, int]) -> None:
        port = message.args[0] if message.args else sender[1]
        if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
            self._unknown += 1
            return
        peer = (sender[0], port)
        with self._lock:
            if message.address.endswith("unsubscribe"):
                self._peers.pop(peer, None)
            elif peer in self._peers or len(self._peers) < _MOST_PEERS:
                self._peers[peer] = max(self._peers.get(peer, 0.0), time.monotonic() + SUBSCRIBED)
            self._told.pop(peer, None)  # who asks anew is told everything

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._renewed > _RENEWED:  # who came late knows nothing yet
            self._renewed = now
            self._told_fixed = [{} for _ in self._senders]
        with self._lock:
            self._peers = {peer: until for peer, until in self._peers.items() if until > now}
            self._told = {peer: self._told.get(peer, {}) for peer in self._peers}
            peers = tuple(self._told.items())
        if not peers and not self._senders:
            return
        state = self._inbox.table.state()
        for sender, told in zip(self._senders, self._told_fixed, strict=True):
            for data in _news(state, told):
                sender.send(data)
        for peer, told in peers:
            for data in _news(state, told):
                self._receiver.send(data, peer)


def _sender(place: Place) -> UdpSender:
    """Return what sends to a place.

    Raises:
        LimelightError: nobody knows it, or nothing can be sent there.
    """
    try:
        return UdpSender(place.host, place.port)
    except LimelightError as error:
        raise LimelightError(f"OSC feedback to {place}: {error}") from error


def _news(state: State, told: State) -> list[bytes]:
    """Return what is otherwise than it was told, as bundles, and count it as told."""
    changed = {path: args for path, args in state.items() if told.get(path) != args}
    told.update(changed)
    return feedback_bundles(changed)


def feedback_bundles(changed: State) -> list[bytes]:
    """Return how things stand as OSC bundles that fit into datagrams.

    Args:
        changed: arguments by path.
    """
    found: list[bytes] = []
    group: list[OscMessage] = []
    size = _HEADER
    for path, args in changed.items():
        builder = OscMessageBuilder(f"{PREFIX}{path}")
        for arg in as_numbers(args):
            builder.add_arg(arg.encode("utf-8", "replace").decode() if isinstance(arg, str) else arg)
        message = builder.build()
        if group and size + message.size + _WORD > FULL_DATAGRAM:
            found.append(_bundle(group))
            group, size = [], _HEADER
        group.append(message)
        size += message.size + _WORD
    if group:
        found.append(_bundle(group))
    return found


def _bundle(messages: Iterable[OscMessage]) -> bytes:
    builder = OscBundleBuilder(IMMEDIATELY)
    for message in messages:
        builder.add_content(message)
    return builder.build().dgram
