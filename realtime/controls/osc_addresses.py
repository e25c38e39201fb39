"""What OSC addresses ask for: Limelight's own, and the verbs that desks and cue players know already."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from realtime.controls.osc_packet import Argument, Message
from realtime.controls.table import CommandTable
from realtime.light.lighting import place_of
from realtime.light.values import N_LIGHTS

PREFIX = "/limelight/"


@dataclass(frozen=True)
class Asked:
    """A command that is asked for."""

    path: str
    args: tuple[object, ...] = ()


_VERBS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Asked]], ...] = tuple(
    (re.compile(pattern), make)
    for pattern, make in (
        # QLab
        (r"/go", lambda _: Asked("cue/go")),
        (r"/go/([\d.]+)", lambda found: Asked("cue/go_to", (found[1],))),
        (r"/cue/([\d.]+)/(?:start|go)", lambda found: Asked("cue/go_to", (found[1],))),
        (r"/(?:stop|pause)", lambda _: Asked("cue/pause")),
        (r"/resume", lambda _: Asked("cue/resume")),
        (r"/panic", lambda _: Asked("cue/panic")),
        (r"/reset", lambda _: Asked("cue/release")),
        # Eos; there is one list of cues here, 1
        (r"/eos/key/go(?:_0)?", lambda _: Asked("cue/go")),
        (r"/eos/key/stop(?:_0)?", lambda _: Asked("cue/pause")),
        (r"/eos/key/back(?:_0)?", lambda _: Asked("cue/back")),
        (r"/eos/cue/(?:1/)?([\d.]+)/fire", lambda found: Asked("cue/go_to", (found[1],))),
    )
)
_WORKSPACE = re.compile(r"/workspace/[^/]+(?=/)")


class OscAddresses:
    """Says what a message asks for. Keeps which light of `/VMC/Ext/Light` is which of the show's."""

    def __init__(self, table: CommandTable) -> None:
        self._table = table
        self._lights: dict[str, int] = {}

    def asked(self, message: Message) -> tuple[Asked, ...] | None:
        """Return the commands that a message asks for, none where a button is let go; None where nobody knows it.

        A command without arguments is a button: one number may come with it, and 0 says that it is let go.
        """
        address, args = message.address, message.args
        if address.startswith(PREFIX):
            path = address.removeprefix(PREFIX)
            command = self._table.find(path)
            if command is None:
                return None
            if not command.arguments:
                return _button(Asked(path), args)
            return (Asked(path, args),)
        if address == "/VMC/Ext/Light":
            return self._vmc_light(args)
        plain = _WORKSPACE.sub("", address, count=1)
        for pattern, make in _VERBS:
            if found := pattern.fullmatch(plain):
                return _button(make(found), args)
        return None

    def _vmc_light(self, args: tuple[Argument, ...]) -> tuple[Asked, ...] | None:
        """A directional light of Unity's: name, position, rotation xyzw, sRGB and alpha. It shines along its own +z.

        Unity's x is to the left in the picture of an avatar that faces us along +z.
        """
        if len(args) != 12 or not isinstance(args[0], str):
            return None
        numbers = [float(v) for v in args[1:] if isinstance(v, float | int) and math.isfinite(v)]
        if len(numbers) != 11:
            return None
        x, y, z, w = numbers[3:7]
        length = x * x + y * y + z * z + w * w
        if length < 1e-6:
            return None
        s = 2.0 / length
        shines = (s * (x * z + w * y), s * (y * z - w * x), 1.0 - s * (x * x + y * y))  # where +z is turned to
        azimuth, elevation = place_of((shines[0], -shines[1], -shines[2]))
        rgb = [_linear(v) for v in numbers[7:10]]
        brightest = max(rgb)
        first = args[0] not in self._lights
        if first and len(self._lights) == N_LIGHTS:
            return None
        at = f"light/{self._lights.setdefault(args[0], len(self._lights) + 1)}"
        start = (Asked("light/source", ("show",)), Asked(f"{at}/kind", ("directional",))) if first else ()
        hue = (Asked(f"{at}/color", tuple(v / brightest for v in rgb)),) if brightest > 0.0 else ()
        return (
            *start,
            *hue,
            Asked(f"{at}/azimuth", (azimuth,)),
            Asked(f"{at}/elevation", (elevation,)),
            Asked(f"{at}/intensity", (brightest,)),
        )


def _button(asked: Asked, args: tuple[Argument, ...]) -> tuple[Asked, ...]:
    if len(args) == 1 and isinstance(args[0], int | float):
        return (asked,) if args[0] else ()
    return (Asked(asked.path, (*asked.args, *args)),)


def _linear(code: float) -> float:
    """Linear light of an sRGB code, both 0..1 and beyond for lights that are brighter."""
    code = max(code, 0.0)
    return code / 12.92 if code <= 0.04045 else ((code + 0.055) / 1.055) ** 2.4
