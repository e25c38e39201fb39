"""The live loop for `limelight evaluate`: its own tracker and smoother over every frame, nothing drawn."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facemodel import Crop, FaceModel
from realtime.engines.base import Engine
from realtime.frame import Face, Frame
from realtime.sources import open_source
from realtime.sources.limited import LimitedSource
from realtime.sources.synthetic import SyntheticPerformer
from realtime.tracking.finder import open_finder
from realtime.tracking.found_face import FaceFinder, FoundFace
from realtime.tracking.tracker import Tracker
from training.data.landmarker import Landmarker
from training.evaluation.context import Pose, TrackedClip
from training.evaluation.sections.clips import LIDS, clip_figures
from training.evaluation.sections.performer import performer_report


class EvaluationLoop:
    """One network in the live loop; a `training.evaluation.context.LiveLoop`. Close it after use.

    Args:
        model: of the network.
        engine: runs it.

    Raises:
        LimelightError: MediaPipe, which clips are measured against, is not installed.
    """

    def __init__(self, model: FaceModel, engine: Engine) -> None:
        self._model = model
        self._engine = engine
        self._finder = open_finder()
        self._landmarker = Landmarker(max_faces=1)

    def __enter__(self) -> EvaluationLoop:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._landmarker.close()

    def find(self, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Parameters (P,) of the main face of an (H, W, 3) BGR picture; None if the tracker does not take it up."""
        return self._first_frame(self._finder, image)

    def follow(self, image: NDArray[np.uint8], pose: Pose) -> NDArray[np.float32] | None:
        """The same with the face at a known pose in place of what the finder finds."""
        return self._first_frame(_Known(pose), image)

    def clip(self, path: Path, frames: int | None = None) -> TrackedClip:
        """A video, or its first `frames`.

        Raises:
            LimelightError: the clip cannot be read.
        """
        raw, smoothed, landmarks, matrices, lids, times = [], [], [], [], [], []
        with (
            closing(LimitedSource(open_source(str(path)), frames)) as source,
            tqdm(desc=path.stem, unit="frame", leave=False) as progress,
        ):
            tracker = Tracker(self._model, self._engine, self._finder)
            while (frame := source.read()) is not None:
                performer = _performer(tracker.track(frame))
                faces = self._landmarker.find(frame.image)
                raw.append(None if performer is None else performer.raw)
                smoothed.append(None if performer is None else performer.smoothed)
                landmarks.append(faces[0].landmarks if faces else np.full((478, 2), np.nan))
                matrices.append(faces[0].matrix if faces else np.full((4, 4), np.nan))
                lids.append([faces[0].scores[name] if faces else np.nan for name in LIDS])
                times.append(frame.timestamp)
                progress.update()
        step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        return TrackedClip(
            path.name,
            1.0 / step if step > 0.0 else 30.0,
            raw,
            smoothed,
            np.array(landmarks).reshape(-1, 478, 2),
            np.array(matrices).reshape(-1, 4, 4),
            np.array(lids).reshape(-1, 2),
        )

    def performer(self, frames: int, seed: int = 7) -> list[tuple[NDArray | None, NDArray]]:
        """(tracked (P,) or None, true (P,)) of so many frames of the synthetic performer."""
        pairs: list[tuple[NDArray | None, NDArray]] = []
        with closing(SyntheticPerformer(width=640, height=480, fps=30.0, seed=seed, live=False)) as source:
            tracker = Tracker(self._model, self._engine, self._finder)
            for _ in tqdm(range(frames), desc="performer", unit="frame", leave=False):
                frame = source.read()
                assert frame is not None and frame.truth is not None
                performer = _performer(tracker.track(frame))
                pairs.append((None if performer is None else performer.raw, frame.truth))
        return pairs

    def _first_frame(self, finder: FaceFinder, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        performer = _performer(Tracker(self._model, self._engine, finder).track(Frame(0, 0.0, image)))
        return None if performer is None else performer.raw


def _performer(faces: tuple[Face, ...]) -> Face | None:
    return faces[0] if faces else None


class _Known:
    """A face finder that finds one face at a known pose, without looking."""

    rounds = 0

    def __init__(self, pose: Pose) -> None:
        self._pose = pose
        crop = Crop.around_head(*pose)
        middle, half = np.array(crop.centre), 0.25 * crop.side
        self._face = FoundFace(np.concatenate([middle - half, middle + half]), np.tile(middle, (6, 1)), 1.0)

    def find(self, image: NDArray[np.uint8]) -> list[FoundFace]:  # noqa: ARG002
        return [self._face]

    def look(
        self,
        image: NDArray[np.uint8],  # noqa: ARG002
        seconds: float = 0.003,  # noqa: ARG002
        known: Sequence[Crop] = (),  # noqa: ARG002
    ) -> list[FoundFace]:
        return [self._face]

    def pose(self, face: FoundFace, model: FaceModel) -> Pose:  # noqa: ARG002
        return self._pose

    def upright(self, image: NDArray[np.uint8], crop: Crop) -> bool:  # noqa: ARG002
        return True


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
    with EvaluationLoop(model, engine) as loop:
        return clip_figures(model, loop.clip(clip, frames))


def evaluate_performer(model: FaceModel, engine: Engine, frames: int, seed: int = 7) -> dict[str, dict[str, float]]:
    """`performer_report` over the raw parameters of so many frames of the synthetic performer."""
    with EvaluationLoop(model, engine) as loop:
        return performer_report(model, loop.performer(frames, seed))
