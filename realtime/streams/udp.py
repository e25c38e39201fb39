"""Sending datagrams without ever waiting, and noticing whether anybody is there."""

from __future__ import annotations

import errno
import math
import socket
import time
from contextlib import suppress

from facemodel import LimelightError
from realtime.frame import StreamInfo
from realtime.streams.face_stream import FaceStream, StreamOptions

_NOTICED = 3.0
"""s of sending without a refusal after which somebody listens: one comes back with a later datagram, if at all."""

_RENEWED = 1.0
"""s at least between two sockets."""


_UNREACHABLE = (errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL)


class UdpSender:
    """Sends datagrams to one address. What the system has no room for, or the network no way, is dropped.

    A socket that is connected keeps this machine's address of that time; where it fails, as after a change of networks,
    it is made anew.
    """

    def __init__(self, host: str, port: int) -> None:
        """
        Args:
            host: a name or an address; it need not be reachable yet.
            port: 1..65535.

        Raises:
            LimelightError: the host is unknown, or nothing may be sent to it.
        """
        try:
            places = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:
            raise LimelightError(f"no such host ({_reason(error)})") from error
        places.sort(key=lambda found: found[0] != socket.AF_INET)  # `localhost`: most receivers listen there
        self._found = places[0]
        self._socket: socket.socket | None = None
        self._known = self._found[4][0] in ("127.0.0.1", "::1")
        self._refused = self._left = self._made = -math.inf  # when that happened last, s
        try:
            self._connect()
        except OSError as error:
            if error.errno not in _UNREACHABLE:
                raise LimelightError(f"nothing can be sent there ({_reason(error)})") from error

    def send(self, data: bytes | bytearray | memoryview) -> bool:
        """Send a datagram; return whether it left."""
        connected = self._socket or self._renewed()
        if connected is None:
            return False
        try:
            self._hear_of_refusals(connected)
            connected.send(data)
        except (ConnectionRefusedError, ConnectionResetError):  # of one before: nothing listens; this one did not leave
            self._refused = time.monotonic()
            return False
        except BlockingIOError:  # no room
            return False
        except OSError:  # no way, or too large
            self._renewed()
            return False
        self._left = time.monotonic()
        return True

    def _renewed(self) -> socket.socket | None:
        """Make the socket anew, unless that was done just now; return it, or None while there is no way."""
        if time.monotonic() - self._made > _RENEWED:
            with suppress(OSError):
                self._connect()
        return self._socket

    def _connect(self) -> None:
        """Make the socket, anew where there is one.

        Raises:
            OSError: there is no way to the place now.
        """
        self.close()
        self._made = time.monotonic()
        family, kind, protocol, _, place = self._found
        made = socket.socket(family, kind, protocol)
        try:
            made.setblocking(False)
            made.connect(place)  # which makes the system tell of refusals
        except OSError:
            made.close()
            raise
        self._socket = made

    @staticmethod
    def _hear_of_refusals(connected: socket.socket) -> None:
        """Raise what came back to datagrams before: Windows tells it to who receives, and to nobody else."""
        try:
            connected.recv(1)
        except ConnectionError:
            raise
        except OSError:  # nothing came, or more than a byte
            pass

    def connected(self) -> bool | None:
        """Return whether anything listens; None where that cannot be known: only this machine is sure to tell."""
        if not self._known or self._left < 0.0:
            return None
        return self._left - self._refused > _NOTICED

    def close(self) -> None:
        """Close the socket; a second call does nothing."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class DatagramStream(FaceStream):
    """A stream of datagrams to one address; a protocol fills in `send`, and gives what it makes to `emit`.

    Attributes:
        dropped: datagrams that did not leave, or that nobody took.
    """

    def __init__(self, name: str, options: StreamOptions) -> None:
        super().__init__(name, options)
        self.dropped = 0
        self._sender: UdpSender | None = None

    def start(self, info: StreamInfo) -> None:  # noqa: ARG002 (protocols need it)
        """Open the socket.

        Raises:
            LimelightError: the host is unknown.
        """
        self._sender = UdpSender(self.options.host, self.options.port)

    def emit(self, datagram: bytes | bytearray | memoryview) -> None:
        """Send a datagram, and count it."""
        assert self._sender is not None
        if self._sender.send(datagram):
            self.sent += 1
        else:
            self.dropped += 1

    def status(self) -> str:
        """Return where it sends, and how much was sent and dropped."""
        return f"{super().status()}, {self.dropped} dropped" if self.dropped else super().status()

    def connected(self) -> bool | None:
        """Return whether anything listens; only this machine tells, and only after something was sent."""
        sender = self._sender
        return None if sender is None else sender.connected()

    def stop(self) -> None:
        """Close the socket; a second call does nothing."""
        if self._sender is not None:
            self._sender.close()
            self._sender = None


def _reason(error: Exception) -> str:
    """Return the system's own words for an error, without its number."""
    return getattr(error, "strerror", None) or str(error)
