"""The values of a show: everything that a cue, a fader or a desk can change, by name.

A name is a path, `light/2/azimuth`, as OSC spells it. Panels, cues, OSC, MIDI and DMX know values by this table alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from facemodel import LimelightError

N_LIGHTS = 8

Rgb = tuple[float, float, float]
Value = float | str | bool | Rgb


class Category(Enum):
    """What a value is about; times of a cue may differ by it, as on Eos."""

    INTENSITY = "intensity"
    FOCUS = "focus"
    COLOR = "color"
    BEAM = "beam"


class Fade(Enum):
    """How a value goes from one to another."""

    LINEAR = "linear"  # of linear light, and of plain numbers
    MIRED = "mired"  # colour temperatures: evenly in 1 / K
    AZIMUTH = "azimuth"  # along a great circle, together with the elevation beside it
    ELEVATION = "elevation"  # likewise
    TURN = "turn"  # angles: the shorter way round
    SNAP = "snap"  # at once


@dataclass(frozen=True)
class ValueSpec:
    """What there is to know of one value.

    Attributes:
        name: of the value, `light/2/azimuth`.
        default: where nothing was said; a number, a text, a truth value, or linear RGB 0..1.
        text: what it does, for people.
        low, high: of a number; a number beyond is taken as the nearest that is allowed.
        unit: of a number; "" for a factor.
        category: that it belongs to.
        fade: how it is faded.
        choices: that a text is one of; empty for any text.
    """

    name: str
    default: Value
    text: str
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    category: Category = Category.INTENSITY
    fade: Fade = Fade.LINEAR
    choices: tuple[str, ...] = ()

    def checked(self, value: object) -> Value:
        """Return a value as this one may have it: of its type, and in its range.

        Raises:
            LimelightError: it is of another type, not a finite number, or none of the choices.
        """
        if isinstance(self.default, bool):
            if isinstance(value, bool | int | float) and value in (0, 1):
                return bool(value)
            raise LimelightError(f"{self.name}: must be true or false, got {value!r}")
        if isinstance(self.default, str):
            if not isinstance(value, str):
                raise LimelightError(f"{self.name}: must be a text, got {value!r}")
            if self.choices and value not in self.choices:
                raise LimelightError(f"{self.name}: must be one of {', '.join(self.choices)}; got {value!r}")
            return value
        if isinstance(self.default, tuple):
            if not isinstance(value, list | tuple) or len(value) != 3:
                raise LimelightError(f"{self.name}: must be red, green and blue, 0 to 1; got {value!r}")
            red, green, blue = (self._number(part) for part in value)
            return red, green, blue
        return self._number(value)

    def _number(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise LimelightError(f"{self.name}: must be a number, got {value!r}")
        return min(max(float(value), self.low), self.high)


def _of_a_light(n: int) -> tuple[ValueSpec, ...]:
    focus, color, beam = Category.FOCUS, Category.COLOR, Category.BEAM
    at = f"light/{n}"
    azimuth, elevation = ((-30.0, 35.0), (35.0, 10.0), (150.0, 30.0), (-150.0, 30.0))[(n - 1) % 4]
    return (
        ValueSpec(f"{at}/intensity", 0.0, "light at the head, as irradiance / pi; 0 is off", 0.0, 3.0),
        ValueSpec(f"{at}/kind", "point", "what it is", category=beam, fade=Fade.SNAP,
                  choices=("point", "directional", "spot")),
        ValueSpec(f"{at}/azimuth", azimuth, "where it stands; 0 at the camera, 90 at image right, 180 behind the head",
                  -180.0, 180.0, "deg", focus, Fade.AZIMUTH),
        ValueSpec(f"{at}/elevation", elevation, "how high it stands; 90 is above the head",
                  -90.0, 90.0, "deg", focus, Fade.ELEVATION),
        ValueSpec(f"{at}/distance", 1000.0, "from the middle of the head", 200.0, 5000.0, "mm", focus),
        ValueSpec(f"{at}/fixed", "room", "what it stands still against", category=focus, fade=Fade.SNAP,
                  choices=("room", "head")),
        ValueSpec(f"{at}/color", (1.0, 1.0, 1.0), "linear red, green and blue of its filter", category=color),
        ValueSpec(f"{at}/temperature", 6500.0, "colour temperature of its lamp; 6500 is white",
                  1500.0, 20000.0, "K", color, Fade.MIRED),
        ValueSpec(f"{at}/size", 6.0, "how large it looks from the head", 0.0, 60.0, "deg", beam),
        ValueSpec(f"{at}/beam", 40.0, "full angle of a spot's cone", 2.0, 120.0, "deg", beam),
        ValueSpec(f"{at}/shadow", 1.0, "how dark the shadows are that the head throws on itself", category=beam),
    )  # fmt: skip


_COMMON = (
    ValueSpec("light/source", "estimated", "whether faces stand in the estimated light, or in the show's",
              fade=Fade.SNAP, choices=("estimated", "show")),
    ValueSpec("environment/name", "", "a preset, or a panorama's path; empty for the estimated SH light",
              category=Category.COLOR, fade=Fade.SNAP),
    ValueSpec("environment/intensity", 1.0, "factor on the environment", 0.0, 3.0),
    ValueSpec("environment/rotation", 0.0, "about the vertical; positive turns light from the front to image right",
              -180.0, 180.0, "deg", Category.FOCUS, Fade.TURN),
    ValueSpec("material/diffuse", 1.0, "factor on diffuse light", 0.0, 2.0, category=Category.BEAM),
    ValueSpec("material/specular", 1.0, "factor on highlights", 0.0, 4.0, category=Category.BEAM),
    ValueSpec("material/shininess", 20.0, "Blinn-Phong exponent of the show's highlights", 1.0, 200.0,
              category=Category.BEAM),
    ValueSpec("material/tone", 0.0, "skin, lighter or darker", -2.0, 2.0, "stops", Category.COLOR),
    ValueSpec("relight/strength", 1.0, "how far the video is relit; 0 leaves it as it came", category=Category.BEAM),
    ValueSpec("relight/even", 0.4, "how far the light that is there already is evened out", category=Category.BEAM),
    ValueSpec("relight/background", "keep", "what becomes of the picture behind the person", category=Category.BEAM,
              fade=Fade.SNAP, choices=("keep", "dim", "replace")),
    ValueSpec("relight/dim", 0.5, "how far the background follows the light on the face", category=Category.BEAM),
    ValueSpec("relight/backdrop", (0.0, 0.0, 0.0), "linear red, green and blue of a replaced background",
              category=Category.COLOR),
    ValueSpec("relight/lock", False, "hold on to the light that the camera saw until now", category=Category.BEAM,
              fade=Fade.SNAP),
)  # fmt: skip

VALUES: Mapping[str, ValueSpec] = {
    spec.name: spec for spec in (*_COMMON, *(spec for n in range(1, N_LIGHTS + 1) for spec in _of_a_light(n)))
}
"""Every value that cues hold. The grand master and blackout are none: they lie over the show, see `Show`."""

DEFAULTS: Mapping[str, Value] = {name: spec.default for name, spec in VALUES.items()}


def spec_of(name: str) -> ValueSpec:
    """Return what there is to know of a value.

    Raises:
        LimelightError: there is none of this name.
    """
    try:
        return VALUES[name]
    except KeyError:
        raise LimelightError(
            f"{name}: there is no such value of a show; `limelight show --addresses` lists them"
        ) from None
