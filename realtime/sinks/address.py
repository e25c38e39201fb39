"""Addresses of sinks: where one sends, or listens, as a user types it."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from facemodel import LimelightError


def place_of(host: str, port: int) -> str:
    """Return host and port as people write them, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def cannot_listen(error: Exception) -> LimelightError:
    """Return the error for a sink that cannot listen at its address, which its name tells, from the system's."""
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return LimelightError("cannot listen there: another program uses the port")
    return LimelightError(f"cannot listen there: {getattr(error, 'strerror', None) or error}")


@dataclass(frozen=True)
class Address:
    """A parsed address: `SCHEME://HOST:PORT/PATH?OPTION=VALUE`, or a file's path, `FILE?OPTION`.

    Attributes:
        text: as it was typed.
        scheme: in lower case; "" for a file.
        host: "" if there is none.
        port: None if there is none.
        path: of the file, or what follows the host.
        options: what follows the question mark.
    """

    text: str
    scheme: str = ""
    host: str = ""
    port: int | None = None
    path: str = ""
    options: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read what a user typed.

        Raises:
            LimelightError: the port is no port, or brackets hold no IPv6 address.
        """
        if "://" not in text:
            path, _, query = text.rpartition("?")
            if not Path(path).suffix:  # a question mark of the name's own
                path, query = text, ""
            path = os.path.expanduser(path)  # noqa: PTH111 (as it was typed, but for this)
            return cls(text, path=path, options=dict(parse_qsl(query, keep_blank_values=True)))
        try:
            parts = urlsplit(text)
        except ValueError as error:
            raise LimelightError(f"sink {text}: an IPv6 host stands in brackets, such as [::1]") from error
        try:
            port = parts.port
        except ValueError as error:
            raise LimelightError(f"sink {text}: the port must be a number from 0 to 65535") from error
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        return cls(text, parts.scheme.lower(), parts.hostname or "", port, unquote(parts.path), options)

    def at(self, path: Path) -> str:
        """Return the address of another file with the same options, as a user would type it."""
        return f"{path}?{urlencode(self.options)}" if self.options else str(path)

    @property
    def place(self) -> str:
        """What stands between scheme and options, as it was typed: a device's or a source's name."""
        return unquote(self.text.partition("://")[2].partition("?")[0])

    @property
    def suffix(self) -> str:
        """Of a file's path, in lower case, such as ".mp4"; "" of anything else."""
        return "" if self.scheme else Path(self.path).suffix.lower()
