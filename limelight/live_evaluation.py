"""Runs the live loop's own tracker and smoother for `limelight evaluate`: every frame, nothing drawn."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from facemodel import FaceModel
from realtime.engines.base import Engine
from realtime.face_finder import MediaPipeFaceFinder
from realtime.frame import TrackingState
from realtime.recentering import Recentering
from realtime.smoothing import Smoother, SmoothingStage
from realtime.sources import open_source
from realtime.sources.limited import LimitedSource
from realtime.sources.synthetic import SyntheticPerformer
from realtime.tracker import Tracker
from training.evaluation.live import ClipReport, performer_report


def evaluate_clip(
    model: FaceModel, engine: Engine, clip: Path, frames: int | None = None
) -> dict[str, dict[str, float]]:
    """{"raw": ..., "smoothed": ...}: `ClipReport.summary` of the network's and of the smoothed parameters.

    Args:
        model: of the network.
        engine: runs it.
        clip: video file.
        frames: use only so many, from the start.

    Raises:
        LimelightError: the clip cannot be read.
    """
    raw, smoothed = ClipReport(), ClipReport()
    smooth = SmoothingStage(Smoother(model.layout), Recentering(model.layout))
    with (
        MediaPipeFaceFinder() as finder,
        MediaPipeFaceFinder(max_faces=1) as judge,
        closing(LimitedSource(open_source(str(clip)), frames)) as source,
        tqdm(desc=clip.stem, unit="frame", leave=False) as progress,
    ):
        tracker = Tracker(model, engine, finder)
        while (frame := source.read()) is not None:
            result = tracker.track(frame)
            smooth(result)
            faces = judge.find(frame.image)
            points, matrix = (faces[0].landmarks, faces[0].matrix) if faces else (None, None)
            raw.add(model, result.raw, points, matrix)
            smoothed.add(model, result.smoothed if result.raw is not None else None, points, matrix)
            progress.update()
    return {"raw": raw.summary(), "smoothed": smoothed.summary()}


def evaluate_performer(model: FaceModel, engine: Engine, frames: int, seed: int = 7) -> dict[str, dict[str, float]]:
    """`performer_report` over the raw parameters of so many frames of the synthetic performer."""
    pairs = []
    with (
        MediaPipeFaceFinder() as finder,
        closing(SyntheticPerformer(width=640, height=480, fps=30.0, seed=seed, live=False)) as source,
    ):
        tracker = Tracker(model, engine, finder)
        for _ in tqdm(range(frames), desc="performer", unit="frame", leave=False):
            frame = source.read()
            assert frame is not None and frame.truth is not None
            result = tracker.track(frame)
            pairs.append((result.raw if result.state is TrackingState.TRACKING else None, frame.truth))
    return performer_report(model, pairs)
