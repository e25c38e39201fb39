"""A client of WebSocket (RFC 6455) of the standard library alone, which Blender has."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import socket
import struct
import threading
from urllib.parse import urlsplit

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_LARGEST = 1 << 20
"""Bytes of a message; a face is some 2,000."""
_TO_CONNECT, _SILENT = 5.0, 60.0
"""Seconds without a byte after which a connection counts as lost: servers ask after their clients more often."""
_PAUSE = 1.0
"""Seconds before a lost connection is tried again."""


class WebSocketError(OSError):
    """What answers is no WebSocket server, or breaks the protocol."""


class WebSocket:
    """A connection that receives texts."""

    def __init__(self, address: str) -> None:
        """
        Args:
            address: as `ws://127.0.0.1:8770/path?token=...`.

        Raises:
            OSError: nobody answers, or somebody else.
        """
        try:
            parts = urlsplit(address)
            if parts.scheme != "ws" or not parts.hostname:
                raise ValueError("no host, or another protocol")
            port = parts.port or 80
            self._socket = socket.create_connection((parts.hostname, port), _TO_CONNECT)
        except ValueError as error:  # a port out of range, or a name that cannot be one
            raise WebSocketError(f"{address}: an address looks like ws://127.0.0.1:8770") from error
        try:
            self._buffer = b""
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            query = f"?{parts.query}" if parts.query else ""
            self._shake_hands(f"{host}:{port}", (parts.path or "/") + query)
            self._socket.settimeout(_SILENT)
        except BaseException:
            self._socket.close()
            raise

    def receive(self) -> str | None:
        """Return the next text; None once the server has closed the connection.

        Raises:
            OSError: the connection is lost, or what comes is not WebSocket's.
        """
        message, kind = b"", None
        while True:
            final, opcode, payload = self._read_frame()
            if opcode == _CLOSE:
                self._send_frame(_CLOSE, payload[:2])
                return None
            if opcode == _PING:
                self._send_frame(_PONG, payload)
            if opcode in (_TEXT, _BINARY, _CONTINUATION):
                kind = kind if opcode == _CONTINUATION else opcode
                message += payload
                if len(message) > _LARGEST:
                    raise WebSocketError("a message is too long")
                if final:
                    if kind == _TEXT:
                        return message.decode("utf-8", "replace")
                    message, kind = b"", None

    def close(self) -> None:
        """End the connection; whoever waits in `receive` gets an error."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _shake_hands(self, host: str, resource: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET {resource} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self._buffer:
            self._fill()
            if len(self._buffer) > 65536:
                raise WebSocketError("what answers is no WebSocket server")
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        status, *lines = head.decode("latin-1").split("\r\n")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        expected = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()
        if status.split(" ")[1:2] != ["101"]:
            raise WebSocketError(f"refused: {status.partition(' ')[2]}")
        if fields.get("sec-websocket-accept") != expected:
            raise WebSocketError("what answers is no WebSocket server")

    def _read_frame(self) -> tuple[bool, int, bytes]:
        first, second = self._take(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self._take(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._take(8))
        if length > _LARGEST:
            raise WebSocketError("a message is too long")
        if second & 0x80 or first & 0x70:
            raise WebSocketError("a frame that servers do not send")
        return bool(first & 0x80), first & 0x0F, self._take(length)

    def _send_frame(self, opcode: int, payload: bytes) -> None:
        """Send a control frame, at most 125 bytes, masked as a client's must be."""
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self._socket.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + masked)

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._fill()
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _fill(self) -> None:
        received = self._socket.recv(65536)
        if not received:
            raise WebSocketError("the connection was lost")
        self._buffer += received


class Receiver:
    """A thread that keeps a connection, and the newest text that came by it."""

    def __init__(self, address: str) -> None:
        """
        Args:
            address: as for `WebSocket`; tried again and again until there is an answer.
        """
        self.address = address
        self._lock = threading.Lock()
        self._newest: str | None = None
        self._state = "connecting"
        self._socket: WebSocket | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="limelight", daemon=True)
        self._thread.start()

    @property
    def state(self) -> str:
        """One line for the user: connected, or why not."""
        with self._lock:
            return self._state

    def newest(self) -> str | None:
        """Return the newest text, once; None where nothing has come since."""
        with self._lock:
            text, self._newest = self._newest, None
            return text

    def stop(self) -> None:
        """End the connection and the thread, without waiting: one that still connects ends once it has an answer."""
        self._stopped.set()
        with self._lock:
            connection = self._socket
        if connection is not None:
            connection.close()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with contextlib.closing(WebSocket(self.address)) as connection:
                    self._set("connected", connection)
                    while not self._stopped.is_set() and (text := connection.receive()) is not None:
                        with self._lock:
                            self._newest = text
                self._set("Limelight has closed the connection; trying again", None)
            except OSError as error:
                self._set(f"{error.strerror or error}; trying again", None)
            self._stopped.wait(_PAUSE)

    def _set(self, state: str, connection: WebSocket | None) -> None:
        with self._lock:
            self._state, self._socket = state, connection
