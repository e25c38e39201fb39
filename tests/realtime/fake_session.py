"""A session without cameras, networks or threads, for tests of the window: it shows what it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facemodel import FaceModel, LimelightError
from facemodel.rotation import matrix_from_euler
from realtime.frame import Frame, TrackedFrame, TrackingState
from realtime.sinks.base import Sink


class FakeCamera(NamedTuple):
    spec: str
    name: str


@dataclass(frozen=True)
class FakeStatus:
    fps: float = 30.0
    latency_ms: float = 21.0
    state: TrackingState = TrackingState.TRACKING
    source_name: str = "Logitech C920"
    message: str = ""
    error: str = ""


@dataclass
class FakeRecording:
    path: Path
    frames: int = 0
    seconds: float = 0.0
    written: list[TrackedFrame] = field(default_factory=list)


def toy_frame(
    model: FaceModel,
    index: int = 0,
    width: int = 640,
    height: int = 480,
    yaw: float = 0.3,
    captured: float | None = None,
) -> TrackedFrame:
    """A tracked frame: a colourful picture and a head a little right of its middle."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    image = np.stack([60 + 80 * x, 50 + 60 * y, 90 - 60 * x], axis=-1).astype(np.uint8)  # (H, W, 3)
    raw = model.layout.neutral()
    p = model.layout.view(raw)
    p.rotation = matrix_from_euler(yaw, 0.05, 0.0)
    p.translation[:] = (0.6 * width, 0.5 * height)
    p.scale = height / 320.0
    return TrackedFrame(
        Frame(index, index / 30.0, image),
        TrackingState.TRACKING,
        raw=raw,
        smoothed=raw.copy(),
        confidence=0.97,
        captured=captured,
    )


class FakeSession:
    """Remembers what the window asked of it; `deliver` plays the live loop."""

    network_name = "student (ONNX Runtime, 2 threads)"

    def __init__(self, model: FaceModel, folder: Path) -> None:
        self.model = model
        self.smoothing = 0.5
        self.folder = folder
        self.sinks: list[Sink] = []
        self.opened: list[str | None] = []
        self.refused: dict[str | None, str] = {}
        self.calls: list[str] = []
        self.current: FakeRecording | None = None
        self.takes: list[FakeRecording] = []
        self.state = FakeStatus()

    def deliver(self, result: TrackedFrame) -> None:
        for sink in tuple(self.sinks):
            sink.submit(result)
        if self.current is not None:
            self.current.written.append(result)
            self.current.frames += 1

    def cameras(self) -> Sequence[FakeCamera]:
        return [FakeCamera("camera:0", "Logitech C920"), FakeCamera("camera:2", "FaceTime HD")]

    def open_source(self, spec: str | None) -> None:
        self.opened.append(spec)
        if spec in self.refused:
            raise LimelightError(self.refused[spec])
        self.state = replace(self.state, source_name=spec or "Synthetic performer", error="")

    def add_sink(self, sink: Sink) -> None:
        self.sinks.append(sink)

    def remove_sink(self, sink: Sink) -> None:
        self.sinks = [s for s in self.sinks if s is not sink]

    def status(self) -> FakeStatus:
        return self.state

    def recenter(self) -> None:
        self.calls.append("recenter")

    def reset_person(self) -> None:
        self.calls.append("reset_person")

    def start_recording(self, path: Path | None = None) -> Path:
        self.current = FakeRecording(path or self.folder / f"take-{len(self.takes) + 1}.mcap")
        self.takes.append(self.current)
        return self.current.path

    def stop_recording(self) -> None:
        self.current = None

    def recording(self) -> FakeRecording | None:
        return self.current

    def stop(self) -> None:
        self.calls.append("stop")
