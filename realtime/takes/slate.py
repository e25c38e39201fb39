"""The slate: which scene and take this is, in the take itself and in its file's name."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from facemodel import LimelightError
from facemodel.output_files import free_path

PATTERN = "take-{date}-{time}"
SCENE_PATTERN = "{scene}-take{take:02d}-{date}-{time}"
"""The names of takes, without and with a scene, where no pattern was given."""

FIELDS = ("scene", "take", "date", "time")
"""What a pattern may hold."""

_NOT_IN_NAMES = re.compile(r'[\x00-\x1f<>:"/\\|?*]+')
"""What some system does not allow in a file's name."""
_DEVICE = re.compile(r"(?i)con|prn|aux|nul|com[0-9]|lpt[0-9]")
"""Names that are devices at Windows."""
_LONGEST = 120
"""Characters of a name."""


@dataclass(frozen=True)
class Slate:
    """What is called before a take.

    Attributes:
        scene: as people name it; "" for none.
        take: its number in the scene, from 1 on.
        notes: anything.
    """

    scene: str = ""
    take: int = 1
    notes: str = ""

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Slate:
        """Read what `options` made, or a header's JSON; what is missing is as in a slate that nobody filled in.

        Raises:
            LimelightError: the take's number is none.
        """
        try:
            take = int(options.get("take", 1))
        except (ValueError, TypeError):
            take = 0
        if take < 1:
            raise LimelightError(f"slate: take {options['take']} must be a number from 1 on")
        return cls(str(options.get("scene", "")), take, str(options.get("notes", "")))

    @property
    def options(self) -> dict[str, Any]:
        """What was filled in, by name; the take's number belongs to a scene."""
        filled = {"scene": self.scene, "take": self.take if self.scene else None, "notes": self.notes}
        return {name: value for name, value in filled.items() if value}

    @property
    def query(self) -> str:
        """The same as it stands in a sink's address, `scene=A1&take=3`."""
        return urlencode(self.options)

    def next(self) -> Slate:
        """Return the slate of the next take of the scene; notes belong to one take."""
        return replace(self, take=self.take + 1, notes="") if self.scene else replace(self, notes="")

    def path(self, folder: Path, pattern: str = "", now: datetime | None = None) -> Path:
        """Return a path in a folder, named by a pattern, that does not exist yet.

        Args:
            folder: of the take.
            pattern: such as "{scene}_{take:03d}"; "" for the usual one.
            now: the moment; this one if None.

        Raises:
            LimelightError: the pattern has a field that there is not, or makes no name.
        """
        now = now or datetime.now()
        chosen = pattern or (SCENE_PATTERN if self.scene else PATTERN)
        values = {"scene": self.scene or "scene", "take": self.take, "date": f"{now:%Y%m%d}", "time": f"{now:%H%M%S}"}
        try:
            name = string.Formatter().vformat(chosen, (), values)
        except (KeyError, IndexError, ValueError, AttributeError, TypeError) as error:
            known = ", ".join(f"{{{field}}}" for field in FIELDS)
            raise LimelightError(f"name pattern {chosen}: it may hold {known}, such as {SCENE_PATTERN}") from error
        name = _NOT_IN_NAMES.sub("-", name).strip(" .")[:_LONGEST].strip(" .")
        if _DEVICE.fullmatch(name.partition(".")[0]):
            name = f"{name}-"
        if not name:
            raise LimelightError(f"name pattern {chosen}: it makes no name")
        return free_path(folder / f"{name}.mcap")
