"""Which sinks there are, and how one is opened by its address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from facemodel import LimelightError
from realtime.sinks.address import Address
from realtime.sinks.contract import Policy, Sink
from realtime.sinks.worker import Worker, WorkerConfig


@dataclass(frozen=True)
class SinkKind:
    """One kind of sink.

    Attributes:
        name: short, such as "take".
        title: what it does, for people, in one line.
        examples: (address, what it is for).
        open: makes a sink for an address; raises LimelightError where the address makes no sense.
        worker: how its worker treats it.
        scheme: of its addresses; "" for files.
        suffix: of its files, such as ".mcap"; "" where it writes none.
        options: that its addresses may have.
    """

    name: str
    title: str
    examples: tuple[tuple[str, str], ...]
    open: Callable[[Address], Sink]
    worker: WorkerConfig
    scheme: str = ""
    suffix: str = ""
    options: tuple[str, ...] = ()

    def takes(self, address: Address) -> bool:
        """Whether an address is one of its."""
        return address.scheme == self.scheme and (not self.suffix or address.suffix == self.suffix)


def _open_take(address: Address) -> Sink:
    from realtime.sinks.recorder import Recorder

    return Recorder(address.path, reference_video="pictures" in address.options)


def _open_video(address: Address) -> Sink:
    from realtime.outputs.overlay import Overlay  # draws, so it needs OpenGL
    from realtime.outputs.video_file import VideoFile

    return VideoFile(address.path, Overlay)


VIDEO_WORKER = WorkerConfig(Policy.NEWEST, offline=Policy.IN_STEP, room=8, per_feed=True)
"""A live performance does not wait for the encoder; a file does."""

KINDS = (
    SinkKind(
        "take",
        "records every parameter of every face into a take",
        (
            ("session.mcap", "a take to replay, to export and to draw again"),
            ("session.mcap?pictures", "the same with the source's pictures in it"),
        ),
        _open_take,
        WorkerConfig(Policy.EVERY, offline=Policy.IN_STEP, room=6, per_feed=True),
        suffix=".mcap",
        options=("pictures",),
    ),
    SinkKind(
        "video",
        "films the overlay, with the source's sound",
        (("overlay.mp4", "H.264; it can be read even if the program is killed"),),
        _open_video,
        VIDEO_WORKER,
        suffix=".mp4",
    ),
)
"""A new kind is one entry here and one small file."""


def open_sink(text: str) -> Worker:
    """Return a worker with the sink of an address, not begun yet.

    Raises:
        LimelightError: no kind of sink has such addresses, or the address makes no sense to it.
    """
    address = Address.parse(text)
    for kind in KINDS:
        if kind.takes(address):
            if unknown := [option for option in address.options if option not in kind.options]:
                known = f"it knows {', '.join(kind.options)}" if kind.options else "it knows none"
                raise LimelightError(f"sink {text}: a {kind.name} has no option '{unknown[0]}'; {known}")
            return Worker(kind.open(address), kind.worker, text)
    known = ", ".join(example for kind in KINDS for example, _ in kind.examples)
    raise LimelightError(f"sink {text}: no such kind of sink; addresses look like {known} (see 'limelight sinks')")
