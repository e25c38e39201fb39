"""The sink that writes what it is shown into an mp4 file."""

from __future__ import annotations

import logging
import queue
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from realtime.frame import TrackedFrame
from realtime.opencv import cv2
from realtime.sinks.failure import Failure

_log = logging.getLogger(__name__)

Render = Callable[[TrackedFrame], NDArray[np.uint8]]
"""Draws one result as an (H, W, 3) uint8 BGR image."""

_CODECS = ("avc1", "mp4v")
_QUEUE_LENGTH = 8
_MAX_GAP_SECONDS = 10.0
_SPARE_BYTES = 4 * 2**20
"""What an mp4 still needs for its index when the disk runs full."""


class VideoWriter:
    """Draws every result and encodes it, on a thread of its own.

    H.264 where this OpenCV can encode it, else MPEG-4 part 2, which every player and editor reads (browsers
    do not). An mp4 becomes readable when it is closed; a take is what survives a crash.

    With a live source, `submit` never waits: results that the encoder has no time for are dropped and
    counted, and the video keeps the performance's time (an image is repeated where frames are missing).
    Otherwise `submit` waits for the encoder, and the video has exactly the frames that were submitted.

    Attributes:
        path: of the video.
        codec: FourCC in use.
        frames: in the video so far, repeated ones too.
        dropped: results that were not drawn.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        fps: float,
        render: Render,
        live: bool = False,
        keep_time: bool | None = None,
    ) -> None:
        """Open the file; one that exists is replaced.

        Args:
            path: ends in .mp4.
            width, height: of the images that `render` returns, px; odd sizes lose their last row or column.
            fps: of the video.
            render: called on this sink's own thread, so a GL context must be made there or have its own.
            live: never wait, see the class.
            keep_time: repeat and leave out images so that the video runs as the timestamps do; as `live` if None.

        Raises:
            LimelightError: the file cannot be written.
        """
        self.path = Path(path)
        self.frames = 0
        self.dropped = 0
        self._size = (width - width % 2, height - height % 2)  # 4:2:0 has no odd sizes
        self._fps = fps
        self._render = render
        self._live = live
        self._keep_time = live if keep_time is None else keep_time
        self._video, self.codec = _open(self.path, self._size, fps)
        self._queue: queue.Queue[TrackedFrame | None] = queue.Queue(_QUEUE_LENGTH)
        self._failure = Failure()
        self._closed = False
        self._start: float | None = None
        self._last = 0.0
        self._thread = threading.Thread(target=self._encode, name="limelight-video", daemon=True)
        self._thread.start()

    @property
    def backlog(self) -> int:
        """Results that wait to be drawn."""
        return self._queue.qsize()

    def submit(self, result: TrackedFrame) -> None:
        """Draw and encode one result; see the class for what happens when that is too slow.

        Raises:
            LimelightError: once, when the video cannot be written any more.
        """
        self._failure.raise_once()
        if self._closed or self._failure.told:
            return
        if not self._live:
            self._queue.put(result)
            return
        try:
            self._queue.put_nowait(result)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Encode what waits, and finish the file; a second call does nothing.

        Raises:
            LimelightError: the video is not whole, and `submit` has not said so yet.
        """
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._failure.raise_once()

    def _encode(self) -> None:
        """Until the end, also after a failure: `submit` must never wait for a thread that is gone."""
        while (result := self._queue.get()) is not None:
            if not self._failure.happened:
                self._failure.set(self._guarded(lambda: self._add(result)))
        self._failure.set(self._guarded(self._finish))
        self._video.release()

    def _guarded(self, step: Callable[[], None]) -> LimelightError | None:
        try:
            step()
        except LimelightError as error:
            return error
        except OSError as error:
            return LimelightError(f"video {self.path}: cannot be written ({error.strerror})")
        except Exception:  # a thread that died of a bug would leave `submit` waiting for ever
            _log.exception("the video writer failed")
            return LimelightError(f"video {self.path}: ended on an internal error, see the log")
        return None

    def _add(self, result: TrackedFrame) -> None:
        repeats = self._repeats(result.frame.timestamp)
        if repeats == 0:
            self.dropped += 1
            return
        self._check_space()
        image = np.ascontiguousarray(self._render(result)[: self._size[1], : self._size[0]])
        if image.shape != (self._size[1], self._size[0], 3):
            raise LimelightError(
                f"video {self.path}: expected pictures of {self._size[0]}x{self._size[1]}, "
                f"got one of {image.shape[1]}x{image.shape[0]}"
            )
        for _ in range(repeats):
            self._video.write(image)
        self.frames += repeats

    def _repeats(self, timestamp: float) -> int:
        """How often this image goes into the video so that it stays in time with the performance."""
        if not self._keep_time:
            return 1
        if self._start is None or timestamp < self._last:  # the first one, or another source's clock
            self._start = timestamp - self.frames / self._fps
        self._last = timestamp
        due = round((timestamp - self._start) * self._fps) + 1
        longest = round(_MAX_GAP_SECONDS * self._fps)
        if due - self.frames > longest:  # the performance paused: so does its clock
            self._start += (due - self.frames - 1) / self._fps
            return 1
        return max(0, due - self.frames)

    def _check_space(self) -> None:
        """OpenCV does not report a failed write, so look before it fails."""
        if shutil.disk_usage(self.path.parent).free < _SPARE_BYTES:
            raise LimelightError(f"video {self.path}: the disk is full; the video ended after {self.frames} frames")

    def _finish(self) -> None:
        self._video.release()
        if self.frames == 0:
            self.path.unlink(missing_ok=True)
            return
        check = cv2.VideoCapture(str(self.path))
        found = int(check.get(cv2.CAP_PROP_FRAME_COUNT)) if check.isOpened() else 0
        check.release()
        if found < self.frames:
            raise LimelightError(
                f"video {self.path}: only {found} of {self.frames} frames could be written; is the disk full?"
            )


def _open(path: Path, size: tuple[int, int], fps: float) -> tuple[cv2.VideoWriter, str]:
    if path.suffix.lower() != ".mp4":
        raise LimelightError(f"video {path}: the name must end in .mp4")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("wb").close()
    except OSError as error:
        raise LimelightError(f"video {path}: cannot be created ({error.strerror})") from error
    for codec in _CODECS:
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), fps, size)
        if writer.isOpened():
            return writer, codec
        writer.release()
    path.unlink(missing_ok=True)
    raise LimelightError(f"video {path}: this OpenCV has no encoder for mp4 at {size[0]}x{size[1]}, {fps:g} fps")
