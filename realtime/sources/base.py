"""The contract of a source: something that delivers frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from realtime.frame import Frame


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

    Attributes:
        name: for people, such as "Logitech C920" or "clip.mp4".
        width, height: of every frame, px.
        fps: nominal frames a second.
        live: True if frames come in real time and a late reader misses some (a camera); False if every frame
            waits to be read (a file).
    """

    name: str
    width: int
    height: int
    fps: float
    live: bool

    def read(self) -> Frame | None:
        """The next frame, or None at the end.

        Raises:
            LimelightError: the source failed: unplugged, stalled, unreadable.
        """
        ...

    def close(self) -> None:
        """Release the device or file; a second call does nothing."""
        ...
