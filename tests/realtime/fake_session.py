"""A session without cameras, networks or threads, for tests of the window: it shows what it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from facemodel import FaceModel, LimelightError
from facemodel.rotation import matrix_from_euler
from realtime.frame import Face, Frame, Person, Result, StreamInfo, TrackingState
from realtime.loop.feed import Transport
from realtime.loop.loop import LoopStatus
from realtime.session import Session
from realtime.session_config import SessionConfig
from realtime.sources.base import CameraChoice
from realtime.takes import Take
from realtime.tracking.smoothing.settings import SmoothingSettings


@dataclass
class FakeRecording:
    path: Path
    frames: int = 0
    seconds: float = 0.0
    written: list[Result] = field(default_factory=list)


def toy_face(
    model: FaceModel,
    number: int = 1,
    centre: tuple[float, float] = (384.0, 240.0),
    scale: float = 1.5,
    yaw: float = 0.3,
    state: TrackingState = TrackingState.TRACKING,
) -> Face:
    """A face at a place in the frame."""
    raw = model.layout.neutral()
    p = model.layout.view(raw)
    p.rotation = matrix_from_euler(yaw, 0.05, 0.0)
    p.translation[:] = centre
    p.scale = scale
    who = Person(number, raw[model.layout.slices["identity"]], raw[model.layout.slices["albedo"]])
    seen = state is TrackingState.TRACKING
    return Face(number, state, raw.copy(), who, raw=raw if seen else None, confidence=0.97 if seen else 0.0)


def toy_result(
    model: FaceModel,
    index: int = 0,
    width: int = 640,
    height: int = 480,
    yaw: float = 0.3,
    captured: float | None = None,
    faces: tuple[Face, ...] | None = None,
) -> Result:
    """A result: a colourful picture, and, unless faces are given, a head a little right of its middle."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    image = np.stack([60 + 80 * x, 50 + 60 * y, 90 - 60 * x], axis=-1).astype(np.uint8)  # (H, W, 3)
    if faces is None:
        faces = (toy_face(model, centre=(0.6 * width, 0.5 * height), scale=height / 320.0, yaw=yaw),)
    return Result(Frame(index, index / 30.0, image), index / 30.0, faces, captured=captured)


class FakeTransport:
    """A take that stands where it is put."""

    fps, frames, duration = 30.0, 121, 4.0
    playing, speed, loop, span = True, 1.0, False, None

    def __init__(self) -> None:
        self.frame = 30

    @property
    def position(self) -> float:
        return self.frame / self.fps

    def seek(self, seconds: float) -> None:
        self.show(round(seconds * self.fps))

    def show(self, frame: int) -> None:
        self.frame = min(max(frame, 0), self.frames - 1)

    def step(self, frames: int) -> None:
        self.playing = False
        self.show(self.frame + frames)


class FakeSession(Session):
    """Remembers what the window asked of it; `deliver` plays the loop. Listeners and sinks are the real session's."""

    transport: Transport | None = None  # type: ignore[assignment]
    take: Take | None = None  # type: ignore[assignment]

    def __init__(self, model: FaceModel, folder: Path, smoothing: SmoothingSettings | None = None) -> None:
        super().__init__(model, self._no_tracker, SessionConfig(smoothing=smoothing))
        self.folder = folder
        self.opened: list[str | None] = []
        self.refused: dict[str | None, str] = {}
        self.calls: list[object] = []
        self.current: FakeRecording | None = None
        self.takes: list[FakeRecording] = []
        self.state = LoopStatus(30.0, 21.0, TrackingState.TRACKING, 1, "Logitech C920")
        self.present = model  # of the feed
        self._told: StreamInfo | None = None

    @property
    def info(self) -> StreamInfo:
        if self._told is None or self._told.model is not self.present:
            self._told = StreamInfo("fake", 640, 480, 30.0, True, self.present, "student (ONNX Runtime, 2 threads)")
        return self._told

    def deliver(self, result: Result) -> None:
        for listener in self._listeners:
            listener(result)
        if self.current is not None:
            self.current.written.append(result)
            self.current.frames += 1

    def cameras(self) -> Sequence[CameraChoice]:
        return [CameraChoice("camera:0", "Logitech C920"), CameraChoice("camera:2", "FaceTime HD")]

    def open(self, spec: str | None) -> None:  # type: ignore[override]
        self.opened.append(spec)
        if spec in self.refused:
            raise LimelightError(self.refused[spec])
        self.state = replace(self.state, source_name=spec or "Synthetic performer", error="", ended=False)

    def status(self) -> LoopStatus:
        return self.state

    def recenter(self) -> None:
        self.calls.append("recenter")

    def reset_person(self) -> None:
        self.calls.append("reset_person")

    def choose(self, number: int) -> None:
        self.calls.append(("choose", number))

    def choose_at(self, x: float, y: float) -> None:
        self.calls.append(("choose_at", x, y))

    def start_recording(self, path: Path | None = None) -> Path:
        self.current = FakeRecording(path or self.folder / f"take-{len(self.takes) + 1}.mcap")
        self.takes.append(self.current)
        return self.current.path

    def stop_recording(self) -> None:
        self.current = None

    def recording(self) -> FakeRecording | None:  # type: ignore[override]
        return self.current

    def stop(self) -> tuple[str, ...]:
        self.calls.append("stop")
        return ()

    @staticmethod
    def _no_tracker() -> None:
        raise AssertionError("a fake session tracks nothing")
