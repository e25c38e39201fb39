"""LTC as x42's libltc makes it: sound to test a decoder with that is not of our making."""

from __future__ import annotations

import ctypes
import ctypes.util

import numpy as np
import pytest

TV_525_60, TV_625_50, TV_1125_60, FILM_24 = range(4)


class _Time(ctypes.Structure):
    _fields_ = [
        ("timezone", ctypes.c_char * 6),
        *((name, ctypes.c_ubyte) for name in ("years", "months", "days", "hours", "mins", "secs", "frame")),
    ]


def ltc_sound(
    sample_rate: float, fps: float, frames: int, start: tuple[int, int, int, int], standard: int = TV_625_50
) -> np.ndarray:
    """(N,) samples, -1..1, of so many frames from a timecode on; skips where libltc is not installed."""
    found = ctypes.util.find_library("ltc")
    if found is None:
        pytest.skip("libltc is not installed (Debian: libltc11)")
    lib = ctypes.CDLL(found)
    lib.ltc_encoder_create.restype = ctypes.c_void_p
    lib.ltc_encoder_create.argtypes = [ctypes.c_double, ctypes.c_double, ctypes.c_int, ctypes.c_int]
    lib.ltc_encoder_copy_buffer.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    encoder = ctypes.c_void_p(lib.ltc_encoder_create(sample_rate, fps, standard, 0))
    time = _Time()
    time.hours, time.mins, time.secs, time.frame = start
    lib.ltc_encoder_set_timecode(encoder, ctypes.byref(time))
    buffer = (ctypes.c_ubyte * 65536)()
    blocks = []
    for _ in range(frames):
        lib.ltc_encoder_encode_frame(encoder)
        blocks.append(bytes(buffer[: lib.ltc_encoder_copy_buffer(encoder, buffer)]))
        lib.ltc_encoder_inc_timecode(encoder)
    lib.ltc_encoder_free(encoder)
    return (np.frombuffer(b"".join(blocks), np.uint8).astype(float) - 128.0) / 127.0
