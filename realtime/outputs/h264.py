"""H.264 of pictures as they come: every picture is a packet at once, with its own time, and key frames are close."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from numpy.typing import NDArray

from facemodel import LimelightError
from realtime.opencv import cv2

TIME_BASE = Fraction(1, 90000)
"""Seconds a tick of the packets' times."""

KEY_SECONDS = 0.25
"""Longest time between two key frames, s: what is written up to one can be read without the rest."""

CODEC = "libx264"
"""FFmpeg's name of the encoder."""

_OPTIONS = {"preset": "superfast", "tune": "zerolatency", "crf": "22", "forced-idr": "1"}
_NO_REGULAR_KEYS = 1_000_000  # frames: key frames come by time
_BT601, _BT709, _LIMITED = 6, 1, 1  # as FFmpeg numbers matrix, primaries and transfer, and range


class H264Encoder:
    """Encodes pictures without look-ahead and without B-frames, on as many threads as OpenCV may use.

    Packets are in H.264's byte stream format with the parameter sets before every key frame, unless `context` asks for
    a global header.

    Attributes:
        width, height: of the encoded pictures, px: even, since 4:2:0 has no odd sizes; a last odd row or column is
            left out.
    """

    def __init__(self, width: int, height: int, fps: float, context: VideoCodecContext | None = None) -> None:
        """
        Args:
            width, height: of the pictures that come, px.
            fps: nominal frames a second; times are kept whatever they are.
            context: of a container's stream of `CODEC`, not opened yet; a new one if None.

        Raises:
            LimelightError: this PyAV cannot encode H.264, or not this size.
        """
        self.width, self.height = width - width % 2, height - height % 2
        if self.width < 2 or self.height < 2:
            raise LimelightError(f"a picture of {width}x{height} is too small for H.264; the least is 2x2")
        self._context = _create_context() if context is None else context
        self._context.width, self._context.height = self.width, self.height
        self._context.pix_fmt = "yuv420p"
        self._context.time_base = TIME_BASE
        self._context.framerate = Fraction(fps).limit_denominator(1001)
        self._context.gop_size = _NO_REGULAR_KEYS
        self._context.thread_count = max(1, cv2.getNumThreads())
        self._context.colorspace, self._context.color_range = _BT601, _LIMITED
        self._context.color_primaries = self._context.color_trc = _BT709
        self._context.options = dict(_OPTIONS)
        try:
            self._context.open(strict=False)
        except (av.FFmpegError, ValueError) as error:
            raise LimelightError(f"no H.264 at {width}x{height}, {fps:g} fps ({error})") from error
        self._nominal_ticks = max(1, round(1.0 / (fps * TIME_BASE)))
        self._yuv = np.empty((self.height * 3 // 2, self.width), np.uint8)
        self._picture = av.VideoFrame(self.width, self.height, "yuv420p")
        self._planes = list(zip(_planes_of(self._yuv, self.width, self.height), _views_of(self._picture), strict=True))
        self._picture.time_base = TIME_BASE
        self._last_ticks: int | None = None
        self._key_ticks = 0

    def encode(self, image: NDArray[np.uint8], time: float) -> list[av.Packet]:
        """Encode one picture.

        Args:
            image: (H, W, 3) uint8 BGR of the size that the encoder was made for.
            time: seconds, later than the picture before; one that is not is put a tick after it.

        Returns:
            Its packet, with times in `TIME_BASE`.
        """
        cv2.cvtColor(np.ascontiguousarray(image[: self.height, : self.width]), cv2.COLOR_BGR2YUV_I420, dst=self._yuv)
        for source, plane in self._planes:
            plane[:] = source
        ticks = round(time / TIME_BASE)
        if self._last_ticks is not None:
            ticks = max(ticks, self._last_ticks + 1)
        # One nominal frame ahead: the picture after this one may be too late to be the key frame.
        due = self._last_ticks is None or ticks + self._nominal_ticks - self._key_ticks > KEY_SECONDS / TIME_BASE
        if due:
            self._key_ticks = ticks
        self._last_ticks = ticks
        self._picture.pts = ticks
        self._picture.pict_type = PictureType.I if due else PictureType.NONE
        return lasting(self._context.encode(self._picture), self._nominal_ticks)

    def flush(self) -> list[av.Packet]:
        """What the encoder still holds; it takes no more pictures."""
        return lasting(self._context.encode(None), self._nominal_ticks)


def lasting(packets: list[av.Packet], ticks: int) -> list[av.Packet]:
    """Return packets, each of a duration in `TIME_BASE`."""
    for packet in packets:
        packet.duration = ticks
    return packets


def _planes_of(yuv: NDArray[np.uint8], width: int, height: int) -> list[NDArray[np.uint8]]:
    """Views of Y (h, w), U and V (h / 2, w / 2) in what OpenCV calls I420: one behind the other, without gaps."""
    numbers, luma, chroma = yuv.reshape(-1), width * height, width * height // 4
    half = (height // 2, width // 2)
    return [
        numbers[:luma].reshape(height, width),
        numbers[luma : luma + chroma].reshape(half),
        numbers[luma + chroma :].reshape(half),
    ]


def _views_of(frame: av.VideoFrame) -> list[NDArray[np.uint8]]:
    """Views of a frame's planes, (h, w) each, without what FFmpeg puts behind each row."""
    return [
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    ]


def _create_context() -> VideoCodecContext:
    """An encoder of H.264 that is not opened yet.

    Raises:
        LimelightError: this PyAV cannot encode H.264.
    """
    try:
        context = av.CodecContext.create(CODEC, "w")
    except ValueError as error:
        raise LimelightError("this build of PyAV cannot encode H.264; install the package av from PyPI") from error
    assert isinstance(context, VideoCodecContext)
    return context
