"""`limelight run` headless, as another process sees it: files on disk and one closing line of JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from facemodel import FaceModel
from realtime.opencv import cv2
from realtime.takes.reader import load_take

ROOT = Path(__file__).resolve().parents[2]
CACHE = tempfile.TemporaryDirectory(prefix="limelight-")
"""For all runs of this module: the first one measures engines, the others remember."""


def limelight(*arguments, display=False, home=None, cache=None, **options):
    environment = dict(os.environ)
    if not display:
        environment.pop("DISPLAY", None)
        environment.pop("WAYLAND_DISPLAY", None)
    if home:
        environment |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}
        environment.pop("XDG_DOCUMENTS_DIR", None)
    environment["PYTHONPATH"] = str(ROOT)
    environment["XDG_CACHE_HOME"] = cache or CACHE.name
    command = [sys.executable, "-m", "limelight", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment, check=False, **options)


@pytest.fixture(scope="module")
def performance(tmp_path_factory):
    """Sixty frames of the synthetic performer, recorded and filmed."""
    folder = tmp_path_factory.mktemp("run")
    done = limelight(
        "run", "--source", "synthetic", "--headless", "--frames", "60",
        "--take", folder / "take.mcap", "--video", folder / "out.mp4",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done, folder


def test_closing_line(performance):
    done, _ = performance
    closing = json.loads(done.stdout.strip().splitlines()[-1])
    assert set(closing) == {"frames", "tracked_frames", "fps", "latency_ms"}
    assert closing["frames"] == 60
    assert closing["tracked_frames"] >= 58
    assert closing["fps"] > 0
    assert {"find", "crop", "network", "smooth", "total"} <= set(closing["latency_ms"])
    assert all(set(stage) == {"median", "p95"} for stage in closing["latency_ms"].values())


def test_take_holds_every_frame_and_reads_alone(performance):
    _, folder = performance
    take = load_take(folder / "take.mcap")
    model = FaceModel.load()
    assert take.header.model_digest == model.digest
    assert len(take) == 60
    steps = np.diff(take.timestamp)
    np.testing.assert_allclose(steps, 1 / 30, atol=1e-6)


def test_video_reopens_with_every_frame(performance):
    _, folder = performance
    video = cv2.VideoCapture(str(folder / "out.mp4"))
    count = 0
    while video.read()[0]:
        count += 1
    assert count == 60


def test_without_camera_and_display_it_ends_by_itself_and_says_where(tmp_path):
    (tmp_path / "home").mkdir()
    done = limelight("run", "--frames", "20", home=tmp_path / "home", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "no display" in done.stderr
    assert "synthetic performer" in done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("limelight: ")]
    written = [Path(line.split(" written to ")[1]) for line in said if " written to " in line]
    assert {path.suffix for path in written} == {".mcap", ".mp4"}
    assert all(path.stat().st_size > 1000 for path in written)


def test_a_take_in_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    done = limelight(
        "run", "--source", "synthetic", "--headless", "--frames", "5", "--take", tmp_path / "file" / "t.mcap"
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert sum(line.startswith("limelight: error:") for line in done.stderr.splitlines()) == 1


def test_an_interrupt_finalises_take_and_video(tmp_path):
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    process = subprocess.Popen(
        [sys.executable, "-m", "limelight", "run", "--source", "synthetic", "--headless",
         "--take", str(tmp_path / "t.mcap"), "--video", str(tmp_path / "v.mp4")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (tmp_path / "t.mcap").is_file():
        time.sleep(0.2)
    time.sleep(2.0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    frames = json.loads(out.strip().splitlines()[-1])["frames"]
    assert len(load_take(tmp_path / "t.mcap")) == frames
    assert cv2.VideoCapture(str(tmp_path / "v.mp4")).isOpened()


def test_the_engine_is_measured_once_and_then_remembered(tmp_path):
    ask = ("run", "--source", "synthetic", "--headless", "--frames", "2", "--threads", "1")
    first = limelight(*ask, cache=str(tmp_path / "cache"))
    second = limelight(*ask, cache=str(tmp_path / "cache"))
    for done, when in ((first, "measured now"), (second, "measured before")):
        lines = [line for line in done.stderr.splitlines() if line.startswith("limelight: engine: ")]
        assert done.returncode == 0 and len(lines) == 1
        assert "ONNX Runtime, 1 thread" in lines[0] and when in lines[0]


def test_an_unknown_engine_is_one_line(tmp_path):
    done = limelight("run", "--source", "synthetic", "--headless", "--engine", "abacus", cache=str(tmp_path))
    assert done.returncode == 1
    assert "no such engine (auto, onnxruntime, tensorrt)" in done.stderr and "Traceback" not in done.stderr
