"""A video file as a source: every frame, in order, with the file's own time stamps."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import av

from facemodel.errors import LimelightError
from realtime.frame import Frame, Sound
from realtime.sources.av_reader import AvReader
from realtime.sources.file_kind import FileKind, file_kind, shown

log = logging.getLogger(__name__)

_TOLERATED_MISSING = 0.02  # of the duration that the container claims; some containers only estimate
_TOLERATED_SECONDS = 0.1


class VideoSource:
    """Reads a video file with PyAV (FFmpeg); animated GIF, PNG and AVIF too.

    Pictures are turned as the file says. A resolution that changes in the middle is delivered as it comes; `width` and
    `height` are the first picture's. A file that turns out to be damaged delivers what can be read, then ends with a
    logged warning.

    Attributes: as `realtime.sources.base.Source` and `Seekable`.
    """

    live = False

    def __init__(self, path: str | Path, upright: bool = True) -> None:
        """
        Args:
            path: of the file; its name need not be UTF-8.
            upright: turn pictures as the file says.

        Raises:
            LimelightError: missing, empty, truncated, or no video.
        """
        self._path, self._upright = Path(path), upright
        self._shown = f"video {shown(path)}"
        self.name = shown(self._path.name)
        self._reader: AvReader | None = self._open()
        self.width, self.height, self.fps = self._reader.width, self._reader.height, self._reader.fps
        self.duration = self._reader.duration or 0.0
        self.sound = Sound(self._path, self._reader.start) if self._reader.has_sound else None
        self._index = 0
        self._closed = False
        self._lock = threading.Lock()  # `close` may come while another thread reads

    def read(self) -> Frame | None:
        """The next frame, None at the end. Time stamps start at 0 and always rise."""
        with self._lock:
            if self._reader is None:
                return None
            failed = False
            try:
                read = self._reader.read()
            except av.FFmpegError:
                read, failed = None, True
            if read is None:
                self._warn_of_damage(self._reader, failed)
                self._release()
                return None
            frame = Frame(self._index, *read)
            self._index += 1
            return frame

    def seek(self, seconds: float) -> None:
        """Go on with the frame nearest to `seconds`, also after the end.

        Raises:
            LimelightError: the file cannot be read any more.
        """
        with self._lock:
            if self._closed:
                return
            if self._reader is None:
                self._reader = self._open()
            try:
                self._index = round(self._reader.seek(seconds) * self.fps)
            except av.FFmpegError:  # some containers cannot: from the start, then
                self._release()
                self._reader = self._open()
                self._index = round(self._reader.skip_to(seconds) * self.fps)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._release()

    def _open(self) -> AvReader:
        self._refuse_what_is_no_video(self._path)
        try:
            return AvReader(f"file:{self._path}", upright=self._upright)
        except (av.FFmpegError, ValueError) as error:
            raise LimelightError(
                f"{self._shown}: holds no readable picture; the file is truncated or not a video"
            ) from error

    def _release(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = None

    def _warn_of_damage(self, reader: AvReader, failed: bool) -> None:
        """One line where the file ended before its time, or was not readable all through."""
        whole = reader.duration or 0.0
        if failed or whole - reader.reached > max(_TOLERATED_SECONDS, _TOLERATED_MISSING * whole):
            of = f" of {whole:.2f}" if whole else ""
            log.warning("%s: damaged or truncated, ended at %.2f%s s", self._shown, reader.reached, of)
        elif reader.broken:
            log.warning("%s: damaged, %d of its packets could not be decoded", self._shown, reader.broken)

    def _refuse_what_is_no_video(self, path: Path) -> None:
        try:
            kind = file_kind(path)
        except LimelightError as error:
            raise LimelightError(f"video {error}") from error
        if kind is FileKind.EMPTY:
            raise LimelightError(f"{self._shown}: the file is empty (0 bytes)")
        if kind is FileKind.TEXT:  # FFmpeg would play a text file as pictures of its letters
            raise LimelightError(f"{self._shown}: the file is not a video")
