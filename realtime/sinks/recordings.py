"""The takes that a session writes, one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facemodel import LimelightError
from realtime.sinks.rack import SinkRack
from realtime.sinks.recorder import Recorder, take_address
from realtime.sinks.registry import open_sink
from realtime.sinks.worker import SinkState, Worker
from realtime.takes.slate import Slate


@dataclass(frozen=True)
class RecordingStatus:
    """A take that is being written: where, how many frames so far, and since how many seconds."""

    path: Path
    frames: int
    seconds: float


class Recordings:
    """Starts and ends takes by hand; one that was given by its address counts too."""

    def __init__(self, rack: SinkRack, takes: Path, names: str) -> None:
        """
        Args:
            rack: that the recorder becomes a part of.
            takes: folder for takes without a name of their own.
            names: pattern for their names, see `Slate.path`.
        """
        self._rack, self._takes, self._names = rack, takes, names

    def start(self, path: Path | None, slate: Slate) -> Path:
        """Begin a take, in a new file named by the slate if no path is given, and return its path.

        Raises:
            LimelightError: a take is being written already, or the file cannot be written.
        """
        if (recording := self.status()) is not None:
            raise LimelightError(f"already recording to {recording.path}")
        if (failed := self._find()) is not None:
            self._rack.remove(failed[0])
        target = path or slate.path(self._takes, self._names)
        worker = self._rack.add(open_sink(take_address(target, slate)))
        if path is None and target.exists() and worker.problem:  # another program took the name meanwhile
            worker = self._rack.restart(worker)
        if worker.problem:
            self._rack.remove(worker)
            raise LimelightError(worker.problem)
        assert isinstance(worker.sink, Recorder)
        return worker.sink.path

    def stop(self) -> tuple[Slate, str] | None:
        """Finalise the take, and return its slate, and why its last frames could not be written, "" if they were; None
        if none is being written."""
        if (found := self._find()) is None:
            return None
        worker, recorder = found
        self._rack.remove(worker)
        return recorder.slate, worker.problem

    def status(self) -> RecordingStatus | None:
        """Return the take that is being written, or None; a take ends by itself when it can no longer be written."""
        found = self._find()
        if found is None or found[0].status().state is not SinkState.RUNNING:
            return None
        recorder = found[1]
        return RecordingStatus(recorder.path, recorder.frames, recorder.seconds)

    def mark(self, text: str) -> None:
        """Put a marker at this moment into the take that is being written; do nothing if there is none."""
        if (found := self._find()) is not None:
            found[1].mark(text)

    def _find(self) -> tuple[Worker, Recorder] | None:
        """The worker that writes a take, if there is one."""
        for worker in self._rack.workers():
            if isinstance(worker.sink, Recorder):
                return worker, worker.sink
        return None
