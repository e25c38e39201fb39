"""The sound that goes with a feed, moment by moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from facemodel import LimelightError
from realtime.frame import Result, StreamInfo
from realtime.sound.block import JUMP, SoundBlock, SoundSource


def open_sound(info: StreamInfo, device: str) -> SoundSource:
    """Return what is to be heard with a feed: its file's sound, or with a live one that has none, a microphone's.

    Args:
        info: of the feed.
        device: of the microphone, by part of its name; the default one if "".

    Raises:
        LimelightError: the file's sound cannot be read, there is no such input, or the feed is a file without sound.
    """
    if info.sound is not None:
        from realtime.sound.file_sound import FileSound  # loads FFmpeg

        return FileSound(info.sound)
    if not info.live:
        raise LimelightError("the source has none")
    from realtime.sound.microphone import Microphone

    return Microphone(device)


class FeedSound:
    """Gives a feed's sound from its first result on, on the feed's clock; where a file is set back, that of the new
    place.

    Attributes:
        rate: samples a second.
        channels: of each.
        offset: seconds by which the feed's clock is ahead of `time.perf_counter`; None while that is not known.
    """

    def __init__(self, info: StreamInfo, device: str) -> None:
        """See `open_sound` for the arguments and errors."""
        self._info, self._device = info, device
        self._source = open_sound(info, device)
        self.rate, self.channels = self._source.rate, self._source.channels
        self.offset: float | None = None
        self._begins: float | None = None  # s, of the source's clock, on the feed's
        self._given = 0.0  # s, on the feed's clock: the end of what was given

    def follow(self, result: Result) -> None:
        """Learn of a result before the sound that goes with it is asked for.

        Raises:
            LimelightError: the file was set back, and is gone now.
        """
        if result.captured is not None:
            self.offset = result.time - result.captured
        begins = self.offset if self._info.sound is None else result.frame.shift
        if self._begins is None:
            self._given = result.time
        elif self._info.sound is not None and abs(result.frame.shift - self._begins) > JUMP:
            self._source.close()
            self._source = open_sound(self._info, self._device)
            self._given = result.time
        self._begins = begins

    def until(self, time: float) -> Iterator[SoundBlock]:
        """Give the blocks that follow and begin before a time, s on the feed's clock, as far as there are any yet."""
        if self._begins is None:
            return
        for block in self._source.until(time - self._begins):
            if block.time + self._begins >= self._given - 0.5 * (block.end - block.time):
                self._given = block.end + self._begins
                yield replace(block, time=block.time + self._begins)

    def close(self) -> None:
        """Release it; a second call does nothing."""
        self._source.close()
