"""The pictures of anything that PyAV opens, in order: decoded, converted, turned upright, with their own times."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Mapping
from fractions import Fraction
from typing import IO

import av
import numpy as np
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from realtime.loop.frame_pool import FramePool
from realtime.opencv import cv2
from realtime.sources.turning import turn_picture

_DEFAULT_FPS = 30.0
_MICROSECOND = 1e-6  # unit of a container's duration


class AvReader:
    """Decodes one container's video stream on as many threads as OpenCV may use.

    Colours follow the matrix and the range that each frame names; pictures lie in memory that is used again. For one
    thread at a time.

    Attributes:
        width, height: of the first picture, upright, px; later ones may differ.
        fps: nominal frames a second.
        start: seconds of the first picture on the clock of the container's packets.
        duration: seconds from the first packet to the end of the last, as the container claims; None if it says
            nothing that can be relied on.
        has_sound: whether there is a sound stream.
        arrived: when the packet of the last picture came, on the `time.perf_counter` clock.
        broken: packets that could not be decoded.
    """

    def __init__(
        self,
        address: str | IO[bytes],
        options: Mapping[str, str] | None = None,
        timeout: tuple[float, float] | None = None,
        live: bool = False,
        upright: bool = True,
    ) -> None:
        """Open a container and decode its first picture.

        Args:
            address: `file:PATH`, a URL, or an open file, which stays open.
            options: FFmpeg's, for the protocol and the container.
            timeout: seconds to open and to read a packet; the longer one is also that to wait for a picture. None waits
                for ever.
            live: decode each packet when it comes, instead of several frames side by side.
            upright: turn pictures as the container says.

        Raises:
            av.FFmpegError: it cannot be opened or read.
            ValueError: it holds no picture.
        """
        self._container = av.open(
            address, options=dict(options or {}), timeout=timeout, metadata_errors="replace", mode="r"
        )
        try:
            self._stream = self._choose_stream()
            codec = self._stream.codec_context
            codec.thread_count = max(1, cv2.getNumThreads())
            codec.thread_type = "SLICE" if live else "AUTO"
            self._tick = float(self._stream.time_base or 0)
            self._upright = upright
            self._reformatter = VideoReformatter()
            self._pool: FramePool | None = None
            self._position = 0.0
            self._end = 0.0
            self.broken = 0
            self.arrived = time.perf_counter()
            self.fps = self._rate()
            self.has_sound = bool(self._container.streams.audio)
            self._patience = math.inf if timeout is None else max(timeout)
            self._frames = self._decode()
            first = next(self._frames, None)
            if first is None:
                raise ValueError("no readable picture")
            self.start = self._time(first) or 0.0
            claimed = self._container.duration
            self.duration = None if claimed is None or first.pts is None else claimed * _MICROSECOND
            self._first: tuple[float, NDArray[np.uint8]] | None = (0.0, self._convert(first))
            self.height, self.width = self._first[1].shape[:2]
        except BaseException:
            self._container.close()
            raise

    @property
    def size(self) -> int:
        """Bytes of the file or of the answer of a server; 0 or less if it is not known."""
        return int(self._container.size)

    @property
    def format(self) -> str:
        """FFmpeg's name of the container."""
        return self._container.format.name

    @property
    def reached(self) -> float:
        """Seconds from the container's start to the end of the last packet that was read, sound included."""
        return self._end - (self._container.start_time or 0) * _MICROSECOND

    def read(self) -> tuple[float, NDArray[np.uint8]] | None:
        """The next picture, None at the end.

        Returns:
            Its time in seconds, which is 0 for the first and always rises, and the picture (H, W, 3) uint8 BGR.

        Raises:
            av.FFmpegError: reading failed.
            ValueError: no picture came in time.
        """
        if self._first is not None:
            first, self._first = self._first, None
            return first
        frame = next(self._frames, None)
        if frame is None:
            return None
        told = self._time(frame)
        position = self._position if told is None else told - self.start
        self._position = position if position > self._position else self._position + 1.0 / self.fps
        return self._position, self._convert(frame)

    def seek(self, seconds: float) -> float:
        """Go on with the picture nearest to `seconds`, or the last one; return its time.

        Raises:
            av.FFmpegError: the container cannot be searched.
        """
        self._first = None
        self._frames.close()
        offset = round((self.start + max(seconds, 0.0)) / self._tick) if self._tick else 0
        self._container.seek(offset, stream=self._stream, backward=True)
        self._frames = self._decode()
        return self.skip_to(seconds)

    def skip_to(self, seconds: float) -> float:
        """Decode up to the picture nearest to `seconds`, or the last one, which is read next; return its time.

        Raises:
            av.FFmpegError: reading failed.
        """
        soon = seconds - 0.5 / self.fps
        self._position = -1.0
        if self._first is not None and self._first[0] >= soon:
            return self._first[0]
        frame = None
        for newer in self._frames:
            frame = newer
            told = self._time(newer)
            position = self._position + 1.0 / self.fps if told is None else told - self.start
            self._position = max(position, 0.0)
            if self._position >= soon:
                break
        if frame is not None:
            self._first = (self._position, self._convert(frame))
        return max(self._position, 0.0)

    def close(self) -> None:
        """Close the container; a second call does nothing."""
        self._first = None
        self._frames.close()
        self._container.close()

    def _choose_stream(self) -> VideoStream:
        """The best video stream that is no cover picture of a song."""
        videos = [s for s in self._container.streams.video if not s.disposition & Disposition.attached_pic]
        videos = [s for s in videos if s.codec_context is not None]
        if not videos:
            raise ValueError("no video stream")
        best = self._container.streams.best("video")
        return best if isinstance(best, VideoStream) and best in videos else videos[0]

    def _rate(self) -> float:
        for rate in (self._stream.average_rate, self._stream.guessed_rate):
            if isinstance(rate, Fraction) and 0.1 <= rate <= 1000.0:
                return float(rate)
        return _DEFAULT_FPS

    def _decode(self) -> Generator[VideoFrame]:
        streams = (self._stream, *self._container.streams.audio)
        ticks = {stream.index: float(stream.time_base or 0) for stream in streams}
        since = time.perf_counter()
        for packet in self._container.demux(*streams):
            if time.perf_counter() - since > self._patience:  # sound alone, or nothing that can be decoded
                raise ValueError(f"no picture came for {self._patience:g} s")
            if packet.pts is not None:
                self._end = max(self._end, (packet.pts + (packet.duration or 0)) * ticks[packet.stream_index])
            if packet.stream is not self._stream:  # the index of the packet that ends it all is 0
                continue
            self.arrived = time.perf_counter()
            try:
                frames = packet.decode()
            except (av.FFmpegError, ValueError):
                self.broken += 1
                continue
            for frame in frames:
                assert isinstance(frame, VideoFrame)
                yield frame
                since = time.perf_counter()

    def _time(self, frame: VideoFrame) -> float | None:
        """Seconds of a frame on the clock of the container's packets; None where it has no time."""
        return None if frame.pts is None else frame.pts * self._tick

    def _convert(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """A frame as an upright picture (H, W, 3) uint8 BGR in pooled memory."""
        plane = self._reformatter.reformat(frame, format="bgr24", threads=1).planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(frame.height, plane.line_size)
        picture = rows[:, : 3 * frame.width].reshape(frame.height, frame.width, 3)
        turn = round(-frame.rotation / 90.0) * 90 % 360 if self._upright else 0
        shape = picture.shape if turn % 180 == 0 else (frame.width, frame.height, 3)
        if self._pool is None or self._pool.shape != shape:
            self._pool = FramePool(*shape[:2])
        return turn_picture(picture, turn, self._pool.take())
