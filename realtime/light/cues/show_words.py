"""The words of show files, which reader and writer share."""

from __future__ import annotations

from ruamel.yaml import YAML

from facemodel.color import decode_srgb
from realtime.light.values import VALUES, Rgb

VERSION = 1
HEADER = ("limelight show", "name", "allow strobe", "start", "effects", "cues")
CUE = ("cue", "name", "time", "delay", "follow", "hang", "link", "block", "assert", "notes", "effects")
TIMES = ("up", "down", "focus", "color", "beam")
PACE = ("seconds", "hertz", "beats")
LFO = ("lfo", "of", *PACE, "depth", "offset", "phase", "spread")
CHASE = ("chase", *PACE, "crossfade", "direction", "loop", "seed")


def _groups() -> dict[str, dict[str, str]]:
    groups: dict[str, dict[str, str]] = {}
    for name in VALUES:
        path, _, key = name.rpartition("/")
        groups.setdefault(path.replace("/", " "), {})[key] = name
    return groups


GROUPS = _groups()
"""Names of values by group and word: `light 1`, `intensity`: `light/1/intensity`."""


def linear_of(text: str) -> Rgb:
    """Return linear RGB of sRGB as `#rrggbb`.

    Raises:
        ValueError: it is none.
    """
    if len(text) != 7 or text[0] != "#":
        raise ValueError(text)
    r, g, b = (float(decode_srgb(int(text[i : i + 2], 16) / 255.0)) for i in (1, 3, 5))
    return r, g, b


def yaml_of_shows() -> YAML:
    """Return what reads and writes YAML with its comments."""
    yaml = YAML(typ="rt", pure=True)
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 120
    yaml.preserve_quotes = True
    yaml.allow_unicode = True
    return yaml
