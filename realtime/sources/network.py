"""Network streams as sources: `rtsp://`, `http(s)://`, `udp://` and whatever else FFmpeg opens by URL."""

from __future__ import annotations

import contextlib
import errno
import http.client
import logging
import re
import shutil
import tempfile
import threading
import urllib.request
from dataclasses import dataclass
from typing import IO
from urllib.parse import urlsplit

import av

from facemodel.errors import LimelightError
from realtime.frame import Frame, Sound
from realtime.sources.av_reader import AvReader
from realtime.sources.base import Source

log = logging.getLogger(__name__)

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)  # one letter would be a drive of Windows
_ENDLESS_FORMATS = ("hls", "dash", "mpjpeg")  # their size, where they have one, is that of a list or a part
_OPTIONS = {
    "analyzeduration": "2000000",  # microseconds that may be spent on finding out what comes
    "reconnect": "1",  # http: a connection that breaks in the middle is taken up where it was
    "reconnect_delay_max": "2",
    "rtsp_flags": "prefer_tcp",
    "overrun_nonfatal": "1",  # udp: packets that nobody read in time are lost, the stream is not
}
_LIVE_OPTIONS = {"fflags": "nobuffer", "flags": "low_delay"}


@dataclass(frozen=True)
class NetworkSettings:
    """Time limits of a network stream, s.

    Attributes:
        open_timeout: until the stream is found and its first picture is there.
        stall_timeout: without a frame, after which `read` gives up.
    """

    open_timeout: float = 10.0
    stall_timeout: float = 5.0


def is_url(spec: str) -> bool:
    """Whether a source's name is a URL and not a path."""
    return _URL.match(spec) is not None


def open_url(url: str, settings: NetworkSettings | None = None, upright: bool = True) -> Source:
    """Open a URL: what HTTP serves with a known duration or size is a file, everything else is live.

    Args:
        url: as FFmpeg takes it.
        settings: time limits.
        upright: turn pictures as the stream says.

    Raises:
        LimelightError: nobody answers, nothing is there, or it is no video.
    """
    settings = settings or NetworkSettings()
    name = _without_secrets(url)
    timeout = (settings.open_timeout, settings.stall_timeout)
    may_be_file = urlsplit(url).scheme.lower() in ("http", "https")
    options = _OPTIONS if may_be_file else _OPTIONS | _LIVE_OPTIONS
    try:
        reader = AvReader(url, options, timeout, live=not may_be_file, upright=upright)
    except (av.FFmpegError, ValueError) as error:
        whole = _fetch(url, settings) if may_be_file and getattr(error, "errno", None) == errno.EIO else None
        if whole is None:
            raise LimelightError(_explain(name, error, settings)) from error
        return NetworkFile(_read_fetched(whole, name, upright), name)
    if may_be_file and (reader.duration or (reader.size > 0 and reader.format not in _ENDLESS_FORMATS)):
        return NetworkFile(reader, name)
    return NetworkStream(reader, name, settings)


def _fetch(url: str, settings: NetworkSettings) -> IO[bytes] | None:
    """The whole of a file that a server cannot send in parts, which an mp4 with its index at the end needs; None where
    there is no such file."""
    with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
        with urllib.request.urlopen(url, timeout=settings.open_timeout) as answer:
            if answer.length is None:  # it may have no end
                return None
            whole = tempfile.TemporaryFile()  # noqa: SIM115 (read as long as the source is)
            shutil.copyfileobj(answer, whole)
        whole.seek(0)
        return whole
    return None


def _read_fetched(whole: IO[bytes], name: str, upright: bool) -> AvReader:
    try:
        return AvReader(whole, upright=upright)
    except (av.FFmpegError, ValueError) as error:
        raise LimelightError(f"{name}: what comes from there is not a video") from error


class NetworkFile:
    """A video file that a web server holds: every frame, in order, with its own time stamps; its end is the end.

    Attributes: as `realtime.sources.base.Source`.
    """

    live = False
    sound: Sound | None = None

    def __init__(self, reader: AvReader, name: str) -> None:
        """Take over an open reader."""
        self.name, self.width, self.height, self.fps = name, reader.width, reader.height, reader.fps
        self._reader: AvReader | None = reader
        self._index = 0
        self._closing = False
        self._lock = threading.Lock()  # `close` may come while another thread reads
        if reader.has_sound:
            log.warning("%s: its sound is not kept; download the file for that", name)

    def read(self) -> Frame | None:
        """The next frame, None at the end. Time stamps start at 0 and always rise.

        Raises:
            LimelightError: the connection broke.
        """
        with self._lock:
            if self._reader is None:
                return None
            try:
                read = self._reader.read()
            except (av.FFmpegError, ValueError) as error:
                raise LimelightError(
                    f"{self.name}: broke off at {self._reader.reached:.2f} s ({_line(error)})"
                ) from error
            if read is None:
                return None
            frame = Frame(self._index, *read)
            self._index += 1
            return frame

    def close(self) -> None:
        with self._lock:
            if self._reader is not None:
                self._reader.close()
            self._reader = None


