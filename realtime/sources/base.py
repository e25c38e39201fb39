"""The contract of a source: something that delivers frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from realtime.frame import Frame, Sound


@dataclass(frozen=True)
class CameraChoice:
    """One camera of this machine.

    Attributes:
        spec: what `open_source` takes, such as "camera:0".
        name: for people, such as "Logitech C920".
    """

    spec: str
    name: str


class Source(Protocol):
    """Delivers frames until it ends. One thread reads; `close` may come from another.

    Any `read` may raise `LimelightError`. The source is then to be closed; a live one can be opened again by the same
    spec, and goes on.

    Attributes:
        name: for people, such as "Logitech C920" or "clip.mp4".
        width, height: of the first frame, px, and nominal: a camera, a stream and a file may change their size in the
            middle, and every frame tells its own.
        fps: nominal frames a second.
        live: True if frames come in real time and a late reader misses some (a camera); False if every frame
            waits to be read (a file).
        sound: that belongs to the pictures, with `start` on the clock of its packets; None without any.
    """

    name: str
    width: int
    height: int
    fps: float
    live: bool
    sound: Sound | None

    def read(self) -> Frame | None:
        """The next frame, or None at the end.

        Raises:
            LimelightError: the source failed: unplugged, stalled, unreadable.
        """
        ...

    def close(self) -> None:
        """Release the device or file; a second call does nothing."""
        ...


@runtime_checkable
class Seekable(Protocol):
    """What a source of a file has that can be read again, from anywhere."""

    @property
    def duration(self) -> float:
        """Seconds that the file says it lasts; 0 where it says nothing."""
        ...

    def seek(self, seconds: float) -> None:
        """Go on with the frame nearest to `seconds`, also after the end; for the thread that reads.

        Frames then have the indices and time stamps of their places in the file.

        Raises:
            LimelightError: the file cannot be read any more.
        """
        ...
