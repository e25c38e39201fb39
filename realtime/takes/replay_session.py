"""A session that plays a take instead of running the live loop: what the window shows when it replays."""

from __future__ import annotations

import threading
from pathlib import Path
from time import perf_counter

from facemodel import FaceModel, LimelightError
from realtime.frame import TrackedFrame, TrackingState
from realtime.loop.pipeline import PipelineStatus
from realtime.sinks.base import Sink
from realtime.takes.player import TakePlayer
from realtime.takes.reader import Take
from realtime.tracking.recentering import Recentering

_JOIN_SECONDS = 2.0


class ReplaySession:
    """Delivers a take's frames to sinks in real time, on a thread of its own; `playback` is the transport.

    It offers what `realtime.session.Session` offers; what makes no sense in a replay says so or does nothing.

    Attributes:
        model: the face model that the take was recorded with.
        network_name: what computed the take.
        playback: play, pause, seek. The take pauses at its end.
        smoothing: has no effect, a take is smoothed already.
    """

    def __init__(self, take: Take, model: FaceModel) -> None:
        """
        Raises:
            LimelightError: the take was recorded with another face model.
        """
        take.header.require_model(model)
        self.model = model
        self.network_name = take.header.network
        self.playback = TakePlayer(take, live=True, at_end="pause")
        self.smoothing = 0.0
        self._message = take.cut or ""
        self._recentering = Recentering(model.layout)
        self._recenter_requested = False
        self._lock = threading.Lock()
        self._sinks: tuple[Sink, ...] = ()
        self._status = PipelineStatus(source_name=self.playback.name, message=self._message)
        self._thread: threading.Thread | None = None

    def cameras(self) -> tuple[()]:
        """None: a replay has no other source."""
        return ()

    def open_source(self, spec: str | None) -> None:  # noqa: ARG002 (of the contract)
        """
        Raises:
            LimelightError: always.
        """
        raise LimelightError("this window replays a take; use 'limelight run' for another source")

    def add_sink(self, sink: Sink) -> None:
        """Deliver every frame from now on to `sink`. The first sink starts the playback."""
        with self._lock:
            self._sinks = (*self._sinks, sink)
            if self._thread is None:
                self._thread = threading.Thread(target=self._play, name="limelight-replay", daemon=True)
                self._thread.start()

    def remove_sink(self, sink: Sink) -> None:
        """Stop delivering to `sink`; once this returns no frame is under way to it."""
        with self._lock:
            self._sinks = tuple(s for s in self._sinks if s is not sink)

    def status(self) -> PipelineStatus:
        return self._status

    def recenter(self) -> None:
        """The next pose becomes straight ahead, where the head is shown alone."""
        self._recenter_requested = True

    def reset_person(self) -> None:
        """Nothing: the person of a take stays."""

    def start_recording(self, path: Path | None = None) -> Path:  # noqa: ARG002 (of the contract)
        """
        Raises:
            LimelightError: always.
        """
        raise LimelightError("this window replays a take, there is nothing to record")

    def stop_recording(self) -> None:
        """Nothing: none is ever being written."""

    def recording(self) -> None:
        """None: no take is ever being written."""

    def stop(self) -> None:
        """End the playback; a second call does nothing."""
        self.playback.close()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)

    def _play(self) -> None:
        times: list[float] = []
        while (result := self.playback.read()) is not None:
            self._apply_recentering(result)
            with self._lock:
                for sink in self._sinks:
                    self._deliver(sink, result)
            now = perf_counter()
            times = [t for t in times if now - t <= 1.0] + [now]
            before = self._status
            self._status = PipelineStatus(
                fps=float(len(times)),
                state=result.state,
                source_name=self.playback.name,
                message=self._message,
                error=before.error,
                frames=before.frames + 1,
                tracked_frames=before.tracked_frames + (result.state is TrackingState.TRACKING),
            )

    def _apply_recentering(self, result: TrackedFrame) -> None:
        if result.smoothed is None:
            return
        if self._recenter_requested:
            self._recenter_requested = False
            self._recentering.set(result.smoothed)
        if self._recentering.active:
            width, height = self.playback.width, self.playback.height
            result.centred = self._recentering.apply(result.smoothed, width, height)

    def _deliver(self, sink: Sink, result: TrackedFrame) -> None:
        """To one sink; one that fails is left out from then on."""
        try:
            sink.submit(result)
        except LimelightError as error:
            self._sinks = tuple(s for s in self._sinks if s is not sink)
            self._status = PipelineStatus(error=str(error))
            sink.close()
