"""The sound of a file, as samples on the clock of the feed that shows its pictures."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from facemodel import LimelightError
from realtime.frame import Sound
from realtime.sound.block import SoundBlock
from realtime.sources.file_kind import shown


class FileSound:
    """Decodes a file's sound, little by little; a `SoundSource`. A damaged packet is a gap."""

    def __init__(self, sound: Sound) -> None:
        """
        Args:
            sound: the file, and where in it the feed's time 0 is.

        Raises:
            LimelightError: the file is gone, or holds no sound that can be read.
        """
        name = shown(sound.path.name)
        try:
            self._input = av.open(f"file:{sound.path}", metadata_errors="replace")
        except (av.FFmpegError, ValueError) as error:
            raise LimelightError(f"{name} cannot be read") from error
        source = self._input.streams.best("audio")
        if not isinstance(source, AudioStream) or source.codec_context is None:
            self._input.close()
            raise LimelightError(f"{name} holds no sound that can be read")
        self._source, self._start = source, sound.start
        self.rate, self.channels = source.rate, 1 if source.channels == 1 else 2
        self._blocks = self._decode()
        self._waiting: SoundBlock | None = None

    def until(self, time: float) -> Iterator[SoundBlock]:
        while True:
            block = self._waiting or next(self._blocks, None)
            self._waiting = None
            if block is None:
                return
            if block.time >= time:
                self._waiting = block
                return
            yield block

    def close(self) -> None:
        self._blocks.close()
        self._input.close()

    def _decode(self) -> Generator[SoundBlock]:
        resampler = AudioResampler("s16", "mono" if self.channels == 1 else "stereo", self.rate)
        try:
            for packet in self._input.demux(self._source):
                try:
                    frames = packet.decode()
                except (av.FFmpegError, ValueError):
                    continue
                for frame in frames:
                    assert isinstance(frame, AudioFrame)
                    if frame.time is None:
                        continue
                    time = frame.time - self._start
                    for part in resampler.resample(frame):
                        samples = part.to_ndarray().reshape(-1, self.channels).astype(np.int16, copy=False)  # (N, C)
                        yield SoundBlock(time, part.sample_rate, samples)
                        time += len(samples) / part.sample_rate
        except av.FFmpegError:
            return  # the file is damaged from here on
