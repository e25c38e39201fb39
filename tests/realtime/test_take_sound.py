"""Sound in takes: of a file and of a microphone, read back by MCAP's own tools and as WAV."""

from __future__ import annotations

import wave
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory

from facemodel import LimelightError
from limelight.cli import main
from realtime.frame import Sound
from realtime.sinks.recorder import Recorder
from realtime.sound import microphone
from realtime.sound.block import SoundBlock
from realtime.sound.file_sound import FileSound
from realtime.sound.microphone import Microphone
from realtime.takes import reference_sound
from realtime.takes.edit import trim_take
from realtime.takes.reference_sound import write_wav
from realtime.takes.sound_message import decode_sound, encode_sound
from tests.realtime.take_factory import info, result
from tests.realtime.video_factory import grey, set_back, tone_begins, write_video


@pytest.fixture
def clip(tmp_path):
    return write_video(tmp_path / "clip.mp4", [grey(90)] * 50, tone_from=1.2)


def record(path, results, **options) -> Recorder:
    facts = options.pop("info", info())
    recorder = Recorder(path, **options)
    recorder.begin(facts)
    for each in results:
        recorder.submit(recorder.prepare(each))
    recorder.close()
    return recorder


def loud_from(path) -> tuple[float, float]:
    """(s, s) of a WAV: when it gets loud, and its length."""
    with wave.open(str(path)) as wav:
        samples = np.frombuffer(wav.readframes(wav.getnframes()), "<i2").reshape(-1, wav.getnchannels())
        return int(np.argmax(np.abs(samples[:, 0]) > 3000)) / wav.getframerate(), len(samples) / wav.getframerate()


def test_a_files_sound_is_in_the_take_at_its_time(tmp_path, clip):
    results = [result(i, fps=25) for i in range(50)]
    results = [replace(r, time=r.time - 100) for r in results]
    record(tmp_path / "a.mcap", results, sound="", info=info(sound=Sound(clip)))
    seconds = write_wav(tmp_path / "a.mcap", tmp_path / "a.wav")
    begins, length = loud_from(tmp_path / "a.wav")
    assert begins == pytest.approx(1.2, abs=0.05)
    assert length == pytest.approx(seconds) == pytest.approx(2.0, abs=0.1)


def test_a_recording_from_the_middle_has_the_sound_from_there(tmp_path, clip):
    results = [replace(result(i, fps=25), time=i / 25) for i in range(20, 50)]
    record(tmp_path / "a.mcap", results, sound="", info=info(sound=Sound(clip)))
    write_wav(tmp_path / "a.mcap", tmp_path / "a.wav")
    assert loud_from(tmp_path / "a.wav")[0] == pytest.approx(0.4, abs=0.05)


def test_mcaps_own_tools_read_it(tmp_path, clip):
    record(
        tmp_path / "a.mcap", [replace(result(i), time=i / 30) for i in range(9)], sound="", info=info(sound=Sound(clip))
    )
    with (tmp_path / "a.mcap").open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        blocks = [m for _, _, _, m in reader.iter_decoded_messages(topics=["/limelight/sound"])]
    assert {(b.format, b.sample_rate, b.number_of_channels) for b in blocks} == {("pcm-s16", 48000, 1)}
    assert sum(len(b.data) for b in blocks) / 2 / 48000 == pytest.approx(9 / 30, abs=0.06)


def test_a_trimmed_take_keeps_its_sound(tmp_path, clip):
    results = [replace(result(i, fps=25), time=i / 25) for i in range(50)]
    record(tmp_path / "a.mcap", results, sound="", info=info(sound=Sound(clip)))
    trim_take(tmp_path / "a.mcap", tmp_path / "b.mcap", 1.0, 1.8)
    write_wav(tmp_path / "b.mcap", tmp_path / "b.wav")
    begins, length = loud_from(tmp_path / "b.wav")
    assert begins == pytest.approx(0.2, abs=0.05)
    assert length == pytest.approx(0.8, abs=0.1)


def test_a_source_without_sound_says_so(tmp_path):
    recorder = record(tmp_path / "a.mcap", [result(0)], sound="", info=info(live=False))
    assert "no sound: the source has none" in recorder.status()
    with pytest.raises(LimelightError, match="no sound in it"):
        write_wav(tmp_path / "a.mcap", tmp_path / "a.wav")


def test_a_file_that_is_gone_costs_the_sound_alone(tmp_path):
    recorder = record(tmp_path / "a.mcap", [result(0)], sound="", info=info(sound=Sound(tmp_path / "gone.mp4")))
    assert "gone.mp4 cannot be read" in recorder.status()
    assert recorder.frames == 1


