"""The sound of a take, read from its file little by little."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from facemodel import LimelightError
from realtime.sound.block import SoundBlock
from realtime.takes.format import SOUND_TOPIC
from realtime.takes.messages import TakeFrame
from realtime.takes.reader import TakeReader

_EVEN = 0.02
"""s that a block may lie apart from the one before it and still follow it."""
_LONGEST_GAP = 600.0
"""s of silence that are filled in; a longer gap is damage."""
_LARGEST = 2**32 - 1 - 36
"""Bytes of samples that a WAV file can hold: its sizes have 32 bits, and count 36 bytes of its head."""


def write_wav(take: str | Path, out: Path) -> float:
    """Write a take's sound as 16-bit WAV that begins with the take's first frame, and return its length in s.

    Where sound is missing there is silence.

    Raises:
        LimelightError: not a take, without sound, or with more of it than a WAV file can hold.
        OSError: the file cannot be written.
    """
    blocks = _timed(take)
    first = next(blocks, None)
    if first is None:
        raise LimelightError(f"take {take}: there is no sound in it; record with --sound")
    _, block = first
    rate, channels = block.rate, block.samples.shape[1]
    written = 0
    with out.open("wb") as file, wave.open(file, "wb") as wav:
        wav.setnchannels(channels)
        wav.setsampwidth(2)
        wav.setframerate(rate)
        for time, block in chain([first], blocks):
            if (block.rate, block.samples.shape[1]) != (rate, channels):
                continue  # another device took over
            ahead = round(time * rate) - written  # samples
            if abs(ahead) <= _EVEN * rate:
                ahead = 0  # two clocks, that of the sound and that of the feed
            samples = block.samples[max(0, -ahead) :]
            silence = ahead if 0 < ahead < _LONGEST_GAP * rate else 0
            if (written + silence + len(samples)) * channels * 2 > _LARGEST:
                hours = written / rate / 3600.0
                raise LimelightError(
                    f"take {take}: a WAV file holds {hours:.1f} h of its sound and no more; trim the take"
                )
            if silence:
                wav.writeframesraw(np.zeros((silence, channels), "<i2").tobytes())
                written += silence
            wav.writeframesraw(samples.astype("<i2", copy=False).tobytes())
            written += len(samples)
    return written / rate


def _timed(take: str | Path) -> Iterator[tuple[float, SoundBlock]]:
    """Each block with its time, s, since the take's first frame."""
    reader = TakeReader(take)
    start: float | None = None
    early: list[SoundBlock] = []
    for recorded in reader.messages():
        if start is not None and recorded.topic.name != SOUND_TOPIC:
            continue
        event = reader.decode(recorded)
        if isinstance(event, TakeFrame):
            start = event.time
            yield from ((block.time - start, block) for block in early)
        elif isinstance(event, SoundBlock):
            if start is None:
                early.append(event)
            else:
                yield event.time - start, event
