"""What a benchmark measures, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmark.own import OwnEntry

SECTIONS = ("tracking", "loop", "pictures", "live", "startup")
"""In the order in which they run; a soak comes after them."""

SIZES = ((640, 480), (1280, 720))
"""Of the frames, the first one wherever one size is enough, px."""


@dataclass(frozen=True)
class Extent:
    """Attributes:
    clip_frames: that are filmed of each size, and played forwards and backwards.
    frames, warm_up: tracked by each tracker, and before they count.
    picture_turns: pictures drawn in each light.
    live_s, settle_s: at a camera's rate, and before they count, seconds.
    startup_runs: processes that are started.
    soak_window_s: a part of a soak, seconds.
    """

    clip_frames: int = 75
    frames: int = 180
    warm_up: int = 30
    picture_turns: int = 60
    live_s: float = 6.0
    settle_s: float = 1.5
    startup_runs: int = 3
    soak_window_s: float = 10.0


QUICK = Extent(
    clip_frames=8, frames=12, warm_up=6, picture_turns=3, live_s=0.6, settle_s=0.4, startup_runs=1, soak_window_s=1.0
)
"""To see that all works."""


@dataclass(frozen=True)
class Plan:
    """Attributes:
    network: in the loop, live, at the start and in the soak.
    networks: compared with the peers, `network` among them.
    sections: some of `SECTIONS`.
    threads: counts, each measured.
    data: data folder with the peers' files, or None.
    video: whose frames are used, in its own size; None for the synthetic performer.
    fps: camera's rate of the live measurements.
    soak_minutes: None for no soak.
    extent: how much.
    """

    network: OwnEntry
    networks: tuple[OwnEntry, ...]
    sections: tuple[str, ...] = SECTIONS
    threads: tuple[int, ...] = (1, 2)
    data: Path | None = None
    video: Path | None = None
    fps: float = 30.0
    soak_minutes: float | None = None
    extent: Extent = Extent()