class FakeInput:
    """Sound input that hears a tone; `play` delivers a block as PortAudio does, in memory that it uses again."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        self.memory = np.zeros((480, 1), np.int16)
        self.closed = False
        monkeypatch.setattr(microphone, "open_input", self.open)
        monkeypatch.setattr("realtime.sound.microphone.time.perf_counter", lambda: self.now)

    def open(self, device, purpose, callback, dtype):
        self.callback = callback
        return self, f"fake {device}".strip(), 48000.0

    def start(self):
        pass

    def close(self):
        self.closed = True

    def play(self, level: int, jitter: float = 0.0):
        self.memory[:] = level
        self.now += 0.01
        self.callback(self.memory, 480, SimpleNamespace(currentTime=5.0, inputBufferAdcTime=5.0 - 0.01 - jitter), 0)
        self.memory[:] = -1


def test_a_microphone_is_recorded_on_the_feeds_clock(tmp_path, monkeypatch):
    """The feed's clock is 900 s behind the microphone's; it gets loud after half a second."""
    heard = FakeInput(monkeypatch)
    recorder = Recorder(tmp_path / "a.mcap", sound="Desk")
    recorder.begin(info(live=True))
    for i in range(30):
        for j in range(3):
            heard.play(8000 if 3 * i + j >= 45 else 0, jitter=0.002 * (j - 1))
        captured = heard.now - 0.005
        recorder.submit(recorder.prepare(replace(result(i), time=captured - 900, captured=captured)))
    recorder.close()
    assert heard.closed
    write_wav(tmp_path / "a.mcap", tmp_path / "a.wav")
    begins, length = loud_from(tmp_path / "a.wav")
    assert begins == pytest.approx(0.45 - 0.025, abs=0.02)
    assert length == pytest.approx(0.87, abs=0.04)


def test_a_microphones_blocks_follow_each_other_however_uneven(monkeypatch):
    heard = FakeInput(monkeypatch)
    source = Microphone()
    for i in range(100):
        heard.play(i, jitter=0.003 * (i % 3 - 1))
    blocks = list(source.until(2000))
    assert [int(block.samples[0, 0]) for block in blocks] == list(range(100))
    gaps = [b.time - a.end for a, b in zip(blocks, blocks[1:], strict=False)]
    assert np.abs(gaps).max() < 1e-4


def test_a_missing_microphone_is_one_line(tmp_path):
    recorder = Recorder(tmp_path / "a.mcap", sound="no such device")
    with pytest.raises(LimelightError, match=r"sound: (no such sound input|sound input is not installed)"):
        recorder.begin(info(live=True))
    recorder.close()
    assert not (tmp_path / "a.mcap").exists()


def test_what_is_read_of_a_file_does_not_run_ahead(clip):
    source = FileSound(Sound(clip, start=0.5))
    blocks = list(source.until(0.3))
    assert blocks[-1].time < 0.3 <= blocks[-1].end + 0.03
    assert blocks[0].time == pytest.approx(-0.5, abs=0.03)
    assert list(source.until(0.3)) == []
    source.close()


def test_a_message_survives_the_round_trip_and_damage_is_told():
    block = SoundBlock(12.25, 44100, np.arange(-6, 6, dtype=np.int16).reshape(-1, 2))
    message = encode_sound(block)
    read = decode_sound(message)
    assert (read.time, read.rate) == (12.25, 44100)
    assert np.array_equal(read.samples, block.samples)
    for damaged in (message[:20], message[:4] + bytes(60), message.replace(b"pcm-s16", b"pcm-s24"), b""):
        with pytest.raises(ValueError):
            decode_sound(damaged)


def test_the_program_records_and_hands_out_sound(tmp_path, clip, capsys):
    take, out = tmp_path / "a.mcap", tmp_path / "a.wav"
    run = ("run", "--headless", "--source", clip, "--take", take, "--pictures", "--sound", "--scene", "A1")
    assert main([str(each) for each in run]) == 0
    again = tmp_path / "again.mp4"
    assert main(["replay", str(take), "--headless", "--video", str(again)]) == 0
    assert tone_begins(again) == pytest.approx(1.2, abs=0.05)
    assert main(["take", "sound", str(take), "--out", str(out)]) == 0
    assert loud_from(out)[0] == pytest.approx(1.2, abs=0.05)
    assert main(["take", "info", str(take)]) == 0
    assert "slate      scene A1, take 1" in capsys.readouterr().out
    assert main(["run", "--headless", "--source", str(clip), "--sound"]) == 1
    assert "add --take" in capsys.readouterr().err


def test_more_sound_than_a_wav_file_can_hold_is_one_line(tmp_path, clip, monkeypatch):
    results = [replace(result(i, fps=25), time=i / 25) for i in range(50)]
    record(tmp_path / "a.mcap", results, sound="", info=info(sound=Sound(clip)))
    size = int(write_wav(tmp_path / "a.mcap", tmp_path / "a.wav") * 48000) * 2
    assert reference_sound._LARGEST + 36 == 0xFFFFFFFF
    monkeypatch.setattr(reference_sound, "_LARGEST", size - 1)
    with pytest.raises(LimelightError, match="trim the take") as error:
        write_wav(tmp_path / "a.mcap", tmp_path / "b.wav")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("recorded_from", [0, 15])
def test_sound_of_a_file_that_is_set_back_ends_there(tmp_path, clip, recorded_from):
    """Time rises though the file was set back: pictures of 0.4 s must not have the sound of 1 s."""
    results = [replace(result(0), frame=frame, time=frame.timestamp) for frame in set_back(recorded_from)]
    recorder = record(tmp_path / "a.mcap", results, sound="", info=info(sound=Sound(clip)))
    begins = (25 - recorded_from) / 25
    assert f"its sound ends at {begins:.1f} s, where the source jumped" in recorder.status()
    write_wav(tmp_path / "a.mcap", tmp_path / "a.wav")
    assert loud_from(tmp_path / "a.wav")[1] < begins + 0.1


def test_a_recording_of_a_file_that_was_set_back_has_its_sound(tmp_path, clip):
    results = [replace(result(0), frame=frame, time=frame.timestamp) for frame in set_back(25)]
    recorder = record(tmp_path / "a.mcap", results, sound="", info=info(sound=Sound(clip)))
    assert "sound" not in recorder.status()
    write_wav(tmp_path / "a.mcap", tmp_path / "a.wav")
    assert loud_from(tmp_path / "a.wav")[0] == pytest.approx(1.2 - 10 / 25, abs=0.05)
