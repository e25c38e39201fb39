"""`limelight run` headless, as another process sees it: files on disk and one closing line of JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from facemodel import FaceModel
from realtime.opencv import cv2
from realtime.takes import load_take
from tests.waiting import frames_in, wait_for

ROOT = Path(__file__).resolve().parents[2]
CACHE = tempfile.TemporaryDirectory(prefix="limelight-")
"""For all runs of this module: the first one on so many threads measures engines, the others remember."""
FRAMES = 30


def limelight(*arguments, home=None, cwd=None):
    """Start a run and return the process."""
    environment = dict(os.environ)
    environment.pop("DISPLAY", None)
    environment.pop("WAYLAND_DISPLAY", None)
    if home:
        environment |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}
        environment.pop("XDG_DOCUMENTS_DIR", None)
    environment["PYTHONPATH"] = str(ROOT)
    environment["XDG_CACHE_HOME"] = CACHE.name
    command = [sys.executable, "-m", "limelight", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=cwd
    )


def ended(process, timeout=240):
    """Exit status, standard output and standard error."""
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        process.kill()
    return process.returncode, out, err


def engine_lines(err):
    return [line for line in err.splitlines() if line.startswith("limelight: engine: ")]


@pytest.fixture(scope="module")
def performance(tmp_path_factory):
    """A second of the synthetic performer, recorded and filmed."""
    folder = tmp_path_factory.mktemp("run")
    status, out, err = ended(
        limelight(
            "run", "--source", "synthetic", "--headless", "--frames", FRAMES, "--threads", "1",
            "--take", folder / "take.mcap", "--video", folder / "out.mp4",
        )
    )  # fmt: skip
    assert status == 0, err
    return folder, out, err


def test_closing_line(performance):
    _, out, _ = performance
    closing = json.loads(out.strip().splitlines()[-1])
    assert {"frames", "tracked_frames", "fps", "latency_ms", "stalls", "reopened", "unusable_frames"} <= set(closing)
    assert {
        (Path(sink["name"].partition(" ")[2]).name, sink["delivered"], sink["dropped"]) for sink in closing["sinks"]
    } == {
        ("take.mcap", FRAMES, 0),
        ("out.mp4", FRAMES, 0),
    }
    assert closing["frames"] == FRAMES
    assert closing["tracked_frames"] >= FRAMES - 1
    assert closing["fps"] > 0
    assert {"find", "crop", "network", "smooth", "total"} <= set(closing["latency_ms"])
    assert all(set(stage) == {"median", "p95"} for stage in closing["latency_ms"].values())


def test_take_holds_every_frame_and_reads_alone(performance):
    folder, _, _ = performance
    take = load_take(folder / "take.mcap")
    model = FaceModel.load()
    assert take.header.model_digest == model.digest
    assert len(take) == FRAMES
    steps = np.diff(take.track().timestamp)
    np.testing.assert_allclose(steps, 1 / 30, atol=1e-6)


def test_video_reopens_with_every_frame(performance):
    folder, _, _ = performance
    video = cv2.VideoCapture(str(folder / "out.mp4"))
    count = 0
    while video.read()[0]:
        count += 1
    assert count == FRAMES


def test_without_camera_and_display_it_ends_by_itself_and_says_where(tmp_path):
    (tmp_path / "home").mkdir()
    status, _, err = ended(limelight("run", "--frames", "10", home=tmp_path / "home", cwd=tmp_path))
    assert status == 0, err
    assert "no display" in err
    assert "synthetic performer" in err
    said = [line for line in err.splitlines() if line.startswith("limelight: ")]
    written = [Path(line.split("written: ")[1]) for line in said if "written: " in line]
    assert {path.suffix for path in written} == {".mcap", ".mp4"}
    assert all(path.stat().st_size > 1000 for path in written)


def test_a_take_in_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    status, _, err = ended(
        limelight("run", "--source", "synthetic", "--headless", "--frames", "5", "--take", tmp_path / "file" / "t.mcap")
    )
    assert status == 1
    assert "Traceback" not in err
    assert sum(line.startswith("limelight: error:") for line in err.splitlines()) == 1


def test_an_interrupt_finalises_take_and_video(tmp_path):
    take, video = tmp_path / "t.mcap", tmp_path / "v.mp4"
    process = limelight("run", "--source", "synthetic", "--headless", "--take", take, "--video", video)
    wait_for(lambda: process.poll() is not None or frames_in(take) > 5, 240)
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert status == 130, err
    frames = json.loads(out.strip().splitlines()[-1])["frames"]
    assert len(load_take(take)) == frames > 0
    reopened = cv2.VideoCapture(str(video))
    assert reopened.isOpened() and reopened.get(cv2.CAP_PROP_FRAME_COUNT) == frames


def test_a_file_of_the_same_source_is_replaced_and_a_strangers_is_not(performance, tmp_path):
    folder, _, _ = performance
    take, video = tmp_path / "t.mcap", tmp_path / "v.mp4"
    command = ("run", "--source", folder / "out.mp4", "--headless", "--frames", "5", "--take", take, "--video", video)
    for extra in ((), ()):
        status, _, err = ended(limelight(*command, *extra, home=tmp_path))
        assert status == 0, err
    for path in (take, video):
        path.write_bytes(b"precious")
        status, _, err = ended(limelight(*command, home=tmp_path))
        assert status == 1 and "exists already" in err and path.read_bytes() == b"precious"
        status, _, err = ended(limelight(*command, "--force", home=tmp_path))
        assert status == 0, err
    assert len(load_take(take)) == 5
    before = (folder / "out.mp4").read_bytes()
    for force in ((), ("--force",)):
        status, _, err = ended(limelight(*command[:-1], folder / "out.mp4", *force, home=tmp_path))
        assert status == 1 and "is an input itself" in err
    assert (folder / "out.mp4").read_bytes() == before


def test_stills_that_are_read_are_no_outputs_and_a_take_may_lie_beside_them(tmp_path):
    stills = tmp_path / "stills"
    stills.mkdir()
    for name in ("1.png", "2.png"):
        cv2.imwrite(str(stills / name), np.full((120, 160, 3), 90, np.uint8))
    os.link(stills / "1.png", tmp_path / "link.mp4")
    command = ("run", "--source", stills, "--headless", "--take", stills / "t.mcap")
    for _ in range(2):  # the take in the folder makes it no other source
        status, _, err = ended(limelight(*command, home=tmp_path))
        assert status == 0, err
    status, _, err = ended(limelight(*command[:-2], "--video", tmp_path / "link.mp4", "--force", home=tmp_path))
    assert status == 1 and "is an input itself" in err


def test_the_engine_is_measured_once_and_then_remembered(performance):
    _, _, first = performance
    status, _, second = ended(
        limelight("run", "--source", "synthetic", "--headless", "--frames", "2", "--threads", "1")
    )
    assert status == 0, second
    for err, when in ((first, "measured now"), (second, "measured before")):
        (line,) = engine_lines(err)
        assert "student-int8 (ONNX Runtime, 1 thread)" in line and when in line


def test_the_network_that_was_asked_for_runs():
    status, _, err = ended(
        limelight("run", "--source", "synthetic", "--headless", "--frames", "2", "--network", "student")
    )
    assert status == 0, err
    (line,) = engine_lines(err)
    assert line.startswith("limelight: engine: student (ONNX Runtime, 2 threads), ")


def test_an_unknown_engine_is_one_line():
    status, _, err = ended(limelight("run", "--source", "synthetic", "--headless", "--engine", "abacus"))
    assert status == 1
    assert "no such engine (auto, onnxruntime, tensorrt)" in err and "Traceback" not in err
