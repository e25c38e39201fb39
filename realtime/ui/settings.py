"""Settings that the window remembers: one JSON file, written atomically, tolerant of anything found in it."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs

from facemodel import LimelightError
from realtime.light.values import DEFAULTS, VALUES, Value
from realtime.tracking.smoothing.settings import SmoothingSettings


@dataclass(frozen=True)
class WindowSettings:
    """What the window looks like when it opens again.

    Attributes:
        geometry: x, y, width, height of the window on the desktop; empty if it was never shown.
        maximized: the window filled the screen.
        source: what `Session.open` took last; "" for the default source.
        mode: name of the view mode.
        mirror: the preview is mirrored.
        smoothing: strength of each part.
        light: values of the show that are not as usual, by name.
        curves: names of the channels whose curves are drawn; empty for the usual ones.
        curves_shown: the curves of a take are shown.
        tour_seen: the tour of the first run was gone through, or left.
        streams: addresses that the Streams panel lists; they are off when the window opens.
    """

    geometry: tuple[int, ...] = ()
    maximized: bool = False
    source: str = ""
    mode: str = "overlay"
    mirror: bool = True
    smoothing: SmoothingSettings = SmoothingSettings()
    tour_seen: bool = False
    light: Mapping[str, Value] = field(default_factory=dict)
    streams: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()
    curves_shown: bool = False


class SettingsFile:
    """Reads and writes `WindowSettings`."""

    def __init__(self, path: str | Path | None = None) -> None:
        """With the user's own settings file, `window.json` in the platform's configuration folder, if no path."""
        self.path = Path(path) if path else platformdirs.user_config_path("limelight") / "window.json"

    def load(self) -> WindowSettings:
        """The settings of the file. What is missing, unreadable or of the wrong type is as if never set."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = {}
        if isinstance(found, dict) and _is_numbers([strength := found.get("smoothing")]):
            found["smoothing"] = dict.fromkeys((f.name for f in fields(SmoothingSettings)), strength)  # as it once was
        return replace(_restore(WindowSettings(), found), light=_values(found))

    def save(self, settings: WindowSettings) -> None:
        """Replace the file in one step: after a crash it holds the old settings or the new ones.

        Raises:
            OSError: the file cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(asdict(settings), file, indent=2)
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def changed_values(values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values of a show that are not as usual."""
    return {name: value for name, value in values.items() if value != DEFAULTS[name]}


def _values(found: object) -> dict[str, Value]:
    """The values of a show that settings hold, as far as they make sense."""
    light = found.get("light") if isinstance(found, dict) else None
    values: dict[str, Value] = {}
    for name, value in light.items() if isinstance(light, dict) else ():
        if name in VALUES:
            with suppress(LimelightError):
                values[name] = VALUES[name].checked(value)
    return values


def _restore(defaults: Any, found: object) -> Any:
    """`defaults` with the fields of the mapping `found` that have the type of their default, and make sense."""
    if not isinstance(found, dict):
        return defaults
    changes: dict[str, Any] = {}
    for f in fields(defaults):
        default = getattr(defaults, f.name)
        if f.name not in found:
            continue
        value = found[f.name]
        if is_dataclass(default):
            changes[f.name] = _restore(default, value)
        elif f.type == "tuple[str, ...]":
            if isinstance(value, list) and all(isinstance(text, str) and text for text in value):
                changes[f.name] = tuple(value)
        elif isinstance(default, tuple):
            if _is_numbers(value) and len(value) in (len(default) or 4,):
                changes[f.name] = tuple(value)
        elif isinstance(default, bool) or isinstance(value, bool):
            if isinstance(default, bool) and isinstance(value, bool):
                changes[f.name] = value
        elif isinstance(default, float) and isinstance(value, int | float) and math.isfinite(value):
            changes[f.name] = float(value)
        elif isinstance(default, str) and isinstance(value, str):
            changes[f.name] = value
    for name, value in changes.items():
        with suppress(LimelightError):  # out of its range
            defaults = replace(defaults, **{name: value})
    return defaults


def _is_numbers(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number) for number in value
    )
