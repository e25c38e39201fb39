"""The tracker: follows one face by the network's own pose, and finds it again when it is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from facemodel import Crop, FaceModel
from realtime.engines.base import Engine
from realtime.face_finder import FaceFinder
from realtime.frame import Frame, TrackedFrame, TrackingState
from realtime.tracking.consistency import ConsistencyCheck
from realtime.tracking.crop_warp import CropWarp


@dataclass(frozen=True)
class TrackerConfig:
    """Attributes:
    min_confidence: below it a crop holds no face.
    consistency: how far the face may be from where the crop expected it.
    hold: s that the last pose is held after a loss, before the face eases to neutral.
    search_interval: s between two searches while there is no face to follow.
    message_seconds: how long something worth telling is told.
    refinements: passes through the network after a face is found, each with a better crop.
    """

    min_confidence: float = 0.5
    consistency: ConsistencyCheck = ConsistencyCheck()
    hold: float = 0.4
    search_interval: float = 0.1
    message_seconds: float = 5.0
    refinements: int = 2


class Tracker:
    """Frame in, parameters out; one face, the largest.

    The face finder runs only while no face is followed. Otherwise the crop of a frame comes from the pose that
    the network saw in the frame before, and the network is told that pose. A frame is tracked if the network believes
    in the crop and the pose it sees is consistent with it; if not, it looks again without being told, and then the
    finder gets its chance, all within the same frame.
    """

    def __init__(
        self, model: FaceModel, engine: Engine, finder: FaceFinder, config: TrackerConfig | None = None
    ) -> None:
        self.model = model
        self.engine = engine
        self.finder = finder
        self.config = config or TrackerConfig()
        self.message = ""
        self._layout = model.layout
        self._warp = CropWarp(engine.resolution)
        self._raw = np.zeros(self._layout.size, np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget the face: the next frame starts with a search."""
        self.state = TrackingState.SEARCHING
        self.message = ""
        self._following = False
        self._lost_at: float | None = None
        self._searched_at = -np.inf
        self._message_until = -np.inf

    def track(self, frame: Frame) -> TrackedFrame:
        """Track one frame. `smoothed` is left empty; `raw` is a new array while TRACKING."""
        timings: dict[str, float] = {}
        if frame.timestamp > self._message_until:
            self.message = ""
        result = self._follow(frame, timings) if self._following else None
        if result is None:
            self._following = False
            result = self._search(frame, timings)
        if result is None:
            self._lose(frame.timestamp)
            return TrackedFrame(frame, self.state, timings=timings)
        crop, confidence = result
        self._following, self._lost_at = True, None
        self.state = TrackingState.TRACKING
        return TrackedFrame(frame, self.state, raw=self._raw.copy(), crop=crop, confidence=confidence, timings=timings)

    def _follow(self, frame: Frame, timings: dict[str, float]) -> tuple[Crop, float] | None:
        crop, pose = self._around_last()
        return self._look(frame, crop, timings, pose) or self._look(frame, crop, timings)

    def _around_last(self) -> tuple[Crop, NDArray[np.float32]]:
        """The crop around the last pose, and that pose (9,) in it."""
        p = self._layout.view(self._raw)
        crop = Crop.around_head(p.rotation, p.translation, p.scale)
        return crop, crop.lower_pose(p.rotation, p.translation, p.scale)

    def _search(self, frame: Frame, timings: dict[str, float]) -> tuple[Crop, float] | None:
        waited = frame.timestamp - self._searched_at
        if 0.0 <= waited < self.config.search_interval and self._lost_at is not None:
            return None
        self._searched_at = frame.timestamp
        with _timed(timings, "find"):
            faces = self.finder.find(frame.image)
        self._message_until = frame.timestamp + self.config.message_seconds
        self.message = f"{len(faces)} faces in view: following the largest" if len(faces) > 1 else ""
        if not faces:
            return None
        crop, pose, result = Crop.around_head(*faces[0].pose(self.model)), None, None
        for _ in range(self.config.refinements):
            result = self._look(frame, crop, timings, pose)
            if result is None:
                return None
            crop, pose = self._around_last()
        return result

    def _look(
        self, frame: Frame, crop: Crop, timings: dict[str, float], pose: NDArray[np.float32] | None = None
    ) -> tuple[Crop, float] | None:
        """Run the network on a crop, in which the pose may be about known; None if it holds no face, or one that is
        not where the crop expects it."""
        if not self._within(frame, crop):
            return None
        with _timed(timings, "crop"):
            pixels = self._warp(frame.image, crop)
        with _timed(timings, "network"):
            seen, confidence = self.engine.infer(pixels, pose)
        if confidence < self.config.min_confidence or not self.config.consistency(self._layout, seen):
            return None
        with _timed(timings, "lift"):
            crop.lift(self._layout, seen, out=self._raw)
        return crop, confidence

    def _within(self, frame: Frame, crop: Crop) -> bool:
        height, width = frame.image.shape[:2]
        x, y = crop.centre
        return 0 <= x <= width and 0 <= y <= height and 16.0 <= crop.side <= 4.0 * max(width, height)

    def _lose(self, now: float) -> None:
        if self.state is TrackingState.SEARCHING:
            self._lost_at = now
            return
        if self._lost_at is None:
            self._lost_at = now
        held = now - self._lost_at
        self.state = TrackingState.HELD if 0.0 <= held < self.config.hold else TrackingState.NEUTRAL


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    """Add the milliseconds spent inside to a stage."""
    start = perf_counter()
    try:
        yield
    finally:
        timings[stage] = timings.get(stage, 0.0) + 1000.0 * (perf_counter() - start)
