"""Our own tracker as a benchmark runs it: the parts of the live loop, opened as `limelight run` opens them."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

from facemodel import FaceModel
from realtime.engines import open_engine
from realtime.face_finder import MediaPipeFaceFinder
from realtime.frame import Frame, TrackingState
from realtime.threads import limit_threads
from realtime.tracking.recentering import Recentering
from realtime.tracking.smoothing import Smoother, SmoothingStage
from realtime.tracking.tracker import Tracker


class OwnTracker:
    """Crop, network, lift to the frame and smoothing of one network; close it after use.

    Attributes:
        model, tracker, stage: what a pipeline is made of.
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
        self._finder = MediaPipeFaceFinder()
        self.tracker = Tracker(self.model, open_engine(network, self.model, threads=threads), self._finder)
        self.stage = SmoothingStage(Smoother(self.model.layout), Recentering(self.model.layout))
        self.found = False

    def step(self, frame: Frame) -> dict[str, float]:
        """Track one frame; milliseconds per stage."""
        result = self.tracker.track(frame)
        tracked = perf_counter()
        self.stage(result)
        result.timings["smooth"] = 1000.0 * (perf_counter() - tracked)
        self.found = result.state is TrackingState.TRACKING
        return result.timings

    def close(self) -> None:
        """Release the face finder; a second call does nothing."""
        self._finder.close()


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
