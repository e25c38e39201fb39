"""ProRes 4444 of pictures as they come, with alpha: every picture is a key frame."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from facemodel import LimelightError
from realtime.opencv import cv2
from realtime.outputs.h264 import TIME_BASE, lasting

CODEC = "prores"
"""FFmpeg's name of its quicker encoder."""

_PIXELS = "yuva444p10le"
_BT709, _LIMITED = 1, 1  # as FFmpeg numbers matrix, primaries and transfer, and range


class ProResEncoder:
    """Encodes pictures with straight alpha, which is kept to 1/255; those without any are opaque."""

    def __init__(self, width: int, height: int, fps: float, context: VideoCodecContext) -> None:
        """
        Args:
            width, height: of the pictures that come, px.
            fps: nominal frames a second; times are kept whatever they are.
            context: of a container's stream of `CODEC`, not opened yet.

        Raises:
            LimelightError: not this size.
        """
        self._context = context
        self._context.width, self._context.height, self._context.pix_fmt = width, height, _PIXELS
        self._context.time_base = TIME_BASE
        self._context.framerate = Fraction(fps).limit_denominator(1001)
        self._context.thread_count = max(1, cv2.getNumThreads())
        self._context.colorspace, self._context.color_range = _BT709, _LIMITED
        self._context.color_primaries = self._context.color_trc = _BT709
        try:
            self._context.open(strict=False)
        except (av.FFmpegError, ValueError) as error:
            raise LimelightError(f"no ProRes at {width}x{height}, {fps:g} fps ({error})") from error
        self._nominal_ticks = max(1, round(1.0 / (fps * TIME_BASE)))
        self._picture = av.VideoFrame(width, height, "bgra")
        (plane,) = self._picture.planes
        self._pixels = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size // 4, 4)[:height, :width]
        self._reformatter = VideoReformatter()
        self._last_ticks = -1

    def encode(self, image: NDArray[np.uint8], time: float) -> list[av.Packet]:
        """Encode one picture.

        Args:
            image: (H, W, 4) uint8 BGRA, or (H, W, 3) BGR, of the size that the encoder was made for.
            time: seconds, later than the picture before; one that is not is put a tick after it.

        Returns:
            Its packet, with times in `TIME_BASE`.
        """
        if image.shape[2] == 4:
            self._pixels[:] = image
        else:
            self._pixels[..., :3], self._pixels[..., 3] = image, 255
        frame = self._reformatter.reformat(self._picture, format=_PIXELS, dst_colorspace=_BT709)
        self._last_ticks = max(round(time / TIME_BASE), self._last_ticks + 1)
        frame.pts, frame.time_base = self._last_ticks, TIME_BASE
        return lasting(self._context.encode(frame), self._nominal_ticks)

    def flush(self) -> list[av.Packet]:
        """What the encoder still holds; it takes no more pictures."""
        return lasting(self._context.encode(None), self._nominal_ticks)
