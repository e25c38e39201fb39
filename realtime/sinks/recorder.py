"""The sink that writes a take. It never drops a frame."""

from __future__ import annotations

import logging
import queue
import threading
import time
from pathlib import Path

from facemodel import LimelightError
from realtime.frame import TrackedFrame
from realtime.sinks.failure import Failure
from realtime.takes.format import TakeHeader, encode_frame
from realtime.takes.writer import FLUSH_SECONDS, TakeWriter

_log = logging.getLogger(__name__)

_BACKLOG_WARNING = 300  # frames; ten seconds of a camera, about 600 KB


class Recorder:
    """Records every frame that it is given, those without a face too.

    `submit` encodes the frame, which takes microseconds, and puts the bytes in a queue without a limit; a
    thread writes them. A disk that stalls for a while costs memory (about 2 KB a frame; the pictures are not
    kept), never a frame, and is warned of once. A disk that fails ends the recording: the next `submit`, or
    `close`, raises.

    Attributes:
        path: of the take.
    """

    def __init__(self, path: str | Path, header: TakeHeader) -> None:
        """Create the take at once, so that a bad path is known before the performance.

        Raises:
            LimelightError: the file exists already, or cannot be written.
        """
        self.path = Path(path)
        self._writer = TakeWriter(self.path, header)
        self._queue: queue.SimpleQueue[tuple[bytes, float] | None] = queue.SimpleQueue()
        self._started = time.monotonic()
        self._failure = Failure()
        self._warned = False
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="limelight-recorder", daemon=True)
        self._thread.start()

    @property
    def frames(self) -> int:
        """Frames written so far."""
        return self._writer.frames

    @property
    def failed(self) -> bool:
        """Whether the take has ended early because it could not be written."""
        return self._failure.happened

    @property
    def backlog(self) -> int:
        """Frames that wait to be written."""
        return self._queue.qsize()

    @property
    def seconds(self) -> float:
        """Since the recording began."""
        return time.monotonic() - self._started

    def submit(self, result: TrackedFrame) -> None:
        """Record one frame; returns at once.

        Raises:
            LimelightError: once, when the take cannot be written any more.
        """
        self._failure.raise_once()
        if self._closed or self._failure.told:
            return
        self._queue.put((encode_frame(result), result.frame.timestamp))
        if not self._warned and self.backlog > _BACKLOG_WARNING:
            self._warned = True
            _log.warning("take %s: the disk is slow, %d frames wait in memory", self.path, self.backlog)

    def close(self) -> None:
        """Write what waits, finish the file, and force it to the disk; a second call does nothing.

        Raises:
            LimelightError: the take could not be written to its end, and `submit` has not said so yet.
        """
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._failure.raise_once()

    def _write(self) -> None:
        try:
            with self._writer as writer:
                while True:
                    try:
                        item = self._queue.get(timeout=FLUSH_SECONDS)
                    except queue.Empty:
                        writer.flush()
                        continue
                    if item is None:
                        return
                    writer.append_encoded(*item)
        except LimelightError as error:
            self._failure.set(error)
        except Exception:  # a recording must not end unnoticed
            _log.exception("the recorder failed")
            self._failure.set(LimelightError(f"take {self.path}: recording ended on an internal error, see the log"))
