"""OSCQuery: programs ask over HTTP what addresses there are, what they take, and how they stand.

https://github.com/Vidvox/OSCQueryProposal
"""

from __future__ import annotations

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from facemodel import LimelightError
from realtime.controls.osc_addresses import PREFIX
from realtime.controls.place import LOOPBACK, Place
from realtime.controls.table import Argument, Command, CommandTable, Kind, as_numbers
from realtime.sinks.address import cannot_listen

_TAGS = {
    Kind.FLOAT: "f",
    Kind.INT: "i",
    Kind.BOOL: "T",
    Kind.TEXT: "s",
    Kind.CHOICE: "s",
    Kind.COLOR: "fff",
    Kind.CUE: "s",
}
_ASKED = ("VALUE", "TYPE", "RANGE", "ACCESS", "DESCRIPTION", "CONTENTS", "FULL_PATH", "UNIT")
_EXTENSIONS = dict.fromkeys(("ACCESS", "VALUE", "RANGE", "DESCRIPTION", "UNIT"), True)
_OURS = (LOOPBACK, "::1", "localhost")


class OscQuery:
    """Answers questions at an address."""

    def __init__(self, table: CommandTable, place: Place, osc: Place | None = None) -> None:
        """
        Args:
            table: that is asked about.
            place: where to listen; port 0 takes a free one.
            osc: where OSC comes in; None for nowhere.
        """
        self.place = place
        self._table, self._osc = table, osc
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Begin to listen.

        Raises:
            LimelightError: the address is taken, or is not this machine's.
        """
        query = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 5.0

            def do_GET(self) -> None:
                status, content = query._answer(self.path, self.headers.get("Host", ""))
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            address_family = self.place.family
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass

        try:
            self._server = Server((self.place.host, self.place.port), Handler)
        except (OSError, UnicodeError) as error:
            raise LimelightError(f"OSCQuery at {self.place}: {cannot_listen(error)}") from error
        self.place = Place(self.place.host, self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="limelight-osc-query", daemon=True).start()

    def stop(self) -> None:
        """Stop listening; a second call does nothing."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _answer(self, target: str, host: str) -> tuple[HTTPStatus, Any]:
        """Status and content for what was asked: a path, and one of its attributes or none."""
        try:
            asked = urlsplit(target)
            named = urlsplit(f"//{host}").hostname
        except ValueError:
            return HTTPStatus.BAD_REQUEST, None
        if self.place.host in _OURS and named not in _OURS:  # a web page whose name was turned to this machine
            return HTTPStatus.FORBIDDEN, None
        if asked.query == "HOST_INFO":
            return HTTPStatus.OK, self._host_info()
        node: dict[str, Any] | None = self._tree()
        for part in filter(None, unquote(asked.path).split("/")):
            node = node.get("CONTENTS", {}).get(part) if node is not None else None
        if node is None:
            return HTTPStatus.NOT_FOUND, None
        if not asked.query:
            return HTTPStatus.OK, node
        if asked.query not in _ASKED:
            return HTTPStatus.BAD_REQUEST, None
        if asked.query not in node:
            return HTTPStatus.NO_CONTENT, None
        return HTTPStatus.OK, {asked.query: node[asked.query]}

    def _host_info(self) -> dict[str, Any]:
        info: dict[str, Any] = {"NAME": "Limelight", "EXTENSIONS": _EXTENSIONS}
        if self._osc is not None:
            info |= {"OSC_PORT": self._osc.port, "OSC_TRANSPORT": "UDP"}
            if self._osc.host not in ("0.0.0.0", "::"):
                info["OSC_IP"] = self._osc.host
        return info

    def _tree(self) -> dict[str, Any]:
        root: dict[str, Any] = {"FULL_PATH": "/", "ACCESS": 0, "DESCRIPTION": "Limelight", "CONTENTS": {}}
        state = self._table.state()
        for command in self._table.commands():
            node, path = root, ""
            for part in f"{PREFIX}{command.path}".strip("/").split("/"):
                path += f"/{part}"
                node = node.setdefault("CONTENTS", {}).setdefault(part, {"FULL_PATH": path, "ACCESS": 0})
            values = state.get(command.path)
            node |= _described(command)
            if values is not None:
                node["VALUE"] = as_numbers(values)
        return root


def _described(command: Command) -> dict[str, Any]:
    tags = "".join(_TAGS[argument.kind] for argument in command.arguments)
    return {
        "DESCRIPTION": command.help,
        "ACCESS": (2 if command.call is not None else 0) | (1 if command.read is not None else 0),
        "TYPE": tags if command.arguments else ("s" if command.call is None else "N"),
        "RANGE": [part for argument in command.arguments for part in _ranges(argument)],
        "UNIT": [argument.unit for argument in command.arguments for _ in range(argument.width)],
    }


def _ranges(argument: Argument) -> list[dict[str, Any]]:
    if argument.kind is Kind.CHOICE:
        return [{"VALS": list(argument.choices)}]
    if argument.kind in (Kind.FLOAT, Kind.INT, Kind.COLOR):
        return [{"MIN": argument.low, "MAX": argument.high}] * argument.width
    return [{}]
