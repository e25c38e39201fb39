"""What the window needs of a session: the whole of the window's knowledge of the live loop.

The window calls everything on Qt's thread and expects it back at once, except `open_source`, `cameras` and
`stop`, which may take seconds and which the window calls from a worker thread. It never calls two of those
three at the same time, except `stop`, which may come at any moment and from any thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from facemodel import FaceModel
from realtime.frame import TrackingState
from realtime.sinks.base import Sink


class CameraChoice(Protocol):
    """One camera of this machine.

    Attributes:
        spec: what `open_source` takes, such as "camera:0".
        name: for people, such as "Logitech C920".
    """

    @property
    def spec(self) -> str: ...
    @property
    def name(self) -> str: ...


class Status(Protocol):
    """Where the live loop stands (`realtime.loop.pipeline.PipelineStatus`).

    Attributes:
        fps: tracked frames a second, over the last second.
        latency_ms: from a frame's capture to its delivery to the sinks.
        state: tracking state after the newest frame.
        source_name: of the open source, "" while there is none.
        message: one line worth telling, such as "several faces: the largest is tracked"; "" if none.
        error: what failed (camera lost, source unreadable, a take that cannot be written) in one line; "" while
            nothing did. Opening a source again clears it.
    """

    @property
    def fps(self) -> float: ...
    @property
    def latency_ms(self) -> float: ...
    @property
    def state(self) -> TrackingState: ...
    @property
    def source_name(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def error(self) -> str: ...


class Recording(Protocol):
    """A take that is being written.

    Attributes:
        path: of the take.
        frames: written so far.
        seconds: since it began.
    """

    @property
    def path(self) -> Path: ...
    @property
    def frames(self) -> int: ...
    @property
    def seconds(self) -> float: ...


class Session(Protocol):
    """The live loop as the window sees it.

    Attributes:
        model: the face model that the parameters belong to.
        network_name: what runs, for people, such as "student (ONNX Runtime, 2 threads)".
        smoothing: strength 0 (raw) .. 1 (slowest); setting it takes effect at once.
    """

    @property
    def model(self) -> FaceModel: ...
    @property
    def network_name(self) -> str: ...
    @property
    def smoothing(self) -> float: ...
    @smoothing.setter
    def smoothing(self, strength: float) -> None: ...

    def cameras(self) -> Sequence[CameraChoice]:
        """The cameras of this machine, by name. May block."""
        ...

    def open_source(self, spec: str | None) -> None:
        """Switch to another source (and start the loop if it does not run yet). May block.

        Args:
            spec: "camera", "camera:N", a camera's name, a file, a folder, "synthetic", or None for the
                default: the first camera, else the synthetic performer.

        Raises:
            LimelightError: it cannot be opened; what ran before goes on.
        """
        ...

    def add_sink(self, sink: Sink) -> None:
        """Deliver every tracked frame from now on to `sink`, on the loop's own thread."""
        ...

    def remove_sink(self, sink: Sink) -> None:
        """Stop delivering to `sink`; does nothing if it is not there."""
        ...

    def status(self) -> Status: ...

    def recenter(self) -> None:
        """The next pose becomes straight ahead, in what is shown and streamed; raw parameters stay."""
        ...

    def reset_person(self) -> None:
        """Forget identity and albedo: another person sits down."""
        ...

    def start_recording(self, path: Path | None = None) -> Path:
        """Begin a take and return its path.

        Args:
            path: of the take; a new dated file in the folder of takes if None.

        Raises:
            LimelightError: the file cannot be written.
        """
        ...

    def stop_recording(self) -> None:
        """Finalise the take; does nothing if none is being written."""
        ...

    def recording(self) -> Recording | None:
        """The take that is being written, or None. It ends by itself if the disk is full (`status().error`)."""
        ...

    def stop(self) -> None:
        """End the loop: finalise the take, release the source, join the threads for a bounded time. Idempotent."""
        ...


class Playback(Protocol):
    """The transport of a session that replays a take; such a session has it as `playback`.

    Attributes:
        duration: seconds.
        position: seconds from the start.
        playing: settable.
    """

    @property
    def duration(self) -> float: ...
    @property
    def position(self) -> float: ...
    @property
    def playing(self) -> bool: ...
    @playing.setter
    def playing(self, on: bool) -> None: ...

    def seek(self, seconds: float) -> None:
        """Continue from `seconds` (clamped to 0..duration) and deliver the frame there even while paused."""
        ...
