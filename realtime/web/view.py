"""The sink that serves a page with the face, to be looked at in any browser: a tablet, a second monitor, OBS."""

from __future__ import annotations

import json
import socket
from functools import cache
from importlib.resources import files

from facemodel import LimelightError
from realtime.frame import Result, StreamInfo
from realtime.light.environments import ENVIRONMENTS, Environment
from realtime.render.options import RenderOptions, ViewMode
from realtime.render.view_lights import VIEW_LIGHTS, WIRE_COLOR
from realtime.sinks.address import Address, place_of
from realtime.web.broadcast import Broadcast, Page
from realtime.web.view_messages import STATES, FrameWriter, model_message
from shaders import load_shader

PORT = 8780

_PAGES = {
    "/": ("view.html", "text/html; charset=utf-8"),
    **{f"/{name}.js": (f"{name}.js", "text/javascript; charset=utf-8") for name in (
        "view", "connection", "controls", "head", "light", "messages", "stage", "three",
    )},
}  # fmt: skip
_SHADERS = (
    "texture_face.frag",
    "wireframe.frag",
    "texture_face.vert",
    "texture_normals.frag",
    "texture_screen.vert",
    "texture_sum.frag",
    "texture_wireframe.vert",
)
_MODES = {
    "shaded": ViewMode.OVERLAY,
    **{mode.value: mode for mode in (ViewMode.GEOMETRY, ViewMode.DIFFUSE, ViewMode.SPECULAR, ViewMode.ALBEDO)},
    "wireframe": ViewMode.WIREFRAME,
}


class View:
    """Serves the page, the face model, and the faces of the newest result. A `realtime.sinks.Sink`.

    Attributes:
        name: for people.
        broadcast: the server; it keeps its port and its token from feed to feed.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = PORT) -> None:
        """
        Args:
            host: where to listen: this machine alone, or 0.0.0.0 or :: for the whole network.
            port: 0 takes a free one.
        """
        self.broadcast = Broadcast(host, port, page=self._page)
        self.name = f"view {place_of(self.broadcast.host, port)}"
        self._model = b""
        self._writer: FrameWriter | None = None

    def begin(self, info: StreamInfo) -> None:
        """Pack the feed's face model and begin to listen.

        Raises:
            LimelightError: the address is taken, or is not this machine's.
        """
        self._model, key = model_message(info.model)
        self._writer = FrameWriter(info.model.layout, key)
        self.broadcast.open()

    def submit(self, result: Result) -> None:
        """Tell every page of a result."""
        assert self._writer is not None
        self.broadcast.send(self._writer.write(result))

    def status(self) -> str:
        """Return the page's address and how many look at it."""
        return f"{self.broadcast.url}, {self.broadcast.clients} looking"

    def connected(self) -> bool:
        """Return whether anybody looks at the page."""
        return self.broadcast.clients > 0

    def close(self) -> None:
        """Stop listening; a second call does nothing."""
        self.broadcast.close()

    def addresses(self) -> tuple[str, ...]:
        """Return the page's address on this machine, and the one for others of the network if they may come."""
        other = network_address(self.broadcast.host)
        return (self.broadcast.url, self.broadcast.url_at(other)) if other else (self.broadcast.url,)

    def _page(self, path: str) -> Page | None:
        if path == "/model":
            return Page(self._model, "application/octet-stream")
        if path == "/setup":
            return Page(_setup(), "application/json")
        file = _PAGES.get(path)
        return None if file is None else Page(_file(file[0]), file[1])


def open_view(address: Address) -> View:
    """Return the sink of an address such as `view://127.0.0.1:8780`; host and port may be left out.

    Raises:
        LimelightError: the address has a path.
    """
    if address.path not in ("", "/"):
        raise LimelightError(f"sink {address.text}: it ends after the port, such as view://127.0.0.1:{PORT}")
    return View(address.host or "127.0.0.1", PORT if address.port is None else address.port)


_FAR = {"0.0.0.0": (socket.AF_INET, "192.0.2.1"), "::": (socket.AF_INET6, "2001:db8::1")}
"""Addresses of no machine (RFC 5737, RFC 3849): the way there says which address this machine has in its network."""


def network_address(host: str = "0.0.0.0") -> str:
    """Return this machine's address in its network, "" where there is none. Nothing is sent.

    Args:
        host: where something listens: "0.0.0.0" for the IPv4 address, "::" for the IPv6 one; "" is returned for others.
    """
    if host not in _FAR:
        return ""
    family, far = _FAR[host]
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""


@cache
def _file(name: str) -> bytes:
    return files("realtime").joinpath("web", "pages", name).read_bytes()


@cache
def _setup() -> bytes:
    """What the page shares with the renderer: shaders, lights and colours."""
    modes = {}
    for name, mode in _MODES.items():
        view = VIEW_LIGHTS.get(mode)
        modes[name] = None if view is None else {
            "terms": view.terms,
            "clay": view.clay,
            "light": None if view.light is None else _light(view.light),
            "shininess": view.shininess,
        }  # fmt: skip
    setup = {
        "shaders": {name: load_shader(name, es=True) for name in _SHADERS},
        "modes": modes,
        "environments": {name: _light(light) for name, light in ENVIRONMENTS.items()},
        "wire_color": WIRE_COLOR,
        "background": RenderOptions().background,
        "states": [state.value for state in STATES],
    }
    return json.dumps(setup).encode()


def _light(light: Environment) -> dict[str, list]:
    return {"sh": light.sh.tolist(), "key_position": light.key_position.tolist(), "key_color": light.key_color.tolist()}
