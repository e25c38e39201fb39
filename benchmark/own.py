"""Our own tracker as a benchmark runs it: the parts of the live loop, opened as `limelight run` opens them."""

from __future__ import annotations

from dataclasses import dataclass

from facemodel import FaceModel
from realtime.engines import open_engine
from realtime.frame import Frame, TrackingState
from realtime.threads import limit_threads
from realtime.tracking.finder import open_finder
from realtime.tracking.tracker import Tracker


class OwnTracker:
    """Crop, network, lift to the frame and smoothing of one network.

    Attributes:
        model, tracker: what a live feed is made of.
        found: whether the last frame held a face.
    """

    def __init__(self, network: str, threads: int) -> None:
        """
        Args:
            network: name or file.
            threads: of the engine.

        Raises:
            LimelightError: the network cannot be opened.
        """
        limit_threads(threads)
        self.model = FaceModel.load()
        engine = open_engine(network, self.model, threads=threads)
        self.tracker = Tracker(self.model, engine, open_finder())
        self.found = False

    def step(self, frame: Frame) -> dict[str, float]:
        """Track one frame; return milliseconds per stage."""
        timings: dict[str, float] = {}
        faces = self.tracker.track(frame, timings=timings)
        self.found = bool(faces) and faces[0].state is TrackingState.TRACKING
        return timings

    def close(self) -> None:
        """Do nothing: there is nothing to release."""


@dataclass(frozen=True)
class OwnEntry:
    """A network that takes part in a comparison.

    Attributes:
        name: in tables.
        network: name or file.
    """

    name: str
    network: str

    def open(self, threads: int) -> OwnTracker:
        return OwnTracker(self.network, threads)
