"""How a value goes from one to another."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from realtime.light.lighting import direction_of, place_of
from realtime.light.values import Fade, Rgb, Value, spec_of

Place = tuple[float, float]
"""Azimuth and elevation, degrees."""

_SAME = 1e-9  # radians between directions that are one


@dataclass(frozen=True)
class Running:
    """A fade of one value that has begun.

    Attributes:
        start: position (show time, seconds) at which it began.
        time: seconds that it takes; above 0.
        target: of the value.
        curve: returns the value at 0..1 of the way.
    """

    start: float
    time: float
    target: Value
    curve: Callable[[float], Value]

    @property
    def end(self) -> float:
        """Return the position at which it is complete."""
        return self.start + self.time

    def at(self, position: float) -> Value:
        """Return the value at a position."""
        if position >= self.end:
            return self.target
        return self.curve(max(position - self.start, 0.0) / self.time)


def begin(
    position: float,
    time: float,
    targets: Mapping[str, Value],
    live: Callable[[str], Value],
    held: Callable[[str], Value],
) -> dict[str, Running]:
    """Return the fades to some targets, by name; targets that are reached at once are not among them.

    An azimuth or an elevation brings the one beside it along: both go along one great circle.

    Args:
        position: at which they begin.
        time: seconds that they take.
        targets: by name.
        live: returns a value as it is now.
        held: returns what a value goes to at present, or stands at.
    """
    fades: dict[str, Running] = {}
    for name, target in targets.items():
        fade = spec_of(name).fade
        if time <= 0.0 or fade is Fade.SNAP or name in fades:
            continue
        if fade in (Fade.AZIMUTH, Fade.ELEVATION):
            path = name.rpartition("/")[0]
            azimuth, elevation = f"{path}/azimuth", f"{path}/elevation"
            source = cast(Place, (live(azimuth), live(elevation)))
            to = cast(Place, tuple(targets[part] if part in targets else held(part) for part in (azimuth, elevation)))
            circle = great_circle(source, to)
            fades[azimuth] = Running(position, time, to[0], lambda at, circle=circle: circle(at)[0])  # type: ignore[misc]
            fades[elevation] = Running(position, time, to[1], lambda at, circle=circle: circle(at)[1])  # type: ignore[misc]
        else:
            fades[name] = Running(position, time, target, _curve(fade, live(name), target))
    return fades


def _curve(fade: Fade, source: Value, target: Value) -> Callable[[float], Value]:
    if isinstance(target, tuple):
        a, b = cast(Rgb, source), target
        return lambda at: (a[0] + (b[0] - a[0]) * at, a[1] + (b[1] - a[1]) * at, a[2] + (b[2] - a[2]) * at)
    start, end = cast(float, source), cast(float, target)
    if fade is Fade.MIRED:
        return lambda at: 1.0 / ((1.0 - at) / start + at / end)
    if fade is Fade.TURN:
        way = turned(end - start)
        return lambda at: turned(start + way * at)
    return lambda at: start + (end - start) * at


def turned(degrees: float) -> float:
    """Return an angle as one from -180 up to 180 degrees."""
    return degrees if -180.0 <= degrees <= 180.0 else (degrees + 180.0) % 360.0 - 180.0


def great_circle(source: Place, target: Place) -> Callable[[float], Place]:
    """Return the shortest way between two places on the sphere around the head, as a place at 0..1 of the way.

    Between opposite places all ways are as long: the one over the top is taken, and from the top or the bottom itself
    the one through the azimuth of the source.
    """
    a, b = direction_of(*source), direction_of(*target)
    cross = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
    sine, cosine = math.hypot(*cross), a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    angle = math.atan2(sine, cosine)
    if angle < _SAME:  # one direction: at the top and the bottom, azimuths may differ yet
        way = turned(target[0] - source[0])
        rise = target[1] - source[1]
        return lambda at: (turned(source[0] + way * at), source[1] + rise * at)
    if sine < 1e-6 and cosine < 0.0:
        aside = _upward(a, source[0])
    else:
        aside = cast(Rgb, tuple((v - cosine * u) / sine for u, v in zip(a, b, strict=True)))

    def place(at: float) -> Place:
        c, s = math.cos(angle * at), math.sin(angle * at)
        return place_of((a[0] * c + aside[0] * s, a[1] * c + aside[1] * s, a[2] * c + aside[2] * s))

    return place


def _upward(direction: Rgb, azimuth: float) -> Rgb:
    """Return the unit vector across a direction that points up most, or along an azimuth where the direction does."""
    x, y, z = direction
    across = math.hypot(x, z)
    if across < 1e-6:
        return direction_of(azimuth, 0.0)
    return -x * y / across, across, -z * y / across
