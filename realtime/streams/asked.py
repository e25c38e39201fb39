"""Streams that are asked: they listen for datagrams, and send to who may ask, for as long as that is wanted."""

from __future__ import annotations

import ipaddress
import socket
from abc import abstractmethod

from facemodel import LimelightError
from realtime.frame import StreamInfo
from realtime.sinks.address import cannot_listen
from realtime.streams.face_stream import FaceStream, StreamOptions
from realtime.threads import Receiver

LONGEST_QUESTION = 4096
"""Bytes of a datagram from outside; what is beyond is cut off, and then makes no sense."""

Place = tuple[str, int]


class Guests:
    """Who may ask. The sender of a datagram can be forged, and answers are many and large: so nobody is answered but
    this machine and those whom the user names.

    Attributes:
        stranger: the last one who asked and may not; "" if nobody.
    """

    def __init__(self, options: StreamOptions) -> None:
        """
        Args:
            options: with `allow`, addresses of machines with commas between them, or "any".

        Raises:
            LimelightError: one of them is no address.
        """
        text = options.others.get("allow", "")
        self._any = text == "any"
        self.stranger = ""
        try:
            self._hosts = {ipaddress.ip_address(host) for host in text.split(",") if host and not self._any}
        except ValueError as error:
            raise LimelightError(
                f"sink {options.text}: allow={text} must be addresses such as allow=192.168.1.7,192.168.1.8, or any"
            ) from error

    def admit(self, host: str) -> bool:
        """Return whether a host may ask; one that may not is remembered."""
        address = ipaddress.ip_address(host.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if self._any or address.is_loopback or address in self._hosts:
            return True
        self.stranger = str(address)
        return False


def _listen(options: StreamOptions) -> socket.socket:
    """Return a UDP socket that listens at the host and port of a stream, and never waits.

    Raises:
        LimelightError: the address is taken, or is not this machine's.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_DGRAM)[0]
        opened = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise LimelightError(f"no such host ({error})") from error
    try:
        opened.bind(place)
    except OSError as error:
        opened.close()
        raise cannot_listen(error) from error
    opened.setblocking(False)
    return opened


class AskedStream(FaceStream):
    """A stream that listens for questions; a protocol fills in `heard`, `guests_now` and `send`."""

    def __init__(self, name: str, options: StreamOptions) -> None:
        super().__init__(name, options)
        self.guests = Guests(options)
        self.receiver = Receiver(self._heard, LONGEST_QUESTION, "limelight-asked")

    def start(self, info: StreamInfo) -> None:  # noqa: ARG002 (protocols may need it)
        """Begin to listen.

        Raises:
            LimelightError: the address is taken, or is not this machine's.
        """
        self.receiver.start(_listen(self.options))

    def status(self) -> str:
        """Return where it listens, how many it sends to, and who asked in vain."""
        stranger = self.guests.stranger
        vain = f", {stranger} may not ask: allow={stranger} lets it" if stranger else ""
        return f"{self.options.place}, {self.guests_now()} asked, {self.sent} sent{vain}"

    def connected(self) -> bool:
        """Return whether anybody has asked and is sent to."""
        return self.guests_now() > 0

    def stop(self) -> None:
        """Stop listening; a second call does nothing."""
        self.receiver.stop()

    @abstractmethod
    def heard(self, data: bytes, place: Place) -> None:
        """Take a question from one who may ask, whatever it is; called on the receiver's thread."""

    @abstractmethod
    def guests_now(self) -> int:
        """Return how many are sent to now."""

    def _heard(self, data: bytes, place: Place) -> None:
        if self.guests.admit(place[0]):
            self.heard(data, place)
