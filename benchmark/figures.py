"""What a benchmark finds, as numbers: the record that becomes JSON and tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

FORMAT = 1


@dataclass(frozen=True)
class Spread:
    """How values scatter, in their own unit.

    Attributes:
        p50, p95, p99: percentiles; p50 is the median.
        count: of the values.
    """

    p50: float
    p95: float
    p99: float
    count: int

    @staticmethod
    def of(values: Iterable[float]) -> Spread:
        """
        Raises:
            ValueError: no values.
        """
        array = np.fromiter(values, float)
        if not len(array):
            raise ValueError("no values")
        p50, p95, p99 = (round(float(p), 3) for p in np.percentile(array, (50, 95, 99)))
        return Spread(p50, p95, p99, len(array))


@dataclass(frozen=True)
class Tracking:
    """One tracker, from a frame in memory to what it tells about the face.

    Attributes:
        step_ms: a frame.
        stages_ms: {stage: ms} of the frames in which the stage ran.
        found: share of the frames with a face, 0..1.
        ready_s: from the start of its process to the first frame, imports included.
        peak_memory_mb: of the process, MB; None where the system does not tell.
    """

    step_ms: Spread
    stages_ms: dict[str, Spread]
    found: float
    ready_s: float
    peak_memory_mb: float | None


@dataclass(frozen=True)
class Loop:
    """The whole loop over a video file, as fast as it goes.

    Attributes:
        fps: frames a second, decoded, tracked, smoothed and, with drawing, drawn.
        stages_ms: {stage: ms}; "draw" on a thread of its own.
    """

    fps: float
    stages_ms: dict[str, Spread]


@dataclass(frozen=True)
class Picture:
    """A face drawn over a frame in some light.

    Attributes:
        draw_ms: a picture, read back.
        ratio: of the median to that in the estimated light alone.
    """

    draw_ms: Spread
    ratio: float


@dataclass(frozen=True)
class Live:
    """The loop at a camera's rate.

    Attributes:
        to_parameters_ms: from the capture of a frame to its smoothed parameters at the sinks.
        to_screen_ms: from the capture to the drawn picture in memory; None without drawing.
        cpu_percent: of one core, for everything in the process.
        frames, tracked, shown: that came out of the loop, that held a face, that were drawn.
        missed: frames of the camera that came while the loop was busy.
        memory_mb, peak_memory_mb: of the process, MB; None where the system does not tell.
    """

    to_parameters_ms: Spread
    to_screen_ms: Spread | None
    cpu_percent: float
    frames: int
    tracked: int
    shown: int
    missed: int
    memory_mb: float | None
    peak_memory_mb: float | None


@dataclass(frozen=True)
class Startup:
    """From the start of a process to the first shaded frame.

    Attributes:
        first_frame_s: median of the runs.
        runs_s: every run.
        steps_s: {step: s} of the run in the middle.
    """

    first_frame_s: float
    runs_s: list[float]
    steps_s: dict[str, float]


@dataclass(frozen=True)
class Soak:
    """The loop at a camera's rate for long; growth is the last tenth's median less the first tenth's.

    Attributes:
        minutes: that it ran.
        latency_growth_ms: of the 95th percentile from capture to parameters.
        memory_growth_mb: None where the system does not tell.
        windows: what was measured in one part after the other.
    """

    minutes: float
    latency_growth_ms: float
    memory_growth_mb: float | None
    windows: list[Live]


@dataclass
class Record:
    """Everything that was measured; thread counts are keys.

    Attributes:
        machine: {what: value}, versions included.
        settings: how much was measured.
        tracking: {threads: {tracker: ...}}, on the same frames in turn.
        loop: {threads: {"640x480": {"plain" | "drawn": ...}}}.
        pictures: {threads: {"640x480": {light: ...}}}, on the same frames in turn.
        live: {threads: {"plain" | "drawn": ...}}.
        startup, soak: None if not measured.
        ratios: {"student_vs_mediapipe": ..., "student_vs_mediapipe_1_thread": ..., "default_vs_mediapipe": ...}: see
            `ratios_of`; None if not measured.
        left_out: {what: why}.
    """

    machine: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    tracking: dict[int, dict[str, Tracking]] = field(default_factory=dict)
    loop: dict[int, dict[str, dict[str, Loop]]] = field(default_factory=dict)
    pictures: dict[int, dict[str, dict[str, Picture]]] = field(default_factory=dict)
    live: dict[int, dict[str, Live]] = field(default_factory=dict)
    startup: Startup | None = None
    soak: Soak | None = None
    ratios: dict[str, float | None] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers."""
        return {"format": FORMAT, **asdict(self)}


def ratios_of(tracking: dict[int, dict[str, Tracking]], peers: Iterable[str], default: str) -> dict[str, float | None]:
    """Return every network's median step divided by each peer's.

    Args:
        tracking: {threads: {tracker: ...}}.
        peers: which trackers are not ours.
        default: the network that runs where none is asked for; it stands in the ratios once more as "default".

    Returns:
        {"NETWORK_vs_PEER_1_thread": ..., "NETWORK_vs_PEER_2_threads": ...}, and under "NETWORK_vs_PEER" the largest.
        "default_vs_PEER" is there for every peer, and None if it or the network was not measured.
    """
    peers = tuple(peers)
    ratios: dict[str, float | None] = {f"default_vs_{peer}": None for peer in peers}
    networks = dict.fromkeys(name for trackers in tracking.values() for name in trackers if name not in peers)
    for title, network in [("default", default), *((name, name) for name in networks)]:
        for peer in peers:
            key = f"{title}_vs_{peer}".replace("-", "_")
            found = {
                threads: round(trackers[network].step_ms.p50 / trackers[peer].step_ms.p50, 4)
                for threads, trackers in tracking.items()
                if network in trackers and peer in trackers
            }
            if found:
                ratios[key] = max(found.values())
            for threads, ratio in found.items():
                ratios[f"{key}_{threads}_{'thread' if threads == 1 else 'threads'}"] = ratio
    return ratios
