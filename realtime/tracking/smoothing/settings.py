"""How strongly each part of a face is smoothed: what people can set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType

from facemodel import LimelightError


@dataclass(frozen=True)
class SmoothingSettings:
    """One strength for each part: 0 passes what the network says, 0.5 is the configured filter, 1 is the steadiest
    and latest.

    A face model whose expressions do not have ARKit's names has them all in `mouth`.

    Attributes:
        head: rotation, position and size.
        eyes: lids and gaze: expressions named eye...
        brows: expressions named brow...
        mouth: all other expressions: jaw, mouth, cheeks, nose, tongue.
        light: SH light, key light and shininess.

    Raises:
        LimelightError: a strength is not within 0..1.
    """

    head: float = 0.5
    eyes: float = 0.5
    brows: float = 0.5
    mouth: float = 0.5
    light: float = 0.5

    def __post_init__(self) -> None:
        for part, strength in asdict(self).items():
            if not 0.0 <= strength <= 1.0:
                raise LimelightError(f"smoothing {part}={strength:g}: a strength is from 0 (off) to 1 (steadiest)")

    @classmethod
    def uniform(cls, strength: float) -> SmoothingSettings:
        """Return the settings with one strength for all parts."""
        return cls(*[strength] * len(fields(cls)))

    @classmethod
    def parse(cls, text: str, start: SmoothingSettings | None = None) -> SmoothingSettings:
        """Return the settings that a text such as `still`, `mouth=0.3` or `balanced,mouth=0.3` asks for.

        Args:
            text: presets and PART=STRENGTH, separated by commas; what comes later counts. `str` of settings is such
                a text.
            start: what holds where the text says nothing; the preset `balanced` by default.

        Raises:
            LimelightError: there is no such preset or part, or a strength is not within 0..1.
        """
        settings = start or cls()
        for word in text.split(","):
            part, sign, strength = (piece.strip() for piece in word.partition("="))
            if sign:
                settings = _with_part(settings, part, strength)
            elif part in PRESETS:
                settings = PRESETS[part]
            else:
                raise LimelightError(
                    f"smoothing '{part}': say a preset ({', '.join(PRESETS)}) or PART=STRENGTH, such as mouth=0.3"
                )
        return settings

    @property
    def preset(self) -> str | None:
        """The name of the preset that these settings are; None if they are none."""
        return next((name for name, preset in PRESETS.items() if preset == self), None)

    def __str__(self) -> str:
        """Return the text from which `parse` makes these settings."""
        return self.preset or ",".join(f"{part}={strength!r}" for part, strength in asdict(self).items())


def part_of_expression(name: str) -> str:
    """Return the part, `eyes`, `brows` or `mouth`, that an expression belongs to, by its ARKit name."""
    return "eyes" if name.startswith("eye") else "brows" if name.startswith("brow") else "mouth"


def _with_part(settings: SmoothingSettings, part: str, text: str) -> SmoothingSettings:
    parts = [f.name for f in fields(settings)]
    if part not in parts:
        raise LimelightError(f"smoothing '{part}': no such part; there are {', '.join(parts)}")
    try:
        strength = float(text)
    except ValueError:
        strength = math.nan
    if math.isnan(strength):
        raise LimelightError(f"smoothing {part}='{text}': a strength is a number from 0 (off) to 1 (steadiest)")
    return replace(settings, **{part: strength})


PRESETS: Mapping[str, SmoothingSettings] = MappingProxyType(
    {
        "still": SmoothingSettings(head=0.8, eyes=0.7, brows=0.8, mouth=0.8, light=0.8),
        "balanced": SmoothingSettings(),
        "raw": SmoothingSettings.uniform(0.0),
    }
)
"""Settings by name: `still` for a picture that hardly trembles, `balanced` for most, `raw` for no smoothing at all."""
