"""A video file as a source: every frame, in order, with the file's own timestamps."""

from __future__ import annotations

import logging
import math
from pathlib import Path

from facemodel.errors import LimelightError
from realtime.frame import Frame
from realtime.loop.frame_pool import FramePool
from realtime.opencv import cv2

log = logging.getLogger(__name__)

_DEFAULT_FPS = 30.0
_TOLERATED_MISSING = 0.02  # of the frames that the container claims; some containers only estimate


class VideoSource:
    """Reads a video file with OpenCV (FFmpeg), on as many threads as OpenCV may use; animated GIFs too.

    A file that turns out to be damaged delivers the frames before the damage, then ends with a logged
    warning.
    """

    live = False

    def __init__(self, path: str | Path) -> None:
        """Open `path`.

        Raises:
            LimelightError: missing, empty, truncated, or no video.
        """
        self._path = Path(path)
        self.name = self._path.name
        _refuse_what_is_no_video(self._path)
        backend = cv2.CAP_FFMPEG if cv2.videoio_registry.hasBackend(cv2.CAP_FFMPEG) else cv2.CAP_ANY
        threads = [cv2.CAP_PROP_N_THREADS, max(1, cv2.getNumThreads())] if backend == cv2.CAP_FFMPEG else []
        self._capture: cv2.VideoCapture | None = cv2.VideoCapture(str(self._path), backend, threads)
        ok, first = self._capture.read() if self._capture.isOpened() else (False, None)
        if not ok or first is None:
            self.close()
            raise LimelightError(f"video {self._path}: holds no readable picture; the file is truncated or not a video")
        self.height, self.width = first.shape[:2]
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps = rate if math.isfinite(rate) and 0.1 <= rate <= 1000.0 else _DEFAULT_FPS
        self.frame_count = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        """Frames that the file claims to hold; 0 if it does not say."""
        self._pool = FramePool(self.height, self.width)
        self._start = self._position()
        self._next: Frame | None = Frame(0, 0.0, first)

    def read(self) -> Frame | None:
        """The next frame, None at the end. Timestamps start at 0 and always rise."""
        current = self._next
        if current is None or self._capture is None:
            return None
        self._next = self._decode_after(current)
        return current

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
        self._capture, self._next = None, None

    def _decode_after(self, current: Frame) -> Frame | None:
        assert self._capture is not None
        ok, image = self._capture.read(self._pool.take())
        count = current.index + 1
        if not ok or image is None:
            if self.frame_count - count > max(1.0, _TOLERATED_MISSING * self.frame_count):
                log.warning(
                    "video %s: damaged or truncated, ended after %d of %d frames",
                    self._path,
                    count,
                    self.frame_count,
                )
            return None
        position = self._position() - self._start
        if not (math.isfinite(position) and position > current.timestamp):
            position = current.timestamp + 1.0 / self.fps
        return Frame(count, position, image)

    def _position(self) -> float:
        """Seconds of the frame just decoded, by the file's own clock."""
        assert self._capture is not None
        return float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000.0


def _refuse_what_is_no_video(path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise LimelightError(f"video {path}: cannot be read ({error.strerror})") from error
    if not head:
        raise LimelightError(f"video {path}: the file is empty (0 bytes)")
    if b"\0" not in head:  # FFmpeg would play a text file as pictures of its letters
        raise LimelightError(f"video {path}: the file is not a video")
