"""`ndi://NAME`: video over the network by NDI, through cyndilib. NDI is a registered trademark of Vizrt NDI AB."""

from __future__ import annotations

from fractions import Fraction
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from realtime.opencv import cv2
from realtime.outputs.picture_options import PictureOptions
from realtime.outputs.picture_stream import PictureStream, library
from realtime.sinks.address import Address

_DEFAULT_NAME = "Limelight"


def open_ndi(address: Address) -> PictureStream:
    """Return the sink of `ndi://[NAME]`; receivers see it as "MACHINE (NAME)".

    Raises:
        LimelightError: an option makes no sense; once it begins, cyndilib is not installed.
    """
    source = address.place or _DEFAULT_NAME
    name = f"NDI {source}"
    options = PictureOptions.of(address)

    def open_sender(size: tuple[int, int], fps: float) -> _NdiSender:
        return _NdiSender(library("cyndilib", "cyndilib", "ndi", name), source, size, fps)

    return PictureStream(name, options, open_sender)


class _NdiSender:
    """Sends BGRX frames; see `realtime.outputs.picture_stream.Sender`."""

    def __init__(self, cyndilib: ModuleType, source: str, size: tuple[int, int], fps: float) -> None:
        width, height = size
        self._source = source
        self._pixels = np.empty((height, width, 4), np.uint8)
        self._receivers = 0
        frame = cyndilib.VideoSendFrame()
        frame.set_resolution(width, height)
        frame.set_frame_rate(Fraction(fps).limit_denominator(1001))
        frame.set_fourcc(cyndilib.FourCC.BGRX)
        self._sender = cyndilib.Sender(source, clock_video=False)  # results come at their own pace
        self._sender.set_video_frame(frame)
        try:
            self._sender.open()
        except Exception as error:  # its own types, by version
            raise LimelightError(f"NDI {source}: cannot be opened ({error or type(error).__name__})") from error
        self.line: str = self._sender.name

    def send(self, picture: NDArray[np.uint8]) -> None:
        cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA, dst=self._pixels)
        if not self._sender.write_video_async(self._pixels.reshape(-1)):
            raise LimelightError(f"NDI {self._source}: takes no pictures any more")
        self._receivers = self._sender.get_num_connections(0)

    def connected(self) -> bool | None:
        return self._receivers > 0

    def close(self) -> None:
        self._sender.close()
