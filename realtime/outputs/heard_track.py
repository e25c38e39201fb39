"""The sound of a microphone beside the pictures of a live video."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import OutputContainer
from numpy.typing import NDArray

from realtime.outputs.sound_track import aac_rate
from realtime.sound.microphone import Microphone

_GAP = 0.05
"""s that the input's clock may be off before silence fills the gap, or what is too much is left out."""


class HeardTrack:
    """Gives what a microphone hears as packets of AAC, at the times of the pictures that were taken meanwhile.

    Times of the video count from its first frame. For one thread at a time.
    """

    def __init__(self, device: str, output: OutputContainer) -> None:
        """Open the microphone, and add a stream to the container, whose header is not written yet.

        Args:
            device: see `Microphone`.
            output: the container.

        Raises:
            LimelightError: there is no such sound input.
        """
        self._microphone = Microphone(device)
        try:
            self._rate = self._microphone.rate
            self._stream = output.add_stream("aac", rate=aac_rate(self._rate), layout="mono")
        except BaseException:
            self._microphone.close()
            raise
        self._begin = 0.0
        self._samples = 0  # so far
        self._resampler: AudioResampler | None = None

    def start(self, time: float) -> None:
        """Let the sound begin at `time`, s of `time.perf_counter`, by which live frames are timed."""
        self._begin = time

    def until(self, time: float) -> Iterator[av.Packet]:
        """Give the packets of what was heard before `time`, seconds in the video, as far as they are full."""
        for block in self._microphone.until(self._begin + time):
            gap = round((block.time - self._begin) * self._rate) - self._samples
            if gap < -_GAP * self._rate:
                continue  # from before the first picture
            if gap > _GAP * self._rate:
                yield from self._encode(np.zeros((gap, 1), np.int16))
            yield from self._encode(block.samples)

    def close(self) -> None:
        """Close the microphone; a second call does nothing."""
        self._microphone.close()

    def _encode(self, samples: NDArray[np.int16]) -> Iterator[av.Packet]:
        """Encode samples (N, 1); what does not fill a packet waits."""
        encoder = self._stream.codec_context
        assert isinstance(encoder, av.AudioCodecContext)
        self._resampler = self._resampler or AudioResampler(encoder.format, encoder.layout, encoder.rate)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._samples, Fraction(1, self._rate)
        self._samples += len(samples)
        for resampled in self._resampler.resample(frame):
            for packet in encoder.encode(resampled):
                if packet.pts is not None and packet.pts >= 0:  # none of the encoder's run-in
                    packet.stream = self._stream
                    yield packet
