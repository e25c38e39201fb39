"""The sound of a microphone, on the `time.perf_counter` clock."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facemodel import LimelightError
from realtime.sound.block import SoundBlock

_log = logging.getLogger(__name__)

_WAITING = 1000
"""Blocks that wait to be read; of the oldest ones more are left out."""


def open_input(device: str, purpose: str, callback: Any, dtype: str) -> tuple[Any, str, float]:
    """Open the first channel of a sound input and return its stream, not started, its name and its sample rate.

    Args:
        device: part of its name, or its number; "" for the system's default.
        purpose: what it is wanted for, for messages.
        callback: PortAudio's.
        dtype: of the samples.

    Raises:
        LimelightError: sound input is not installed, or there is no such device.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise LimelightError(
            f"{purpose}: sound input is not installed here ({error}); pip install 'limelight[sound]'"
        ) from error
    try:
        chosen: int | str | None = int(device) if device.isdigit() else device or None
        facts: dict[str, Any] = sounddevice.query_devices(chosen, "input")
        rate = float(facts["default_samplerate"])
        stream = sounddevice.InputStream(
            device=chosen, channels=1, samplerate=rate, dtype=dtype, latency="low", callback=callback
        )
    except (ValueError, sounddevice.PortAudioError) as error:
        names = [each["name"] for each in sounddevice.query_devices() if each["max_input_channels"]]
        have = f"there are {', '.join(names)}" if names else "there is none here"
        raise LimelightError(f"{purpose}: no such sound input: {error}; {have}") from error
    return stream, str(facts["name"]), rate


def start(stream: Any, purpose: str) -> None:
    """Let a stream that `open_input` opened begin.

    Raises:
        LimelightError: the system does not let it; it is closed then.
    """
    import sounddevice

    try:
        stream.start()
    except sounddevice.PortAudioError as error:
        stream.close()
        raise LimelightError(f"{purpose}: the sound input does not start ({error})") from error


def began(frames: int, rate: float, times: Any) -> float:
    """Return when a block's first sample was taken, on the `time.perf_counter` clock.

    Args:
        frames: samples in it.
        rate: samples a second.
        times: PortAudio's `inputBufferAdcTime` and `currentTime` of its callback; not all drivers fill them in.
    """
    age = times.currentTime - times.inputBufferAdcTime
    return time.perf_counter() - (age if 0.0 < age < 1.0 else frames / rate)


class Microphone:
    """Listens to a sound input from the beginning on; a `SoundSource`.

    Blocks are put one after the other by their count of samples, so that they have no gaps; only where the sound input
    lost some does the next one begin later.

    Attributes:
        name: of the input.
    """

    channels = 1

    def __init__(self, device: str = "") -> None:
        """
        Args:
            device: see `open_input`.

        Raises:
            LimelightError: see `open_input`.
        """
        self._blocks: deque[SoundBlock] = deque(maxlen=_WAITING)
        self._end: float | None = None  # of the newest block
        self._stream, self.name, rate = open_input(device, "sound", self._hear, "int16")
        self.rate = round(rate)
        start(self._stream, "sound")

    def until(self, time: float) -> Iterator[SoundBlock]:
        while self._blocks and self._blocks[0].time < time:
            yield self._blocks.popleft()

    def close(self) -> None:
        self._stream.close()

    def _hear(self, block: NDArray[np.int16], frames: int, times: Any, flags: Any) -> None:
        """Take in a block (N, 1); PortAudio's callback, whose memory is used again."""
        if flags:
            _log.info("sound input: %s", flags)
        start = began(frames, self.rate, times)
        if self._end is not None and not flags and abs(start - self._end) < 0.1:
            start = self._end + 0.01 * (start - self._end)  # the input's own clock, kept with ours
        taken = SoundBlock(start, self.rate, block.copy())
        self._end = taken.end
        self._blocks.append(taken)
