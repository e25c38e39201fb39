"""How a session runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from realtime.light.cues.document import ShowDocument
from realtime.light.values import Value
from realtime.loop.feed import AtEnd
from realtime.sources import SourceSettings
from realtime.takes.slate import Slate
from realtime.tracking.smoothing import SmoothingSettings


@dataclass(frozen=True)
class SessionConfig:
    """What is said of a session beforehand.

    Attributes:
        takes: folder for takes without a name of their own.
        paced: play files and takes at their own pace, as a window wants; otherwise as fast as they can be worked
            through.
        frames, seconds: end a source after so many; None for no limit.
        at_end: what a take, or a paced file, does at its end; without a pace it ends.
        marked: play of a take the part between its in and out points alone.
        source: how sources are opened.
        performer: of the faces that are found first, the one from the left, from 1 on, that is the performer; None for
            the largest.
        all_sinks: a sink that cannot begin keeps those behind it from beginning, for a run that then ends; otherwise
            each begins or fails by itself.
        smoothing: at the start; None for what the window remembers, or else the preset `balanced`.
        slate: of the first take.
        names: pattern for the names of takes, see `Slate.path`; "" for the usual one.
        timecode: where it comes from, see `open_timecode`; None for none.
        person: name of the person who sits down, "" for nobody known; None for who is in use.
        glasses: whether the person wears glasses.
        lighting: values of the show at the start, by name.
        recorded_light: a take that knows its show's light plays in it, until somebody changes the show.
        show: cues that are ready to be played; None for none.
        persons: folder of known persons; None for the user's own.
    """

    takes: Path = platformdirs.user_documents_path() / "Limelight"
    paced: bool = True
    frames: int | None = None
    seconds: float | None = None
    at_end: AtEnd = "pause"
    marked: bool = False
    source: SourceSettings = SourceSettings()
    performer: int | None = None
    all_sinks: bool = False
    smoothing: SmoothingSettings | None = None
    slate: Slate = Slate()
    names: str = ""
    timecode: str | None = None
    person: str | None = None
    glasses: bool = False
    lighting: Mapping[str, Value] = field(default_factory=dict)
    recorded_light: bool = True
    show: ShowDocument | None = None
    persons: Path | None = None
