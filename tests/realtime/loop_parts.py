"""Stand-ins for what a loop is made of: sources, a tracker and sinks whose every word a test knows."""

from __future__ import annotations

import time

import numpy as np

from facemodel import LimelightError
from realtime.frame import Face, Frame, Person, StreamInfo, TrackingState
from tests.toy_model import toy_model

MODEL = toy_model()
LAYOUT = MODEL.layout
INFO = StreamInfo("list", 32, 24, 30.0, live=True, model=MODEL, network="none")


class ListSource:
    """Frames from memory; the value of every pixel is the frame's index, modulo 256."""

    sound = None

    def __init__(self, count, live=False, fps=200.0, fail_at=None, hang=None, name="list"):
        self.name, self.width, self.height, self.fps, self.live = name, 32, 24, fps, live
        self.count, self.fail_at, self.hang = count, fail_at, hang
        self.index, self.closed = 0, 0

    def read(self):
        if self.index == self.fail_at:
            raise LimelightError("camera unplugged")
        if self.hang is not None:
            self.hang.wait(60)
        if self.index == self.count:
            return None
        if self.live:
            time.sleep(1.0 / self.fps)
        stamp = time.perf_counter() if self.live else self.index / self.fps
        frame = Frame(self.index, stamp, np.full((24, 32, 3), self.index % 256, np.uint8))
        self.index += 1
        return frame

    def close(self):
        self.closed += 1


def face_in(state=TrackingState.TRACKING, number=1, confidence=1.0):
    """A face in the middle of a frame of 32 x 24."""
    raw = LAYOUT.neutral()
    LAYOUT.view(raw).translation[:] = (16, 12)
    who = Person(number, raw[LAYOUT.slices["identity"]], raw[LAYOUT.slices["albedo"]])
    seen = state is TrackingState.TRACKING
    return Face(number, state, raw, who, raw=raw if seen else None, confidence=confidence if seen else 0.0)


class NamedEngine:
    name = "no network"
    resolution = 32


class PictureTracker:
    """Tracks one face in every frame, except those whose index is in `lost`; keeps what it was asked."""

    model = MODEL
    engine = NamedEngine()
    message = ""

    def __init__(self, lost=(), seconds=0.0):
        self.lost, self.seconds = set(lost), seconds
        self.asked = []

    def track(self, frame, now, timings):
        time.sleep(self.seconds)
        return (face_in(TrackingState.HELD if frame.index in self.lost else TrackingState.TRACKING),)

    def idle(self, now):
        return (face_in(TrackingState.HELD),)

    def reset(self, thorough=True):
        self.asked.append(("reset", thorough))

    def __getattr__(self, name):
        return lambda *arguments: self.asked.append((name, *arguments))


class Collector:
    """A listener, and a sink, that keeps results."""

    name = "collector"

    def __init__(self, fail_at=None, error=None):
        self.results, self.fail_at = [], fail_at
        self.error = error or LimelightError("take.mcap: disk full")
        self.begun, self.closed = [], 0

    def begin(self, info):
        self.begun.append(info)

    def submit(self, result):
        if len(self.results) == self.fail_at:
            raise self.error
        self.results.append(result)

    @property
    def frames(self):
        """Indices of the frames that came; on a busy machine the last one may be repeated before the next."""
        return [result.frame.index for result in self.results if not result.stalled]

    def status(self):
        return f"{len(self.results)} results"

    def close(self):
        self.closed += 1
