"""What each DMX slot of ours does: one personality for the picture as a whole, and one for each light."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from realtime.controls.osc_addresses import Asked
from realtime.light.values import N_LIGHTS, VALUES

_OPEN = 32
"""From this value on a shutter is open."""
_EDGE = 128
"""A button is down from this value on."""
_WHITE = 6500.0
"""K of a colour temperature slot at 0."""


@dataclass(frozen=True)
class Channel:
    """One thing that slots say.

    Attributes:
        attribute: its name in GDTF.
        offset: of its first slot, from 0; of 16 bits the high byte comes first.
        bits: 8 or 16.
        default: it is sent as by a desk that nobody touched, 0..1.
        low, high: what it is from end to end, in GDTF's physical units.
    """

    attribute: str
    offset: int
    bits: int = 8
    default: float = 0.0
    low: float = 0.0
    high: float = 1.0

    @property
    def slots(self) -> int:
        """How many slots it takes."""
        return self.bits // 8

    def raw(self, slots: Sequence[int]) -> int:
        """Return its number, 0..255 or 0..65535."""
        if self.bits == 16:
            return slots[self.offset] << 8 | slots[self.offset + 1]
        return slots[self.offset]

    def part(self, slots: Sequence[int]) -> float:
        """Return where it stands, 0..1."""
        return self.raw(slots) / ((1 << self.bits) - 1)


_DIMMER = Channel("Dimmer", 0, 16)
_RGB = tuple(Channel(f"ColorAdd_{letter}", 2 + i, default=1.0) for i, letter in enumerate("RGB"))
_TEMPERATURE = Channel("CTC", 5, low=20000.0, high=1500.0)
_PAN = Channel("Pan", 6, 16, 0.5, -180.0, 180.0)
_TILT = Channel("Tilt", 8, 16, 0.5, -90.0, 90.0)
_ZOOM = Channel("Zoom", 10, default=0.1, high=60.0)
_SHUTTER = Channel("Shutter1", 11, default=1.0)

LIGHT = (_DIMMER, *_RGB, _TEMPERATURE, _PAN, _TILT, _ZOOM, _SHUTTER)
"""Of one light: 12 slots."""

_MASTER = Channel("Dimmer", 0, default=1.0)
_RELIGHT = Channel("Effects1", 1, default=1.0)
_ENVIRONMENT = Channel("Gobo1", 2)
_ROTATION = Channel("Gobo1Pos", 3, 16, 0.5, -180.0, 180.0)
_BACKGROUND = Channel("Effects2", 5, default=0.5)
_GO = Channel("Control1", 6)

GLOBAL = (_MASTER, _RELIGHT, _ENVIRONMENT, _ROTATION, _BACKGROUND, _GO)
"""Of the picture as a whole: 7 slots."""

LIGHT_SLOTS = sum(channel.slots for channel in LIGHT)
GLOBAL_SLOTS = sum(channel.slots for channel in GLOBAL)
FOOTPRINT = GLOBAL_SLOTS + N_LIGHTS * LIGHT_SLOTS
"""Slots of everything: the picture first, then the lights from 1 to 8."""

Slots = Sequence[int]
_Make = Callable[[Slots], tuple[object, ...] | None]


@dataclass(frozen=True)
class _Field:
    """A command, and what slots it is made of."""

    path: str
    channels: tuple[Channel, ...]
    make: _Make

    def raw(self, slots: Slots) -> tuple[int, ...]:
        return tuple(channel.raw(slots) for channel in self.channels)


class Personality:
    """Makes commands of what changes in a block of slots."""

    def __init__(self, environments: Sequence[str] = ()) -> None:
        """
        Args:
            environments: names that the environment's slot chooses from, from 1 on.
        """
        self._names = ("", *environments)
        self._global = (
            _Field("master", (_MASTER,), lambda slots: (_MASTER.part(slots),)),
            _Field("relight/strength", (_RELIGHT,), lambda slots: (_RELIGHT.part(slots),)),
            _Field("environment/name", (_ENVIRONMENT,), self._environment),
            _Field("environment/rotation", (_ROTATION,), _scaled("environment/rotation", _ROTATION)),
            _Field("relight/dim", (_BACKGROUND,), lambda slots: (_BACKGROUND.part(slots),)),
        )

    def changes(self, before: bytes | None, slots: bytes) -> list[Asked]:
        """Return what is asked for by slots that were others before.

        Args:
            before: FOOTPRINT slots; None: nothing was known yet.
            slots: FOOTPRINT slots.
        """
        found = _changes(self._global, before, slots)
        for n in range(N_LIGHTS):
            at = GLOBAL_SLOTS + n * LIGHT_SLOTS
            ours = slice(at, at + LIGHT_SLOTS)
            if before is None or before[ours] != slots[ours]:
                found += _changes(_LIGHTS[n], None if before is None else before[ours], slots[ours])
        if before is not None and _GO.raw(before) < _EDGE <= _GO.raw(slots):
            found.append(Asked("cue/go"))
        return found

    def _environment(self, slots: Slots) -> tuple[object, ...] | None:
        number = _ENVIRONMENT.raw(slots)
        return (self._names[number],) if number < len(self._names) else None


def _changes(fields: Sequence[_Field], before: bytes | None, slots: bytes) -> list[Asked]:
    found = []
    for field in fields:
        if before is not None and field.raw(before) == field.raw(slots):
            continue
        args = field.make(slots)
        if args is not None:
            found.append(Asked(field.path, args))
    return found


def _scaled(name: str, channel: Channel) -> _Make:
    spec = VALUES[name]
    return lambda slots: (spec.low + (spec.high - spec.low) * channel.part(slots),)


def _of_a_light(n: int) -> tuple[_Field, ...]:
    at = f"light/{n}"
    dimmer = _scaled(f"{at}/intensity", _DIMMER)
    return (
        _Field(f"{at}/color", _RGB, lambda slots: tuple(channel.part(slots) for channel in _RGB)),
        _Field(f"{at}/temperature", (_TEMPERATURE,), lambda slots: (_temperature(_TEMPERATURE.raw(slots)),)),
        _Field(f"{at}/azimuth", (_PAN,), _scaled(f"{at}/azimuth", _PAN)),
        _Field(f"{at}/elevation", (_TILT,), _scaled(f"{at}/elevation", _TILT)),
        _Field(f"{at}/size", (_ZOOM,), _scaled(f"{at}/size", _ZOOM)),
        _Field(
            f"{at}/intensity",
            (_DIMMER, _SHUTTER),
            lambda slots: dimmer(slots) if _SHUTTER.raw(slots) >= _OPEN else (0.0,),
        ),
    )


def _temperature(raw: int) -> float:
    """K: white at 0, then from the coldest to the warmest, evenly in mired."""
    if raw == 0:
        return _WHITE
    part = (raw - 1) / 254
    return 1.0 / ((1.0 - part) / _TEMPERATURE.low + part / _TEMPERATURE.high)


_LIGHTS = tuple(_of_a_light(n) for n in range(1, N_LIGHTS + 1))
