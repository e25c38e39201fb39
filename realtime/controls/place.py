"""Where something listens, or is sent to: a host and a port."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from facemodel import LimelightError
from realtime.sinks.address import cannot_listen, place_of

LOOPBACK = "127.0.0.1"
_ROOM = 1 << 20
"""Bytes that the system keeps while nobody reads: a second of a flood."""


@dataclass(frozen=True)
class Place:
    """A host and a port, of UDP.

    Attributes:
        host: a name or an address; this machine alone unless told otherwise.
        port: 0 takes a free one, where something listens.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, port: int | None = None) -> Place:
        """Return a place from `PORT`, `HOST:PORT` or `[IPV6]:PORT`; without a host it is this machine.

        Args:
            text: as people write it.
            port: where the text is empty or tells a host alone; None: it must tell one.

        Raises:
            LimelightError: it is none.
        """
        host, _, number = text.rpartition(":") if not text.endswith("]") else (text, "", "")
        if not host and not number.isdigit():
            host, number = number, ""
        host = host.removeprefix("[").removesuffix("]") or LOOPBACK
        if not number and port is not None:
            return cls(host, port)
        if not number.isdecimal() or int(number) > 65535 or "[" in host or "/" in host:
            raise LimelightError(f"{text}: must look like HOST:PORT or PORT, with a port from 0 to 65535")
        return cls(host, int(number))

    def __str__(self) -> str:
        return place_of(self.host, self.port)

    @property
    def family(self) -> socket.AddressFamily:
        """The kind of network."""
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

    def listen(self, what: str, shared: bool = False) -> socket.socket:
        """Return a UDP socket that listens here, and waits a fifth of a second at a time.

        Args:
            what: listens, for people.
            shared: other programs of this machine may listen here too, as to what is sent to everybody.

        Raises:
            LimelightError: the address is taken, or is not this machine's.
        """
        opened = socket.socket(self.family, socket.SOCK_DGRAM)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
            if shared:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.settimeout(0.2)
            opened.bind((self.host, self.port))
        except (OSError, UnicodeError) as error:
            opened.close()
            raise LimelightError(f"{what} at {self}: {cannot_listen(error)}") from error
        return opened