class NetworkStream:
    """A live stream: always the newest frame, stamped when it arrived.

    As with a camera, a thread drains the stream and keeps only the newest frame, so that a late reader does not see
    the past; indices count what arrived. It never ends by itself: when the sender closes it, `read` raises, and the
    stream can be opened again.

    Attributes: as `realtime.sources.base.Source`.
    """

    live = True
    sound: Sound | None = None

    def __init__(self, reader: AvReader, name: str, settings: NetworkSettings) -> None:
        """Take over an open reader."""
        self.name, self.width, self.height, self.fps = name, reader.width, reader.height, reader.fps
        self._settings = settings
        self._changed = threading.Condition()
        self._latest: Frame | None = None
        self._delivered = -1
        self._failure: str | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._drain, args=(reader,), name="network-stream", daemon=True)
        self._thread.start()

    def read(self) -> Frame | None:
        """The newest frame that was not returned yet; None once closed.

        Raises:
            LimelightError: the stream ended, broke, or brought no frame for `stall_timeout` seconds.
        """
        with self._changed:
            self._changed.wait_for(self._has_news, self._settings.stall_timeout)
            if self._closing:
                return None
            if self._latest is not None and self._latest.index > self._delivered:
                self._delivered = self._latest.index
                return self._latest
            reason = self._failure or f"no picture came for {self._settings.stall_timeout:g} s"
            raise LimelightError(f"{self.name}: {reason}; check the sender and the network")

    def close(self) -> None:
        """Stop the thread, which closes the stream; does not wait for a network that hangs."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=1.0)

    def _has_news(self) -> bool:
        has_frame = self._latest is not None and self._latest.index > self._delivered
        return self._closing or has_frame or self._failure is not None

    def _drain(self, reader: AvReader) -> None:
        """Keep the newest frame until closed, or until the stream ends."""
        index, last = 0, float("-inf")
        failure = "the sender ended the stream"
        try:
            while not self._closing and (read := reader.read()) is not None:
                last = max(reader.arrived, last + 1e-6)  # two frames of one packet have two times
                with self._changed:
                    self._latest = Frame(index, last, read[1])
                    self._changed.notify_all()
                del read  # or its picture would be in use while the next one is taken
                index += 1
        except av.ExitError:
            failure = f"no picture came for {self._settings.stall_timeout:g} s"
        except av.FFmpegError as error:
            failure = f"the stream ended or broke off ({_line(error)})"
        except ValueError as error:
            failure = str(error)
        except Exception:  # a thread that died of a bug would leave `read` without a reason
            log.exception("%s failed", self.name)
            failure = "reading failed on an internal error, see the log"
        finally:
            reader.close()
            with self._changed:
                self._failure = failure
                self._changed.notify_all()


def _explain(name: str, error: Exception, settings: NetworkSettings) -> str:
    if isinstance(error, av.ExitError | TimeoutError):
        return f"{name}: no stream came within {settings.open_timeout:g} s; check the address and the sender"
    if isinstance(error, ConnectionRefusedError):
        return f"{name}: nobody answers there (connection refused); check the address and that the sender runs"
    if isinstance(error, av.error.HTTPNotFoundError):
        return f"{name}: the server has no such file or stream (404)"
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return f"{name}: the server wants a user and a password, as in rtsp://USER:PASSWORD@HOST/"
    if isinstance(error, av.ProtocolNotFoundError):
        return f"{name}: streams of this kind cannot be read; rtsp, http, https, rtmp and udp can"
    if isinstance(error, ValueError):  # FFmpeg's invalid data is one, too
        return f"{name}: what comes from there is not a video"
    return f"{name}: cannot be opened ({_line(error)}); check the address and the network"


def _line(error: Exception) -> str:
    """FFmpeg's own words on an error."""
    return str(getattr(error, "strerror", None) or error).splitlines()[0]


def _without_secrets(url: str) -> str:
    """A URL as it may be shown and stored: without user, password and query."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return url.partition("?")[0]
