"""Addresses of sinks: where one sends, or listens, as a user types it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from facemodel import LimelightError


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
            LimelightError: the port is no port.
        """
        if "://" not in text:
            path, _, query = text.rpartition("?")
            if not Path(path).suffix:  # a question mark of the name's own
                path, query = text, ""
            path = os.path.expanduser(path)  # noqa: PTH111 (as it was typed, but for this)
            return cls(text, path=path, options=dict(parse_qsl(query, keep_blank_values=True)))
        parts = urlsplit(text)
        try:
            port = parts.port
        except ValueError as error:
            raise LimelightError(f"sink {text}: the port must be a number from 0 to 65535") from error
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        return cls(text, parts.scheme.lower(), parts.hostname or "", port, unquote(parts.path), options)

    @property
    def suffix(self) -> str:
        """Of a file's path, in lower case, such as ".mp4"; "" of anything else."""
        return "" if self.scheme else Path(self.path).suffix.lower()
