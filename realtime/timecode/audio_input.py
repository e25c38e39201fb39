"""LTC on a sound input."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.frame_rate import FrameRate
from realtime.sound.microphone import began, open_input, start
from realtime.timecode.ltc import LtcDecoder
from realtime.timecode.source import ChasedTimecode

_log = logging.getLogger(__name__)


def listen_to_ltc(device: str = "", rate: FrameRate | None = None) -> ChasedTimecode:
    """Return the timecode on the first channel of a sound input.

    Args:
        device: part of its name, or its number; "" for the system's default.
        rate: to count at; None for what is heard.

    Raises:
        LimelightError: sound input is not installed, or there is no such device.
    """
    reader: LtcReader | None = None

    def hear(block: NDArray[np.float32], frames: int, times: Any, flags: Any) -> None:
        if reader is not None:
            reader.hear(block, frames, times, flags)

    stream, name, sample_rate = open_input(device, "timecode ltc", hear, "float32")
    timecode = ChasedTimecode(f"LTC on {name}", rate)
    reader = LtcReader(LtcDecoder(sample_rate), timecode, sample_rate)
    timecode.when_closed(stream.close)
    start(stream, "timecode ltc")
    return timecode


class LtcReader:
    """Hands blocks of sound, as they come, to a decoder, and what it finds to a `ChasedTimecode`."""

    def __init__(self, decoder: LtcDecoder, timecode: ChasedTimecode, sample_rate: float) -> None:
        """
        Args:
            decoder: that reads the sound.
            timecode: told what was read.
            sample_rate: samples a second.
        """
        self._decoder, self._timecode, self._rate = decoder, timecode, sample_rate
        self._samples = 0

    def hear(self, block: NDArray[np.float32], frames: int, times: Any, flags: Any) -> None:
        """Take in a block; a callback of PortAudio's.

        Args:
            block: (N, 1) float32.
            frames: N.
            times: `inputBufferAdcTime` and `currentTime`, s, when the block's first sample was taken, and now.
            flags: that samples were lost, perhaps.
        """
        if flags:
            _log.info("sound input: %s", flags)
        start = began(frames, self._rate, times) - self._samples / self._rate  # when sample 0 would have been
        self._samples += frames
        for frame in self._decoder.read(block[:, 0]):
            fields = (frame.hours, frame.minutes, frame.seconds, frame.frames)
            self._timecode.note(start + frame.start, fields, drop=frame.drop, length=frame.length)
