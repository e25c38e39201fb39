"""A take of one hour at 60 frames a second: it opens at once, and leaves without filling the memory.

Times are those of the processor, so that a busy machine does not fail them.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from facemodel import Crop, FaceModel
from facemodel.rotation import matrix_from_euler, matrix_to_6d
from realtime.frame import Face, Frame, Person, Result, TrackingState
from realtime.takes import TakeHeader, TakeWriter, mcap_file

pytestmark = [
    pytest.mark.apps,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell what memory was used"),
]

ROOT = Path(__file__).resolve().parents[2]
FPS = 60
LOST = 20
"""Frames without the face at the end of each minute."""

MEASURE = """
import resource, runpy, sys
sys.argv = ["limelight", *sys.argv[1:]]
try:
    runpy.run_module("limelight", run_name="__main__")
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    with open("/proc/self/status") as file:  # the other maximum counts the parent's memory too
        (kilobytes,) = (line.split()[1] for line in file if line.startswith("VmHWM"))
    print(f"USED {used.ru_utime + used.ru_stime} {kilobytes}", file=sys.stderr)
"""


@dataclass(frozen=True)
class Used:
    """What a command took: s of the processor's time, and at most so many MB at a time."""

    seconds: float
    megabytes: float


def write_long_take(path: Path, seconds: int, model: FaceModel) -> Path:
    """A take of the model in which all weights and the head move."""
    layout = model.layout
    random = np.random.default_rng(0)
    neutral = layout.neutral()
    p = layout.view(neutral)
    p.identity[:], p.albedo[:] = random.normal(size=layout.n_identity), random.normal(size=layout.n_albedo)
    p.translation[:], p.scale = (640.0, 360.0), 2.0
    person = Person(1, p.identity.copy(), p.albedo.copy(), settled=True)
    time = np.arange(seconds * FPS) / FPS
    turned = matrix_to_6d(matrix_from_euler(0.4 * np.sin(time), 0.2 * np.sin(0.7 * time), 0.1 * np.sin(0.5 * time)))
    pace = 0.3 * (1.0 + np.arange(layout.n_expression))
    noise = 0.01 * random.normal(size=(1024, layout.size)).astype(np.float32)
    picture = np.broadcast_to(np.zeros(3, np.uint8), (720, 1280, 3))
    header = TakeHeader(layout, model.name, model.digest, "synthetic", 1280, 720, float(FPS))
    with TakeWriter(path, header, model) as writer:
        for i, at in enumerate(time.tolist()):
            smoothed = neutral.copy()
            smoothed[layout.slices["expression"]] = 0.5 + 0.4 * np.sin(pace * at)
            smoothed[layout.slices["rotation"]] = turned[i]
            layout.constrain(smoothed)
            if i % (60 * FPS) >= 60 * FPS - LOST:
                face = Face(1, TrackingState.HELD, smoothed, person)
            else:
                raw, crop = smoothed + noise[i % len(noise)], Crop((640.0, 360.0), 300.0)
                face = Face(1, TrackingState.TRACKING, smoothed, person, raw, crop=crop, confidence=0.9)
            writer.append(Result(Frame(i, 100.0 + at, picture), 100.0 + at, (face,)))
    return path


@pytest.fixture(scope="module")
def takes(tmp_path_factory) -> dict[int, Path]:
    """Takes by their length, s."""
    folder, model = tmp_path_factory.mktemp("long"), FaceModel.load()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mcap_file, "FLUSH_SECONDS", 1e9)  # chunks of the size that they have live, not of the time
        patch.setattr(mcap_file, "SYNC_SECONDS", 1e9)
        return {seconds: write_long_take(folder / f"{seconds}.mcap", seconds, model) for seconds in (60, 3600)}


def limelight(*arguments: object) -> Used:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, arguments)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    _, seconds, kilobytes = done.stderr.strip().splitlines()[-1].split()
    return Used(float(seconds), int(kilobytes) / 1024)


def test_an_hour_opens_in_less_than_three_seconds(takes):
    short, long = (limelight("take", "info", takes[seconds]) for seconds in (60, 3600))
    print(short, long)
    assert long.seconds - short.seconds < 3.0
    assert long.megabytes - short.megabytes < 64


@pytest.mark.parametrize(
    "options", [(), ("--clean", "--fps", "29.97df", "--timecode", "01:00:00;00")], ids=["as it is", "edited"]
)
@pytest.mark.parametrize("name", ["livelink-csv", "csv", "parquet", "npz", "bvh"])
def test_an_hour_leaves_in_a_minute_without_filling_the_memory(takes, tmp_path, name, options):
    short, long = (
        limelight("export-take", takes[seconds], "--to", name, "--out", tmp_path / f"{seconds}", *options)
        for seconds in (60, 3600)
    )
    print(name, short, long)
    assert long.seconds < 60.0
    assert long.megabytes - short.megabytes < 64
