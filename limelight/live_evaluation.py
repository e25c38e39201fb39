"""Runs the live loop's own tracker and smoother for `limelight evaluate`: every frame, nothing drawn."""

from __future__ import annotations

from pathlib import Path

from tqdm import tqdm

from facemodel import FaceModel
from realtime.engines.base import Engine
from realtime.face_finder import MediaPipeFaceFinder
from realtime.frame import TrackingState
from realtime.smoothing import Smoother
from realtime.sources import open_source
from realtime.sources.synthetic import SyntheticPerformer
from realtime.tracker import Tracker
from training.evaluation.live import ClipReport, performer_report


def evaluate_clip(model: FaceModel, engine: Engine, clip: Path) -> dict[str, dict[str, float]]:
    """{"raw": ..., "smoothed": ...}: `ClipReport.summary` of the network's and of the smoothed parameters."""
    judge = MediaPipeFaceFinder(max_faces=1)
    tracker, smoother = Tracker(model, engine, MediaPipeFaceFinder()), Smoother(model.layout)
    raw, smoothed = ClipReport(), ClipReport()
    source = open_source(str(clip))
    try:
        with tqdm(desc=clip.stem, unit="frame", leave=False) as progress:
            while (frame := source.read()) is not None:
                result = tracker.track(frame)
                faces = judge.find(frame.image)
                points, matrix = (faces[0].landmarks, faces[0].matrix) if faces else (None, None)
                raw.add(model, result.raw, points, matrix)
                steady = (
                    smoother.update(result.raw, frame.timestamp, result.confidence)
                    if result.raw is not None
                    else None
                )
                smoothed.add(model, steady, points, matrix)
                progress.update()
    finally:
        source.close()
    return {"raw": raw.summary(), "smoothed": smoothed.summary()}


def evaluate_performer(model: FaceModel, engine: Engine, frames: int, seed: int = 7) -> dict[str, dict[str, float]]:
    """`performer_report` over the raw parameters of so many frames of the synthetic performer."""
    tracker = Tracker(model, engine, MediaPipeFaceFinder())
    source = SyntheticPerformer(width=640, height=480, fps=30.0, seed=seed, live=False)
    pairs = []
    try:
        for _ in tqdm(range(frames), desc="performer", unit="frame", leave=False):
            frame = source.read()
            assert frame is not None and frame.truth is not None
            result = tracker.track(frame)
            pairs.append((result.raw if result.state is TrackingState.TRACKING else None, frame.truth))
    finally:
        source.close()
    return performer_report(model, pairs)
