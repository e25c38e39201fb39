"""Timecode from MIDI messages, from the clock, and as a line through what comes unevenly."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facemodel import LimelightError
from realtime.frame_rate import RATES, FrameRate, Timecode
from realtime.timecode import audio_input, midi_input
from realtime.timecode.audio_input import LtcReader
from realtime.timecode.ltc import LtcDecoder
from realtime.timecode.midi_input import MtcReader
from realtime.timecode.mtc import MtcDecoder, MtcTime
from realtime.timecode.source import ChasedTimecode, SystemTimecode, open_timecode
from tests.realtime.timecode.libltc import ltc_sound

P25 = FrameRate.parse("25")


def quarter_frames(hours: int, minutes: int, seconds: int, frames: int, rate: int) -> list[mido.Message]:
    values = [frames, frames >> 4, seconds, seconds >> 4, minutes, minutes >> 4, hours, hours >> 4 | rate << 1]
    return [mido.Message("quarter_frame", frame_type=i, frame_value=v & 15) for i, v in enumerate(values)]


@pytest.mark.parametrize(("number", "rate"), list(enumerate(["24", "25", "29.97df", "30"])))
def test_eight_quarter_frames_are_the_time_of_the_first(number, rate):
    decoder = MtcDecoder()
    times = [decoder.read(m.bytes(), 10 + 0.01 * i) for i, m in enumerate(quarter_frames(21, 58, 33, 22, number))]
    assert times == [None] * 7 + [MtcTime(10, 21, 58, 33, 22, rate)]


def test_a_full_frame_is_a_time_at_once():
    sysex = mido.Message("sysex", data=(0x7F, 0x7F, 1, 1, 1 << 5 | 3, 4, 5, 6))
    assert MtcDecoder().read(sysex.bytes(), 2.0) == MtcTime(2.0, 3, 4, 5, 6, "25")


def test_a_lost_quarter_frame_gives_no_wrong_time():
    decoder = MtcDecoder()
    messages = quarter_frames(1, 2, 3, 4, 1)
    broken = messages[:3] + messages[4:] + messages[::-1] + messages
    times = [time for i, m in enumerate(broken) if (time := decoder.read(m.bytes(), i))]
    assert [(t.hours, t.minutes, t.seconds, t.frames) for t in times] == [(1, 2, 3, 4)]


@given(st.lists(st.binary(max_size=12), max_size=40))
def test_malformed_midi_harms_nothing(messages):
    decoder = MtcDecoder()
    for message in messages:
        decoder.read(message, 0.0)


def test_midi_messages_become_a_line(monkeypatch):
    timecode = ChasedTimecode("MTC")
    reader = MtcReader(timecode)
    now = [100.0]
    monkeypatch.setattr("realtime.timecode.midi_input.time.perf_counter", lambda: now[0])
    for frame in range(0, 20, 2):
        for message in quarter_frames(1, 0, 0, frame, 1):
            reader.hear(message)
            now[0] += 0.01
    assert str(timecode.at(100.4)) == "01:00:00:10"
    assert timecode.at(100.42).subframe == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_the_clock_is_read_as_it_stands_on_the_wall(rate):
    noon = SystemTimecode(rate, datetime(2026, 5, 4, 12, 34, 56, 500_000), moment=7.0)
    assert abs(noon.at(7.0).minus(Timecode.of(12, 34, 56, rate.base // 2, rate))) < 0.07
    assert noon.at(17.0).minus(noon.at(7.0)) == pytest.approx(10)


def test_a_line_bears_unevenness_and_follows_a_jump():
    timecode = ChasedTimecode("LTC")
    random = np.random.default_rng(2)
    for i in range(50):
        timecode.note(5 + i / 25 + random.normal(0, 0.004), (1, 0, i // 25, i % 25), drop=False, length=0.04)
    assert abs(timecode.at(7.0).minus(Timecode.parse("01:00:02:00", P25))) < 0.004
    for i in range(3):
        timecode.note(7 + i / 25, (2, 0, 0, i), drop=False, length=0.04)
    assert str(timecode.at(7.08))[:9] == "02:00:00:"
    assert "25" in timecode.status() or "no timecode" in timecode.status()


def test_a_line_runs_on_for_two_seconds():
    timecode = ChasedTimecode("LTC")
    assert timecode.at(0) is None
    timecode.note(10, (1, 0, 0, 0), P25)
    assert str(timecode.at(11.9)) == "01:00:01:22"
    assert timecode.at(12.1) is None


def test_23_976_and_24_are_told_apart():
    for exact, name in ((24000 / 1001, "23.976"), (24.0, "24")):
        timecode = ChasedTimecode("LTC")
        for i in range(30):
            timecode.note(i / exact, (1, 0, i // 24, i % 24), length=1 / exact)
        assert timecode.at(1.0).rate.name == name


def test_a_frame_that_does_not_exist_is_passed_over():
    timecode = ChasedTimecode("LTC", FrameRate.parse("25"))
    timecode.note(1.0, (1, 0, 0, 29))
    assert timecode.at(1.0) is None


def test_blocks_of_sound_become_a_line(monkeypatch):
    sound = ltc_sound(48000, 25, 30, (3, 0, 0, 0)).astype(np.float32)
    timecode = ChasedTimecode("LTC")
    reader = LtcReader(LtcDecoder(48000), timecode, 48000)
    for i in range(0, len(sound), 480):  # each is heard 20 ms after its first sample was taken
        monkeypatch.setattr("realtime.sound.microphone.time.perf_counter", lambda i=i: 50 + i / 48000 + 0.02)
        times = SimpleNamespace(inputBufferAdcTime=1 + i / 48000, currentTime=1 + i / 48000 + 0.02)
        reader.hear(sound[i : i + 480, None], len(sound[i : i + 480]), times, 0)
    assert abs(timecode.at(51.0).minus(Timecode.parse("03:00:01:00", P25))) < 0.002


def test_closing_lets_go_once():
    closed = []
    timecode = ChasedTimecode("LTC")
    timecode.when_closed(lambda: closed.append(1))
    timecode.close()
    timecode.close()
    assert closed == [1]


@pytest.mark.parametrize("text", ["", "clock", "system:1", "ltc@12", "smpte:x"])
def test_unknown_sources_are_refused_in_one_line(text):
    with pytest.raises(LimelightError, match=r"timecode|frame rate"):
        open_timecode(text)


def test_a_missing_device_is_told_with_those_there_are(monkeypatch):
    monkeypatch.setattr(mido, "get_input_names", lambda: ["Desk 1", "Keys"])
    with pytest.raises(LimelightError, match="there are Desk 1, Keys"):
        open_timecode("mtc:Show")
    with pytest.raises(LimelightError, match="timecode ltc"):
        open_timecode("ltc:no such device")


def test_a_missing_library_is_told_with_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sounddevice", None)
    monkeypatch.setitem(__import__("sys").modules, "mido", None)
    for listen in (audio_input.listen_to_ltc, midi_input.listen_to_mtc):
        with pytest.raises(LimelightError, match=r"limelight\[(sound|midi)\]"):
            listen()
