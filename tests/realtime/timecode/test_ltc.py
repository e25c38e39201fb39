"""LTC is read from sound that libltc made, however loud, fast or spoilt."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.frame_rate import FrameRate, Timecode
from realtime.timecode.ltc import LtcDecoder, LtcFrame
from tests.realtime.timecode.libltc import FILM_24, TV_525_60, TV_625_50, ltc_sound


def read(sound: np.ndarray, sample_rate: float = 48000, block: int = 480) -> list[LtcFrame]:
    decoder = LtcDecoder(sample_rate)
    return [frame for i in range(0, len(sound), block) for frame in decoder.read(sound[i : i + block])]


def fields(frame: LtcFrame) -> tuple[int, int, int, int]:
    return frame.hours, frame.minutes, frame.seconds, frame.frames


@pytest.mark.parametrize("sample_rate", [44100, 48000, 96000])
@pytest.mark.parametrize(
    ("rate", "standard"),
    [
        *(("23.976", FILM_24), ("24", FILM_24), ("25", TV_625_50)),
        *(("29.97df", TV_525_60), ("30", TV_525_60)),
    ],
)
def test_frames_are_read_in_order_and_on_time(rate, standard, sample_rate):
    rate = FrameRate.parse(rate)
    sound = ltc_sound(sample_rate, float(rate.exact), 60, (1, 2, 58, 20), standard)
    first = Timecode.of(1, 2, 58, 20, rate)
    frames = read(sound, sample_rate)
    assert len(frames) >= 57
    for frame in frames:
        passed = frame.start * float(rate.exact)
        assert abs(passed - round(passed)) < 0.01
        assert fields(frame) == Timecode(first.number + round(passed), rate).fields
        assert frame.drop is rate.drop
        assert frame.length == pytest.approx(1 / rate.exact, rel=2e-3)


@given(st.integers(1, 3000), st.floats(0.01, 1.0), st.booleans())
@settings(max_examples=20)
def test_loudness_polarity_and_blocks_do_not_matter(block, loudness, inverted):
    sound = ltc_sound(48000, 25, 8, (10, 0, 0, 0))
    frames = read((-1 if inverted else 1) * loudness * sound, block=block)
    assert [fields(frame)[3] for frame in frames][-5:] == [2, 3, 4, 5, 6]


def test_noise_and_hum_are_borne():
    sound = ltc_sound(48000, 25, 50, (10, 0, 0, 0))
    noise = np.random.default_rng(1).normal(0, 0.05, len(sound))
    hum = 0.05 * np.sin(2 * np.pi * 50 / 48000 * np.arange(len(sound)))
    frames = read(sound + noise + hum)
    assert len(frames) >= 45
    assert all(frame.seconds in (0, 1, 2) for frame in frames)


def test_it_is_found_again_after_silence_and_a_jump():
    silence = np.zeros(20000)
    sound = np.concatenate(
        [ltc_sound(48000, 25, 5, (1, 0, 0, 0)), silence, ltc_sound(48000, 30, 6, (7, 0, 0, 10), TV_525_60)]
    )
    frames = read(sound)
    assert [fields(frame)[0] for frame in frames].count(1) >= 3
    assert [fields(frame) for frame in frames if frame.hours == 7][-3:] == [(7, 0, 0, f) for f in (12, 13, 14)]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_what_is_no_timecode_gives_none_and_harms_nothing(seed):
    random = np.random.default_rng(seed)
    decoder = LtcDecoder(48000)
    for _ in range(4):
        assert not list(decoder.read(random.normal(0, random.uniform(0, 2), random.integers(0, 4000))))
