"""Recordings with pictures and sound, killed at any moment: what came until 0.3 s before is there, and plays."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime.frame import Frame, Result
from realtime.takes import Take, TakePlayer, load_take
from realtime.takes.edit import repair_take
from realtime.takes.reference_sound import write_wav
from tests.realtime.take_factory import result

ROOT = Path(__file__).resolve().parents[2]
FPS = 30.0
RATE = 16000
LOST = 9
"""Frames in 0.3 s."""

RECORD = f"""
import sys, time
from pathlib import Path
from realtime.frame import Sound
from realtime.sinks.contract import Policy
from realtime.sinks.recorder import Recorder
from realtime.sinks.worker import Worker, WorkerConfig
from tests.faults.test_killed_recordings import filmed
from tests.realtime.take_factory import info, result
worker = Worker(Recorder(sys.argv[1], reference_video=True, sound=""), WorkerConfig(Policy.EVERY))
sound = Sound(Path(sys.argv[1]).with_suffix(".wav"), start=-result(0).time)
assert worker.begin(info(width=160, height=120, sound=sound))
results = [filmed(i) for i in range(150)]
for i in range(100_000):
    time.sleep(1 / {FPS})  # never a burst, however late it is: nine frames last 0.3 s
    worker.offer(results[i] if i < 150 else filmed(i))
    print(worker.status().delivered, flush=True)
"""


def picture(index: int) -> NDArray[np.uint8]:
    """(120, 160, 3) uint8 BGR: a grey whose place between dark and light tells the index."""
    return np.full((120, 160, 3), 30 + 10 * (index % 20), np.uint8)


def filmed(index: int) -> Result:
    one = result(index)
    return replace(one, frame=Frame(index, one.time, picture(index)))


def write_ramp(path: Path) -> None:
    """Write ten seconds of mono sound whose samples tell their time, in ms."""
    samples = (np.arange(10 * RATE) * 1000 // RATE).astype("<i2")
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(samples.tobytes())


def killed(path: Path, frames: float) -> int:
    """Record, kill the recording after so many frames, and return how many it was given."""
    write_ramp(path.with_suffix(".wav"))
    child = subprocess.Popen(
        [sys.executable, "-c", RECORD, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert child.stdout is not None
    given = 0
    while given < int(frames):
        given = int(child.stdout.readline())
    time.sleep(frames % 1.0 / FPS)
    child.kill()
    rest = child.stdout.read().split("\n")[:-1]  # the last line may be cut
    child.wait()
    return int(rest[-1]) if rest else given


def assert_little_is_lost(path: Path, given: int) -> None:
    take = load_take(path)
    assert take.cut is not None and "did not end properly" in take.cut
    assert given - len(take) <= LOST
    assert [frame.index for frame in take.frames] == list(range(len(take)))
    assert len(take.video) and given - 1 - take.video[-1].sequence <= LOST
    assert_plays(take)
    assert_sounds(path, given)


def assert_sounds(path: Path, given: int) -> None:
    """The sound goes as far as the frames, and each sample is in its place."""
    seconds = write_wav(path, path.with_suffix(".out.wav"))
    assert given / FPS - seconds <= 0.3
    with wave.open(str(path.with_suffix(".out.wav"))) as wav:
        heard = np.frombuffer(wav.readframes(wav.getnframes()), "<i2")
    expected = np.arange(len(heard)) * 1000 // RATE
    assert np.abs(heard - expected).max() <= 2


def assert_plays(take: Take) -> None:
    """Each frame shows its own picture, as far as there are any."""
    player = TakePlayer(take)
    for i in range(len(take)):
        played = player.read()
        assert played is not None and played.frame.index == i
        if i <= take.video[-1].sequence and i in take.video.sequences:
            assert abs(float(played.frame.image.mean()) - float(picture(i).mean())) < 4.0, i


pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")


def kill_at(path: Path, moment: int) -> None:
    given = killed(path, random.Random(moment).uniform(1.2 * LOST, 2.5 * FPS))
    assert_little_is_lost(path, given)


@pytest.mark.parametrize("moment", range(3))
def test_a_kill_costs_at_most_300_ms_of_frames_and_pictures(tmp_path, moment):
    kill_at(tmp_path / "killed.mcap", moment)
    repair_take(tmp_path / "killed.mcap", tmp_path / "whole.mcap")
    repaired = load_take(tmp_path / "whole.mcap")
    assert repaired.cut is None
    assert_plays(repaired)


@pytest.mark.apps
@pytest.mark.parametrize("moment", range(3, 50))
def test_so_does_every_kill(tmp_path, moment):
    kill_at(tmp_path / "killed.mcap", moment)
