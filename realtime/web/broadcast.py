"""A WebSocket server that tells everybody who is connected the newest message, and serves a few pages."""

from __future__ import annotations

import hmac
import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.sync.server import Server, ServerConnection, serve

from realtime.sinks.address import cannot_listen, place_of

_connections = logging.getLogger(f"{__name__}.connections")
_connections.setLevel(logging.CRITICAL)  # what strangers send wrongly is no error of ours

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_MOST = 16
"""Connections at a time."""
_MOST_OPENING = 32
"""Connections at a time that have not said what they want."""
_LONGEST_QUESTION = 4096
"""Bytes of a message from outside."""
_BUFFER = 65536
"""Bytes that the system keeps for a slow connection: what waits there is old when it arrives."""
_FAREWELL = 0.2
"""s in which a message that is on its way at the end may still arrive."""
_PATIENCE = 60.0
"""s in which a page must have been taken."""

Message = bytes | str


@dataclass(frozen=True)
class Page:
    """Something that is served: its bytes and their media type."""

    content: bytes
    kind: str = "text/html; charset=utf-8"


class Broadcast:
    """Listens at an address; every connection has a thread of its own and a slot for the newest message.

    Whoever is slow misses messages and holds up nobody. Beyond this machine a connection needs the token that stands
    in `url`. What strangers send is bounded in size and number, and answered with at most as much.

    Attributes:
        host, port: where it listens; without a host at this machine alone, "0.0.0.0" and "::" at the whole network.
        token: "" where none is needed.
    """

    def __init__(
        self,
        host: str,
        port: int,
        page: Callable[[str], Page | None] = lambda _: None,
        hear: Callable[[Message], None] = lambda _: None,
    ) -> None:
        """
        Args:
            host, port: where to listen; port 0 takes a free one.
            page: makes what is served under a path such as "/"; None for 404.
            hear: takes what a connection says, on a thread of its own.
        """
        self.host, self.port = host or _LOOPBACK[0], port
        self.token = "" if self.host in _LOOPBACK else secrets.token_urlsafe(12)
        self._page, self._hear = page, hear
        self._clients: dict[ServerConnection, _Client] = {}
        self._opening = _Opening()
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._newest: Message | None = None

    @property
    def clients(self) -> int:
        """How many are connected."""
        with self._lock:
            return len(self._clients)

    @property
    def url(self) -> str:
        """Where a browser finds it, with the token."""
        return self.url_at({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host))

    def url_at(self, host: str) -> str:
        """Return where a browser finds it by another name or address of this machine, with the token."""
        return f"http://{place_of(host, self.port)}/" + (f"?token={self.token}" if self.token else "")

    def open(self) -> None:
        """Begin to listen.

        Raises:
            LimelightError: the address is taken, or is not this machine's.
        """
        self._opening, self._newest = _Opening(), None
        try:
            self._server = serve(
                self._serve,
                self.host,
                self.port,
                process_request=self._answer,
                max_size=_LONGEST_QUESTION,
                compression=None,
                open_timeout=5,
                close_timeout=1,
                server_header=None,
                logger=_connections,
                create_connection=cast("type[ServerConnection]", partial(_Connection, self._opening, self._leave)),
                family=socket.AF_INET6 if ":" in self.host else socket.AF_INET,
            )
        except (OSError, UnicodeError) as error:
            raise cannot_listen(error) from error
        self.port = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, name="limelight-web", daemon=True).start()

    def send(self, message: Message) -> int:
        """Make a message the newest for everybody; return how many were still busy with an older one."""
        with self._lock:
            self._newest = message
            clients = tuple(self._clients.values())
        return sum(client.put(message) for client in clients)

    def close(self) -> None:
        """End every connection and stop listening; a second call does nothing."""
        if self._server is None:
            return
        server, self._server = self._server, None
        with self._lock:
            clients = tuple(self._clients.values())
        deadline = time.monotonic() + _FAREWELL
        for client in clients:
            client.end(deadline)
        self._opening.cut()
        server.shutdown()  # which waits for all of them, and so would for one that is stuck

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Serve a page, refuse, or (None) let the WebSocket open."""
        path, _, query = request.path.partition("?")
        given = parse_qs(query).get("token", [""])[0]
        if self.token and not hmac.compare_digest(given.encode(), self.token.encode()):
            return connection.respond(HTTPStatus.FORBIDDEN, "the address needs its token\n")
        if not self._is_ours(request):
            return connection.respond(HTTPStatus.FORBIDDEN, "not for pages from elsewhere\n")
        if any("websocket" in value.lower() for value in request.headers.get_all("Upgrade")):
            return None if self._enter(connection) else connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "full\n")
        page = self._page(path)
        if page is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "no such page\n")
        headers = Headers(
            {
                "Content-Type": page.kind,
                "Content-Length": str(len(page.content)),
                "Cache-Control": "no-store",
                "Connection": "close",
            }
        )
        connection.socket.settimeout(_PATIENCE)
        return Response(HTTPStatus.OK, HTTPStatus.OK.phrase, headers, page.content)

    def _is_ours(self, request: Request) -> bool:
        """Whether a request comes from a program or from a page of this machine, not from any page of the web.

        A page from elsewhere names itself as origin, or as host where its name was turned to this machine's address;
        one in a frame without rights calls itself "null".
        """
        if self.token:  # who has it may come from anywhere
            return True
        headers = request.headers
        hosts = [_host(f"//{host}") for host in headers.get_all("Host")]
        origins = [_host(origin) for origin in headers.get_all("Origin") if origin != "file://"]
        return all(host in _LOOPBACK for host in (*hosts, *origins))

    def _enter(self, connection: ServerConnection) -> bool:
        """Count a connection whose WebSocket is about to open; return whether there was room."""
        with self._lock:
            if len(self._clients) >= _MOST:
                return False
            self._clients[connection] = client = _Client(connection)
            if self._newest is not None:
                client.put(self._newest)
        return True

    def _leave(self, connection: ServerConnection) -> None:
        """Take a connection out of the count, if it was in."""
        with self._lock:
            client = self._clients.pop(connection, None)
        if client is not None:
            client.end()

    def _serve(self, connection: ServerConnection) -> None:
        try:
            threading.Thread(target=self._clients[connection].run, name="limelight-web-send", daemon=True).start()
            for message in connection:
                self._hear(message)
        finally:
            self._leave(connection)


def _host(url: str) -> str:
    """The host that a header names, "" if none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _cut(connection: ServerConnection) -> None:
    """Make whatever reads or writes fail; to close the socket alone would leave a write waiting."""
    with suppress(OSError):
        connection.socket.shutdown(socket.SHUT_RDWR)


