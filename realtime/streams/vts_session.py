"""One session with VTube Studio's plugin API: permission, parameters, values. It blocks, so it has its own thread."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import platformdirs
from websockets.sync.client import ClientConnection

from realtime.streams.vts_parameters import OwnParameter

PLUGIN = {"pluginName": "Limelight", "pluginDeveloper": "Limelight"}

DENIED = 50
ASKING = 51
SWITCHED_OFF = 1
NOT_AUTHENTICATED = 8
TAKEN = 454
"""Error numbers of VTube Studio's ErrorID.cs that mean something to us."""

_ANSWER, _CLICK = 5.0, 600.0
"""s for an answer, and for a person to answer."""
_GLANCE = 0.2
_UNANSWERED = 4
"""Values that may wait for their answer; more wait here, where newer ones take their place."""


class RefusalError(Exception):
    """VTube Studio refused something.

    Attributes:
        number: its error, see ErrorID.cs; -1 of an answer that is none.
        text: what it says of it, in one short line.
    """

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number, self.text = number, " ".join(text.split())[:160]


class TokenFile:
    """Keeps the permission that the user gave, for each VTube Studio by its address."""

    def __init__(self, path: Path | None = None) -> None:
        """With the user's own file in the platform's configuration folder, if no path."""
        self.path = path or platformdirs.user_config_path("limelight") / "vtube-studio.json"

    def load(self, place: str) -> str:
        """Return the token for an address, "" if there is none."""
        token = self._all().get(place)
        return token if isinstance(token, str) else ""

    def save(self, place: str, token: str) -> None:
        """Keep a token, "" forgets it. One that cannot be written is asked for again next time."""
        tokens = self._all() | {place: token}
        tokens = {where: kept for where, kept in tokens.items() if kept}
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)  # the user's alone
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(tokens, file)
            Path(name).replace(self.path)

    def _all(self) -> dict[str, Any]:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


class VtsSession:
    """Requests and their answers over one connection."""

    def __init__(self, connection: ClientConnection, stopping: Callable[[], bool]) -> None:
        """
        Args:
            connection: that is open.
            stopping: asked a few times a second; True ends whatever waits, with ConnectionAbortedError.
        """
        self._connection, self._stopping = connection, stopping
        self._number = 0
        self._unanswered = 0

    def authenticate(self, place: str, tokens: TokenFile, say: Callable[[str], None]) -> None:
        """Present the token; where there is none, or it is valid no more, let the user be asked for a new one.

        Raises:
            RefusalError: the user denied it, the API is switched off, and the like.
        """
        token = tokens.load(place)
        if token and self._present(token):
            return
        tokens.save(place, "")
        say("click Allow in VTube Studio")
        token = str(self.ask("AuthenticationTokenRequest", PLUGIN, _CLICK).get("authenticationToken", ""))
        if not self._present(token):
            raise RefusalError(-1, "it does not accept the token that it gave")
        tokens.save(place, token)

    def create(self, parameters: Sequence[OwnParameter]) -> tuple[set[str], str]:
        """Create our parameters; return the names of those that exist now, and why others do not, "" if all do.

        Raises:
            RefusalError: we are not authenticated any more.
        """
        names, problem = set(), ""
        for parameter in parameters:
            request = {
                "parameterName": parameter.name,
                "explanation": parameter.explanation,
                "min": parameter.low,
                "max": parameter.high,
                "defaultValue": 0.0,
            }
            try:
                self.ask("ParameterCreationRequest", request)
                names.add(parameter.name)
            except RefusalError as refusal:
                if refusal.number in (DENIED, NOT_AUTHENTICATED):
                    raise
                problem = problem or refusal.text
        return names, problem

    def inject(self, values: Mapping[str, float], face_found: bool) -> bool:
        """Send values, unless too many wait for an answer; return whether they left.

        Raises:
            RefusalError: some that were sent before were refused.
        """
        self._hear(0.0)
        if self._unanswered >= _UNANSWERED:
            self._hear(_GLANCE)
            return False
        self._send(
            "InjectParameterDataRequest",
            {
                "faceFound": face_found,
                "mode": "set",
                "parameterValues": [{"id": name, "value": round(value, 4)} for name, value in values.items()],
            },
        )
        self._unanswered += 1
        return True

    def ask(self, kind: str, data: Mapping[str, Any], patience: float = _ANSWER) -> dict[str, Any]:
        """Send a request and return the data of its answer.

        Raises:
            RefusalError: the answer is an error, or none.
            TimeoutError: there was none in `patience` s.
            ConnectionAbortedError: it is time to stop.
        """
        number = self._send(kind, data)
        end = time.monotonic() + patience
        while time.monotonic() < end:
            answer = self._receive(_GLANCE)
            if answer is not None and answer.get("requestID") == number:
                return self._data(answer)
        raise TimeoutError(f"no answer to {kind}")

    def _present(self, token: str) -> bool:
        answer = self.ask("AuthenticationRequest", {**PLUGIN, "authenticationToken": token})
        return answer.get("authenticated") is True

    def _hear(self, patience: float) -> None:
        """Read the answers that have come to values."""
        while (answer := self._receive(patience)) is not None:
            patience = 0.0
            if str(answer.get("requestID", "")).isdigit():
                self._unanswered = max(self._unanswered - 1, 0)
                self._data(answer)

    def _send(self, kind: str, data: Mapping[str, Any]) -> str:
        self._number += 1
        envelope = {
            "apiName": "VTubeStudioPublicAPI",
            "apiVersion": "1.0",
            "requestID": str(self._number),
            "messageType": kind,
            "data": data,
        }
        self._connection.send(json.dumps(envelope, allow_nan=False))
        return str(self._number)

    def _receive(self, patience: float) -> dict[str, Any] | None:
        if self._stopping():
            raise ConnectionAbortedError
        try:
            text = self._connection.recv(timeout=patience)
        except TimeoutError:
            return None
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise RefusalError(-1, "what answers is not VTube Studio")
        return answer

    def _data(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        data = answer.get("data")
        data = data if isinstance(data, dict) else {}
        if answer.get("messageType") == "APIError":
            number = data.get("errorID")
            text = str(data.get("message") or "no reason given")
            raise RefusalError(number if isinstance(number, int) else -1, f"{text} (error {number})")
        return data
