"""The frames that everything is measured on: raw on disk, played forwards and backwards without a cut."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from realtime.opencv import cv2
from realtime.sources.base import Source
from realtime.sources.limited import LimitedSource
from realtime.sources.synthetic import SyntheticPerformer
from realtime.sources.video import VideoSource

Step = Callable[[], object]
"""Called after each unit of work, for a progress bar."""


@dataclass(frozen=True)
class Clip:
    """Frames in a file of raw (height, width, 3) uint8 BGR pictures.

    Attributes:
        path: of the file.
        name: of what was filmed.
        frames: that the file holds.
        width, height: px.
        fps: frames a second.
    """

    path: Path
    name: str
    frames: int
    width: int
    height: int
    fps: float

    @property
    def size(self) -> str:
        """Such as "640x480"."""
        return f"{self.width}x{self.height}"

    @property
    def period(self) -> int:
        """Frames until it begins anew."""
        return max(1, 2 * self.frames - 2)


class ClipReader:
    """Reads frames of a clip into memory that is kept, as a camera's driver does; close it after use."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._file = clip.path.open("rb", buffering=0)
        self._image = np.empty((clip.height, clip.width, 3), np.uint8)

    def read(self, index: int) -> NDArray[np.uint8]:
        """Frame `index` of the endless play, (H, W, 3) BGR; the array is reused by the next call."""
        place = index % self._clip.period
        place = min(place, self._clip.period - place)
        self._file.seek(place * self._image.nbytes)
        if self._file.readinto(self._image.reshape(-1)) != self._image.nbytes:  # type: ignore[arg-type]
            raise LimelightError(f"{self._clip.path}: truncated")
        return self._image

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> ClipReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def film_performer(path: Path, width: int, height: int, frames: int, step: Step) -> Clip:
    """So many frames of the synthetic performer, written to `path`.

    Raises:
        LimelightError: no OpenGL, or the file cannot be written.
    """
    return _film(path, SyntheticPerformer(width=width, height=height, seed=7, live=False), frames, step)


def film_video(path: Path, video: Path, frames: int, step: Step) -> Clip:
    """The first frames of a video, written to `path`.

    Raises:
        LimelightError: the video cannot be read, is shorter than two frames, or the file cannot be written.
    """
    clip = _film(path, VideoSource(video), frames, step)
    if clip.frames < 2:
        raise LimelightError(f"video {video}: holds one frame; a benchmark needs at least two")
    return clip


def encode(clip: Clip, path: Path) -> Path:
    """One period of a clip as a video file (MPEG-4 part 2).

    Raises:
        LimelightError: the file cannot be written.
    """
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), clip.fps, (clip.width, clip.height))
    if not writer.isOpened():
        raise LimelightError(f"video {path}: cannot be written")
    try:
        with ClipReader(clip) as reader:
            for index in range(clip.period):
                writer.write(reader.read(index))
    finally:
        writer.release()
    return path


def _film(path: Path, source: Source, frames: int, step: Step) -> Clip:
    count = 0
    with closing(LimitedSource(source, frames)) as limited:
        try:
            with path.open("wb") as file:
                while (frame := limited.read()) is not None:
                    file.write(np.ascontiguousarray(frame.image).data)
                    count += 1
                    step()
        except OSError as error:
            raise LimelightError(f"{path}: cannot be written ({error.strerror})") from error
    return Clip(path, source.name, count, source.width, source.height, source.fps)