class _Opening:
    """The connections that have not said yet what they want, or that have not taken the page that they asked for."""

    def __init__(self) -> None:
        self._connections: dict[ServerConnection, None] = {}  # the oldest first
        self._lock = threading.Lock()
        self._over = False

    def add(self, connection: ServerConnection) -> None:
        """Take one in; where there are too many, the oldest that says nothing is cut off.

        Raises:
            ConnectionError: all of them take their pages, or nobody is taken in any more.
        """
        with self._lock:
            if len(self._connections) >= _MOST_OPENING:
                silent = next((other for other in self._connections if other.request is None), None)
                if silent is None:
                    raise ConnectionError("too many at once")
                del self._connections[silent]
                _cut(silent)
            if self._over:
                raise ConnectionError("closed")
            self._connections[connection] = None

    def remove(self, connection: ServerConnection) -> None:
        """Forget one."""
        with self._lock:
            self._connections.pop(connection, None)

    def cut(self) -> None:
        """End them all, and take nobody in any more."""
        with self._lock:
            self._over = True
            for connection in self._connections:
                _cut(connection)


class _Connection(ServerConnection):
    """A connection that is counted while it opens, and taken out of the clients' count if it never does."""

    def __init__(
        self,
        opening: _Opening,
        leave: Callable[[ServerConnection], None],
        sock: socket.socket,
        *arguments: Any,
        **more: Any,
    ) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        self._opening, self._leave = opening, leave
        super().__init__(sock, *arguments, **more)

    def handshake(self, *arguments: Any, **more: Any) -> None:
        self._opening.add(self)
        try:
            super().handshake(*arguments, **more)
        finally:
            self._opening.remove(self)
            if self.protocol.state is not State.OPEN:
                self._leave(self)


class _Client:
    """One connection, and the newest message that it has not been sent yet."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._changed = threading.Condition()
        self._waiting: Message | None = None
        self._ended = self._sending = False

    def put(self, message: Message) -> bool:
        """Make a message the next one; return whether one before it is missed for that."""
        with self._changed:
            missed, self._waiting = self._waiting is not None, message
            self._changed.notify()
        return missed

    def run(self) -> None:
        """Send until the end."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting is not None or self._ended)
                message, self._waiting = self._waiting, None
                if self._ended or message is None:
                    return
                self._sending = True
            try:
                self._connection.send(message)
            except ConnectionClosed:
                return
            finally:
                with self._changed:
                    self._sending = False
                    self._changed.notify_all()

    def end(self, deadline: float = 0.0) -> None:
        """Stop sending; one that is still in a message at the deadline, s of the monotonic clock, is cut off."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
            sent = self._changed.wait_for(lambda: not self._sending, max(deadline - time.monotonic(), 0.0))
        if not sent:
            _cut(self._connection)
