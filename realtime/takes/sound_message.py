"""The messages of a take's sound."""

from __future__ import annotations

import struct

import numpy as np

from realtime.sound.block import SoundBlock
from realtime.takes.cdr import CdrReader, CdrWriter

_TIME = struct.Struct("<iI")
_FACTS = struct.Struct("<II")
_FORMAT = "pcm-s16"


def encode_sound(block: SoundBlock) -> bytes:
    """Return the CDR message of a block."""
    cdr = CdrWriter()
    seconds = int(block.time // 1)
    cdr.fields(_TIME, 4, seconds & 0x7FFFFFFF, min(round((block.time - seconds) * 1e9), 999_999_999))
    cdr.data(block.samples.astype("<i2", copy=False).tobytes())
    cdr.text(_FORMAT)
    cdr.fields(_FACTS, 4, block.rate, block.samples.shape[1])
    return cdr.message()


def decode_sound(message: bytes) -> SoundBlock:
    """Read what `encode_sound` wrote.

    Raises:
        ValueError: `message` is not such a message.
    """
    try:
        cdr = CdrReader(message)
        seconds, nanoseconds = cdr.fields(_TIME, 4)
        data = cdr.data()
        if cdr.text() != _FORMAT:
            raise ValueError("sound of another format")
        rate, channels = cdr.fields(_FACTS, 4)
        if not (0 < rate <= 768_000 and 0 < channels <= 64):
            raise ValueError(f"{channels} channels at {rate} Hz")
        samples = np.frombuffer(data, "<i2").reshape(-1, channels)  # (N, C)
        return SoundBlock(seconds + nanoseconds * 1e-9, rate, samples)
    except struct.error as error:
        raise ValueError(f"malformed sound message ({error})") from error
