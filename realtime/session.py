"""A session: one person's use of the program, with sources and recordings that come and go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import platformdirs

from facemodel import FaceModel, LimelightError
from realtime.engines.base import Engine
from realtime.face_finder import FaceFinder
from realtime.loop.pipeline import Pipeline, PipelineStatus
from realtime.sinks.base import Sink
from realtime.sinks.recorder import Recorder
from realtime.sources import CameraInfo, list_cameras, open_source, resolve_camera
from realtime.sources.base import CameraChoice, Source
from realtime.sources.limited import LimitedSource
from realtime.takes.format import TakeHeader
from realtime.tracking.recentering import Recentering
from realtime.tracking.smoothing import Smoother, SmootherConfig, SmoothingStage
from realtime.tracking.tracker import Tracker, TrackerConfig


@dataclass(frozen=True)
class SessionConfig:
    """Attributes:
    takes: folder for takes without a name of their own.
    realtime: play files at their own pace and drop frames that come too late, as a camera does.
    frames, seconds: end a source after so many; None for no limit.
    """

    takes: Path = platformdirs.user_documents_path() / "Limelight"
    realtime: bool = True
    frames: int | None = None
    seconds: float | None = None
    tracker: TrackerConfig = TrackerConfig()
    smoother: SmootherConfig = SmootherConfig()


@dataclass(frozen=True)
class RecordingStatus:
    """A take that is being written: where, how many frames so far, and since how many seconds."""

    path: Path
    frames: int
    seconds: float


def dated_path(folder: Path, suffix: str, now: datetime | None = None) -> Path:
    """A path in `folder`, named after the moment, that does not exist yet."""
    stem = f"take-{now or datetime.now():%Y%m%d-%H%M%S}"
    path, count = folder / f"{stem}{suffix}", 2
    while path.exists():
        path, count = folder / f"{stem}-{count}{suffix}", count + 1
    return path


class Session:
    """Builds a pipeline for each source and carries sinks, smoothing and recording from one to the next.

    All methods may be called from any thread. `open_source` and `stop` may take seconds.

    Attributes:
        on_first_source: called with the first source before its first frame is read: where a take or a video that
            was asked for in advance begins. What it raises, `use_source` raises, and tries it again next time.
    """

    def __init__(
        self, model: FaceModel, engine: Engine, finder: FaceFinder, config: SessionConfig | None = None
    ) -> None:
        self.model = model
        self.network_name = engine.name
        self.config = config or SessionConfig()
        self.on_first_source: Callable[[Source], None] | None = None
        self._tracker = Tracker(model, engine, finder, self.config.tracker)
        self._stage = SmoothingStage(Smoother(model.layout, self.config.smoother), Recentering(model.layout))
        self._smoothing = self._stage.smoother.strength
        self._pipeline: Pipeline | None = None
        self._camera: CameraInfo | None = None
        self._sinks: list[Sink] = []
        self._owned: list[Sink] = []
        self._recorder: Recorder | None = None
        self._stopped = False
        self._lock = threading.RLock()  # guards the attributes, held for moments
        self._switching = threading.Lock()  # one change of source at a time, held for seconds

    @property
    def smoothing(self) -> float:
        """Strength 0 (off) to 1 (heavy)."""
        return self._smoothing

    @smoothing.setter
    def smoothing(self, strength: float) -> None:
        with self._lock:
            self._smoothing = strength
            if self._pipeline is not None:
                self._pipeline.smoothing = strength

    def cameras(self) -> Sequence[CameraChoice]:
        """The cameras of this machine, by name."""
        return [CameraChoice(f"camera:{camera.index}", camera.name) for camera in list_cameras()]

    def open_source(self, spec: str | None) -> None:
        """Switch to a source by name (see `realtime.sources.open_source`).

        What ran before goes on until the new source is open; only a camera that is opened again is let go first,
        since it cannot be opened twice.

        Raises:
            LimelightError: it cannot be opened.
        """
        with self._switching:
            camera = resolve_camera(spec)
            if camera is not None and self._camera is not None and camera.index == self._camera.index:
                self._end_pipeline()
            self._switch(open_source(spec))
            self._camera = camera

    def use_source(self, source: Source) -> Pipeline:
        """Switch to a source that is already open, and return its running pipeline.

        A take that is being written ends: its header describes one source, and its clock is that source's.
        """
        with self._switching:
            return self._switch(source)

    def _switch(self, source: Source) -> Pipeline:
        try:
            self._end_pipeline()
            self.stop_recording()
        except LimelightError:
            source.close()
            raise
        if self.config.frames is not None or self.config.seconds is not None:
            source = LimitedSource(source, self.config.frames, self.config.seconds)
        self._tracker.reset()
        self._stage.reset()
        with self._lock:
            if self._stopped:
                source.close()
                raise LimelightError("the session has ended")
            pipeline = Pipeline(source, self._tracker, self._stage, self._sinks, self.config.realtime)
            pipeline.smoothing = self._smoothing
            self._pipeline = pipeline
        if self.on_first_source is not None:
            try:
                self.on_first_source(pipeline.source)
            except LimelightError:
                self._end_pipeline()
                raise
            self.on_first_source = None
        pipeline.start()
        return pipeline

    def add_sink(self, sink: Sink, owned: bool = False) -> None:
        """Deliver every tracked frame from now on to `sink`, whatever the source; `stop` closes an owned one."""
        with self._lock:
            self._sinks.append(sink)
            if owned:
                self._owned.append(sink)
            if self._pipeline is not None:
                self._pipeline.add_sink(sink)

    def remove_sink(self, sink: Sink) -> None:
        """Stop delivering to `sink`."""
        with self._lock:
            self._sinks = [s for s in self._sinks if s is not sink]
            if self._pipeline is not None:
                self._pipeline.remove_sink(sink)

    def status(self) -> PipelineStatus:
        """Where the loop stands; of an empty loop while no source is open."""
        with self._lock:
            return self._pipeline.status() if self._pipeline is not None else PipelineStatus()

    def recenter(self) -> None:
        """Make the next tracked pose straight ahead, in what is shown alone or streamed."""
        with self._lock:
            if self._pipeline is not None:
                self._pipeline.recenter()

    def reset_person(self) -> None:
        """Forget identity and albedo: another person sits down."""
        with self._lock:
            if self._pipeline is not None:
                self._pipeline.reset_person()

    def start_recording(self, path: Path | None = None) -> Path:
        """Begin a take, in a new dated file if no path is given, and return its path.

        Raises:
            LimelightError: no source is open, a take is being written already, or the file cannot be written.
        """
        with self._lock:
            if self._pipeline is None:
                raise LimelightError("nothing to record: open a source first")
            if self._recorder is not None:
                if not self._recorder.failed:
                    raise LimelightError(f"already recording to {self._recorder.path}")
                self.remove_sink(self._recorder)
            target = path or dated_path(self.config.takes, ".mcap")
            source = self._pipeline.source
            header = TakeHeader.describe(source, self.model, self.network_name)
            self._recorder = Recorder(target, header)
            self.add_sink(self._recorder)
            return target

    def stop_recording(self) -> None:
        """Finalise the take; does nothing if none is being written.

        Raises:
            LimelightError: its last frames could not be written.
        """
        with self._lock:
            recorder, self._recorder = self._recorder, None
        if recorder is not None:
            self.remove_sink(recorder)
            recorder.close()

    def recording(self) -> RecordingStatus | None:
        """The take that is being written, or None; a take ends by itself when it can no longer be written."""
        with self._lock:
            recorder = self._recorder
            if recorder is None or recorder.failed:
                return None
            return RecordingStatus(recorder.path, recorder.frames, recorder.seconds)

    def stop(self) -> None:
        """End the loop, then finish the take and the sinks that the session owns; a second call does nothing.

        Raises:
            LimelightError: the loop hangs in a device, or a file could not be finished; everything else was.
        """
        with self._lock:
            self._stopped = True
            owned, self._owned = self._owned, []
        problems = []
        for step in (self.stop_recording, self._end_pipeline, *(sink.close for sink in owned)):
            try:
                step()
            except LimelightError as error:
                problems.append(str(error))
        if problems:
            raise LimelightError("; ".join(problems))

    def _end_pipeline(self) -> None:
        with self._lock:
            pipeline, self._pipeline, self._camera = self._pipeline, None, None
        if pipeline is not None and not pipeline.stop():
            raise LimelightError(f"{pipeline.source.name}: the live loop does not let go; close limelight")
