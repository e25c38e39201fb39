"""A VTube Studio to test against, after the public description of its plugin API, with its limits and refusals."""

from __future__ import annotations

import json
import re
import threading
import time
from typing import Any

from websockets.sync.server import ServerConnection, serve

DEFAULTS = (
    *("FacePositionX", "FacePositionY", "FacePositionZ", "FaceAngleX", "FaceAngleY", "FaceAngleZ"),
    *("MouthSmile", "MouthOpen", "Brows", "TongueOut", "EyeOpenLeft", "EyeOpenRight"),
    *("EyeLeftX", "EyeLeftY", "EyeRightX", "EyeRightY", "CheekPuff", "FaceAngry", "BrowLeftY", "BrowRightY", "MouthX"),
    *("MousePositionX", "MousePositionY", "VoiceVolume", "VoiceFrequency"),
)


class ApiError(Exception):
    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number


class VTubeStudio:
    """Attributes are what a person sets there, and what has happened."""

    def __init__(self, port: int = 0) -> None:
        self.allows: bool | None = True  # what the person answers; None: nothing yet
        self.api_on = True
        self.per_plugin, self.in_all = 100, 300
        self.tokens = {"kept-token"}
        self.custom: dict[str, str] = {}  # name: plugin
        self.controlled: set[str] = set()  # by another plugin
        self.popups = 0
        self.sessions = 0
        self.frames: list[tuple[float, dict[str, float], bool]] = []
        self.broken: list[str] = []  # what no plugin may send
        self.deaf = threading.Event()  # set: it does not read
        self._connections: set[ServerConnection] = set()
        self._server = serve(self._serve, "127.0.0.1", port, compression=None, close_timeout=0.2)
        self.port = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def newest(self) -> dict[str, float]:
        return self.frames[-1][1]

    def close(self) -> None:
        self.allows = False if self.allows is None else self.allows
        self.deaf.clear()
        self._server.shutdown()

    def _serve(self, connection: ServerConnection) -> None:
        self._connections.add(connection)
        self.sessions += 1
        plugin = ""
        for text in connection:
            while self.deaf.is_set():
                time.sleep(0.01)
            request: dict[str, Any] = {}
            try:
                request = json.loads(text, parse_constant=self._no_number)
                kind, data, plugin = self._answer(request, plugin)
            except ApiError as error:
                kind, data = "APIError", {"errorID": error.number, "message": str(error)}
            answer = {
                "apiName": "VTubeStudioPublicAPI",
                "apiVersion": "1.0",
                "timestamp": int(1000 * time.time()),
                "messageType": kind,
                "requestID": request.get("requestID", "x"),
                "data": data,
            }
            connection.send(json.dumps(answer))

    def _no_number(self, constant: str) -> None:
        self.broken.append(constant)
        raise ApiError(2, "JSON invalid")

    def _answer(self, request: dict[str, Any], plugin: str) -> tuple[str, dict[str, Any], str]:
        if not self.api_on:
            raise ApiError(1, "API access is deactivated")
        if (request["apiName"], request["apiVersion"]) != ("VTubeStudioPublicAPI", "1.0"):
            raise ApiError(3, "API name or version invalid")
        if not re.fullmatch(r"[\x21-\x7e]{1,64}", request["requestID"]):
            raise ApiError(5, "request ID invalid")
        kind, data = request["messageType"], request["data"]
        if kind == "AuthenticationTokenRequest":
            return "AuthenticationTokenResponse", {"authenticationToken": self._ask(data)}, plugin
        if kind == "AuthenticationRequest":
            valid = data["authenticationToken"] in self.tokens
            plugin = data["pluginName"] if valid else ""
            return "AuthenticationResponse", {"authenticated": valid, "reason": "said so"}, plugin
        if not plugin:
            raise ApiError(8, "request requires authentication")
        if kind == "ParameterCreationRequest":
            self._create(data, plugin)
            return "ParameterCreationResponse", {"parameterName": data["parameterName"]}, plugin
        if kind == "InjectParameterDataRequest":
            self._inject(data)
            return "InjectParameterDataResponse", {}, plugin
        raise ApiError(7, "request type unknown")

    def _ask(self, data: dict[str, Any]) -> str:
        if not all(3 <= len(data[key]) <= 32 for key in ("pluginName", "pluginDeveloper")):
            raise ApiError(52, "plugin name invalid")
        self.popups += 1
        while self.allows is None:
            time.sleep(0.01)
        if not self.allows:
            raise ApiError(50, "User has denied API access for your plugin.")
        token = f"token-{self.popups}"
        self.tokens.add(token)
        return token

    def _create(self, data: dict[str, Any], plugin: str) -> None:
        name = data["parameterName"]
        if not re.fullmatch(r"[A-Za-z0-9]{4,32}", name):
            raise ApiError(350, f"parameter name {name} invalid")
        if not all(-1e6 <= data[key] <= 1e6 for key in ("min", "max", "defaultValue")) or data["min"] >= data["max"]:
            raise ApiError(351, "parameter values invalid")
        if len(data["explanation"]) >= 256:
            raise ApiError(353, "explanation too long")
        if name in DEFAULTS:
            raise ApiError(354, f"{name} is a default parameter")
        if self.custom.get(name, plugin) != plugin:
            raise ApiError(352, f"parameter {name} was created by plugin {self.custom[name]}")
        if name not in self.custom:
            if list(self.custom.values()).count(plugin) >= self.per_plugin:
                raise ApiError(355, "too many custom parameters of this plugin")
            if len(self.custom) >= self.in_all:
                raise ApiError(356, "too many custom parameters")
        self.custom[name] = plugin

    def _inject(self, data: dict[str, Any]) -> None:
        values = {item["id"]: item["value"] for item in data["parameterValues"]}
        if not values:
            raise ApiError(450, "no data provided")
        for name, value in values.items():
            if name not in DEFAULTS and name not in self.custom:
                raise ApiError(453, f"parameter {name} not found")
            if not -1e6 <= value <= 1e6:
                raise ApiError(451, f"value of {name} invalid")
        if self.controlled & set(values) and data.get("mode", "set") == "set":
            raise ApiError(454, f"{min(self.controlled)} is controlled by plugin Other")
        self.frames.append((time.monotonic(), values, data["faceFound"]))
